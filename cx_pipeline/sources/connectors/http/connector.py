"""The streams of a declared API: one an entity, paged as the settings say.

What enters: the settings and a `Link`.  What leaves: pages of rows.  A listing goes on from its place when it
was interrupted; when it is through, the newest change it saw is where the next night begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cx_pipeline.contract import ENTITIES
from cx_pipeline.sources.connector import (
    Connector,
    Json,
    Page,
    Row,
    Stream,
    Unreadable,
    Window,
    fields_of,
    rows_of,
)
from cx_pipeline.sources.connectors.http.declared import HttpMapping, HttpSource
from cx_pipeline.sources.connectors.http.records import CursorField, at, row_maker, wanted_fields
from cx_pipeline.sources.http.auth import Auth, Renewing, basic, bearer, client_credentials
from cx_pipeline.sources.http.errors import BrokenAnswer, NotFound, Refused
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.http.paging import split, windows

_CALLS_PER_MINUTE = 60
_DAY = 86_400.0


class HttpApi(Connector[HttpSource]):
    """Pulls one declared API."""

    settings_type = HttpSource
    entities = tuple(ENTITIES)

    @classmethod
    def delivers(cls, settings: HttpSource) -> tuple[str, ...]:
        return tuple(entity for entity in ENTITIES if entity in settings.entities)

    @classmethod
    def secrets(cls, settings: HttpSource) -> tuple[str, ...]:
        return () if settings.auth == "none" else ("token",)

    @cached_property
    def _limit(self) -> RateLimit:
        return RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE)

    @cached_property
    def _client(self) -> Any:
        headers = dict(self.settings.headers)
        return self.link.client(self.settings.base_url, auth=self._auth(), limit=self._limit, headers=headers)

    def _auth(self) -> Auth | Callable[[], Auth]:
        kind, name = self.settings.auth, self.settings.auth_name or ""
        if kind == "none":
            return Auth()
        token = self.secret("token")
        if kind == "oauth2":
            return Renewing(partial(self._granted, token), self.link.clock)
        return {
            "bearer": bearer(token),
            "basic": basic(self.settings.user or "", token),
            "header": Auth({name: token}),
            "query": Auth(params={name: token}),
        }[kind]

    def _granted(self, secret: str) -> tuple[Auth, float]:
        """An access token by client credentials."""
        address = self.settings.token_url or ""
        client = self.link.client(address, auth=basic(self.settings.user or "", secret), limit=self._limit)
        fields = {"grant_type": "client_credentials"}
        if self.settings.scope:
            fields["scope"] = self.settings.scope
        return client_credentials(lambda form: client.post(address, form, as_form=True), fields)

    def streams(self) -> Sequence[Stream]:
        return tuple(
            Stream(entity, (entity,), partial(self._pages, entity)) for entity in self.delivers(self.settings)
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for entity in self.delivers(self.settings):
            yield entity, partial(self._look, entity)

    def _look(self, entity: str) -> None:
        _Listing(self, entity, None).first()

    def _pages(self, entity: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        listing = _Listing(self, entity, window)
        if self.settings.entities[entity].paging == "window":
            return listing.by_window(cursor)
        return listing.by_page(cursor)


class _Listing:
    """One walk through the records of an entity."""

    def __init__(self, api: HttpApi, entity: str, window: Window | None) -> None:
        self._api = api
        self._entity = entity
        self._mapping: HttpMapping = api.settings.entities[entity]
        self._window = window
        zone = self._mapping.time_zone or api.settings.time_zone or api.link.time_zone
        self._cursor = CursorField(self._mapping.cursor_format, zone)
        names = wanted_fields(entity, self._mapping, api.link.attributes.get(entity, ()))
        is_instant = self._cursor.is_instant
        self._to_row = row_maker(names, self._mapping.cursor, self._cursor.read, is_instant)
        self._now = api.link.clock.now()

    def first(self) -> None:
        """The first page, to see whether it is there."""
        start = (
            self._now.timestamp() - 3600 if self._mapping.since_param and self._cursor.is_instant else None
        )
        self._ask(None, start, self._now.timestamp() if self._mapping.paging == "window" else None)

    # ------------------------------------------------------------ pages

    def by_page(self, state: Json) -> Iterator[Page]:
        """The pages from where an interrupted walk stopped, else those with changes since the last night."""
        state = state or {"since": None, "place": None, "newest": None}
        start, end = self._span(state["since"])
        place, newest = state["place"], state["newest"]
        seen, before = {repr(place)}, None
        while True:
            try:
                answer, link, records = self._ask(place, start, end)
            except NotFound:
                if place is None or self._mapping.paging != "page":
                    raise
                records, answer, link = [], {}, None  # some services have no page beyond the last one
            if records and records == before and self._mapping.paging in ("offset", "page"):
                records = []  # and some give the last one again
            before = records
            newest = self._newest(records, newest)
            following = self._following(place, answer, link, records)
            if following is not None and repr(following) in seen and self._goes_on(answer, records):
                raise BrokenAnswer(
                    "the service's pages turn in a circle: the next night tries again from here"
                )
            seen.add(repr(following))
            is_last = following is None or not self._goes_on(answer, records)
            known = [n for n in (state["since"], newest) if n is not None]
            yield Page(
                {self._entity: self._rows(records, start, end)},
                {"since": max(known, default=None), "place": self._kept(following), "newest": None}
                if is_last
                else {"since": state["since"], "place": following, "newest": newest},
                fields_of(records),
            )
            if is_last:
                return
            place = following

    def _following(self, place: Json, answer: Any, link: str | None, records: list[Any]) -> Json:
        """The place of the next page; None where there can be none."""
        mapping = self._mapping
        if mapping.paging == "cursor":
            found = at(answer, mapping.next or "")
            return found if isinstance(found, str | int | float) and found != "" else None
        if mapping.paging == "link":
            address = at(answer, mapping.next) if mapping.next else link
            return self._without_secret(address) if isinstance(address, str) and address else None
        if mapping.paging == "offset":
            return (place or 0) + len(records)
        if mapping.paging == "page":
            return (mapping.first_page if place is None else place) + 1
        return None

    def _goes_on(self, answer: Any, records: list[Any]) -> bool:
        """Whether to ask for the next page.  A short page is no sign: services give fewer than asked for."""
        if self._mapping.more is not None:
            return bool(at(answer, self._mapping.more))
        return bool(records) or self._mapping.paging in ("cursor", "link")

    def _kept(self, following: Json) -> Json:
        """Where a service gives a cursor even when there is no more, the next night goes on from it."""
        keeps = self._mapping.paging == "cursor" and self._mapping.more and not self._mapping.since_param
        return following if keeps else None

    # ------------------------------------------------------------ windows of time

    def by_window(self, state: Json) -> Iterator[Page]:
        """Windows of time from the end of the last one on, halved where the service cuts its answer."""
        mapping = self._mapping
        overlap = timedelta(minutes=mapping.overlap_minutes)
        if state is not None:
            low = datetime.fromtimestamp(state["until"], UTC) - overlap
        elif (start := self._window.start if self._window else self._api.settings.start) is not None:
            low = start
        else:
            raise Refused('paging = "window" needs start_date, the first day to ask for')
        high = min(self._window.end, self._now) if self._window else self._now

        def fetch(start: datetime, end: datetime) -> list[Any]:
            return self._ask(None, start.timestamp() - 1, end.timestamp())[2]

        def is_cut(records: list[Any]) -> bool:
            return mapping.window_cap is not None and len(records) >= mapping.window_cap

        for a, b in windows(low, high, timedelta(hours=mapping.window_hours)):
            for records, _, end in split(a, b, fetch, is_cut):
                yield Page(
                    {self._entity: self._rows(records, None, None)},
                    {"until": end.timestamp()},
                    fields_of(records),
                )

    # ------------------------------------------------------------ one call

    def _ask(self, place: Json, start: float | None, end: float | None) -> tuple[Any, str | None, list[Any]]:
        """(answer, the next address of its header, records) of the page at a place."""
        mapping, client = self._mapping, self._api._client
        link = None
        if mapping.paging == "link" and place is not None:
            answer, link = client.get_linked(place)
        elif mapping.method == "POST":
            answer = client.post(
                mapping.path, {k: v for k, v in self._params(place, start, end).items() if v is not None}
            )
        else:
            answer, link = client.get_linked(mapping.path, self._params(place, start, end))
        records = at(answer, mapping.records)
        if not isinstance(records, list):
            where = mapping.records or "it"
            raise BrokenAnswer(
                f"the answer of {mapping.path} has no list of records at {where!r}: "
                f"check records of sources.{self._api.link.source}.{self._entity}"
            )
        return answer, link, records

    def _params(self, place: Json, start: float | None, end: float | None) -> dict[str, Any]:
        mapping = self._mapping
        params: dict[str, Any] = dict(mapping.params)
        if mapping.size_param is not None:
            params[mapping.size_param] = mapping.page_size
        if mapping.since_param is not None and start is not None:
            params[mapping.since_param] = self._cursor.write(start)
        if mapping.until_param is not None and end is not None:
            params[mapping.until_param] = self._cursor.write(end)
        if mapping.page_param is not None:
            first = {"offset": 0, "page": mapping.first_page}.get(mapping.paging)
            params[mapping.page_param] = first if place is None else place
        return params

    def _without_secret(self, address: str) -> str:
        """A next address as it may be kept: some services repeat the key in it."""
        if self._api.settings.auth != "query":
            return address
        parts = urlsplit(address)
        query = parse_qsl(parts.query, keep_blank_values=True)
        kept = [(name, value) for name, value in query if name != self._api.settings.auth_name]
        return urlunsplit(parts._replace(query=urlencode(kept)))

    # ------------------------------------------------------------ records

    def _span(self, since: float | None) -> tuple[float | None, float | None]:
        """From where on, and up to where, records are wanted."""
        if self._window is not None:
            if self._mapping.cursor is None or not self._cursor.is_instant:
                raise Refused(
                    "it has no cursor that is an instant: days gone by cannot be pulled on their own"
                )
            return self._window.start.timestamp(), self._window.end.timestamp()
        if since is not None:
            overlap = self._mapping.overlap_minutes * 60 if self._cursor.is_instant else 0
            return since - overlap, None
        start = self._api.settings.start
        return (start.timestamp() if start and self._cursor.is_instant else None), None

    def _newest(self, records: list[Any], newest: float | None) -> float | None:
        """The greatest cursor seen; one in the future by mistake would hide all that follows."""
        if self._mapping.cursor is None:
            return None
        latest = self._now.timestamp() + _DAY if self._cursor.is_instant else float("inf")
        found = [self._cursor.read(at(record, self._mapping.cursor)) for record in records]
        return max((n for n in (newest, *found) if n is not None and n <= latest), default=None)

    def _rows(self, records: list[Any], start: float | None, end: float | None) -> Sequence[Row | Unreadable]:
        """The rows of the records within the span; services without a parameter for it give all of them."""
        cursor = self._mapping.cursor
        if cursor is not None and (start is not None or end is not None):
            records = [record for record in records if self._is_within(at(record, cursor), start, end)]
        return rows_of(records, self._to_row)

    def _is_within(self, value: Any, start: float | None, end: float | None) -> bool:
        number = self._cursor.read(value)
        if number is None:
            return True
        return (start is None or number >= start) and (end is None or number < end)
