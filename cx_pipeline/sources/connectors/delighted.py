"""Delighted: survey responses, and invitations (docs/connectors/delighted.md).

What enters: the settings and a `Link`.  What leaves: a stream over people, for whom a survey was sent to, and
one over responses by when they changed.  The functions at the end say what a response and a person say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import SecretStr

from cx_pipeline.sources.connector import Connector, Json, Page, Row, Stream, Window, fields_of, part, rows_of
from cx_pipeline.sources.http.auth import basic
from cx_pipeline.sources.http.errors import BrokenAnswer
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.http.paging import by_instant
from cx_pipeline.sources.surveys import (
    Asked,
    AskedSurvey,
    Question,
    SurveySource,
    answer_rows,
    asked_for,
    invitation_rows,
    mapped_fields,
    proposal,
)

_CALLS_PER_MINUTE = 120
_PER_PAGE = 100
_OVERLAP_SECONDS = 2 * 86_400  # a bounce may come back so long after the survey went out
_SCORE = "score"
_PROPERTIES = "person_properties."
_NPS = {"nps": {_SCORE: Question(metric="nps")}}
_CHANNELS = {
    "email": "email",
    "sms": "sms",
    "web": "web",
    "ios sdk": "app",
    "android sdk": "app",
    "link": "web",
}
_TYPES = (
    ("nps", "would you recommend us", 10),
    ("enps", "would you recommend us (of employees: declare respondent_type)", 10),
    ("csat", "how satisfied", 5),
    ("ces", "made it easy", 5),
    ("star", "rating", 5),
    ("5_star", "rating", 5),
    ("smiley", "rating", 5),
)


class DelightedSource(SurveySource):
    """A Delighted project.  The credential is the project's API key."""

    type: Literal["delighted"] = "delighted"
    """Delighted."""
    token: SecretStr | None = None
    """The API key; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the key."""
    invitations: bool = True
    """Walk through all people each night, for the response rate; a call for each hundred of them."""


