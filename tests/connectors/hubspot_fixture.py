"""A small HubSpot account in the shapes HubSpot documents, and a server that searches it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.connectors.service import Answer, Request

OPTIONS: dict[str, Any] = {"token": "s3cret-t0ken", "page_size": 4}
START = datetime(2023, 11, 14, 9, 0, tzinfo=UTC)


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def record(number: int, changed: str, minutes: float, **properties: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "properties": {
            "hs_object_id": str(number),
            changed: at(minutes),
            "createdate": at(number % 100),
            **properties,
        },
        "createdAt": at(number % 100),
        "updatedAt": at(minutes),
        "archived": False,
    }


def _contact(number: int) -> dict[str, Any]:
    return record(
        number,
        "lastmodifieddate",
        100 + number // 4,
        email=None if number % 5 == 0 else f"person{number}@shop.example",
        associatedcompanyid="7",
        hs_language="ko",
        hs_country_region_code="KR",
        hs_analytics_source="ORGANIC_SEARCH",
        lifecyclestage="customer",
    )


def _ticket(number: int) -> dict[str, Any]:
    return record(
        number,
        "hs_lastmodifieddate",
        600 + number // 3,
        subject=f"Order {number}: call me on 010-1234-5678",
        hs_pipeline="0",
        hs_pipeline_stage="4" if number % 3 else "2",
        hs_ticket_priority="HIGH",
        hs_ticket_category="RETURNS",
        hubspot_owner_id="11",
        hubspot_team_id="31",
        source_type="EMAIL",
        closed_date=at(number % 100 + 90),
        first_agent_reply_date=at(number % 100 + 30),
    )


def _history(ticket: dict[str, Any]) -> dict[str, Any]:
    """Newest first: a workflow put it into work, a user into its last stage; the owner changed once."""
    begun = int(ticket["id"]) % 100
    by_user = {"sourceType": "CRM_UI", "sourceId": "userId:1011", "updatedByUserId": 1011}
    stage = ticket["properties"]["hs_pipeline_stage"]
    return {
        "hs_pipeline_stage": [
            {"value": stage, "timestamp": at(begun + 90), **by_user},
            {"value": "3", "timestamp": at(begun + 10), "sourceType": "AUTOMATION_PLATFORM"},
            {"value": "1", "timestamp": at(begun), "sourceType": "CONVERSATIONS"},
        ],
        "hubspot_owner_id": [
            {"value": "11", "timestamp": at(begun + 20), "sourceType": "CRM_UI", "sourceId": "userId:1012"},
            {"value": "", "timestamp": at(begun), "sourceType": "CONVERSATIONS"},
        ],
        "hs_ticket_priority": [{"value": "HIGH", "timestamp": at(begun), "sourceType": "CONVERSATIONS"}],
    }


def _messages(number: int) -> list[dict[str, Any]]:
    begun = number % 100

    def one(key: int, minutes: int, type_: str, actor: str, direction: str | None = None) -> dict[str, Any]:
        return {
            "id": f"{number}-{key}",
            "type": type_,
            "createdAt": at(begun + minutes),
            "createdBy": actor,
            "senders": [{"actorId": actor}],
            "direction": direction,
            "text": "secret words",
        }

    return [
        one(1, 0, "MESSAGE", "V-201", "INCOMING"),
        one(2, 1, "WELCOME_MESSAGE", "B-1", "OUTGOING"),
        one(3, 25, "COMMENT", "A-1012"),
        one(4, 30, "MESSAGE", "A-1011", "OUTGOING"),
    ]


def _submission(number: int) -> dict[str, Any]:
    kind, value = (("NPS", "9"), ("CSAT", "2"), ("CES", "6"), ("CUSTOM", "4"))[number % 4]
    return record(
        number,
        "hs_lastmodifieddate",
        700 + number % 100,
        hs_survey_id=str(number % 4),
        hs_survey_name=f"Survey {kind}",
        hs_survey_type=kind,
        hs_survey_channel="EMAIL",
        hs_value=value,
        hs_content="좋아요",
        hs_contact_id=str(201 + number % 9),
        hs_ticket_id=str(1000 + number % 4) if kind == "CSAT" else None,
        hs_submission_timestamp=at(700 + number % 100),
    )


class HubSpot:
    """The account; its objects may be changed between pulls.  `size`: of the pages of what is no search."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self.objects = {
            "contacts": [_contact(n) for n in range(201, 212)],
            "tickets": [_ticket(n) for n in range(1000, 1017)],
            "feedback_submissions": [_submission(n) for n in range(2000, 2008)],
        }
        self.objects["tickets"][2]["properties"]["hs_merged_object_ids"] = "1900;1901"
        self.archived: dict[str, list[dict[str, Any]]] = {"contacts": [], "tickets": []}

    def __call__(self, request: Request) -> Answer:
        if request.headers["authorization"] != "Bearer s3cret-t0ken":
            return Answer({"status": "error", "category": "INVALID_AUTHENTICATION"}, 401)
        words = request.path.strip("/").split("/")
        if words[0] == "conversations":
            return self._conversations(words, request)
        if request.path == "/crm/v4/associations/tickets/contacts/batch/read":
            return Answer(
                {"status": "COMPLETE", "results": [self._contacts_of(i["id"]) for i in _in(request)]}
            )
        if words[:3] == ["crm", "v3", "objects"]:
            return self._objects(words[3], "/".join(words[4:]), request)
        owner = {"email": "agent11@acme.example", "teams": [{"id": "31", "name": "Returns", "primary": True}]}
        others: dict[str, Any] = {
            "/crm/v3/owners": [{"id": "11", "userId": 1011, **owner}]
            if request.value("archived") == "false"
            else [{"id": "12", "userIdIncludingInactive": 1012, "email": "left12@acme.example", "teams": []}],
            "/crm/v3/pipelines/tickets": [{"id": "0", "label": "Support", "stages": _STAGES}],
        }
        return Answer({"results": others[request.path]}) if request.path in others else Answer({}, 404)

    def _objects(self, what: str, way: str, request: Request) -> Answer:
        if way == "search":
            return self._search(self.objects[what], request.body)
        if way == "batch/read":
            wanted = {one["id"] for one in _in(request)}
            found = [dict(one) for one in self.objects[what] if one["id"] in wanted]
            if "propertiesWithHistory" in request.body:
                assert len(wanted) <= 50
                found = [{**one, "propertiesWithHistory": _history(one)} for one in found]
            return Answer({"status": "COMPLETE", "results": found})
        return Answer(self._page(self.archived[what], int(request.value("after") or 0)))

    def _search(self, records: list[dict[str, Any]], body: Any) -> Answer:
        """Filtered and sorted; the second page of a search is never asked for."""
        assert "after" not in body
        [group] = body["filterGroups"]
        found = [r for r in records if all(_holds(r, one) for one in group["filters"])]
        [sort] = body["sorts"]
        found.sort(key=lambda r: _number(r, sort["propertyName"]))
        page = found[: body["limit"]]
        paging = {"paging": {"next": {"after": str(len(page))}}} if len(found) > len(page) else {}
        return Answer({"total": len(found), "results": page, **paging})

    def _page(self, records: list[dict[str, Any]], start: int) -> dict[str, Any]:
        page = records[start : start + self.size]
        end = start + len(page)
        return {
            "results": page,
            **({"paging": {"next": {"after": str(end)}}} if end < len(records) else {}),
        }

    def _contacts_of(self, ticket: str) -> dict[str, Any]:
        numbers = [201 + int(ticket) % 9, 211]
        to = [{"toObjectId": n, "associationTypes": [{"typeId": 16}]} for n in reversed(numbers)]
        return {"from": {"id": ticket}, "to": [] if ticket == "1001" else to}

    def _conversations(self, words: list[str], request: Request) -> Answer:
        if words[-1] == "messages":
            return Answer(self._page(_messages(int(words[-2])), int(request.value("after") or 0)))
        ticket = request.value("associatedTicketId")
        thread = {"id": ticket, "status": "CLOSED", "threadAssociations": {"associatedTicketId": ticket}}
        return Answer({"results": [thread] if ticket else []})


