"""Qualtrics' settings, streams and ways: an export is started, asked after, and downloaded.

What enters: the settings and a `Link`.  What leaves: two streams a declared survey: its responses, and the
histories of its e-mail distributions.  `records.py` has what these say.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr

from cx_pipeline.sources.connector import Connector, Json, Page, Stream, Window, fields_of, part, rows_of
from cx_pipeline.sources.connectors.qualtrics import records
from cx_pipeline.sources.http.auth import Auth
from cx_pipeline.sources.http.errors import BrokenAnswer, NotFound, ScopeMissing
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.http.paging import by_cursor
from cx_pipeline.sources.surveys import (
    AskedSurvey,
    SurveySource,
    asked_for,
    mapped_fields,
    proposal,
    streams_of,
)

_CALLS_PER_MINUTE = 600
_EXPORTS_PER_MINUTE = 60
_RESPONSES_A_PAGE = 2000
_OVERLAP = timedelta(hours=1)  # an export may lack what was recorded just before it
_INVITED_LOOKBACK = timedelta(days=60)  # for so long an invitation is looked at again
_LONGEST_EXPORT_SECONDS = 3600.0
_LARGEST_DOWNLOAD_BYTES = 1 << 30
_DOWNLOADS = 8


class QualtricsSource(SurveySource):
    """A Qualtrics brand.  The credential is an API token."""

    type: Literal["qualtrics"] = "qualtrics"
    """Qualtrics."""
    datacenter: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$")]
    """The data centre of the account: `iad1` of `iad1.qualtrics.com`."""
    token: SecretStr | None = None
    """The API token; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""


