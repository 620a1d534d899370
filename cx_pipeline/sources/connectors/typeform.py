"""Typeform: the responses of forms (docs/connectors/typeform.md).

What enters: the settings and a `Link`.  What leaves: a stream a declared form, over its completed responses
by when they were submitted.  The functions at the end say what a response and a form's fields say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

from cx_pipeline.sources.connector import Connector, Json, Page, Row, Stream, Window, fields_of, part, rows_of
from cx_pipeline.sources.http.auth import bearer
from cx_pipeline.sources.http.errors import BrokenAnswer
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.surveys import (
    Asked,
    AskedSurvey,
    Choice,
    Question,
    SurveySource,
    answer_rows,
    asked_for,
    proposal,
    streams_of,
)

_CALLS_PER_MINUTE = 110  # Typeform allows two a second
_PER_PAGE = 1000
_FORMS_PER_PAGE = 200
_OVERLAP_SECONDS = 3600  # the newest responses may be missing for half an hour
_HIDDEN = "hidden."
_VARIABLES = "variables."


class TypeformSource(SurveySource):
    """A Typeform account.  The credential is a personal access token."""

    type: Literal["typeform"] = "typeform"
    """Typeform."""
    token: SecretStr | None = None
    """The personal access token; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""


class Typeform(Connector[TypeformSource]):
    """Pulls the declared forms of one Typeform account."""

    settings_type = TypeformSource
    entities = ("feedback",)

    @cached_property
    def _client(self) -> Any:
        return self.link.client(
            self.settings.base_url or "https://api.typeform.com",
            auth=bearer(self.secret("token")),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
        )

    def streams(self) -> Sequence[Stream]:
        return streams_of(self, responses=self._responses)

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "who the credential is", lambda: self._client.get("me")
        yield "forms", lambda: self._client.get("forms", {"page_size": 1})
        for form in self.settings.surveys:
            yield (
                f"responses of {form}",
                partial(self._client.get, f"forms/{form}/responses", {"page_size": 1}),
            )

    def suggest(self) -> str:
        return proposal(self.link.source, map(self._asked, self._forms()))

    def _responses(self, form: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The responses since the cursor, or within the window; a page starts with the last second seen."""
        start = window.start if window else self.settings.start
        since = int(start.timestamp()) if start else None
        if cursor is not None:
            since = max(cursor["since"] - _OVERLAP_SECONDS, since or 0)
        read = partial(
            _response,
            form,
            self.settings.surveys[form],
            asked_for(self.settings, _HIDDEN),
            asked_for(self.settings, _VARIABLES),
        )
        has_more = True
        while has_more:
            answer = self._client.get(
                f"forms/{form}/responses",
                {
                    "page_size": _PER_PAGE,
                    "response_type": "completed",
                    "sort": "submitted_at,asc",
                    "since": None if since is None else _written(since),
                    "until": _written(int(window.end.timestamp())) if window else None,
                },
            )
            items: list[Any] = part(answer, "items", list)
            seconds = [second for item in items if (second := _submitted(item)) is not None]
            if not items:
                return
            if not seconds:
                raise BrokenAnswer(
                    f"the responses of {form} have no submitted_at any more: look for an update"
                )
            oldest = since or 0
            has_more = int(answer.get("total_items") or 0) > _count(items, oldest) and max(seconds) >= oldest
            if has_more and seconds != sorted(seconds):
                raise BrokenAnswer(f"the responses of {form} are not sorted as asked for: look for an update")
            if has_more and max(seconds) == since:
                self.link.note(f"one second of {form} holds more responses than a page: some may be missing")
                seconds.append(since + 1)
            since = max(seconds)
            fields = fields_of(items)
            yield Page({"feedback": rows_of(items, read)}, {"since": since}, fields)

    # ------------------------------------------------------------ forms

    def _forms(self) -> Iterator[str]:
        page = 1
        while True:
            answer = self._client.get("forms", {"page": page, "page_size": _FORMS_PER_PAGE})
            for form in part(answer, "items", list):
                yield form["id"]
            if page >= int(answer.get("page_count") or 1):
                return
            page += 1

    def _asked(self, form: str) -> AskedSurvey:
        told = self._client.get(f"forms/{form}")
        return AskedSurvey(form, str(told.get("title") or form), tuple(_asked(told.get("fields") or ())))


# ---------------------------------------------------------------- what the records say


def _response(
    form: str,
    questions: Mapping[str, Question],
    hidden: frozenset[str],
    variables: frozenset[str],
    record: dict[str, Any],
) -> Iterator[Row]:
    given = record.get("hidden") or {}
    computed = {one.get("key"): one.get(one.get("type")) for one in record.get("variables") or ()}
    answers: dict[str, object] = {}
    email = None
    for one in record.get("answers") or ():
        if one.get("type") == "email":
            email = email or one.get("email")
        asked = one["field"]
        for name in (asked.get("id"), asked.get("ref")):
            if name is not None:
                answers[name] = _answer(one)
    submission = {
        "submission_id": record.get("response_id") or record["token"],
        "survey_id": form,
        "customer_id": given.get("email") or email,
        "channel": "web",
        "responded_at": record["submitted_at"],
        "updated_at": record["submitted_at"],
        **{f"{_HIDDEN}{name}": given.get(name) for name in hidden},
        **{f"{_VARIABLES}{name}": computed.get(name) for name in variables},
    }
    yield from answer_rows(questions, answers, submission)


def _answer(answer: dict[str, Any]) -> object:
    """A number, or the text people chose or wrote."""
    kind = answer["type"]
    value = answer.get(kind)
    if kind == "choice" and isinstance(value, dict):
        return value.get("label") or value.get("other")
    if kind == "choices" and isinstance(value, dict):
        return ", ".join([*(value.get("labels") or ()), *([value["other"]] if value.get("other") else ())])
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str | int | float) else None


def _asked(fields: Sequence[dict[str, Any]]) -> Iterator[Asked]:
    """The questions of a form, those in groups too, by their id."""
    for field in fields:
        kind, shape = field.get("type"), field.get("properties") or {}
        name, text = str(field["id"]), str(field.get("title") or "")
        steps = shape.get("steps")
        if kind == "nps":
            yield Asked(name, text, is_nps=True, scale=(0.0, 10.0))
        elif kind in ("opinion_scale", "rating") and isinstance(steps, int):
            first = 1 if kind == "rating" or shape.get("start_at_one") else 0
            yield Asked(name, text, scale=(float(first), float(first + steps - 1)))
        elif kind in ("short_text", "long_text"):
            yield Asked(name, text, is_text=True)
        elif kind in ("multiple_choice", "dropdown", "picture_choice"):
            labels = (str(choice.get("label")) for choice in shape.get("choices") or ())
            choices = (
                () if shape.get("allow_multiple_selection") else tuple(Choice(one, one) for one in labels)
            )
            yield Asked(name, text, choices=choices)
        elif kind in ("group", "inline_group", "matrix"):
            yield from _asked(shape.get("fields") or ())


def _submitted(record: Any) -> int | None:
    try:
        return int(datetime.fromisoformat(record["submitted_at"]).timestamp())
    except (KeyError, TypeError, ValueError):
        return None


def _count(items: Sequence[Any], since: int) -> int:
    """How many of those asked for came, each once, and none of an earlier page."""
    return len(
        {
            str((one.get("response_id") or one.get("token")) if isinstance(one, dict) else one)
            for one in items
            if (second := _submitted(one)) is None or second >= since
        }
    )


def _written(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


CONNECTOR = Typeform
