"""What Intercom's records say in the contract's words.

What enters: one record and the directory.  What leaves: its rows.  Pure but for the directory's look-ups;
called for each record of a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from cx_pipeline.sources.connector import Row, own_fields
from cx_pipeline.sources.connectors.intercom.directory import CUSTOMERS, Directory, contacts_of
from cx_pipeline.sources.instants import iso

_CHANNELS = {
    "conversation": "chat",
    "chat": "chat",
    "email": "email",
    "facebook": "social",
    "instagram": "social",
    "twitter": "social",
    "whatsapp": "social",
    "sms": "sms",
    "phone_call": "phone",
    "phone_switch": "phone",
    "push": "app",
}
_OUTBOUND = ("admin_initiated", "campaigns_initiated", "automated")
_PRIORITIES = {"priority": "high", "not_priority": "normal"}
_STATUSES = {"open": "open", "closed": "solved", "snoozed": "pending"}
_CHANGES = {
    "open": "open",
    "note_and_reopen": "open",
    "assign_and_reopen": "open",
    "unsnoozed": "open",
    "assign_and_unsnooze": "open",
    "timer_unsnooze": "open",
    "snoozed": "pending",
    "close": "solved",
}
"""What a part does to the status, where it does not tell the state itself."""
_NOTES = ("note", "note_and_reopen")
_SPOKEN = ("comment", "open", "close", "quick_reply")
"""The parts whose body the customer sees or wrote."""


def seconds(records: Iterable[Any], name: str) -> list[int]:
    """The numbers the records have under `name`."""
    values = (record.get(name) for record in records if isinstance(record, dict))
    return [value for value in values if isinstance(value, int)]


def customer(contact: dict[str, Any], directory: Directory, custom: frozenset[str]) -> Iterator[Row]:
    """A contact, user or lead."""
    companies = (contact.get("companies") or {}).get("data") or [{}]
    yield {
        "customer_id": directory.contact(contact["id"]),
        "account_id": companies[0].get("id"),
        "signed_up_at": iso(contact.get("signed_up_at") or contact["created_at"]),
        "language": contact.get("language_override"),
        "updated_at": iso(contact["updated_at"]),
        "role": contact.get("role"),
        **own_fields("custom_attributes", contact.get("custom_attributes"), custom),
    }


def ticket(record: dict[str, Any], directory: Directory, custom: frozenset[str]) -> Iterator[Row]:
    """A conversation's latest state."""
    source = record.get("source") or {}
    sla = (record.get("sla_applied") or {}).get("sla_status")
    tags = (record.get("tags") or {}).get("tags") or []
    yield {
        "ticket_id": record["id"],
        "customer_id": _customer_of(record, directory),
        "channel": _CHANNELS.get(str(source.get("type")), "other"),
        "direction": "outbound" if _is_outbound(record) else "inbound",
        "priority": _PRIORITIES.get(str(record.get("priority"))),
        "status": _STATUSES[record["state"]],
        "team": directory.team(record.get("team_assignee_id")),
        "agent_id": directory.admin(record.get("admin_assignee_id")),
        "subject": record.get("title") or source.get("subject"),
        "created_at": iso(record["created_at"]),
        "source_sla_met": {"hit": True, "missed": False}.get(str(sla)),
        "updated_at": iso(record["updated_at"]),
        "tags": ", ".join(str(tag.get("name")) for tag in tags),
        **own_fields("custom_attributes", record.get("custom_attributes"), custom),
    }


def _customer_of(record: dict[str, Any], directory: Directory) -> str | None:
    contacts = contacts_of(record)
    return directory.contact(contacts[0].get("id")) if contacts else None


def _is_outbound(record: dict[str, Any]) -> bool:
    """Whether the company spoke first; a bot's greeting to who opens the messenger is not that."""
    source = record.get("source") or {}
    author = (source.get("author") or {}).get("type")
    return author not in CUSTOMERS and source.get("delivered_as") in _OUTBOUND


