"""A small Delighted project in the shapes Delighted documents, and a server that pages it as it does."""

from __future__ import annotations

import base64
from typing import Any

from tests.connectors.service import Answer, Request

OPTIONS: dict[str, Any] = {
    "token": "k3y",
    "surveys": {
        "nps": {
            "score": "nps",
            "scale_1": {"metric": "csat"},
            "enum_1": {"metric": "ces", "direction": "higher_is_better", "values": {"easy": 7, "hard": 1}},
            "text_1": "idea",
        }
    },
    "feedback": {"columns": {"product": "person_properties.item"}},
}
START = 1_704_844_800  # 2024-01-10
SENT = START - 86_400


def person(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "email": None if number % 10 == 0 else f"person{number}@shop.example",
        "name": f"Person {number}",
        "phone_number": "+821012345678" if number % 20 == 0 else None,
        "created_at": START - 900_000 + number // 3,
        "last_sent_at": None if number % 4 == 0 else SENT + number,
        "last_responded_at": None,
        "next_survey_scheduled_at": None,
    }


def response(number: int, updated: int | None = None) -> dict[str, Any]:
    """The n-th response, by the n-th person; three a second.  `updated`: seconds after the start."""
    at = START + number // 3
    extra: list[dict[str, Any]] = []
    if number % 2:
        value: dict[str, Any] = {
            "free_response": None,
            "scale": number % 5 + 1,
            "select_one": None,
            "select_many": None,
        }
        extra.append({"id": "1", "value": value, "question": {"id": "scale_1", "type": "scale", "text": "?"}})
        value = {"free_response": None, "select_one": {"id": "a", "text": "Easy"}}
        question = {"id": "enum_1", "type": "select_one", "text": "Easy?"}
        extra.append({"id": "2", "value": value, "question": question})
    if number % 7 == 0:
        question = {"id": "text_1", "type": "free_response", "text": "What is missing?"}
        extra.append({"id": "3", "value": {"free_response": "more 色"}, "question": question})
    return {
        "id": f"{5000 + number}",
        "person": person(number),
        "survey_type": "nps",
        "score": number % 11,
        "comment": "call 010-1234-5678" if number % 5 == 0 else None,
        "permalink": "https://app.delighted.com/r/secret",
        "created_at": at,
        "updated_at": at if updated is None else START + updated,
        "person_properties": {"item": "shoes", "Delighted Source": "Email"},
        "notes": [],
        "tags": ["vip"],
        "additional_answers": extra,
    }


class Delighted:
    """The project; `responses` and `people` may be changed between pulls."""

    def __init__(self) -> None:
        self.people = [person(n) for n in range(1, 251)]
        self.responses = [response(n) for n in range(1, 231)]
        self.bounces = [{"person_id": "241", "email": "person241@shop.example", "bounced_at": SENT + 500}]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != f"Basic {base64.b64encode(b'k3y:').decode()}":
            return Answer({"status": 401}, 401)
        path = request.path.removeprefix("/v1/")
        size = int(request.value("per_page") or 20)
        page = int(request.value("page") or 1)
        if path == "survey_responses.json":
            since = int(request.value("updated_since") or 0)
            until = int(request.value("updated_until") or 1 << 40)
            found = [r for r in self.responses if since <= r["updated_at"] <= until]
            found.sort(key=lambda r: r["updated_at"], reverse=request.value("order") == "desc")
            start = max((page - 1) * size - 1, 0)  # the last row of a page comes again on the next one
            return Answer(found[start : start + size])
        if path == "people.json":
            since = int(request.value("since") or 0)
            found = [p for p in self.people if p["created_at"] >= since]
            at = int(request.value("page_info") or 0)
            query = f"page_info={at + size}&per_page={size}&since={since}"
            link = f'<https://api.delighted.com/v1/people.json?{query}>; rel="next"'
            more = {"Link": link} if at + size < len(found) else {}
            return Answer(found[at : at + size], headers=more)
        single: dict[str, Any] = {
            "metrics.json": {"nps": 0},
            "bounces.json": self.bounces if page == 1 else [],
        }
        return Answer(single[path]) if path in single else Answer({}, 404)
