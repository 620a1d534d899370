"""The rules of the time zones business hours are written in, as rows dbt can join.

What enters: the zones' IANA names.  What leaves: one row per zone and stretch of local time with one offset
to UTC, by Python's `zoneinfo` (the machine's zone data, else the package tzdata's; the engine's own may be
years behind).  A name that is no zone has no row.  Called by `inputs`, just before dbt runs.

A local time that comes twice is taken as the first of the two, and one that does not exist moves forward by
the gap (PEP 495, fold = 0): a stretch with a new offset begins where the later of the two clocks stood.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from cx_pipeline.database import LITTLE, connect

if TYPE_CHECKING:
    import pyarrow as pa

_FIRST = datetime(1985, 1, 1, tzinfo=UTC)  # no instant of the entities lies before 1990
_LAST = datetime(2070, 1, 1, tzinfo=UTC)
_FAR_YEAR = 2030
_STEP = timedelta(days=7)  # no zone has changed its offset twice within a week since 1985


def rules_schema() -> pa.Schema:
    """The columns of `state.time_zone_rules`: [local_from, local_to) without zone, the offset in seconds."""
    import pyarrow as pa

    return pa.schema(
        [
            ("time_zone", pa.string()),
            ("local_from", pa.timestamp("us")),
            ("local_to", pa.timestamp("us")),
            ("utc_offset_seconds", pa.int64()),
        ]
    )


def rule_rows(names: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of `state.time_zone_rules` for the names that are IANA zones."""
    known = available_timezones()
    return [row for name in sorted(set(names)) if name in known for row in _rules_of(name)]


def zones_of_hours(business_hours: Path) -> list[str]:
    """The zones the seed business_hours.csv names; none where the file or the column is missing."""
    try:
        with business_hours.open(encoding="utf-8-sig", newline="") as file:
            return sorted({(row.get("time_zone") or "").strip() for row in csv.DictReader(file)} - {""})
    except FileNotFoundError:
        return []


def engine_differs_from(name: str) -> datetime | None:
    """The first local time (without zone) from which DuckDB has another offset for a zone; None: never.

    The warehouse cuts days by the engine's data.  Far years are left out: laws will change them yet.
    """

    stretches = [row for row in _rules_of(name) if row["local_from"].year < _FAR_YEAR]
    with connect(memory=LITTLE) as connection:
        connection.execute("set timezone = 'UTC'")
        for row in stretches:
            offset = timedelta(seconds=row["utc_offset_seconds"])
            inside = max(row["local_from"], _FIRST.replace(tzinfo=None)) + timedelta(hours=12) - offset
            [[local]] = connection.execute(
                "select timezone(?, timezone('UTC', ?::timestamp))", [name, inside]
            ).fetchall()
            if local - inside != offset:
                since: datetime = row["local_from"]
                return since
    return None


def _rules_of(name: str) -> Iterator[dict[str, Any]]:
    zone = ZoneInfo(name)
    local_from = datetime(1, 1, 1)
    offset = _offset(zone, _FIRST)
    for change in _changes(zone):
        after = _offset(zone, change)
        local_to = change.replace(tzinfo=None) + max(offset, after)
        yield _row(name, local_from, local_to, offset)
        local_from, offset = local_to, after
    yield _row(name, local_from, datetime(9999, 12, 31), offset)


def _row(name: str, local_from: datetime, local_to: datetime, offset: timedelta) -> dict[str, Any]:
    return {
        "time_zone": name,
        "local_from": local_from,
        "local_to": local_to,
        "utc_offset_seconds": int(offset.total_seconds()),
    }


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta()


def _changes(zone: ZoneInfo) -> Iterator[datetime]:
    """The instants at which the zone's offset changes, to the second."""
    before = _FIRST
    while before < _LAST:
        after = before + _STEP
        if _offset(zone, before) != _offset(zone, after):
            yield _first_with(zone, before, after)
        before = after


def _first_with(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """The first whole second in (before, after] with the offset of `after`."""
    offset = _offset(zone, after)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after
