"""What SurveyMonkey's records say in the contract's words.

What enters: one response, recipient or question.  What leaves: its rows, or `Asked` questions.  Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from cx_pipeline.sources.connector import Row, part
from cx_pipeline.sources.surveys import Asked, Choice, Question, answer_rows, invitation_rows, plain

CUSTOM = "custom_variables."
"""What the names of custom variables begin with where a mapping asks for them."""

_NOT_SENT = ("not_sent", "processing", "scheduled")
_CHOSEN = ("single_choice", "matrix")
_SEVERAL = ("ranking", "multi", "menu")


def response(
    survey: str,
    questions: Mapping[str, Question],
    unanswered: frozenset[str],
    custom: frozenset[str],
    record: dict[str, Any],
) -> Iterator[Row]:
    recipient = record.get("recipient_id")
    created = datetime.fromisoformat(record["date_created"])
    seconds = record.get("total_time")
    variables = record.get("custom_variables") or {}
    submission = {
        "response_id": record["id"],
        "submission_id": f"recipient-{recipient}" if recipient else record["id"],
        "survey_id": survey,
        "customer_id": record.get("email_address") or _contact(record) or None,
        "channel": "email" if recipient else "web",
        "responded_at": record["date_modified"]
        if seconds is None
        else (created + timedelta(seconds=seconds)).isoformat(),
        "updated_at": record["date_modified"],
        "is_test": "preview" in str(record.get("collection_mode")),
        "custom_value": record.get("custom_value") or None,
        "collector_id": record.get("collector_id"),
        **{f"{CUSTOM}{name}": variables.get(name) for name in custom},
    }
    answers: dict[str, object] = {}
    for page in record.get("pages") or ():
        for question in page["questions"]:
            for name, answer in _answers(question, unanswered):
                answers.setdefault(name, answer)
    yield from answer_rows(questions, answers, submission)


def _contact(record: dict[str, Any]) -> str | None:
    """The address of a contact, who may be known without having been invited by e-mail."""
    contact = (record.get("metadata") or {}).get("contact") or {}
    email = contact.get("email")
    return email.get("value") if isinstance(email, dict) else None


def _answers(question: dict[str, Any], unanswered: frozenset[str]) -> Iterator[tuple[str, object]]:
    """(question, answer): by the question's id, and with the row's where it has rows; a choice by its id."""
    name = str(question["id"])
    for answer in question.get("answers") or ():
        choice, row = answer.get("choice_id"), answer.get("row_id")
        if answer.get("other_id"):
            yield f"{name}_other", answer.get("text")
        elif choice is None or str(choice) not in unanswered:
            given = answer.get("text") if choice is None else str(choice)
            yield name, given
            if row is not None:
                yield f"{name}_{row}", given


def invited(
    survey: str,
    questions: Mapping[str, Question],
    mapped: frozenset[str],
    sent_at: str,
    recipient: dict[str, Any],
) -> Iterator[Row]:
    status = recipient.get("mail_status")
    if status in _NOT_SENT:
        return
    invitation = {
        "response_id": f"recipient-{recipient['id']}",
        "submission_id": f"recipient-{recipient['id']}",
        "survey_id": survey,
        "customer_id": recipient.get("email"),
        "channel": "email",
        "invited_at": sent_at,
        "delivery_status": "bounced" if status == "bounced" else "delivered",
        "updated_at": sent_at,
    }
    yield from invitation_rows(questions, invitation, mapped)


def questions(details: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for page in part(details, "pages", list):
        yield from part(page, "questions", list)


def asked(question: dict[str, Any]) -> Iterator[Asked]:
    """A question of a survey's details; one with several rows (a matrix) is one a row."""
    name, family, subtype = str(question["id"]), question.get("family"), str(question.get("subtype"))
    text = " ".join(str(heading.get("heading")) for heading in question.get("headings") or ())
    answers = question.get("answers") or {}
    rows = answers.get("rows") or []
    if family == "open_ended" and subtype != "numerical":
        yield Asked(name, text, is_text=True)
    elif family in _CHOSEN and subtype not in _SEVERAL:
        choices = tuple(
            Choice(str(one["id"]), plain(str(one.get("text") or "")), _weight(one))
            for one in answers.get("choices") or ()
            if not one.get("is_na")
        )
        shown = question.get("display_options") or {}
        is_nps = "nps" in (subtype, shown.get("display_type"), shown.get("display_subtype"))
        if len(rows) < 2:
            yield Asked(name, text, is_nps=is_nps, choices=choices)
        for row in rows if len(rows) > 1 else ():
            yield Asked(f"{name}_{row['id']}", f"{text} – {row.get('text')}", choices=choices)


def _weight(choice: dict[str, Any]) -> float | None:
    weight = choice.get("weight")
    return float(weight) if isinstance(weight, int | float) else None


def modified(record: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(record["date_modified"]).timestamp())
    except (KeyError, TypeError, ValueError):
        return None
