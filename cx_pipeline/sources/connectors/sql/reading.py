"""The connection to a database, and the queries that read one entity from it.

What enters: an address and a mapping.  What leaves: rows, page by page, streamed by the server; or the errors
of `http/errors.py`, whose texts hold neither address nor data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import exc

from cx_pipeline.contract import ENTITIES
from cx_pipeline.sources.connectors.sql.position import Bounds, Place
from cx_pipeline.sources.http.errors import (
    CredentialMissing,
    CredentialRefused,
    NotFound,
    Refused,
    ScopeMissing,
    ServiceError,
    Unreachable,
)
from cx_pipeline.sources.rows.mapping import bind
from cx_pipeline.sources.rows.records import FileError, tidy_header

if TYPE_CHECKING:
    from cx_pipeline.sources.connectors.sql.connector import SqlMapping

_BY_STATE = {"28": CredentialRefused, "42501": ScopeMissing, "42P01": NotFound, "42703": NotFound}
_REFUSALS = ("authentication failed", "access denied", "login failed", "invalid username")
_PLAIN = (str, int, float, bool, Decimal)


@dataclass(frozen=True, slots=True)
class Selection:
    """What is read of one entity: `columns` by position; `missing` are those the mapping names in vain."""

    name: str
    origin: sa.FromClause
    columns: tuple[str, ...]
    cursor: str
    key: tuple[str, ...]
    wanted: frozenset[str]
    missing: tuple[str, ...]

    def delivers(self, column: str) -> bool:
        return column in self.wanted or column in {name.casefold() for name in self.wanted}

    def place(self, row: Sequence[Any]) -> Place:
        """Where a row stands."""
        return Place(row[0], tuple(row[1 : 1 + len(self.key)]))

    def plain(self, row: Sequence[Any]) -> dict[str, Any]:
        """The wanted columns of a row, as rows of a connector are."""
        return {
            name: value if value is None or type(value) in _PLAIN else _plain(value)
            for name, value in zip(self.columns, row, strict=True)
            if name in self.wanted
        }


def _plain(value: Any) -> Any:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if hasattr(value, "isoformat") or isinstance(value, dict | list | tuple | set):
        return value if not hasattr(value, "utcoffset") or hasattr(value, "year") else value.isoformat()
    return str(value)


class Database:
    """One database, reached when it is first asked."""

    def __init__(self, address: str, source: str) -> None:
        self._address = address
        self._source = source
        self.digest_key = hashlib.sha256(address.encode()).digest()

    @cached_property
    def _engine(self) -> sa.Engine:
        where = f"the address of sources.{self._source}"
        try:
            url = sa.make_url(self._address)
        except exc.ArgumentError:
            raise CredentialMissing(
                f"{where} is none: write it as postgresql://user:password@host/database"
            ) from None
        if url.drivername in ("postgres", "postgresql"):
            url = url.set(drivername="postgresql+psycopg")
        try:
            return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
        except (exc.NoSuchModuleError, ImportError):
            raise Refused(
                f"{where} asks for {url.drivername}, whose driver is not installed: install it with pip"
            ) from None
        except (exc.ArgumentError, TypeError, ValueError):
            raise CredentialMissing(f"{where} has a part the driver does not know: check it") from None

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection.execution_options(postgresql_readonly=True)
        except exc.SQLAlchemyError as error:
            raise _explained(error, self._source) from None

    def answers(self) -> None:
        """Ask for nothing but an answer."""
        with self._connected() as connection:
            connection.execute(sa.select(sa.literal(1)))

    # ------------------------------------------------------------ what is read

    def selection(self, entity: str, mapping: SqlMapping, attributes: Iterable[str]) -> Selection:
        """The columns of a table or query that are wanted; `Refused` where its cursor or key is not there."""
        if mapping.query is not None:
            name = f"the query of {entity}"
            origin: sa.FromClause = sa.text(f"({_unbound(mapping.query)}) cx_rows")  # type: ignore[assignment]
        else:
            schema, _, table = str(mapping.table).rpartition(".")
            name = str(mapping.table)
            origin = sa.table(table, schema=schema or None)
        with self._connected() as connection:
            nothing = sa.select(sa.text("*")).select_from(origin).where(sa.literal(1) == sa.literal(0))
            headers = {tidy_header(column): column for column in tuple(connection.execute(nothing).keys())}
            key = mapping.key or self._primary_key(connection, mapping)
        where = f"sources.{self._source}.{entity}"
        cursor, *keys = (_found(given, headers, name, where) for given in (mapping.cursor, *key))
        try:
            binding = bind(ENTITIES[entity], mapping, attributes, list(headers))
        except FileError as error:
            raise Refused(f"{where}: {name}: {error}") from None
        others = [headers[header] for header in headers if header in binding.wanted]
        return Selection(
            name,
            origin,
            (cursor, *keys, *(column for column in others if column not in (cursor, *keys))),
            cursor,
            tuple(keys),
            frozenset(others),
            binding.missing,
        )

    @staticmethod
    def _primary_key(connection: sa.Connection, mapping: SqlMapping) -> tuple[str, ...]:
        """The table's own key, where it has one; a view or a query has none."""
        if mapping.table is None:
            return ()
        schema, _, table = mapping.table.rpartition(".")
        try:
            found = sa.inspect(connection).get_pk_constraint(table, schema=schema or None)
        except (exc.NoSuchTableError, NotImplementedError):
            return ()
        return tuple(found["constrained_columns"])

    def newest(self, selection: Selection) -> Any:
        """The greatest cursor value, None where there is no row."""
        return self._one(sa.select(sa.func.max(sa.column(selection.cursor))).select_from(selection.origin))

    def without_cursor(self, selection: Selection) -> int:
        """How many rows have no cursor value."""
        is_null = sa.column(selection.cursor).is_(None)
        found = self._one(sa.select(sa.func.count()).select_from(selection.origin).where(is_null))
        return int(found)

    def _one(self, query: sa.Select[Any]) -> Any:
        with self._connected() as connection:
            return connection.execute(query).scalar()

    def pages(
        self, selection: Selection, bounds: Bounds, low: Place | None, size: int
    ) -> Iterator[Sequence[sa.Row[Any]]]:
        """The rows from `low` on, in the order of cursor and key, `size` at a time, as the server streams."""
        order: list[sa.ColumnElement[Any]] = [sa.column(name) for name in (selection.cursor, *selection.key)]
        at = order[0]
        wanted: list[sa.ColumnElement[Any]] = [sa.column(name) for name in selection.columns]
        query: sa.Select[Any] = sa.select(*wanted).select_from(selection.origin)
        query = query.where(at.is_not(None)).order_by(*order)
        if low is not None:
            query = query.where(at >= low.at)
            if low.key:
                query = query.where(sa.or_(at > low.at, _from(order[1:], low.key)))
        if bounds.start is not None:
            query = query.where(at >= bounds.start)
        if bounds.end is not None:
            query = query.where(at < bounds.end)
        with self._connected() as connection:
            streaming = connection.execution_options(stream_results=True, max_row_buffer=size)
            yield from streaming.execute(query).partitions(size)


