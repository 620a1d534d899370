"""What a record of a declared API says: fields by their paths, and its cursor.

What enters: one record and the mapping.  What leaves: its row.  Pure; called for each record of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from cx_pipeline.contract import ENTITIES, Type
from cx_pipeline.settings import RowMapping
from cx_pipeline.sources.connector import Row

_ABSENT = object()
_EPOCHS = {"epoch_s": 1.0, "epoch_ms": 1000.0, "number": 1.0}


def at(value: Any, path: str) -> Any:
    """What stands at a path of names and list places with dots; None where nothing does."""
    found = _at(value, path)
    return None if found is _ABSENT else found


def _at(value: Any, path: str) -> Any:
    if not path:
        return value
    if isinstance(value, dict) and path in value:  # a name may hold dots itself
        return value[path]
    name, _, rest = path.partition(".")
    if isinstance(value, dict):
        if name not in value:
            name = next((known for known in value if known.casefold() == name.casefold()), name)
        return _at(value[name], rest) if name in value else _ABSENT
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return _at(value[int(name)], rest)
    return _ABSENT


def wanted_fields(entity: str, mapping: RowMapping, attributes: Iterable[str]) -> tuple[str, ...]:
    """The paths the mapping may ask for: those it names, and the contract's own columns that it does not."""
    declared = tuple(attributes)
    given = (*mapping.columns.values(), *(c for name, c in mapping.attributes.items() if name in declared))
    own = (
        f.name for f in ENTITIES[entity].fields if f.name not in mapping.columns and f.type is not Type.MAP
    )
    plain = (name for name in declared if name not in mapping.attributes)
    named = (column.from_ for column in given if column.from_ is not None)
    return tuple(dict.fromkeys((*named, *own, *(p for name in plain for p in (f"attributes.{name}", name)))))


def row_maker(
    names: tuple[str, ...], cursor: str | None, to_number: Callable[[Any], float | None], is_instant: bool
) -> Callable[[Any], Iterator[Row]]:
    """What makes a record a row: the wanted fields it has; `updated_at` by its cursor where it says none."""

    @lru_cache(maxsize=256)
    def present(keys: tuple[str, ...]) -> tuple[str, ...]:
        """The names that records with these keys may have: most of the contract's they never do."""
        folded = {key.casefold() for key in keys}
        return tuple(
            name
            for name in names
            if not folded.isdisjoint((name.casefold(), name.partition(".")[0].casefold()))
        )

    def rows(record: Any) -> Iterator[Row]:
        if not isinstance(record, dict):
            raise TypeError
        wanted = present(tuple(record))
        row = {name: value for name in wanted if (value := _at(record, name)) is not _ABSENT}
        if is_instant and cursor is not None and "updated_at" not in row:
            number = to_number(at(record, cursor))
            row["updated_at"] = None if number is None else datetime.fromtimestamp(number, UTC)
        yield row

    return rows


class CursorField:
    """Reads and writes the values of a cursor: instants as seconds since 1970, numbers as they are."""

    def __init__(self, format_: str, zone: str) -> None:
        self._format = format_
        self._zone = ZoneInfo(zone)

    @property
    def is_instant(self) -> bool:
        return self._format != "number"

    def read(self, value: Any) -> float | None:
        """The value as a number; None where it is none."""
        try:
            if self._format in _EPOCHS:
                return (
                    None if value is None or isinstance(value, bool) else float(value) / _EPOCHS[self._format]
                )
            if not isinstance(value, str):
                return None
            parsed = (
                datetime.fromisoformat(value)
                if self._format == "iso"
                else datetime.strptime(value, self._format)
            )
        except (ValueError, TypeError, OverflowError):
            return None
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=self._zone)).timestamp()

    def write(self, number: float) -> str | int:
        """A number as the service takes it, never later than it is."""
        if self._format in _EPOCHS:
            return int(number * _EPOCHS[self._format] // 1)
        instant = datetime.fromtimestamp(number // 1, UTC)
        if self._format == "iso":
            return instant.isoformat().replace("+00:00", "Z")
        return instant.astimezone(self._zone).strftime(self._format)