def ticket_events(record: dict[str, Any], directory: Directory) -> Iterator[Row]:
    """The opening, then what each part did: what was said, assigned, opened and closed; then the rating."""
    common = {"ticket_id": record["id"], "updated_at": iso(record["updated_at"])}
    author = (record.get("source") or {}).get("author") or {}
    yield {
        **common,
        **_actor(author, directory),
        "event_id": f"{record['id']}-created",
        "event_type": "created",
        "occurred_at": iso(record["created_at"]),
    }
    parts = (record.get("conversation_parts") or {}).get("conversation_parts") or []
    status = "new"
    has_bot_answered = author.get("type") not in (*CUSTOMERS, "admin", None)
    for one in sorted(parts, key=lambda part: (part["created_at"], len(str(part["id"])), str(part["id"]))):
        event = {
            **common,
            **_actor(one.get("author") or {}, directory),
            "occurred_at": iso(one["created_at"]),
        }
        for change in _said(one):
            has_bot_answered |= event["actor_role"] == "bot" and change["event_type"] == "reply"
            yield {**event, **change, "event_id": str(one["id"])}
        for change in _assigned(one, directory):
            if has_bot_answered and event["actor_role"] == "bot":
                yield {**event, "event_type": "handover", "event_id": f"{one['id']}-handover"}
            yield {**event, **change, "event_id": f"{one['id']}-{change['event_type']}"}
        if (now := _status_after(one)) not in (None, status):
            status = str(now)
            yield {**event, "event_type": "status", "value": status, "event_id": f"{one['id']}-status"}
    yield from _rating_events(record, common)


def _actor(author: dict[str, Any], directory: Directory) -> Row:
    kind = author.get("type")
    if kind in CUSTOMERS:
        return {"actor_role": "customer", "agent_id": None}
    if kind == "admin":
        return {"actor_role": "agent", "agent_id": directory.admin(author.get("id"))}
    return {"actor_role": "system" if kind in (None, "team") else "bot", "agent_id": None}


def _said(part: dict[str, Any]) -> Iterator[Row]:
    kind = part.get("part_type")
    if kind in _NOTES:
        yield {"event_type": "note", "is_public": False}
    elif kind in _SPOKEN and (kind == "comment" or part.get("body")):
        yield {"event_type": "reply", "is_public": True}


def _assigned(part: dict[str, Any], directory: Directory) -> Iterator[Row]:
    to = part.get("assigned_to")
    if not isinstance(to, dict):
        return
    if "team" in str(to.get("type")):
        yield {"event_type": "team", "value": directory.team(to.get("id"))}
    else:
        yield {"event_type": "assignment", "agent_id": directory.admin(to.get("id"))}


def _status_after(part: dict[str, Any]) -> str | None:
    """The status a part leaves the conversation in, None where it does not say."""
    return _CHANGES.get(str(part.get("part_type"))) or _STATUSES.get(str(part.get("state")))


def _rating_events(record: dict[str, Any], common: Row) -> Iterator[Row]:
    rating = record.get("conversation_rating") or {}
    if not rating.get("created_at"):
        return
    key = f"{record['id']}-{rating['created_at']}"
    yield {
        **common,
        "event_id": f"{key}-offered",
        "event_type": "satisfaction_offered",
        "occurred_at": iso(rating["created_at"]),
        "actor_role": "system",
    }
    if rating.get("rating") is not None:
        yield {
            **common,
            "event_id": f"{key}-given",
            "event_type": "satisfaction",
            "occurred_at": iso(_rated_at(record, rating)),
            "actor_role": "customer",
            "value": rating["rating"],
        }


def _rated_at(record: dict[str, Any], rating: dict[str, Any]) -> int:
    """When the rating was given: its part's instant, else what the rating says; not before its request."""
    parts = (record.get("conversation_parts") or {}).get("conversation_parts") or []
    given = [one["created_at"] for one in parts if one.get("part_type") == "conversation_rating_changed"]
    requested = int(rating["created_at"])
    return max(requested, max(given, default=int(rating.get("updated_at") or requested)))


def rating(record: dict[str, Any], directory: Directory) -> Iterator[Row]:
    """A conversation's rating, or the unanswered request for one; most conversations have neither."""
    found = record.get("conversation_rating") or {}
    if not found.get("created_at"):
        return
    is_given = found.get("rating") is not None
    teammate = found.get("teammate") or {}
    yield {
        "response_id": f"{record['id']}-{found['created_at']}",
        "survey_id": "conversation_rating",
        "metric": "csat",
        "score": found.get("rating"),
        "scale_min": 1,
        "scale_max": 5,
        "comment": found.get("remark"),
        "customer_id": directory.contact((found.get("contact") or {}).get("id"))
        or _customer_of(record, directory),
        "ticket_id": record["id"],
        "agent_id": directory.admin(teammate.get("id")) if teammate.get("type", "admin") == "admin" else None,
        "team": directory.team(record.get("team_assignee_id")),
        "channel": _CHANNELS.get(str((record.get("source") or {}).get("type")), "other"),
        "invited_at": iso(found["created_at"]),
        "responded_at": iso(_rated_at(record, found)) if is_given else None,
        "updated_at": iso(record["updated_at"]),
    }
