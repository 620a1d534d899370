"""A small Intercom workspace in the shapes Intercom documents, and a server that searches it."""

from __future__ import annotations

from typing import Any

from tests.connectors.service import Answer, Request

OPTIONS: dict[str, Any] = {"token": "s3cret-t0ken"}
START = 1_700_000_000
DAY = 86_400


def _email(number: int) -> str | None:
    return None if number % 5 == 0 else f"person{number}@shop.example"


def _contact(number: int) -> dict[str, Any]:
    return {
        "type": "contact",
        "id": f"c{number}",
        "external_id": f"shop-{number}",
        "role": "user",
        "email": _email(number),
        "created_at": START - DAY,
        "signed_up_at": None,
        "updated_at": START + number * DAY // 4,
        "language_override": "ko",
        "companies": {"type": "list", "data": [{"id": "company-7"}]},
        "custom_attributes": {"tier": "gold"},
    }


def _part(key: int, at: int, part_type: str, who: str, **others: Any) -> dict[str, Any]:
    return {
        "type": "conversation_part",
        "id": str(key),
        "part_type": part_type,
        "body": "<p>secret words</p>" if part_type in ("comment", "note") else None,
        "created_at": at,
        "updated_at": at,
        "assigned_to": None,
        "author": {"type": who, "id": {"admin": "11", "user": "c1"}.get(who, "99")},
        **others,
    }


def _conversation(number: int) -> dict[str, Any]:
    """A bot answers, hands over to a team, an agent takes it and closes it; every third comes back."""
    start = START + number * 60
    contact = f"c{1 + number % 7}"
    key = number * 100
    parts = [
        _part(key + 1, start + 5, "comment", "bot"),
        _part(key + 2, start + 10, "assignment", "bot", assigned_to={"type": "team", "id": "21"}),
        _part(key + 3, start + 60, "assignment", "admin", assigned_to={"type": "admin", "id": "11"}),
        _part(key + 4, start + 90, "note", "admin"),
        _part(key + 5, start + 120, "comment", "admin"),
        _part(key + 6, start + 180, "close", "admin", body="<p>bye</p>"),
    ]
    if number % 3 == 0:
        parts += [
            _part(key + 7, start + 400, "comment", "user", state="open"),
            _part(key + 8, start + 500, "snoozed", "admin"),
        ]
    rating: dict[str, Any] | None = {
        "rating": (None, 5, 2)[number % 3],
        "remark": "좋아요" if number % 3 == 1 else None,
        "created_at": start + 200,
        "updated_at": start + 260,
        "contact": {"type": "contact", "id": contact},
        "teammate": {"type": "admin", "id": 11},
    }
    return {
        "type": "conversation",
        "id": str(number),
        "created_at": start,
        "updated_at": START + DAY + number // 3,
        "title": f"Order {number}: call me on 010-1234-5678",
        "source": {
            "type": "email" if number % 2 else "conversation",
            "delivered_as": "admin_initiated" if number == 4 else "customer_initiated",
            "subject": "",
            "author": {"type": "admin", "id": "11"}
            if number == 4
            else {"type": "user", "id": contact, "email": _email(int(contact[1:])) if number % 2 else None},
        },
        "contacts": {"type": "contact.list", "contacts": [{"type": "contact", "id": contact}]},
        "admin_assignee_id": 11,
        "team_assignee_id": 21,
        "state": "snoozed" if number % 3 == 0 else "closed",
        "open": False,
        "priority": "priority" if number % 2 else "not_priority",
        "sla_applied": {"sla_name": "fast", "sla_status": "missed" if number == 2 else "hit"},
        "tags": {"type": "tag.list", "tags": [{"name": "refund"}, {"name": "vip"}]},
        "custom_attributes": {"issue_type": "Billing"},
        "conversation_rating": rating if number != 5 else None,
        "conversation_parts": {
            "type": "conversation_part.list",
            "conversation_parts": parts,
            "total_count": len(parts),
        },
    }


class Intercom:
    """The workspace; its records may be changed between pulls."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self.contacts = [_contact(n) for n in range(1, 9)]
        self.conversations = [_conversation(n) for n in range(1, 16)]

    def __call__(self, request: Request) -> Answer:
        if request.headers["authorization"] != "Bearer s3cret-t0ken":
            return Answer({"type": "error.list"}, 401)
        name = request.path.removeprefix("/")
        if name == "contacts/search":
            if "value" in request.body["query"] and isinstance(request.body["query"]["value"], list):
                wanted = [one["value"] for one in request.body["query"]["value"]]
                assert len(wanted) <= 15
                return Answer({"data": [c for c in self.contacts if c["id"] in wanted]})
            return self._search("data", self.contacts, request.body, DAY)
        if name == "conversations/search":
            bare = [{k: v for k, v in c.items() if k != "conversation_parts"} for c in self.conversations]
            return self._search("conversations", bare, request.body, 1)
        if name.startswith("conversations/"):
            found = [c for c in self.conversations if c["id"] == name.split("/")[1]]
            return Answer(found[0]) if found else Answer({}, 404)
        others: dict[str, Any] = {
            "me": {"type": "admin", "id": "11"},
            "admins": {"admins": [{"type": "admin", "id": "11", "email": "agent11@acme.example"}]},
            "teams": {"teams": [{"type": "team", "id": "21", "name": "Returns"}]},
        }
        return Answer(others[name]) if name in others else Answer({}, 404)

    def _search(self, name: str, records: list[dict[str, Any]], body: Any, grain: int) -> Answer:
        """Later than the value, in whole days or seconds; pages follow by instant and id."""
        query, pagination = body["query"], body["pagination"]
        assert query["operator"] == ">"
        assert body["sort"] == {"field": "updated_at", "order": "ascending"}
        found = [r for r in records if r["updated_at"] // grain > query["value"] // grain]
        found.sort(key=lambda r: (r["updated_at"], len(r["id"]), r["id"]))
        if after := pagination.get("starting_after"):
            places = [f"{r['updated_at']}:{r['id']}" for r in found]
            if after not in places:
                return Answer({"type": "error.list", "errors": [{"code": "bad_request"}]}, 400)
            found = found[places.index(after) + 1 :]
        page = found[: min(self.size, pagination["per_page"])]
        pages: dict[str, Any] = {"type": "pages", "page": 1, "next": None}
        if len(found) > len(page):
            pages["next"] = {"page": 2, "starting_after": f"{page[-1]['updated_at']}:{page[-1]['id']}"}
        return Answer({"type": f"{name}.list", name: page, "pages": pages, "total_count": len(found)})
