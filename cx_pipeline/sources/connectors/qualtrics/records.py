"""What Qualtrics' exports, histories and definitions say in the contract's words.

What enters: the bytes of an export, a contact of a distribution's history, a question's definition.  What
leaves: rows and `Asked` questions.  Pure.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cx_pipeline.sources.connector import Row
from cx_pipeline.sources.http.errors import BrokenAnswer
from cx_pipeline.sources.surveys import (
    TEXTS,
    Asked,
    Choice,
    Question,
    answer_rows,
    invitation_rows,
    plain,
)

EMBEDDED = "embedded."
"""What the names of embedded data (and all other columns) begin with where a mapping asks for them."""

_LARGEST_FILE_BYTES = 4 << 30
_UTC = ZoneInfo("UTC")
_NAIVE = len("2024-01-10 00:00:00")
_TESTS = ("1", "2", "9", "17", "survey preview", "survey test", "spam: survey preview")
_SPAM = ("8", "9", "12", "spam", "spam: survey preview", "imported spam")
_CHANNELS = {
    "anonymous": "web",
    "gl": "web",
    "qr": "web",
    "email": "email",
    "sms": "sms",
    "social": "social",
    "sdk": "app",
}
_LANGUAGES = {"zh-s": "zh-Hans", "zh-t": "zh-Hant"}
_SEVERAL = ("MAVR", "MAHR", "MACOL", "MSB")  # questions with several answers
_DELIVERY = {
    "softbounce": "bounced",
    "hardbounce": "bounced",
    "failure": "bounced",
    "error": "bounced",
    "unknown": "bounced",
    "blocked": "blocked",
    "skipped": "blocked",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """An export: where each column is (by Qualtrics' id, else by header), and the responses as recorded."""

    at: Mapping[str, int]
    zones: Mapping[str, tzinfo]
    records: list[list[str]]

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(self.at)

    def value(self, record: list[str], *names: str) -> str | None:
        """The first of these columns there is with a value."""
        for name in names:
            place = self.at.get(name)
            if place is not None and place < len(record) and (text := record[place].strip()):
                return text
        return None

    def instant(self, record: list[str], *names: str) -> str | None:
        """The same, an instant in ISO 8601 with its offset: the export tells the zone of each column."""
        for name in names:
            if (text := self.value(record, name)) is not None:
                if len(text) == _NAIVE and self.zones[name] is _UTC:  # as asked for; typing checks it later
                    return f"{text[:10]}T{text[11:]}+00:00"
                given = datetime.fromisoformat(text)
                return (given if given.tzinfo else given.replace(tzinfo=self.zones[name])).isoformat()
        return None

    def recorded(self, record: list[str]) -> str:
        """The instant a response was recorded, in UTC; empty where it does not tell."""
        try:
            text = self.instant(record, "recordedDate", "endDate")
            return datetime.fromisoformat(text).astimezone(UTC).isoformat() if text else ""
        except (ValueError, IndexError):
            return ""


def sheet(data: bytes) -> Sheet:
    """An export's zipped CSV; its third line names each column: `{"ImportId": …, "timeZone": …}`.

    zipfile.BadZipFile or zlib.error where the archive is damaged; BrokenAnswer where it holds something else.
    """
    text = io.StringIO(_unzipped(data).decode("utf-8-sig"), newline="")
    at: dict[str, int] = {}
    zones: dict[str, tzinfo] = {}
    try:
        headers, _texts, imports, *records = csv.reader(text, strict=True)
        for place, (header, told) in enumerate(zip(headers, map(json.loads, imports), strict=True)):
            name = str(told["ImportId"])
            at.setdefault(name, place)
            at.setdefault(header, place)
            zones[name] = ZoneInfo(told.get("timeZone") or "UTC")
    except (csv.Error, ValueError, KeyError, TypeError) as error:
        raise BrokenAnswer(
            f"the export has other header lines than Qualtrics documents ({type(error).__name__}): "
            "look for an update"
        ) from error
    found = Sheet(at, zones, records)
    records.sort(key=found.recorded)
    return found


def _unzipped(data: bytes) -> bytes:
    """The one file of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        file = archive.infolist()[0]
        if file.file_size > _LARGEST_FILE_BYTES:
            raise BrokenAnswer("the export is larger than 4 GiB: set start_date and pull in steps")
        return archive.read(file)


def response(
    survey: str,
    questions: Mapping[str, Question],
    export: Sheet,
    embedded: frozenset[str],
    record: list[str],
) -> Iterator[Row]:
    """A row for each declared question that was answered."""
    if len(record) <= max(export.at.values()):
        raise ValueError("a record is shorter than the header")
    status = (export.value(record, "status") or "").casefold()
    language = (export.value(record, "userLanguage") or "").casefold()
    channel = export.value(record, "distributionChannel")
    submission = {
        "submission_id": record[export.at["_recordId"]],
        "survey_id": survey,
        "customer_id": export.value(record, "recipientEmail", "externalDataReference"),
        "language": _LANGUAGES.get(language, language) or None,
        "channel": _CHANNELS.get(channel.casefold(), "other") if channel else None,
        "responded_at": export.instant(record, "endDate", "recordedDate"),
        "updated_at": export.instant(record, "recordedDate", "endDate"),
        "is_test": status in _TESTS,
        "is_deleted": status in _SPAM,
        **{f"{EMBEDDED}{name}": export.value(record, name) for name in embedded if name in export.at},
    }
    answers = {name: export.value(record, name, f"{name}_TEXT") for name in questions}
    yield from answer_rows(questions, answers, submission)


def invited(
    survey: str, questions: Mapping[str, Question], mapped: frozenset[str], contact: dict[str, Any]
) -> Iterator[Row]:
    """An invitation that went out; its submission is the response once there is one."""
    if contact.get("sentAt") is None:
        return
    key = f"{contact['distributionId']}:{contact.get('contactLookupId') or contact['contactId']}"
    steps = ("sentAt", "openedAt", "responseStartedAt", "responseCompletedAt")
    invitation = {
        "response_id": key,
        "submission_id": contact.get("responseId") or key,
        "survey_id": survey,
        "channel": "email",
        "invited_at": contact["sentAt"],
        "delivery_status": _DELIVERY.get(str(contact.get("status")).lower(), "delivered"),
        "updated_at": max(contact[step] for step in steps if contact.get(step)),
    }
    yield from invitation_rows(questions, invitation, mapped)


# ---------------------------------------------------------------- questions


def asked(question_id: str, question: dict[str, Any]) -> Iterator[Asked]:
    """A survey's question as its exports name it; a matrix has one a statement."""
    told = question.get("questionType") or {}
    kind, selector = told.get("type"), told.get("selector")
    text = str(question.get("questionText") or "")
    choices = tuple(
        Choice(
            str(number),
            plain(str(choice.get("choiceText") or choice.get("description") or number)),
            _number(choice.get("recode", number)),
        )
        for number, choice in (question.get("choices") or {}).items()
    )
    if kind == "TE":
        yield Asked(question_id, text, is_text=True)
    elif kind == "MC" and selector not in _SEVERAL:
        yield Asked(question_id, text, is_nps=selector == "NPS", choices=choices, gives_numbers=True)
    elif kind == "Matrix":
        for number, statement in (question.get("subQuestions") or {}).items():
            about = f"{text} – {statement.get('choiceText') or statement.get('description')}"
            yield Asked(f"{question_id}_{number}", about, choices=choices, gives_numbers=True)


def with_labels(questions: Mapping[str, Question], found: Iterable[Asked]) -> dict[str, Question]:
    """The questions, with the scores of their choices' labels among their values."""
    told = {one.id: {c.label: c.number for c in one.choices if c.number is not None} for one in found}
    return {
        name: Question(**question.model_dump(exclude={"values"}), values={**labels, **question.values})
        if question.metric not in TEXTS and (labels := told.get(name))
        else question
        for name, question in questions.items()
    }


def has_labels(export: Sheet, questions: Mapping[str, Question]) -> bool:
    """Whether an answer to a scored question is a text of which no score is known."""
    scored = [(name, question) for name, question in questions.items() if question.metric not in TEXTS]
    return any(
        _number(answer) is None and not question.knows(answer)
        for record in export.records
        for name, question in scored
        if (answer := export.value(record, name)) is not None
    )


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
