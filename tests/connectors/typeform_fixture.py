"""A small Typeform account in the shapes Typeform documents, and a server that pages it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.service import Answer, Request

FORM = "u6nXL7"
OPTIONS: dict[str, Any] = {
    "token": "tfp_s3cret",
    "surveys": {
        FORM: {
            "recommend": "nps",  # by its ref
            "f2": {"metric": "ces", "scale": [1, 5], "direction": "lower_is_better"},
            "f3": {"metric": "csat", "scale": [1, 3], "values": {"bad": 1, "so-so": 2, "good": 3}},
            "f4": "comment",
        }
    },
    "feedback": {"columns": {"ticket_id": "hidden.ticket", "product": "variables.item"}},
}
START = datetime(2024, 1, 10, tzinfo=UTC)


def response(number: int, minutes: int | None = None) -> dict[str, Any]:
    """The n-th response, some minutes after the start."""
    at = START + timedelta(minutes=number if minutes is None else minutes)
    answers: list[dict[str, Any]] = [
        {"field": {"id": "f1", "ref": "recommend", "type": "nps"}, "type": "number", "number": number % 11},
        {
            "field": {"id": "f3", "ref": "mood", "type": "multiple_choice"},
            "type": "choice",
            "choice": {"id": "c1", "label": ("Bad", "So-so", "Good")[number % 3]},
        },
        {"field": {"id": "f9", "ref": "mail", "type": "email"}, "type": "email", "email": "ann@shop.example"},
    ]
    if number % 2:
        scale = {"id": "f2", "ref": "effort", "type": "opinion_scale"}
        answers.append({"field": scale, "type": "number", "number": number % 5 + 1})
    if number % 5 == 0:
        text = {"id": "f4", "ref": "why", "type": "long_text"}
        answers.append({"field": text, "type": "text", "text": "mail me: bob@shop.example"})
    return {
        "landing_id": f"t{number}",
        "token": f"t{number}",
        "response_id": f"t{number}",
        "response_type": "completed",
        "landed_at": (at - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "submitted_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "metadata": {"user_agent": "…", "platform": "other", "network_id": "x"},
        "hidden": {"ticket": f"T-{number}"} if number % 2 else {},
        "calculated": {"score": 0},
        "variables": [{"key": "item", "type": "text", "text": "shoes"}],
        "answers": answers,
    }


DETAILS = {
    "id": FORM,
    "title": "After the call",
    "fields": [
        {
            "id": "f1",
            "ref": "recommend",
            "title": "Would you do it again?",
            "type": "nps",
            "properties": {"steps": 11, "start_at_one": False},
        },
        {
            "id": "g1",
            "title": "More",
            "type": "group",
            "properties": {
                "fields": [
                    {
                        "id": "f2",
                        "title": "How much *effort* was it?",
                        "type": "opinion_scale",
                        "properties": {"steps": 5, "start_at_one": True},
                    },
                    {
                        "id": "f5",
                        "title": "Rate us",
                        "type": "rating",
                        "properties": {"steps": 5, "shape": "star"},
                    },
                ]
            },
        },
        {
            "id": "f3",
            "title": "Were you satisfied?",
            "type": "multiple_choice",
            "properties": {"choices": [{"label": "Bad"}, {"label": "So-so"}, {"label": "Good"}]},
        },
        {"id": "f4", "title": "Why?", "type": "long_text", "properties": {}},
        {"id": "f9", "title": "Your address", "type": "email", "properties": {}},
    ],
}


class Typeform:
    """The account; `responses` may be changed between pulls.  A page holds at most `size`."""

    def __init__(self, size: int = 5) -> None:
        self.size = size
        self.responses = [response(n) for n in range(1, 14)]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer tfp_s3cret":
            return Answer({"code": "AUTHENTICATION_FAILED"}, 401)
        if request.path == f"/forms/{FORM}/responses":
            since, until = request.value("since") or "", request.value("until") or "9999"
            found = sorted(self.responses, key=lambda r: r["submitted_at"])
            found = [r for r in found if since <= r["submitted_at"] <= until]
            pages = -(-len(found) // self.size)
            return Answer({"items": found[: self.size], "total_items": len(found), "page_count": pages})
        single: dict[str, Any] = {
            "/me": {"user_id": "1"},
            "/forms": {"items": [{"id": FORM, "title": "After the call"}], "total_items": 1, "page_count": 1},
            f"/forms/{FORM}": DETAILS,
        }
        return Answer(single[request.path]) if request.path in single else Answer({}, 404)
