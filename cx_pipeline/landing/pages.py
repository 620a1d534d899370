"""Pulling services: each page becomes a batch an entity, landed before its cursor moves.

What enters: the settings, a source's name, the night, perhaps a window of days.  What leaves: landed batches
and a `ServiceReport`.  A service that fails ends its pull there: what landed stays, the report says what to
do, and the next pull goes on from the last page.  Only what makes every batch wrong raises.  Called by
`landing.services`, under the night's lock.

Killed anywhere, a pull resumes within one page: a page that landed and whose cursor did not move comes again,
is known by its content and lands no second time.  A page is skipped only where skipping cannot change which
version of a key wins: its content is the latest of its stream, and either nothing landed since or all its
rows carry `updated_at`.  When the mapping changes, everything is pulled anew as the next generation, whose
pages are provisional until the last stream is through: until then the former generation stays in force.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa

from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing.batch import Batch
from cx_pipeline.landing.cursors import Cursors
from cx_pipeline.landing.report import ServiceReport, Totals
from cx_pipeline.landing.session import Session, finished, mapping_fingerprint, rejected_table
from cx_pipeline.landing.store import BatchWriter
from cx_pipeline.settings import ServiceSource, Settings
from cx_pipeline.settings.sources import Source, secret_fields
from cx_pipeline.sources.connector import (
    Connector,
    Page,
    Row,
    Stream,
    Unreadable,
    Window,
    understood,
)
from cx_pipeline.sources.http.errors import ServiceError
from cx_pipeline.sources.rows.mapping import Mapper
from cx_pipeline.sources.rows.plain import chunk
from cx_pipeline.sources.rows.records import FileError

_NIGHTS_OF_HABIT = 7
_COMMON = frozenset({*Source.model_fields, *ServiceSource.model_fields})


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days of the schedule's zone, from `first` to `last`, both included: a backfill."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"

    def window(self, settings: Settings) -> Window:
        zone = settings.schedule_zone
        start = datetime.combine(self.first, datetime.min.time(), zone)
        end = datetime.combine(self.last + timedelta(days=1), datetime.min.time(), zone)
        return Window(start, end)


@dataclass(slots=True)
class _Landed:
    """What is known of one entity's batches in the generation in force."""

    latest: dict[str, Batch] = field(default_factory=dict)  # by origin
    last: Batch | None = None
    occurrences: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, batch: Batch) -> None:
        self.latest[batch.origin] = batch
        self.last = batch
        self.occurrences[batch.origin, batch.content_sha256] += 1


class _Broken(Exception):
    """A stream cannot go on; the text says why and what to do."""

    def __init__(self, problem: str, stops_source: bool = False) -> None:
        super().__init__(problem)
        self.stops_source = stops_source


def _next_page(pages: Iterator[Page]) -> Page | None:
    """The stream's next page; its trouble with the service is `_Broken`, trouble with our disk is not."""
    try:
        with understood():
            return next(pages, None)
    except ServiceError as error:
        raise _Broken(str(error), error.stops_source) from error


def service_fingerprint(settings: Settings, connector: Connector[Any], source: str, entity: str) -> str:
    """The mapping's fingerprint, the connector's version and own choices (no secrets) included."""
    own = type(connector.settings)
    left_out = (
        _COMMON | own.pacing | set(secret_fields(own)) | {f"{name}_file" for name in secret_fields(own)}
    )
    choices = connector.settings.model_dump(mode="json", exclude=set(left_out))
    return mapping_fingerprint(
        settings, source, entity, {"version": connector.version, **choices, "type": connector.settings.type}
    )


