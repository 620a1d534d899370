"""A small SurveyMonkey account in the shapes SurveyMonkey documents, and a server that pages it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.service import Answer, Request

SURVEY = "318754279"
OPTIONS: dict[str, Any] = {
    "token": "s3cret-t0ken",
    "surveys": {
        SURVEY: {
            "700": "nps",
            "701": {"metric": "csat", "values": {"7011": 5, "7012": 3, "7013": 1}},
            "702_1": {"metric": "ces", "direction": "higher_is_better"},
            "703": "comment",
        }
    },
    "feedback": {"columns": {"transaction_id": "custom_variables.order"}},
}
START = datetime(2024, 1, 10, tzinfo=UTC)


def response(number: int, modified: int | None = None, recipient: str = "") -> dict[str, Any]:
    """The n-th response; `modified`: minutes after the start at which it last changed."""
    created = START + timedelta(minutes=number)
    changed = START + timedelta(minutes=number + 1 if modified is None else modified)
    csat: dict[str, Any] = {"choice_id": f"701{number % 3 + 1}"}
    questions = [
        {"id": "700", "answers": [{"choice_id": f"7000{number % 11:02d}", "row_id": "7009"}]},
        {"id": "701", "answers": [csat, {"other_id": "7019", "text": "because"}]},
        {"id": "702", "answers": [{"choice_id": f"702{number % 8}", "row_id": "1"}]},
    ]
    if number % 5 == 0:
        questions.append({"id": "703", "answers": [{"text": "좋아요 010-1234-5678", "tag_data": []}]})
    return {
        "id": f"1337631{number:04d}",
        "recipient_id": recipient,
        "collection_mode": "survey_preview" if number == 4 else "default",
        "response_status": "completed",
        "custom_value": "",
        "first_name": "",
        "email_address": "invited@shop.example" if recipient else "",
        "ip_address": "100.34.161.38",
        "metadata": {"contact": {"email": {"type": "string", "value": f"p{number}@shop.example"}}},
        "collector_id": "415838011",
        "survey_id": SURVEY,
        "custom_variables": {"order": f"o{number}"},
        "total_time": 30,
        "date_created": created.isoformat(),
        "date_modified": changed.isoformat(),
        "pages": [{"id": "1", "questions": questions}],
    }


DETAILS = {
    "id": SURVEY,
    "title": "Delivery",
    "pages": [
        {
            "questions": [
                {
                    "id": "700",
                    "family": "matrix",
                    "subtype": "rating",
                    "display_options": {"display_type": "nps"},
                    "headings": [{"heading": "Would you recommend us?"}],
                    "answers": {
                        "rows": [{"id": "7009", "text": ""}],
                        "choices": [
                            {
                                "id": f"7000{n:02d}",
                                "text": {0: "0 - not at all", 10: "Surely - 10"}.get(n, str(n)),
                                "weight": -100 if n < 7 else 100,
                            }
                            for n in range(11)
                        ],
                    },
                },
                {
                    "id": "701",
                    "family": "single_choice",
                    "subtype": "vertical",
                    "headings": [{"heading": "How <i>satisfied</i> were you?"}],
                    "answers": {
                        "choices": [
                            {"id": "7011", "text": "Satisfied"},
                            {"id": "7012", "text": "So-so"},
                            {"id": "7013", "text": "Dissatisfied"},
                        ]
                    },
                },
                {
                    "id": "702",
                    "family": "matrix",
                    "subtype": "rating",
                    "headings": [{"heading": "How easy was"}],
                    "answers": {
                        "rows": [{"id": "1", "text": "to order"}, {"id": "2", "text": "to pay"}],
                        "choices": [
                            {"id": "7020", "text": "N/A", "weight": 0, "is_na": True},
                            *({"id": f"702{n}", "text": "", "weight": n} for n in range(1, 8)),
                        ],
                    },
                },
                {
                    "id": "703",
                    "family": "open_ended",
                    "subtype": "essay",
                    "headings": [{"heading": "Why?"}],
                },
                {
                    "id": "704",
                    "family": "presentation",
                    "subtype": "text",
                    "headings": [{"heading": "Thanks"}],
                },
            ]
        }
    ],
}


class SurveyMonkey:
    """The account; `responses` and `recipients` may be changed between pulls."""

    def __init__(self, size: int = 5) -> None:
        self.size = size
        self.responses = [response(n) for n in range(1, 14)]
        self.responses[0] = response(1, recipient="9001")
        self.recipients = [
            {"id": "9001", "email": "invited@shop.example", "mail_status": "sent"},
            {"id": "9002", "email": "silent@shop.example", "mail_status": "sent"},
            {"id": "9003", "email": "gone@shop.example", "mail_status": "bounced"},
            {"id": "9004", "email": "later@shop.example", "mail_status": "not_sent"},
        ]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer s3cret-t0ken":
            return Answer({"error": {"id": "1012"}}, 401)
        path = request.path.removeprefix("/v3/")
        if path == f"surveys/{SURVEY}/responses/bulk":
            since, until = request.value("start_modified_at") or "", request.value("end_modified_at")
            found = sorted(self.responses, key=lambda r: (r["date_modified"], r["id"]))
            return self._page(
                request,
                [
                    r
                    for r in found
                    if since < r["date_modified"] and (not until or r["date_modified"] < until)
                ],
            )
        lists: dict[str, list[Any]] = {
            "surveys": [{"id": SURVEY, "title": "Delivery"}],
            f"surveys/{SURVEY}/collectors": [{"id": "41", "type": "email"}, {"id": "42", "type": "weblink"}],
            "collectors/41/messages": [{"id": "51", "status": "sent"}, {"id": "52", "status": "sent"}],
            "collectors/41/messages/51/recipients": self.recipients,
        }
        single: dict[str, Any] = {
            "users/me": {"id": "1"},
            f"surveys/{SURVEY}/details": DETAILS,
            "collectors/41/messages/51": {
                "type": "invite",
                "status": "sent",
                "scheduled_date": "2024-01-09T00:00:00+00:00",
            },
            "collectors/41/messages/52": {
                "type": "reminder",
                "scheduled_date": "2024-01-11T00:00:00+00:00",
            },
        }
        if path in lists:
            return self._page(request, lists[path])
        return Answer(single[path]) if path in single else Answer({"error": {"id": "1020"}}, 404)

    def _page(self, request: Request, found: list[Any]) -> Answer:
        page = int(request.value("page") or 1)
        some = found[(page - 1) * self.size : page * self.size]
        links = {"self": "https://api.surveymonkey.com/v3/…"}
        if page * self.size < len(found):
            links["next"] = "https://api.surveymonkey.com/v3/…"
        answer = {"data": some, "per_page": self.size, "page": page, "total": len(found), "links": links}
        return Answer(answer)
