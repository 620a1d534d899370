"""Zendesk's settings, streams and ways of paging.

What enters: the settings and a `Link`.  What leaves: streams over the incremental exports (tickets and users
by cursor, ticket events by time) and the list of satisfaction ratings.  `records.py` has what a record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, SecretStr

from cx_pipeline.settings import ServiceSource
from cx_pipeline.sources.connector import (
    Connector,
    Json,
    Page,
    Stream,
    Window,
    asked,
    fields_of,
    part,
    rows_of,
)
from cx_pipeline.sources.connectors.zendesk import records
from cx_pipeline.sources.connectors.zendesk.directory import Directory
from cx_pipeline.sources.http.auth import Auth, basic, bearer
from cx_pipeline.sources.http.limits import RateLimit

_DELETIONS_PER_MINUTE = 10
_CALLS_PER_MINUTE = 200
_SURVEY_RESPONSES = "guide/survey_responses"
_LOOKBACK_SECONDS = 30 * 86_400  # a rating may be given or changed long after it was offered


class ZendeskSource(ServiceSource):
    """A Zendesk Support account.  The credential is an API token (with `email`) or an OAuth access token."""

    type: Literal["zendesk"] = "zendesk"
    """Zendesk Support."""
    subdomain: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    """The account: `acme` of `acme.zendesk.com`."""
    email: str | None = None
    """The agent an API token belongs to; leave it out for an OAuth token."""
    token: SecretStr | None = None
    """The API or OAuth token; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""
    identify_by: Literal["email", "id"] = "email"
    """`email` joins a person's records across sources; `id` uses Zendesk's own numbers."""
    satisfaction_ratings: bool = True
    """`false`: the account has no satisfaction ratings (its plan lacks them, or CSAT surveys took over)."""
    pacing = frozenset({"page_size", "exports_per_minute"})
    page_size: PositiveInt | None = None
    """Records a page of an export; by default Zendesk's own, 1000."""
    exports_per_minute: PositiveInt = 10
    """Calls a minute of each export: 30 with Zendesk's High Volume add-on."""
    csat_surveys_since: date | None = None
    """The day (UTC) CSAT surveys took over: their answers count from it on, ratings until then."""