_STAGES = [
    {"id": "1", "label": "New", "displayOrder": 0, "metadata": {"ticketState": "OPEN"}},
    {"id": "2", "label": "Waiting on contact", "displayOrder": 1, "metadata": {"ticketState": "OPEN"}},
    {"id": "3", "label": "Waiting on us", "displayOrder": 2, "metadata": {"ticketState": "OPEN"}},
    {"id": "4", "label": "Closed", "displayOrder": 3, "metadata": {"ticketState": "CLOSED"}},
    {"id": "77", "label": "Waiting on parts", "displayOrder": 4, "metadata": {"ticketState": "OPEN"}},
]


def _in(request: Request) -> list[dict[str, Any]]:
    inputs: list[dict[str, Any]] = request.body["inputs"]
    assert len(inputs) <= 100
    return inputs


def _number(record: dict[str, Any], name: str) -> int:
    value = record["properties"][name]
    return int(value) if value.isdigit() else round(datetime.fromisoformat(value).timestamp() * 1000)


def _holds(record: dict[str, Any], one: dict[str, Any]) -> bool:
    value, limit = _number(record, one["propertyName"]), int(one["value"])
    return {"GTE": value >= limit, "LT": value < limit, "EQ": value == limit, "GT": value > limit}[
        one["operator"]
    ]