def _from(columns: Sequence[sa.ColumnElement[Any]], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """(columns) >= (values), spelled out: not every database compares rows."""
    column, value = columns[0], values[0]
    if len(columns) == 1:
        return sa.and_(column >= value)
    return sa.or_(column > value, sa.and_(column == value, _from(columns[1:], values[1:])))


def _unbound(query: str) -> str:
    """A query as text without parameters: a colon is a colon."""
    return query.strip().rstrip(";").replace(":", "\\:")


def _found(given: str, headers: dict[str, str], name: str, where: str) -> str:
    """The column of that name, whatever its case."""
    tidy = tidy_header(given)
    if tidy in headers:
        return headers[tidy]
    for header, column in headers.items():
        if header.casefold() == tidy.casefold():
            return column
    raise Refused(f"{where}: {name} has no column {given}: it has {', '.join(sorted(headers))}")


def _explained(error: exc.SQLAlchemyError, source: str) -> ServiceError:
    """What to do about an error of the database; its own text may hold data or the address."""
    state = str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
    kind = type(getattr(error, "orig", None) or error).__name__
    for start, made in _BY_STATE.items():
        if state.startswith(start):
            return made(_ADVICE[made].format(source=source, state=state))
    text = str(getattr(error, "orig", None)).casefold()  # looked into, never shown
    if any(sign in text for sign in _REFUSALS):
        return CredentialRefused(_ADVICE[CredentialRefused].format(source=source, state=state or kind))
    if "no such table" in text or "no such column" in text:
        return NotFound(_ADVICE[NotFound].format(source=source, state=kind))
    if isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError) and (
        state[:2] in ("", "08", "40", "53", "55", "57", "58") and "syntax" not in text
    ):
        return Unreachable(
            f"the database of {source} could not be reached, or broke off ({kind}{state and ' ' + state}): "
            "check the host, port and TLS of its address; the next night goes on from here"
        )
    return Refused(
        f"the database of {source} refuses the query ({kind}{state and ' ' + state}): "
        f"check table, query and cursor of sources.{source}"
    )


_ADVICE: dict[type[ServiceError], str] = {
    CredentialRefused: "the database of {source} refuses user or password ({state}): set its url anew",
    ScopeMissing: "the user of {source} may not read this ({state}): grant select on it",
    NotFound: "the database of {source} has no such table or column ({state}): check sources.{source}",
}