class PagePull(Session):
    """One pull of one service."""

    def __init__(
        self,
        settings: Settings,
        source: str,
        night: date,
        connector: Connector[Any],
        on_page: Callable[[int], None] | None,
    ) -> None:
        super().__init__(settings, source, night)
        self.connector = connector
        self.on_page = on_page
        self.entities = connector.delivers(connector.settings)
        self.fingerprints = {e: service_fingerprint(settings, connector, source, e) for e in self.entities}
        self.mine = [b for b in self.batches if b.source == source]
        self.generation = self._generation()
        self.in_force = {entity: _Landed() for entity in ENTITIES}
        for b in self.mine:
            if b.generation == self.generation:
                self.in_force[b.entity].add(b)
        self.is_provisional = self.generation > 1 and all(
            b.provisional for b in self.mine if b.generation == self.generation
        )
        self.cursors = Cursors(self.paths, source, self.generation)
        self.totals = {entity: Totals() for entity in self.entities}
        self.problems: list[tuple[str, str]] = []
        self.notes: list[str] = []
        self.silent: set[str] = set()
        self.pages = 0

    def _generation(self) -> int:
        newest = max((b.generation for b in self.mine), default=1)
        changed = any(
            b.mapping_fingerprint != self.fingerprints[b.entity]
            for b in self.mine
            if b.generation == newest and b.entity in self.fingerprints
        )
        return newest + 1 if changed and self.connector.remembers else newest

    # ------------------------------------------------------------ streams

    def run(self, days: Days | None) -> None:
        """Pull every stream, those of a window alone where `days` are given."""
        if not self.connector.remembers:
            self._note_changed_mapping()
        for stream in self.connector.streams():
            try:
                if days is None:
                    self._nightly(stream)
                else:
                    self._backfill(stream, days)
            except _Broken as broken:
                self.problems.append((stream.name, self.keyer.redact(str(broken))))
                if broken.stops_source:
                    break
        if days is None and self.is_provisional and not self.problems:
            self._bring_into_force()

    def _note_changed_mapping(self) -> None:
        latest = {b.entity: b for b in self.mine}
        for entity, batch in latest.items():
            if batch.mapping_fingerprint != self.fingerprints.get(entity, batch.mapping_fingerprint):
                self.notes.append(
                    f"the mapping of {entity} changed: it holds for what comes from now on, since the "
                    "service does not keep what it gave before"
                )

    def _nightly(self, stream: Stream) -> None:
        before = cursor = self.cursors.read(stream.name)
        fields: set[str] = set()
        for page in self._pages(stream, cursor.value, None):
            self._land(stream.name, page)
            fields |= page.fields
            cursor = replace(cursor, value=page.cursor, pages=cursor.pages + 1)
            self.cursors.write(stream.name, cursor)
        if fields and (lost := sorted(set(cursor.fields) - fields)):
            self.notes.append(
                f"the records of {stream.name} have no field {', '.join(lost)} any more: "
                "did the service change?"
            )
        if cursor.repeats and not fields:
            self.silent |= set(stream.entities)
        cursor = replace(
            cursor,
            is_complete=True,
            fields=tuple(sorted(fields)) or cursor.fields,
            repeats=bool(fields) and (cursor.repeats or cursor.value == before.value),
        )
        if cursor != before:
            self.cursors.write(stream.name, cursor)

    def _backfill(self, stream: Stream, days: Days) -> None:
        name = f"{stream.name}@{days}"
        cursor = self.cursors.read(name)
        for page in self._pages(stream, cursor.value, days.window(self.settings)):
            self._land(f"{stream.name}/{days}/{cursor.pages + 1}", page)
            cursor = replace(cursor, value=page.cursor, pages=cursor.pages + 1)
            self.cursors.write(name, cursor)
        self.cursors.remove(name)

    def _pages(self, stream: Stream, cursor: Any, window: Window | None) -> Iterator[Page]:
        try:
            pages = iter(stream.pages(cursor, window))
        except ServiceError as error:
            raise _Broken(str(error), error.stops_source) from error
        while (page := _next_page(pages)) is not None:
            yield page
            self.pages += 1
            if self.on_page is not None:
                self.on_page(self.pages)

    # ------------------------------------------------------------ one page

    def _land(self, origin: str, page: Page) -> None:
        for entity, rows in page.rows.items():
            if entity in self.totals and rows:
                self._land_rows(entity, origin, rows)

    def _land_rows(self, entity: str, origin: str, rows: Sequence[Row | Unreadable]) -> None:
        known = self.in_force[entity]
        content = self._digest(rows)
        if self._is_repeated(known, origin, content, rows):
            self.totals[entity] += Totals(skipped=1)
            return
        draft = replace(
            self.draft(
                entity,
                origin=origin,
                content_sha256=content,
                occurrence=known.occurrences[origin, content],
                generation=self.generation,
                fingerprint=self.fingerprints[entity],
            ),
            provisional=self.is_provisional,
        )
        batch = self._write(draft, rows)
        self.sequence = batch.sequence
        known.add(batch)
        self.totals[entity] += Totals(loaded=1, read=batch.read, landed=batch.landed, rejected=batch.rejected)

    def _digest(self, rows: Sequence[Row | Unreadable]) -> str:
        """A keyed hash: a page of one person must not be tried out against a list of people."""
        given = [row.detail if isinstance(row, Unreadable) else row for row in rows]
        try:
            text = orjson.dumps(given, default=str, option=orjson.OPT_SORT_KEYS)
        except orjson.JSONEncodeError:  # numbers beyond 64 bits, half characters
            text = json.dumps(given, default=str, sort_keys=True).encode("utf-8", "surrogatepass")
        return self.keyer.row_digest(b"page", text).hex()

    @staticmethod
    def _is_repeated(known: _Landed, origin: str, content: str, rows: Sequence[Row | Unreadable]) -> bool:
        latest = known.latest.get(origin)
        if latest is None or latest.content_sha256 != content:
            return False
        return latest is known.last or all(
            not isinstance(row, Unreadable) and row.get("updated_at") is not None for row in rows
        )

    def _write(self, draft: Batch, rows: Sequence[Row | Unreadable]) -> Batch:
        page = chunk(rows)
        try:
            mapper = Mapper(
                self.settings,
                self.source,
                draft.entity,
                self.keyer,
                list(page.columns),
                sequence=draft.sequence,
            )
            table, rejects = mapper.map(page)
        except FileError as error:  # no row of the page has a column of the contract
            raise _Broken(f"the pages of {draft.origin} hold nothing of {draft.entity}: {error}") from error
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise _Broken(f"a page cannot be processed ({type(error).__name__}): please report it") from error
        # a tombstone needs its key alone: a page of nothing else lacks nothing
        is_all_tombstones = all(
            not isinstance(row, Unreadable) and row.get("is_deleted") is True for row in rows
        )
        batch = finished(draft, mapper, len(table), len(rejects))
        if is_all_tombstones:
            batch = replace(batch, delivered=tuple(ENTITIES[draft.entity].names), missing=())
        with BatchWriter(self.paths, draft) as writer:
            writer.write(table)
            if rejects:
                writer.reject(rejected_table(draft, rejects))
            writer.finish(batch)
        return batch

    def _bring_into_force(self) -> None:
        """Every stream is through: an empty batch that is not provisional puts the generation in force."""
        for entity in sorted({*self.entities, *(b.entity for b in self.mine)}):
            draft = self.draft(
                entity,
                origin="complete",
                content_sha256="",
                occurrence=self.generation,
                generation=self.generation,
                fingerprint=self.fingerprints.get(entity, ""),
            )
            batch = replace(draft, alias=True)
            with BatchWriter(self.paths, batch) as writer:
                writer.finish(batch)
            self.sequence = batch.sequence
        self.notes.append("the mapping changed: everything was pulled anew and is in force from now on")

    # ------------------------------------------------------------ the report

    def report(self) -> ServiceReport:
        link = self.connector.link
        skews = [note for client in link.clients if (note := client.skew_note)]
        return ServiceReport(
            self.source,
            self.night,
            self.totals,
            tuple(self.problems),
            tuple(dict.fromkeys(self.keyer.redact(n) for n in (*self.notes, *link.notes, *skews))),
            self._unusually_empty(),
            link.calls,
            self.pages,
        )

    def _unusually_empty(self) -> tuple[str, ...]:
        """Entities that brought nothing after a week that did, or not even what comes every night."""
        night = date.fromisoformat(self.night)
        habit = {(night - timedelta(days=n)).isoformat() for n in range(1, _NIGHTS_OF_HABIT + 1)}
        nights: dict[str, set[str]] = {}
        for b in self.mine:
            if b.landed:
                nights.setdefault(b.entity, set()).add(b.night)
        return tuple(
            entity
            for entity, totals in self.totals.items()
            if not totals.read
            and not totals.skipped
            and (entity in self.silent or habit <= nights.get(entity, set()))
            and self.night not in nights.get(entity, set())
        )
