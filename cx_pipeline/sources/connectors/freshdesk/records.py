"""What Freshdesk's records say in the contract's words.

What enters: one record and the directory.  What leaves: its rows.  Pure but for the directory's look-ups;
called for each record of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cx_pipeline.sources import instants
from cx_pipeline.sources.connector import Row, own_fields
from cx_pipeline.sources.connectors.freshdesk.directory import Directory

_CHANNELS = {
    1: "email",
    2: "web",
    3: "phone",
    4: "community",
    5: "social",
    6: "social",
    7: "chat",
    8: "app",
    9: "web",
    10: "email",
    12: "bot",
    13: "social",
}
_OUTBOUND_EMAIL = 10
_PRIORITIES = {1: "low", 2: "normal", 3: "high", 4: "urgent"}
_STATUSES = {2: "open", 3: "pending", 4: "solved", 5: "closed", 6: "pending", 7: "on_hold"}
_FACES = (-103, -102, -101, 100, 101, 102, 103)
"""Extremely unhappy to extremely happy.  Surveys with fewer points use some of them, the outer ones first."""


class Statuses:
    """The meaning of the statuses' numbers; `own` those the account made."""

    def __init__(self, own: Mapping[str, str], note: Callable[[str], None]) -> None:
        self._own = own
        self._note = note

    def __getitem__(self, number: int) -> str:
        if (declared := self._own.get(str(number))) is not None:
            return declared
        if number not in _STATUSES:
            self._note(
                f"the status {number} is one of the account's own and is read as open: "
                f'say what it means, statuses = {{ "{number}" = "pending" }}'
            )
        return _STATUSES.get(number, "open")


def customer(
    contact: dict[str, Any], directory: Directory, custom: frozenset[str], is_deleted: bool
) -> Iterator[Row]:
    """A contact."""
    yield {
        "customer_id": directory.contact(contact["id"]),
        "account_id": contact.get("company_id"),
        "signed_up_at": contact["created_at"],
        "language": contact.get("language"),
        "updated_at": contact["updated_at"],
        "is_deleted": is_deleted or bool(contact.get("deleted")),
        **own_fields("custom_fields", contact.get("custom_fields"), custom),
    }


def ticket(
    record: dict[str, Any], directory: Directory, statuses: Statuses, custom: frozenset[str]
) -> Iterator[Row]:
    """A ticket's latest state."""
    stats = record.get("stats") or {}
    yield {
        "ticket_id": record["id"],
        "customer_id": directory.contact(record.get("requester_id")),
        "channel": _CHANNELS.get(record.get("source") or 0, "other"),
        "direction": "outbound" if record.get("source") == _OUTBOUND_EMAIL else "inbound",
        "category": record.get("type"),
        "product": directory.product(record.get("product_id")),
        "priority": _PRIORITIES.get(record.get("priority") or 0),
        "status": "spam" if record.get("spam") else statuses[record["status"]],
        "team": directory.group(record.get("group_id")),
        "agent_id": directory.agent(record.get("responder_id")),
        "subject": record.get("subject"),
        "created_at": record["created_at"],
        "first_responded_at": stats.get("first_responded_at"),
        "resolved_at": stats.get("resolved_at") or stats.get("closed_at"),
        "source_sla_met": _sla_met(record, stats),
        "updated_at": record["updated_at"],
        "is_deleted": bool(record.get("deleted")),
        "company_id": record.get("company_id"),
        "tags": ", ".join(record.get("tags") or ()),
        **own_fields("custom_fields", record.get("custom_fields"), custom),
    }


def _sla_met(record: dict[str, Any], stats: dict[str, Any]) -> bool | None:
    """Freshdesk's verdict: broken once anything came late, met once all is done, open until then."""
    resolved = instants.parsed(stats.get("resolved_at") or stats.get("closed_at"))
    deadlines = (
        (instants.parsed(record.get("fr_due_by")), instants.parsed(stats.get("first_responded_at"))),
        (instants.parsed(record.get("due_by")), resolved),
    )
    is_late = any(due and done and done > due for due, done in deadlines)
    if is_late or record.get("fr_escalated") or record.get("is_escalated"):
        return False
    return True if resolved and record.get("due_by") else None


def ticket_events(
    record: dict[str, Any],
    conversations: Sequence[dict[str, Any]],
    directory: Directory,
    statuses: Statuses,
) -> Iterator[Row]:
    """What is known to have happened: the opening, all that was said, the latest change to each status.

    Freshdesk tells the last instant of a change only.  An event's id holds that instant, so that one night
    after the other the changes add up to the ticket's history.
    """
    key = record["id"]
    is_outbound = record.get("source") == _OUTBOUND_EMAIL
    common = {"ticket_id": key, "updated_at": record["updated_at"]}
    yield {
        **common,
        "event_id": f"{key}-created",
        "event_type": "created",
        "occurred_at": record["created_at"],
        "actor_role": "agent" if is_outbound else "customer",
    }
    for said in conversations:
        yield {**common, **_said(said, directory)}
    for status, at in sorted(_changes(record, statuses)):
        yield {
            **common,
            "event_id": f"{key}-{status}-{int(at.timestamp())}",
            "event_type": "status",
            "occurred_at": instants.text(at),
            "value": status,
        }


def _said(record: dict[str, Any], directory: Directory) -> Row:
    is_incoming = bool(record.get("incoming"))
    is_public = not record.get("private")
    return {
        "event_id": record["id"],
        "event_type": "reply" if is_public else "note",
        "occurred_at": record["created_at"],
        "updated_at": record.get("updated_at") or record["created_at"],
        "actor_role": "customer" if is_incoming else "agent",
        "agent_id": None if is_incoming else directory.agent(record.get("user_id")),
        "is_public": is_public,
    }


def _changes(record: dict[str, Any], statuses: Statuses) -> set[tuple[str, datetime]]:
    """(status, when the ticket last came to it), as far as its statistics say."""
    stats = record.get("stats") or {}
    told = (
        ("open", stats.get("reopened_at")),
        ("solved", stats.get("resolved_at")),
        ("closed", stats.get("closed_at")),
        (statuses[record["status"]], stats.get("status_updated_at")),
    )
    return {(status, at) for status, value in told if (at := instants.parsed(value)) is not None}


def rating(record: dict[str, Any], directory: Directory, questions: Mapping[str, str]) -> Iterator[Row]:
    """The answers to those questions of a satisfaction survey that the settings name."""
    answers = record["ratings"]
    # the comment belongs to the form, so one row has it
    named = sorted(questions.keys() & answers.keys(), key=lambda name: (name != "default_question", name))
    for number, question in enumerate(named):
        answer = answers[question]
        yield {
            "response_id": str(record["id"])
            if question == "default_question"
            else f"{record['id']}-{question}",
            "submission_id": record["id"],
            "survey_id": record.get("survey_id"),
            "question_id": question,
            "metric": questions[question],
            "score": None if answer is None else _FACES.index(answer) + 1,
            "scale_min": 1,
            "scale_max": len(_FACES),
            "comment": record.get("feedback") if number == 0 else None,
            "customer_id": directory.contact(record.get("user_id")),
            "ticket_id": record.get("ticket_id"),
            "agent_id": directory.agent(record.get("agent_id")),
            "team": directory.group(record.get("group_id")),
            "responded_at": record["created_at"],
            "updated_at": record["updated_at"],
        }
