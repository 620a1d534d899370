"""The settings of a database, and its streams: one an entity.

What enters: the settings and a `Link`.  What leaves: pages of rows in the order of the cursor column, as the
server streams them.  `reading.py` has the connection and the queries, `position.py` how far a stream came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, SecretStr, model_validator

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import RowMapping, ServiceSource
from cx_pipeline.sources.connector import Connector, Json, Page, Stream, Window
from cx_pipeline.sources.connectors.sql.position import Bounds, Tail
from cx_pipeline.sources.http.errors import Refused, Unreachable

if TYPE_CHECKING:
    from cx_pipeline.sources.connectors.sql.reading import Database, Selection

_TRIES = 6
_LONGEST_PAUSE = 60.0


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


class SqlMapping(RowMapping):
    """One entity of a database: its table or query, and the columns that order its rows."""

    table: str | None = None
    """The table or view, `schema.table` where it has a schema."""
    query: str | None = None
    """A query instead of a table: a select without `order by`."""
    cursor: str
    """The column that grows with every change: an instant of the last change, or a number."""
    key: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """The column or columns that tell rows with one cursor value apart: the primary key."""
    overlap_minutes: Annotated[int, Field(ge=0)] = 10
    """How long before the newest change rows are looked at again, for transactions that committed late."""

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either table = 'name' or query = 'select …'")
        return self


class SqlSource(ServiceSource):
    """A database.  Its address with user and password is a secret: `postgresql://reader:…@db.example/shop`."""

    type: Literal["sql"] = "sql"
    """Any database SQLAlchemy has a driver for."""
    url: SecretStr | None = None
    """The database's address, as SQLAlchemy writes it; only as the environment variable."""
    url_file: Path | None = None
    """The file that holds the address."""
    pacing = frozenset({"page_rows"})
    page_rows: PositiveInt = 10_000
    """Rows a page: what is held in memory, and what a killed pull may have to read again."""
    entities: Mapping[str, SqlMapping] = {}
    """A table for each entity, written `[sources.<name>.<entity>]`."""


class SqlDatabase(Connector[SqlSource]):
    """Pulls one database."""

    settings_type = SqlSource
    entities = tuple(ENTITIES)

    @classmethod
    def delivers(cls, settings: SqlSource) -> tuple[str, ...]:
        return tuple(entity for entity in ENTITIES if entity in settings.entities)

    @cached_property
    def _database(self) -> Database:
        from cx_pipeline.sources.connectors.sql.reading import Database

        return Database(self.secret("url"), self.link.source)

    def streams(self) -> Sequence[Stream]:
        return tuple(
            Stream(entity, (entity,), partial(self._rows, entity)) for entity in self.delivers(self.settings)
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        yield "the database", lambda: self._database.answers()  # noqa: PLW0108 - the address may be missing
        for entity in self.delivers(self.settings):
            yield entity, partial(self._look, entity)

    def _look(self, entity: str) -> None:
        selection = self._selection(entity)
        if selection.missing:
            raise Refused(
                f"sources.{self.link.source}.{entity} maps columns that {selection.name} lacks, "
                f"for {', '.join(selection.missing)}"
            )

    def _selection(self, entity: str) -> Selection:
        mapping = self.settings.entities[entity]
        return self._database.selection(entity, mapping, self.link.attributes.get(entity, ()))

    # ------------------------------------------------------------ a stream

    def _rows(self, entity: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """The rows from the cursor on; a connection that breaks is made again, from the last page on."""
        tries, patience = 0, self.link.patience
        while True:
            try:
                for page in self._read(entity, cursor, window):
                    cursor, tries = page.cursor, 0
                    yield page
                return
            except Unreachable:
                tries += 1
                pause = min(2.0**tries, _LONGEST_PAUSE)
                patience -= pause
                if tries == _TRIES or patience < 0:
                    raise
                self.link.clock.sleep(pause)

    def _read(self, entity: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        mapping = self.settings.entities[entity]
        selection = self._selection(entity)
        newest = self._database.newest(selection)
        self._note_unreachable_rows(selection)
        if newest is None:
            return
        zone = mapping.time_zone or self.settings.time_zone or self.link.time_zone
        bounds = self._bounds(newest, window, zone)
        tail = Tail(cursor, mapping.overlap_minutes, self.link.clock.now(), self._database.digest_key)
        fields = frozenset(selection.columns)
        adds_updated_at = isinstance(newest, datetime) and not selection.delivers("updated_at")
        for rows in self._database.pages(selection, bounds, tail.low, self.settings.page_rows):
            fresh = [row for row in rows if tail.is_new(selection.place(row), row)]
            if fresh:
                yield Page(
                    {entity: [self._as_row(selection, row, adds_updated_at) for row in fresh]},
                    tail.state,
                    fields,
                )

    @staticmethod
    def _as_row(selection: Selection, row: Sequence[Any], adds_updated_at: bool) -> dict[str, Any]:
        plain = selection.plain(row)
        if adds_updated_at:
            plain["updated_at"] = selection.place(row).at
        return plain

    def _bounds(self, newest: Any, window: Window | None, zone: str) -> Bounds:
        """The window, or `start_date`, in the terms of the cursor column."""
        start = window.start if window else self.settings.start
        end = window.end if window else None
        if start is None:
            return Bounds()
        if not isinstance(newest, datetime | date | str):
            if window:
                raise Refused("its cursor is no instant: days gone by cannot be pulled again on their own")
            self.link.note("start_date is not heeded where the cursor is no instant")
            return Bounds()
        return Bounds(*(None if at is None else like(newest, at, zone) for at in (start, end)))

    def _note_unreachable_rows(self, selection: Selection) -> None:
        if count := self._database.without_cursor(selection):
            self.link.note(
                f"{count} rows of {selection.name} have no {selection.cursor}: they are not pulled; "
                "give them one, or write a query that does"
            )


def like(sample: datetime | date | str, at: datetime, zone: str) -> Any:
    """The instant `at` as the column of `sample` writes it; `zone` is that of values without an offset."""
    from zoneinfo import ZoneInfo

    local = at.astimezone(ZoneInfo(zone))
    if isinstance(sample, datetime):
        return at if sample.tzinfo is not None else local.replace(tzinfo=None)
    if isinstance(sample, date):
        return local.date()
    try:
        parsed = datetime.fromisoformat(sample)
    except ValueError:
        raise Refused("its cursor is no instant: days gone by cannot be pulled on their own") from None
    if len(sample) == 10:
        return local.date().isoformat()
    text = (at if parsed.tzinfo else local.replace(tzinfo=None)).isoformat(sample[10], "seconds")
    return text.replace("+00:00", "Z") if sample.endswith("Z") else text