class Delighted(Connector[DelightedSource]):
    """Pulls one Delighted project."""

    settings_type = DelightedSource
    entities = ("feedback",)

    @cached_property
    def _client(self) -> Any:
        address = self.settings.base_url or "https://api.delighted.com"
        return self.link.client(
            f"{address.rstrip('/')}/v1",
            auth=basic(self.secret("token"), ""),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
        )

    @property
    def _surveys(self) -> Mapping[str, Mapping[str, Question]]:
        return self.settings.surveys or _NPS

    @cached_property
    def _sent(self) -> dict[str, int]:
        """When a survey was last sent to each person this pull has met."""
        return {}

    def streams(self) -> Sequence[Stream]:
        responses = Stream("responses", ("feedback",), self._responses)
        if not self.settings.invitations:
            return (responses,)
        return (Stream("invitations", ("feedback",), self._invitations), responses)

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "metrics", lambda: self._client.get("metrics.json")
        yield "survey responses", lambda: self._client.get("survey_responses.json", {"per_page": 1})
        if self.settings.invitations:
            yield "people", lambda: self._client.get("people.json", {"per_page": 1})
            yield "bounces", lambda: self._client.get("bounces.json", {"per_page": 1})

    def suggest(self) -> str:
        found = self._listed("survey_responses.json", {"per_page": _PER_PAGE, "order": "desc"})
        return proposal(self.link.source, _asked(found))

    # ------------------------------------------------------------ streams

    def _responses(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The responses that changed since the cursor, or within the window."""
        start = window.start if window else self.settings.start

        def fetch(since: int | None, page: int) -> tuple[Sequence[Any], bool]:
            found = self._listed(
                "survey_responses.json",
                {
                    "per_page": _PER_PAGE,
                    "page": page,
                    "order": "asc:updated_at",
                    "updated_since": since,
                    "updated_until": int(window.end.timestamp()) if window else None,
                    "expand[]": "person",
                },
            )
            return found, len(found) >= _PER_PAGE

        properties = asked_for(self.settings, _PROPERTIES)
        first = int(start.timestamp()) if start else None
        for records, where in by_instant(fetch, _changed, cursor, first):
            types = {str(r.get("survey_type")) for r in records if isinstance(r, dict)}
            for unknown in sorted(types - set(self._surveys)):
                self.link.note(
                    f"responses of the survey type {unknown} are left out: declare "
                    f"[sources.{self.link.source}.surveys.{unknown}] score = …"
                )
            read = partial(_response, self._surveys, properties, self._sent)
            yield Page({"feedback": rows_of(records, read)}, where, fields_of(records))

    def _invitations(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Every person, in the order they were added; rows for those whom a survey was sent to lately.

        A page leads on from when its last person was added, less a second; the newest `sent` counts only once
        the walk is through, since people are not in the order of sending.
        """
        where = cursor or {"sent": 0, "newest": 0, "created": None}
        start = window.start if window else self.settings.start
        since = max(where["sent"] - _OVERLAP_SECONDS, int(start.timestamp()) if start else 0)
        until = window.end.timestamp() if window else float("inf")
        bounced = self._bounced(since)
        survey, questions = next(iter(self._surveys.items()))
        query: dict[str, Any] = {"since": where["created"]}
        asked: list[dict[str, Any]] = []
        while query:
            if query in asked:
                raise BrokenAnswer("Delighted's pages of people turn in a circle: the next night tries again")
            asked.append(query)
            people, link = self._client.get_linked("people.json", {"per_page": _PER_PAGE, **query})
            if not isinstance(people, list):
                raise BrokenAnswer("Delighted's list of people has another shape: look for an update")
            query = dict(parse_qsl(urlsplit(link).query)) if link and people else {}
            sent = [
                one for one in people if isinstance(one, dict) and isinstance(one.get("last_sent_at"), int)
            ]
            self._sent.update((str(one["id"]), one["last_sent_at"]) for one in sent)
            newest = max([where["newest"], *(one["last_sent_at"] for one in sent)])
            if query:
                where = {**where, "newest": newest, "created": max(one["created_at"] for one in people) - 1}
            else:
                where = {"sent": newest, "newest": newest, "created": None}
            lately = [one for one in sent if since <= one["last_sent_at"] < until]
            read = partial(_invited, survey, questions, mapped_fields(self.settings), bounced)
            yield Page({"feedback": rows_of(lately, read)}, where, fields_of(people))

    def _bounced(self, since: int) -> dict[str, int]:
        """Person → when a message to them bounced last."""
        found: dict[str, int] = {}
        page = 1
        while True:
            some = self._listed("bounces.json", {"per_page": _PER_PAGE, "page": page, "since": since})
            found |= {str(one["person_id"]): int(one["bounced_at"]) for one in some}
            if len(some) < _PER_PAGE:
                return found
            page += 1

    def _listed(self, what: str, params: Mapping[str, Any]) -> list[Any]:
        return part({what: self._client.get(what, params)}, what, list)


# ---------------------------------------------------------------- what the records say


def _response(
    surveys: Mapping[str, Mapping[str, Question]],
    properties: frozenset[str],
    sent: Mapping[str, int],
    record: dict[str, Any],
) -> Iterator[Row]:
    """A row for the score, with the comment; one for each additional question that is declared."""
    questions = surveys.get(str(record["survey_type"]))
    if questions is None:
        return
    person = record["person"] if isinstance(record["person"], dict) else {"id": record["person"]}
    sent_at = person.get("last_sent_at") or sent.get(str(person["id"]))
    given = record.get("person_properties") or {}
    source = str(given.get("Delighted Source") or "").lower()
    created = int(record["created_at"])
    is_invited = sent_at is not None and sent_at <= created
    submission = {
        "response_id": record["id"],
        "submission_id": _invitation(person["id"], sent_at) if is_invited else record["id"],
        "survey_id": record["survey_type"],
        "customer_id": person.get("email") or person.get("phone_number") or person["id"],
        "channel": _CHANNELS.get(source),
        "responded_at": _instant(created),
        "updated_at": _instant(record.get("updated_at") or created),
        "tags": ", ".join(record.get("tags") or ()),
        **{f"{_PROPERTIES}{name}": given.get(name) for name in properties},
    }
    answers: dict[str, object] = {_SCORE: record.get("score")}
    for additional in record.get("additional_answers") or ():
        answers[additional["question"]["id"]] = _value(additional.get("value") or {})
    for row in answer_rows(questions, answers, submission):
        yield {**row, "comment": record.get("comment")} if row["question_id"] == _SCORE else row


def _value(value: dict[str, Any]) -> object:
    """What an additional question was answered with: text, number, the text of a choice or of several."""
    one = value.get("select_one")
    if isinstance(one, dict):
        return one.get("text")
    if several := value.get("select_many"):
        return ", ".join(str(choice.get("text")) for choice in several)
    scale = value.get("scale")
    return value.get("free_response") if scale is None else scale


def _invited(
    survey: str,
    questions: Mapping[str, Question],
    mapped: frozenset[str],
    bounced: Mapping[str, int],
    person: dict[str, Any],
) -> Iterator[Row]:
    sent_at = person["last_sent_at"]
    key = _invitation(person["id"], sent_at)
    invitation = {
        "response_id": key,
        "submission_id": key,
        "survey_id": survey,
        "customer_id": person.get("email") or person.get("phone_number") or person["id"],
        "invited_at": _instant(sent_at),
        "delivery_status": "bounced" if bounced.get(str(person["id"]), 0) >= sent_at else "delivered",
        "updated_at": _instant(sent_at),
    }
    asked = {_SCORE: questions[_SCORE]} if _SCORE in questions else questions
    yield from invitation_rows(asked, invitation, mapped)


def _invitation(person: object, sent_at: int | None) -> str:
    return f"person-{person}-{sent_at}"


def _asked(records: Iterable[dict[str, Any]]) -> Iterator[AskedSurvey]:
    """The survey types and additional questions of some responses."""
    highest: dict[str, float] = {}
    additional: dict[str, dict[str, Asked]] = {}
    for record in records:
        type_ = str(record["survey_type"])
        highest[type_] = max(highest.get(type_, 0), record.get("score") or 0)
        for one in record.get("additional_answers") or ():
            told = one["question"]
            asked = Asked(told["id"], str(told.get("text")), is_text=told.get("type") == "free_response")
            additional.setdefault(type_, {}).setdefault(told["id"], asked)
    for type_, high in sorted(highest.items()):
        words, top = next(((text, top) for name, text, top in _TYPES if type_.startswith(name)), ("", 5))
        scale = (0.0, 10.0) if top == 10 else (1.0, float(top) if high <= top else 7.0)
        score = Asked(_SCORE, f"{words}; highest score seen: {high:g}", is_nps=top == 10, scale=scale)
        yield AskedSurvey(type_, "as its latest responses show", (score, *additional.get(type_, {}).values()))


def _changed(record: Any) -> int | None:
    try:
        return int(record.get("updated_at") or record["created_at"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


CONNECTOR = Delighted
