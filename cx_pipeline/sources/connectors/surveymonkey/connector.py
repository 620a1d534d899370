"""SurveyMonkey's settings, streams and ways of paging.

What enters: the settings and a `Link`.  What leaves: two streams a declared survey, over its responses by
when they changed and over the recipients of its e-mail messages.  `records.py` has what these say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from cx_pipeline.contract.entities import DEFAULT_SCALES
from cx_pipeline.sources.connector import Connector, Json, Page, Stream, Window, fields_of, part, rows_of
from cx_pipeline.sources.connectors.surveymonkey import records
from cx_pipeline.sources.http.auth import bearer
from cx_pipeline.sources.http.errors import NotFound, ScopeMissing
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.http.paging import by_instant
from cx_pipeline.sources.surveys import (
    TEXTS,
    AskedSurvey,
    Question,
    SurveySource,
    asked_for,
    mapped_fields,
    proposal,
    scores_of,
    streams_of,
)

_CALLS_PER_MINUTE = 120
_PER_PAGE = 100
_INVITED_LOOKBACK = timedelta(days=60)  # for so long a recipient is looked at again


class SurveyMonkeySource(SurveySource):
    """A SurveyMonkey account.  The credential is the access token of a private app."""

    type: Literal["surveymonkey"] = "surveymonkey"
    """SurveyMonkey."""
    token: SecretStr | None = None
    """The access token; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""


class SurveyMonkey(Connector[SurveyMonkeySource]):
    """Pulls the declared surveys of one SurveyMonkey account."""

    settings_type = SurveyMonkeySource
    entities = ("feedback",)

    @cached_property
    def _client(self) -> Any:
        address = self.settings.base_url or "https://api.surveymonkey.com"
        return self.link.client(
            f"{address.rstrip('/')}/v3",
            auth=bearer(self.secret("token")),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
        )

    def streams(self) -> Sequence[Stream]:
        return streams_of(self, responses=self._responses, invitations=self._invitations)

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "who the credential is", lambda: self._client.get("users/me")
        yield "surveys", lambda: self._client.get("surveys", {"per_page": 1})
        for survey in self.settings.surveys:
            address = f"surveys/{survey}"
            yield f"questions of {survey}", partial(self._client.get, f"{address}/details")
            yield (
                f"responses of {survey}",
                partial(self._client.get, f"{address}/responses/bulk", {"per_page": 1}),
            )
            yield f"invitations of {survey}", partial(self._client.get, f"{address}/collectors")

    def suggest(self) -> str:
        surveys = (self._asked(str(one["id"])) for one in self._listed("surveys"))
        return proposal(self.link.source, surveys)

    # ------------------------------------------------------------ streams

    def _responses(self, survey: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The responses that changed since the cursor, or within the window."""
        start = window.start if window else self.settings.start

        def fetch(since: int | None, page: int) -> tuple[Sequence[Any], bool]:
            answer = self._client.get(
                f"surveys/{survey}/responses/bulk",
                {
                    "per_page": _PER_PAGE,
                    "page": page,
                    "sort_by": "date_modified",
                    "sort_order": "ASC",
                    "start_modified_at": None if since is None else _written(since),
                    "end_modified_at": _written(int(window.end.timestamp())) if window else None,
                },
            )
            return part(answer, "data", list), bool((answer.get("links") or {}).get("next"))

        first = int(start.timestamp()) if start else None
        questions: Mapping[str, Question] | None = None
        unanswered: frozenset[str] = frozenset()
        custom = asked_for(self.settings, records.CUSTOM)
        for found, where in by_instant(fetch, records.modified, cursor, first):
            if questions is None:
                questions, unanswered = self._with_scores(survey)
            read = partial(records.response, survey, questions, unanswered, custom)
            yield Page({"feedback": rows_of(found, read)}, where, fields_of(found))

    def _invitations(self, survey: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Whom each e-mail message of the last weeks went to; an answer joins by its recipient."""
        start = window.start if window else self.settings.start
        oldest = _iso(start) if start else ""
        if cursor and window is None:
            oldest = max(oldest, _iso(datetime.fromisoformat(cursor["newest"]) - _INVITED_LOOKBACK))
        end = _iso(window.end) if window else "9999"
        try:
            messages = sorted(self._messages(survey))
        except (ScopeMissing, NotFound):
            self.link.note(f"the invitations of {survey} cannot be read: it counts in no response rate")
            return
        done = (cursor or {}).get("done") or []
        todo = [one for one in messages if oldest <= one[0] < end and list(one) > done]
        newest = (cursor or {}).get("newest") or ""
        questions = self.settings.surveys[survey]
        for message in todo:
            sent_at, collector, number = message
            newest = max(newest, sent_at)
            read = partial(records.invited, survey, questions, mapped_fields(self.settings), sent_at)
            recipients = list(
                self._listed(
                    f"collectors/{collector}/messages/{number}/recipients",
                    {"include": "survey_response_status,mail_status"},
                )
            )
            where = {"newest": newest, "done": None if message == todo[-1] else list(message)}
            yield Page({"feedback": rows_of(recipients, read)}, where, fields_of(recipients))

    def _messages(self, survey: str) -> Iterator[tuple[str, str, str]]:
        """(when it went out, collector, message) of the survey's e-mail invitations."""
        for collector in self._listed(f"surveys/{survey}/collectors", {"include": "type"}):
            if collector.get("type", "email") != "email":
                continue
            address = f"collectors/{collector['id']}/messages"
            for listed in self._listed(address):
                message = self._client.get(f"{address}/{listed['id']}")
                if message.get("type") == "invite" and message.get("scheduled_date"):
                    sent_at = datetime.fromisoformat(message["scheduled_date"])
                    yield _iso(sent_at), str(collector["id"]), str(listed["id"])

    # ------------------------------------------------------------ what there is

    def _listed(self, what: str, params: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        page = 1
        while True:
            answer = self._client.get(what, {**(params or {}), "per_page": _PER_PAGE, "page": page})
            found: list[dict[str, Any]] = part(answer, "data", list)
            yield from found
            if not found or not (answer.get("links") or {}).get("next"):
                return
            page += 1

    def _details(self, survey: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.get(f"surveys/{survey}/details")
        return answer

    def _asked(self, survey: str) -> AskedSurvey:
        details = self._details(survey)
        questions = tuple(one for question in records.questions(details) for one in records.asked(question))
        return AskedSurvey(survey, str(details.get("title") or survey), questions)

    def _with_scores(self, survey: str) -> tuple[Mapping[str, Question], frozenset[str]]:
        """The declared questions with the scores of their choices, and the choices that are no answer."""
        declared = self.settings.surveys[survey]
        try:
            asked = list(records.questions(self._details(survey)))
        except (ScopeMissing, NotFound):
            self.link.note(
                f"the questions of {survey} cannot be read: only choices named in values have scores"
            )
            return declared, frozenset()
        choices = {one.id: one.choices for question in asked for one in records.asked(question)}
        found = {
            name: question
            if question.metric in TEXTS
            else Question(
                **question.model_dump(exclude={"values"}),
                values={
                    **scores_of(choices.get(name, ()), question.scale or DEFAULT_SCALES.get(question.metric)),
                    **question.values,
                },
            )
            for name, question in declared.items()
        }
        not_applicable = (
            str(choice["id"])
            for question in asked
            for choice in (question.get("answers") or {}).get("choices") or ()
            if choice.get("is_na")
        )
        return found, frozenset(not_applicable)


def _written(seconds: int) -> str:
    """As SurveyMonkey's filters want instants: UTC without an offset."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
