"""A small Zendesk account in the shapes Zendesk documents, and a server that pages it."""

from __future__ import annotations

from typing import Any

from tests.connectors.service import Answer, Request

OPTIONS: dict[str, Any] = {"subdomain": "acme", "email": "bot@acme.example", "token": "s3cret-t0ken"}
START = 1_700_000_000


def _user(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"Person {number}",
        "email": None if number % 5 == 0 else f"person{number}@shop.example",
        "role": "agent" if number < 103 else "end-user",
        "active": number != 110,
        "organization_id": 7,
        "locale": "ko-KR",
        "created_at": "2023-11-01T00:00:00Z",
        "updated_at": "2023-11-10T00:00:00Z",
        "user_fields": {"tier": "gold"},
    }


def _ticket(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "via": {"channel": "email", "source": {"rel": None, "from": {}, "to": {}}},
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T23:13:20Z",
        "type": "question",
        "subject": f"Order {number}: call me on 010-1234-5678",
        "priority": "high",
        "status": "deleted" if number == 9 else "solved",
        "requester_id": 103 + number % 10,
        "submitter_id": 103 + number % 10,
        "assignee_id": 101,
        "group_id": 1,
        "brand_id": 1,
        "tags": ["closed_by_merge"] if number == 8 else [],
        "custom_fields": [{"id": 77, "value": "shoes"}],
        "generated_timestamp": START + number,
    }


def _event(number: int) -> dict[str, Any]:
    return {
        "id": 5000 + number,
        "ticket_id": number,
        "timestamp": START + number // 3,
        "created_at": "2023-11-14T22:13:20Z",
        "updater_id": 101,
        "via": "Mail",
        "child_events": [
            {"id": 9000 + 10 * number, "event_type": "Create", "status": "new", "via": "Mail"},
            {
                "id": 9001 + 10 * number,
                "event_type": "Comment",
                "public": number % 2 == 0,
                "author_id": 101,
                "body": "secret words",
                "via": {"channel": "web"},
            },
            {
                "id": 9002 + 10 * number,
                "event_type": "Change",
                "status": "hold",
                "previous_value": "new",
                "via": "Rule",
            },
            {
                "id": 9003 + 10 * number,
                "event_type": "Change",
                "assignee_id": "102",
                "previous_value": "101",
                "via": "Web form",
            },
        ],
    }


def _rating(number: int) -> dict[str, Any]:
    return {
        "id": 300 + number,
        "score": ("good", "bad", "offered", "unoffered")[number % 4],
        "comment": "좋아요" if number % 4 == 0 else None,
        "requester_id": 104,
        "assignee_id": 101,
        "group_id": 1,
        "ticket_id": number,
        "created_at": "2023-11-15T00:00:00Z",
        "updated_at": "2023-11-15T01:00:00Z",
    }


def _survey_response(number: int) -> dict[str, Any]:
    """Of every four: answered with a comment, answered, skipped, not answered."""
    question = {"id": "01J1WBE8QR0YQVE373K2JDJR0F", "type": "rating_scale_numeric"}
    question["sub_type"] = "customer_satisfaction"
    at = {"created_at": "2023-11-16T00:00:00.000Z", "updated_at": f"2023-11-16T00:00:{number:02}.000Z"}
    rating = {
        "type": "rating_scale",
        "rating": 1 + number % 5,
        "rating_category": "good",
        "question": question,
    }
    reason = {
        "type": "closed_ended",
        "selections": [{"type": "predefined", "option_id": "01J1WBKRG57E6M8C1145EXJ535"}],
        "question": {"id": "01J1WBGX1BR4ECKTS87CRJTXSF", "type": "closed_ended"},
    }
    comment = {
        "type": "open_ended",
        "value": f"Write to person{number}@shop.example",
        "question": {"id": "01J1WBNS76ZC4TTFWP9RCNQ1S8", "type": "open_ended"},
    }
    skipped = {"type": "skipped", "question": question}
    answers = ((rating, reason, comment), (rating,), (skipped,), ())[number % 4]
    return {
        "id": f"01HF9{number:02}0000000000000000000",  # begins with an instant of November 2023
        "answers": [answer | at for answer in answers],
        "expires_at": "2023-12-14T00:00:00.000Z",
        "responder_id": 104,
        "subject_zrns": [f"zen:ticket:{number}"],
        "subjects": [{"id": str(number), "type": "ticket", "zrn": f"zen:ticket:{number}"}],
        "survey": {"id": "01J58KJ9RAE0D2EK7HRVM7Z8F2", "state": "enabled", "version": 3},
    }


class Zendesk:
    """The account; `tickets` and the others may be changed between pulls."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self.users = [_user(n) for n in range(101, 116)]
        self.tickets = [_ticket(n) for n in range(1, 22)]
        self.events = [_event(n) for n in range(1, 22)]
        self.satisfaction_ratings = [_rating(n) for n in range(1, 12)]
        self.survey_responses = [_survey_response(n) for n in range(8)]
        self.deleted_tickets = [
            {
                "id": number,
                "subject": f"Order {number}",
                "description": "secret words",
                "actor": {"id": 101, "name": "Kim"},
                "deleted_at": f"2023-11-14T22:13:{50 if number == 21 else number + 5:02}Z",
                "previous_state": "solved",
            }
            for number in (14, 15, 16, 17, 18, 21)  # restored since, but the last
        ]

    def __call__(self, request: Request) -> Answer:
        name = request.path.removeprefix("/api/v2/").removesuffix(".json")
        if name in ("incremental/users/cursor", "incremental/tickets/cursor"):
            return self._cursor(name.split("/")[1], request)
        if name == "incremental/ticket_events":
            return self._by_time(int(request.value("start_time") or 0))
        if name in ("satisfaction_ratings", "deleted_tickets", "guide/survey_responses"):
            what = name.rpartition("/")[2]
            found: list[dict[str, Any]] = getattr(self, what)
            at = int(request.value("page[after]") or 0)
            meta = {"has_more": at + self.size < len(found), "after_cursor": str(at + self.size)}
            return Answer({what: found[at : at + self.size], "meta": meta})
        if name == "users/show_many":
            wanted = {int(n) for n in (request.value("ids") or "").split(",")}
            return Answer({"users": [u for u in self.users if u["id"] in wanted]})
        single = {
            "groups": {"groups": [{"id": 1, "name": "Returns"}], "meta": {"has_more": False}},
            "brands": {"brands": [{"id": 1, "name": "Acme"}], "meta": {"has_more": False}},
            "users/me": {"user": {"id": 101}},
        }
        return Answer(single[name]) if name in single else Answer({"error": "RecordNotFound"}, 404)

    def _cursor(self, what: str, request: Request) -> Answer:
        """The same second comes again at the head of the next page, as Zendesk does."""
        found: list[dict[str, Any]] = getattr(self, what)
        at = int(request.value("cursor") or 0)
        page = found[max(at - 1, 0) : at + self.size]
        end = min(at + self.size, len(found))
        return Answer({what: page, "after_cursor": str(end), "end_of_stream": end == len(found)})

    def _by_time(self, start: int) -> Answer:
        later = [e for e in self.events if e["timestamp"] >= start]
        page = later[: self.size]
        end = page[-1]["timestamp"] if page else None
        return Answer({"ticket_events": page, "end_time": end, "end_of_stream": len(later) <= self.size})