class Zendesk(Connector[ZendeskSource]):
    """Pulls one Zendesk account."""

    settings_type = ZendeskSource
    entities = ("customers", "feedback", "tickets", "ticket_events")

    @classmethod
    def delivers(cls, settings: ZendeskSource) -> tuple[str, ...]:
        has_feedback = settings.satisfaction_ratings or settings.csat_surveys_since is not None
        return tuple(e for e in cls.entities if e != "feedback" or has_feedback)

    @cached_property
    def _client(self) -> Any:
        address = self.settings.base_url or f"https://{self.settings.subdomain}.zendesk.com"
        limit = RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE)
        return self.link.client(f"{address.rstrip('/')}/api/v2", auth=self._auth(), limit=limit)

    @cached_property
    def _exports(self) -> RateLimit:
        return RateLimit(self.settings.exports_per_minute)

    @cached_property
    def _deletions(self) -> RateLimit:
        return RateLimit(_DELETIONS_PER_MINUTE)

    @cached_property
    def _directory(self) -> Directory:
        return Directory(self._client, by_email=self.settings.identify_by == "email", note=self.link.note)

    def _auth(self) -> Auth:
        token = self.secret("token")
        return basic(f"{self.settings.email}/token", token) if self.settings.email else bearer(token)

    def streams(self) -> Sequence[Stream]:
        always = (
            Stream("users", ("customers",), self._users),
            Stream("tickets", ("tickets",), self._tickets),
            Stream("deleted_tickets", ("tickets",), self._deleted_tickets),
            Stream("ticket_events", ("ticket_events",), self._ticket_events),
        )
        ratings = Stream("satisfaction_ratings", ("feedback",), self._ratings)
        surveys = Stream("survey_responses", ("feedback",), self._survey_responses)
        return (
            *always,
            *((ratings,) if self.settings.satisfaction_ratings else ()),
            *((surveys,) if self._surveys_since is not None else ()),
        )

    @property
    def _surveys_since(self) -> int | None:
        """The second from which CSAT surveys stand for satisfaction ratings."""
        day = self.settings.csat_surveys_since
        return int(datetime.combine(day, time.min, UTC).timestamp()) if day else None

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        recent = {"start_time": int(self.link.clock.now().timestamp()) - 3600, "per_page": 1}
        yield "who the credential is", lambda: part(self._client.get("users/me.json"), "user", dict)
        yield "tickets", lambda: self._client.get("incremental/tickets/cursor.json", recent)
        yield "ticket events", lambda: self._client.get("incremental/ticket_events.json", recent)
        yield "users", lambda: self._client.get("incremental/users/cursor.json", recent)
        if self.settings.satisfaction_ratings:
            yield (
                "satisfaction ratings",
                lambda: self._client.get("satisfaction_ratings.json", {"page[size]": 1}),
            )
        yield "deleted tickets", lambda: self._client.get("deleted_tickets.json", {"page[size]": 1})
        if self._surveys_since is not None:
            yield "survey responses", lambda: self._client.get(_SURVEY_RESPONSES, {"page[size]": 1})
        yield "groups", lambda: self._client.get("groups.json", {"page[size]": 1})

    # ------------------------------------------------------------ streams

    def _users(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        custom = asked(self.settings.entities.get("customers"), "user_fields")
        for users, after in self._export("users", cursor, window, "updated_at"):
            self._directory.learn(users)
            rows = rows_of(users, lambda user: records.customer(user, self._directory, custom))
            yield Page({"customers": rows}, after, fields_of(users))

    def _tickets(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        custom = asked(self.settings.entities.get("tickets"), "custom_fields")
        for tickets, after in self._export("tickets", cursor, window, "generated_timestamp"):
            self._directory.look_up(_ids(tickets, "requester_id", "assignee_id"))
            rows = rows_of(tickets, lambda ticket: records.ticket(ticket, self._directory, custom))
            yield Page({"tickets": rows}, after, fields_of(tickets))

    def _export(
        self, what: str, cursor: Json, window: Window | None, instant: str
    ) -> Iterator[tuple[list[dict[str, Any]], str]]:
        """Pages of a cursor-based export, with the cursor that follows each."""
        while True:
            where = {"cursor": cursor} if cursor is not None else {"start_time": self._start(window)}
            answer = self._client.get(
                f"incremental/{what}/cursor.json",
                {**where, "per_page": self.settings.page_size},
                limit=self._exports,
            )
            found: list[dict[str, Any]] = part(answer, what, list)
            after = answer.get("after_cursor")
            if after is None:
                return
            yield found, after
            # an unmoved cursor would be asked for for ever
            if part(answer, "end_of_stream", bool) or after == cursor or _is_past(found, instant, window):
                return
            cursor = after

    def _ticket_events(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The time-based export: the next page starts with the second the last one ended with."""
        start = int(cursor) if cursor is not None else self._start(window)
        while True:
            answer = self._client.get(
                "incremental/ticket_events.json",
                {"start_time": start, "include": "comment_events", "per_page": self.settings.page_size},
                limit=self._exports,
            )
            events: list[dict[str, Any]] = part(answer, "ticket_events", list)
            end = answer.get("end_time")
            if end is None:
                return
            self._directory.look_up(records.people_in(events))
            rows = rows_of(events, lambda event: records.ticket_events(event, self._directory))
            is_last = part(answer, "end_of_stream", bool) or _is_past(events, "timestamp", window)
            if end <= start and not is_last:  # more of one second than a page holds
                self.link.note("one second holds more ticket events than a page: some of them may be missing")
                end = start + 1
            yield Page({"ticket_events": rows}, end, fields_of(events))
            if is_last:
                return
            start = end

    def _deleted_tickets(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Tickets deleted in the last thirty days, of which those not met before land."""
        where = cursor or {"since": "", "after": None, "newest": ""}
        while True:
            answer = self._client.get(
                "deleted_tickets.json",
                {"page[size]": 100, "page[after]": where["after"]},
                limit=self._deletions,
            )
            found: list[dict[str, Any]] = part(answer, "deleted_tickets", list)
            times = [_instant(one, "deleted_at") for one in found]
            new = [one for one, at in zip(found, times, strict=True) if not at or at > where["since"]]
            newest = max([where["newest"], *times])
            after = _following(answer)
            where = {"since": where["since"] if after else newest, "after": after, "newest": newest}
            yield Page({"tickets": rows_of(new, records.deleted_ticket)}, where, fields_of(found))
            if after is None:
                return

    def _ratings(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        def fetch(start: int, after: str | None) -> Json:
            end = int(window.end.timestamp()) if window else None
            times = {"start_time": start, "end_time": end}
            return self._client.get(
                "satisfaction_ratings.json", {**times, "page[size]": 100, "page[after]": after}
            )

        def created(rating: dict[str, Any]) -> int:
            return records.epoch(rating["created_at"])

        until = self._surveys_since
        for ratings, where in self._looking_back("satisfaction_ratings", fetch, created, cursor, window):
            self._directory.look_up(_ids(ratings, "requester_id", "assignee_id"))
            rows = rows_of(ratings, partial(records.rating, directory=self._directory, until=until))
            yield Page({"feedback": rows}, where, fields_of(ratings))

    def _survey_responses(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        since = self._surveys_since or 0

        def fetch(start: int, after: str | None) -> Json:
            times = {"filter[created_at_start]": max(start, since) * 1000}
            if window:
                times["filter[created_at_end]"] = int(window.end.timestamp()) * 1000
            return self._client.get(
                _SURVEY_RESPONSES, {**times, "sort": "id", "page[size]": 50, "page[after]": after}
            )

        for found, where in self._looking_back(
            "survey_responses", fetch, records.survey_created, cursor, window
        ):
            self._directory.look_up(_ids(found, "responder_id"))
            rows = rows_of(found, lambda response: records.survey_response(response, self._directory))
            yield Page({"feedback": rows}, where, fields_of(found))

    def _looking_back(
        self,
        what: str,
        fetch: Callable[[int, str | None], Json],
        created: Callable[[dict[str, Any]], int],
        cursor: Json,
        window: Window | None,
    ) -> Iterator[tuple[list[dict[str, Any]], Json]]:
        """Pages of a list by time of creation, from some weeks back on: its records change for so long."""
        where = cursor or {"from": self._start(window), "after": None, "newest": 0}
        while True:
            answer = fetch(where["from"], where["after"])
            found: list[dict[str, Any]] = part(answer, what, list)
            newest = max([where["newest"], *_seconds(found, created)])
            after = _following(answer)
            start = where["from"] if after else max(newest - _LOOKBACK_SECONDS, where["from"])
            where = {"from": start, "after": after, "newest": newest}
            yield found, where
            if after is None:
                return

    def _start(self, window: Window | None) -> int:
        start: datetime | None = window.start if window else self.settings.start
        return int(start.timestamp()) if start else 0


def _following(answer: Json) -> str | None:
    """The cursor of the next page of a list."""
    meta = answer.get("meta") or {}
    return meta["after_cursor"] if meta.get("has_more") else None


def _instant(record: Any, name: str) -> str:
    """The instant a record tells, empty where it tells none that can be read."""
    value = record.get(name) if isinstance(record, dict) else None
    return value if isinstance(value, str) and value[:4].isdigit() else ""


def _seconds(found: Sequence[Any], created: Callable[[dict[str, Any]], int]) -> Iterator[int]:
    """When records were created, of those that can be read."""
    for record in found:
        with suppress(KeyError, TypeError, ValueError, AttributeError):
            yield created(record)


def _ids(found: Sequence[dict[str, Any]], *names: str) -> set[int]:
    return {record[name] for record in found for name in names if isinstance(record.get(name), int)}


def _is_past(found: Sequence[dict[str, Any]], instant: str, window: Window | None) -> bool:
    """Whether a page reaches the end of the window."""
    if window is None or not found:
        return False
    value = found[-1].get(instant)
    seconds = value if isinstance(value, int) else records.epoch(value) if isinstance(value, str) else 0
    return seconds >= window.end.timestamp()