class Qualtrics(Connector[QualtricsSource]):
    """Pulls the declared surveys of one Qualtrics brand."""

    settings_type = QualtricsSource
    entities = ("feedback",)

    @cached_property
    def _client(self) -> Any:
        address = self.settings.base_url or f"https://{self.settings.datacenter}.qualtrics.com"
        return self.link.client(
            f"{address.rstrip('/')}/API/v3",
            auth=Auth({"X-API-TOKEN": self.secret("token")}),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
            largest_bytes=_LARGEST_DOWNLOAD_BYTES,
        )

    @cached_property
    def _exports(self) -> RateLimit:
        return RateLimit(_EXPORTS_PER_MINUTE)

    def streams(self) -> Sequence[Stream]:
        return streams_of(self, responses=self._responses, invitations=self._invitations)

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "who the credential is", lambda: self._client.get("whoami")
        yield "surveys", lambda: self._client.get("surveys", {"pageSize": 1})
        for survey in self.settings.surveys:
            yield f"survey {survey}", partial(self._client.get, f"surveys/{survey}/")
            yield (
                f"invitations of {survey}",
                partial(self._client.get, "distributions", {"surveyId": survey, "pageSize": 1}),
            )

    def suggest(self) -> str:
        return proposal(self.link.source, (self._asked(one["id"]) for one in self._listed("surveys", {})))

    # ------------------------------------------------------------ responses

    def _responses(self, survey: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The responses recorded since the cursor, or within the window, in the order they were recorded."""
        first = window.start if window else self.settings.start
        start = datetime.fromisoformat(cursor["recorded"]) - _OVERLAP if cursor else first
        sheet = self._exported(survey, start, window.end if window else None)
        questions = self.settings.surveys[survey]
        if records.has_labels(sheet, questions):
            questions = records.with_labels(questions, self._asked(survey).questions)
        read = partial(records.response, survey, questions, sheet, self._embedded)
        for at in range(0, len(sheet.records), _RESPONSES_A_PAGE):
            found = sheet.records[at : at + _RESPONSES_A_PAGE]
            recorded = sheet.recorded(found[-1])  # unreadable ones sort first
            if not recorded:
                raise BrokenAnswer(f"the export of {survey} does not tell when its responses were recorded")
            yield Page({"feedback": rows_of(found, read)}, {"recorded": recorded}, sheet.fields)

    @cached_property
    def _embedded(self) -> frozenset[str]:
        return asked_for(self.settings, records.EMBEDDED)

    def _exported(self, survey: str, start: datetime | None, end: datetime | None) -> records.Sheet:
        body = {
            "format": "csv",
            "useLabels": False,
            "timeZone": "UTC",
            **({"startDate": _instant(start)} if start else {}),
            **({"endDate": _instant(end)} if end else {}),
        }
        path = f"surveys/{survey}/export-responses/"
        started = self._client.post(path, body, limit=self._exports)
        progress: str = part(part(started, "result", dict), "progressId", str)
        file = self._finished(survey, path + progress)
        for attempt in range(_DOWNLOADS):
            data = self._client.download(f"{path}{file}/file", limit=self._exports)
            try:
                return records.sheet(data)
            except (zipfile.BadZipFile, zlib.error):  # a page of a proxy, a file cut short
                self.link.clock.sleep(2.0**attempt)
        raise BrokenAnswer(
            f"the export of {survey} comes damaged again and again: the next night tries again"
        )

    def _finished(self, survey: str, path: str) -> str:
        """The file of an export, once there is one."""
        waited, pause = 0.0, 1.0
        while waited < _LONGEST_EXPORT_SECONDS:
            result: dict[str, Any] = part(self._client.get(path), "result", dict)
            status = str(result.get("status")).lower()
            if status == "complete":
                return str(part(result, "fileId", str))
            if status not in ("inprogress", "queued"):
                raise BrokenAnswer(
                    f"Qualtrics could not export {survey} ({status}): the next night tries again"
                )
            self.link.clock.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 30.0)
        raise BrokenAnswer(
            f"the export of {survey} is not ready after an hour: set start_date, or see Qualtrics' status"
        )

    # ------------------------------------------------------------ invitations

    def _invitations(self, survey: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Whom each recent e-mail distribution reached, and who answered."""
        where = cursor or {"newest": None, "from": None, "done": None}
        oldest = where["from"]
        if where["done"] is None and where["newest"]:
            oldest = _instant(datetime.fromisoformat(where["newest"]) - _INVITED_LOOKBACK)
        start = window.start if window else self.settings.start
        oldest = oldest or (_instant(start) if start else "")
        try:
            sent = sorted(
                (str(one.get("sendDate") or ""), str(one["id"]))
                for one in self._listed("distributions", {"surveyId": survey, "pageSize": 100})
                if str(one.get("requestType")).lower() == "invite"
            )
        except (ScopeMissing, NotFound):
            self.link.note(f"the invitations of {survey} cannot be read: it counts in no response rate")
            return
        end = _instant(window.end) if window else "9999"
        todo = [pair for pair in sent if oldest <= pair[0] < end and list(pair) > (where["done"] or [])]
        questions = self.settings.surveys[survey]
        for pair in todo:
            for contacts, is_last in self._history(pair[1]):
                rows = rows_of(
                    contacts, partial(records.invited, survey, questions, mapped_fields(self.settings))
                )
                newest = max(where["newest"] or "", pair[0])
                if is_last:
                    done = None if pair == todo[-1] else list(pair)
                    where = {"newest": newest, "from": oldest, "done": done}
                yield Page({"feedback": rows}, where, fields_of(contacts))

    def _history(self, distribution: str) -> Iterator[tuple[list[dict[str, Any]], bool]]:
        """(contacts, whether they are the last) of a distribution."""
        for result in self._pages(f"distributions/{distribution}/history", {}):
            yield part(result, "elements", list), not result.get("nextPage")

    # ------------------------------------------------------------ what there is

    def _listed(self, what: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for result in self._pages(what, params):
            yield from part(result, "elements", list)

    def _pages(self, what: str, params: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The results of a list; the query of the next page's address is what it adds."""

        def fetch(query: str) -> dict[str, Any]:
            answer = self._client.get(what, {**params, **dict(parse_qsl(query))})
            return part(answer, "result", dict)

        def next_of(result: dict[str, Any]) -> str | None:
            following = result.get("nextPage")
            return urlsplit(following).query if following else None

        for result, _ in by_cursor(fetch, next_of, ""):
            yield result

    def _asked(self, survey: str) -> AskedSurvey:
        result = part(self._client.get(f"surveys/{survey}/"), "result", dict)
        questions = part(result, "questions", dict)
        asked = tuple(one for qid, question in questions.items() for one in records.asked(qid, question))
        return AskedSurvey(survey, str(result.get("name") or survey), asked)


def _instant(at: datetime) -> str:
    """As Qualtrics writes instants, so that they compare as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
