"""Business time by walking the local days: the independent judge of the models' business minutes.

What enters: the texts of the seeds `business_hours.csv` and `holidays.csv`.  What leaves: the open
microseconds between two UTC instants, and the open stretches from one on, both found by going through the
days of the schedule's own calendar one by one and asking Python's `zoneinfo` when each begins.  Nothing is
shared with the models, and nothing is cumulative.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY_SECONDS = 86_400
EPOCH = datetime(1970, 1, 1)
EPOCH_ORDINAL = EPOCH.toordinal()
DAY_MICROS = DAY_SECONDS * 1_000_000
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 2_000

Stretch = tuple[int, int]


class UnknownTime(Exception):
    """Business time nobody can tell; `reason` is unknown_schedule or unknown_time_zone."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def micros(instant: datetime) -> int:
    """Microseconds since 1970 of a naive UTC instant."""
    since = instant - EPOCH
    return (since.days * DAY_SECONDS + since.seconds) * 1_000_000 + since.microseconds


def at_micros(value: int) -> datetime:
    """The naive UTC instant so many microseconds after 1970."""
    return EPOCH + timedelta(microseconds=value)


def utc_of_local(day: date, seconds: int, zone: ZoneInfo) -> int:
    """The instant of a local time: of an ambiguous one the first, a nonexistent one moved by the gap."""
    if seconds == DAY_SECONDS:
        day, seconds = day + timedelta(days=1), 0
    at = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    return micros(datetime.combine(day, at, zone).astimezone(UTC).replace(tzinfo=None))


def seconds_of(text: str) -> int:
    parts = [int(part) for part in text.split(":")]
    return sum(part * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))


def union(stretches: Sequence[Stretch]) -> list[Stretch]:
    merged: list[Stretch] = []
    for start, end in sorted(stretches):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def without(stretches: Sequence[Stretch], taken: Sequence[Stretch]) -> list[Stretch]:
    """What is left of ordered stretches when the taken ones are cut out."""
    left = list(stretches)
    for start, end in taken:
        left = [
            piece for a, b in left for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]
        ]
    return left


@dataclass(frozen=True)
class Opening:
    """One row of the business hours; times in seconds of the local day."""

    zone: ZoneInfo
    weekday: int
    opens: int
    closes: int
    valid_from: date
    valid_to: date


@dataclass
class Schedule:
    """One schedule and what its days were found to be."""

    openings: list[Opening]
    closures: dict[date, list[Stretch]]
    days: dict[int, list[Stretch]] = field(default_factory=dict)

    def _raw(self, day: date) -> list[Stretch]:
        local: dict[ZoneInfo, list[Stretch]] = defaultdict(list)
        for row in self.openings:
            if row.weekday == day.weekday() and row.valid_from <= day < row.valid_to:
                local[row.zone].append((row.opens, row.closes))
        spans = []
        for zone, stretches in local.items():
            for opens, closes in without(union(stretches), self.closures.get(day, [])):
                spans.append((utc_of_local(day, opens, zone), utc_of_local(day, closes, zone)))
        return union(spans)

    def day(self, ordinal: int) -> list[Stretch]:
        """UTC spans of a local day, less what the day before has (where the clock leapt over midnight)."""
        spans = self.days.get(ordinal)
        if spans is None:
            day = date.fromordinal(ordinal)
            spans = without(self._raw(day), self._raw(day - timedelta(days=1)))
            self.days[ordinal] = spans
        return spans

    def open_between(self, a: int, b: int) -> int:
        """Open microseconds in [a, b)."""
        total = 0
        days = self.days
        first = a // DAY_MICROS + EPOCH_ORDINAL - 1
        last = b // DAY_MICROS + EPOCH_ORDINAL + 1
        for ordinal in range(first, last + 1):
            for start, end in days[ordinal] if ordinal in days else self.day(ordinal):
                low, high = (start if start > a else a), (end if end < b else b)
                if high > low:
                    total += high - low
        return total

    def spans_after(self, a: int) -> Iterator[Stretch]:
        """The open stretches from `a` on, in order, for some years."""
        first = a // DAY_MICROS + EPOCH_ORDINAL - 1
        held: list[Stretch] = []
        for ordinal in range(first, first + HORIZON_DAYS):
            # Two days at a time: where the clock leapt over midnight, their spans interleave.
            held = sorted([*held, *self.day(ordinal)])
            starts_tomorrow = min((start for start, _ in self.day(ordinal + 1)), default=None)
            ready = [span for span in held if starts_tomorrow is None or span[0] <= starts_tomorrow]
            held = held[len(ready) :]
            for start, end in ready:
                if end > a:
                    yield max(start, a), end


class BusinessCalendar:
    """Every schedule of the two seeds."""

    def __init__(self, business_hours: str, holidays: str) -> None:
        closures: dict[str, dict[date, list[Stretch]]] = defaultdict(lambda: defaultdict(list))
        for row in csv.DictReader(io.StringIO(holidays)):
            start, end = seconds_of(row["closed_from"] or "00:00"), seconds_of(row["closed_to"] or "24:00")
            closures[row["schedule_id"]][date.fromisoformat(row["date"])].append((start, end))
        openings: dict[str, list[Opening]] = defaultdict(list)
        self._without_zone: set[str] = set()
        for row in csv.DictReader(io.StringIO(business_hours)):
            try:
                zone = ZoneInfo(row["time_zone"])
            except (ZoneInfoNotFoundError, ValueError):
                self._without_zone.add(row["schedule_id"])
                continue
            openings[row["schedule_id"]].append(
                Opening(
                    zone,
                    WEEKDAYS.index(row["weekday"]),
                    seconds_of(row["opens_at"]),
                    seconds_of(row["closes_at"]),
                    date.fromisoformat(row["valid_from"] or "0001-01-01"),
                    date.fromisoformat(row["valid_to"] or "9999-12-31"),
                )
            )
        self._schedules = {name: Schedule(rows, closures[name]) for name, rows in openings.items()}

    def schedule(self, schedule_id: str) -> Schedule:
        """The schedule; UnknownTime where there is none or its zone is unknown."""
        if schedule_id in self._without_zone:
            raise UnknownTime("unknown_time_zone")
        if schedule_id not in self._schedules:
            raise UnknownTime("unknown_schedule")
        return self._schedules[schedule_id]


@dataclass(frozen=True)
class Regime:
    """Which schedule is in force when: `starts[n]` (microseconds) is where `schedule_ids[n]` begins.

    The first one also rules all time before its start, the last one all time after.
    """

    starts: list[int]
    schedule_ids: list[str]

    def pieces(self, a: int, b: int) -> Iterator[tuple[str, int, int]]:
        """The stretches of [a, b) of one schedule each, without empty ones."""
        place = max(bisect_right(self.starts, a) - 1, 0)
        while a < b:
            until = self.starts[place + 1] if place + 1 < len(self.starts) else b
            if min(until, b) > a:
                yield self.schedule_ids[place], a, min(until, b)
                a = min(until, b)
            place += 1

    def at(self, instant: int) -> str:
        return self.schedule_ids[max(bisect_right(self.starts, instant) - 1, 0)]


def business_micros(calendar: BusinessCalendar, regime: Regime, a: int, b: int) -> int:
    """Open microseconds of [a, b) under the schedules in force; UnknownTime where one is unknown."""
    return sum(calendar.schedule(name).open_between(low, high) for name, low, high in regime.pieces(a, b))
