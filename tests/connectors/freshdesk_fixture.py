"""A small Freshdesk account in the shapes Freshdesk documents, and a server that pages it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.service import Answer, Request

OPTIONS: dict[str, Any] = {"subdomain": "acme", "token": "s3cret-k3y"}
START = datetime(2023, 11, 14, 9, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def _email(number: int) -> str | None:
    return None if number % 5 == 0 else f"person{number}@shop.example"


def _contact(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Person {number}",
        "email": _email(number),
        "phone": None,
        "active": True,
        "company_id": 7,
        "language": "ko",
        "created_at": at(0),
        "updated_at": at(number),
        "custom_fields": {"tier": "gold"},
    }


def _ticket(number: int) -> dict[str, Any]:
    """Every third is still pending, every fourth was reopened before it was solved; three a second."""
    is_solved = number % 3 != 0
    updated = at(600 + number // 3)
    return {
        "id": number,
        "source": 10 if number == 7 else 1 + number % 3,
        "status": 4 if is_solved else 3,
        "priority": 1 + number % 4,
        "type": "Question",
        "subject": f"Order {number}: call me on 010-1234-5678",
        "spam": False,
        "requester_id": 103 + number % 7,
        "responder_id": 1,
        "group_id": 11,
        "product_id": 21,
        "company_id": None,
        "fr_escalated": False,
        "is_escalated": number == 5,
        "created_at": at(number),
        "updated_at": updated,
        "fr_due_by": at(number + 60),
        "due_by": at(number + 1440),
        "tags": ["urgent", "vip"],
        "custom_fields": {"cf_reason": "late", "cf_many": ["a", "b"]},
        "requester": {"id": 103 + number % 7, "name": "x", "email": _email(103 + number % 7)},
        "stats": {
            "agent_responded_at": at(number + 30),
            "requester_responded_at": None,
            "first_responded_at": at(number + 30),
            "status_updated_at": at(number + 90),
            "reopened_at": at(number + 80) if number % 4 == 0 else None,
            "resolved_at": at(number + 90) if is_solved else None,
            "closed_at": None,
            "pending_since": None if is_solved else at(number + 90),
        },
    }


def _conversations(number: int) -> list[dict[str, Any]]:
    def one(key: int, minutes: int, **others: Any) -> dict[str, Any]:
        return {
            "id": 1000 * number + key,
            "ticket_id": number,
            "body_text": "secret words",
            "source": 0,
            "created_at": at(number + minutes),
            "updated_at": at(number + minutes),
            **others,
        }

    return [
        one(1, 10, incoming=False, private=True, user_id=2, source=2),
        one(2, 30, incoming=False, private=False, user_id=1),
        one(3, 40, incoming=True, private=False, user_id=103 + number % 7),
    ]


def _rating(number: int) -> dict[str, Any]:
    return {
        "id": 300 + number,
        "survey_id": 1,
        "user_id": 103 + number,
        "agent_id": 1,
        "group_id": 11,
        "ticket_id": number,
        "feedback": "좋아요" if number % 2 else None,
        "ratings": {"default_question": (103, 102, 100, -103)[number % 4], "question_2": -102},
        "created_at": at(700 + number),
        "updated_at": at(700 + number),
    }


class Freshdesk:
    """The account; its lists may be changed between pulls."""

    def __init__(self, count: int = 25) -> None:
        self.contacts = [_contact(n) for n in range(103, 112)]
        self.tickets = [_ticket(n) for n in range(1, count + 1)]
        self.spam = [_ticket(901)]
        self.deleted = [{**_ticket(902), "deleted": True}]
        self.ratings = [_rating(n) for n in range(1, 6)]
        self.conversations = {t["id"]: _conversations(t["id"]) for t in self.tickets}

    def __call__(self, request: Request) -> Answer:
        name = request.path.removeprefix("/api/v2/")
        if name == "tickets":
            return self._tickets(request)
        if name.startswith("tickets/"):
            return self._page(self.conversations.get(int(name.split("/")[1]), []), request)
        if name == "contacts":
            found = [] if request.value("state") == "deleted" else self.contacts
            return self._page(_since(found, "updated_at", request.value("_updated_since")), request)
        if name.startswith("contacts/"):
            number = int(name.split("/")[1])
            return next((Answer(c) for c in self.contacts if c["id"] == number), Answer({}, 404))
        if name == "surveys/satisfaction_ratings":
            return self._page(_since(self.ratings, "created_at", request.value("created_since")), request)
        others: dict[str, Any] = {
            "agents": [{"id": n, "contact": {"email": f"agent{n}@acme.example"}} for n in (1, 2)],
            "agents/me": {"id": 1, "contact": {"email": "agent1@acme.example"}},
            "groups": [{"id": 11, "name": "Returns"}],
            "products": [{"id": 21, "name": "Shoes"}],
            "surveys": [
                {
                    "id": 1,
                    "title": "Support",
                    "questions": [
                        {"id": "default_question", "label": "How was it?", "default": True},
                        {"id": "question_2", "label": "And the\nproduct?", "default": False},
                    ],
                }
            ],
        }
        return Answer(others[name]) if name in others else Answer({}, 404)

    def _tickets(self, request: Request) -> Answer:
        which = {"spam": self.spam, "deleted": self.deleted}.get(request.value("filter") or "", self.tickets)
        found = _since(which, "updated_at", request.value("updated_since"))
        if int(request.value("page") or 1) > 300:
            return Answer({"code": "invalid_value"}, 400)
        found.sort(key=lambda ticket: (ticket["updated_at"], ticket.get("id", 0)))
        return self._page(found, request)

    @staticmethod
    def _page(found: list[dict[str, Any]], request: Request) -> Answer:
        size = int(request.value("per_page") or 30)
        start = (int(request.value("page") or 1) - 1) * size
        return Answer(found[start : start + size])


def _since(found: list[dict[str, Any]], name: str, since: str | None) -> list[dict[str, Any]]:
    """Those after an instant; the instant itself is left out, the unkinder reading of "since"."""
    if since is None:
        return list(found)
    start = datetime.fromisoformat(since)
    return [record for record in found if datetime.fromisoformat(record[name]) > start]
