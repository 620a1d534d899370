"""The sample's calendar: its window, local clocks with daylight saving, and business hours.

What enters: instants as whole seconds since 1970 (UTC) and codes of zones or sites.  What leaves:
instants and offsets, vectorised.  Called by the other modules of this room.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np

from cx_pipeline.sample.company import SEOUL, SITE_HOURS, SITE_OPENS, SITE_ZONES, ZONES
from cx_pipeline.sample.draw import Floats, Ints, Rng, pick

DAY = 86_400
WEEK = 7 * DAY


def midnight(day: date) -> int:
    """The first second of `day` in Seoul (which keeps no daylight saving time)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(ZONES[SEOUL])).timestamp())


@dataclass(frozen=True, slots=True)
class Window:
    """The days the sample covers, both ends included, and the Monday of its bad week."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def opens(self) -> int:
        return midnight(self.start)

    @property
    def closes(self) -> int:
        """The first second after the window."""
        return midnight(self.end + timedelta(days=1))

    @property
    def bad_monday(self) -> date:
        """Late enough to have a before, early enough (140 days where there are as many) for an after."""
        day = self.end - timedelta(days=min(140, int(self.days * 0.45)))
        return day - timedelta(days=day.weekday())

    @property
    def bad_from(self) -> int:
        return midnight(self.bad_monday)

    @property
    def bad_until(self) -> int:
        return self.bad_from + WEEK


@cache
def _changes(zone: str) -> tuple[Ints, Ints]:
    """(instants, offsets): from each instant on `zone` is that many seconds ahead of UTC; 1990 to 2060."""
    info = ZoneInfo(zone)

    def ahead(at: int) -> int:
        offset = datetime.fromtimestamp(at, UTC).astimezone(info).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    first = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp())
    last = int(datetime(2060, 1, 1, tzinfo=UTC).timestamp())
    marks, offsets = [first], [ahead(first)]
    step = 20 * DAY
    for low in range(first, last, step):
        if ahead(low) != ahead(low + step):
            left, right = low, low + step
            while right - left > 1:
                middle = (left + right) // 2
                left, right = (middle, right) if ahead(middle) == ahead(low) else (left, middle)
            marks.append(right)
            offsets.append(ahead(right))
    return np.array(marks, dtype=np.int64), np.array(offsets, dtype=np.int64)


def offsets(zones: Ints, utc: Ints) -> Ints:
    """Seconds each zone is ahead of UTC at each instant."""
    result = np.zeros(len(utc), dtype=np.int64)
    for code, name in enumerate(ZONES):
        here = zones == code
        if here.any():
            marks, ahead = _changes(name)
            result[here] = ahead[np.maximum(np.searchsorted(marks, utc[here], side="right") - 1, 0)]
    return result


def to_utc(zones: Ints, local: Ints) -> Ints:
    """The instant at which the clocks of each zone show `local`."""
    return local - offsets(zones, local - offsets(zones, local))


_BY_HOUR = (1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 4, 6, 7, 7, 6, 6, 6, 6, 6, 6, 6, 7, 8, 8, 6, 3)


_BY_OFFICE_HOUR = (
    0.3,
    0.2,
    0.1,
    0.1,
    0.1,
    0.2,
    0.6,
    2,
    7,
    12,
    12,
    11,
    8,
    10,
    11,
    9,
    6,
    3,
    2,
    2,
    2,
    2,
    1.5,
    0.8,
)


def daytime(rng: Rng, size: int, *, mostly_office: bool = False) -> Ints:
    """Seconds since local midnight at which customers are up and about, or mostly office hours."""
    return pick(rng, _BY_OFFICE_HOUR if mostly_office else _BY_HOUR, size) * 3600 + rng.integers(
        0, 3600, size
    )


def _worked(sites: Ints, utc: Ints) -> tuple[Ints, Ints]:
    """Working seconds since a Monday long ago, and the local offset, at each instant."""
    ahead = offsets(np.asarray(SITE_ZONES, dtype=np.int64)[sites], utc)
    local = utc + ahead
    day = local // DAY + 3  # 1970-01-01 was a Thursday: day 0 is now a Monday
    since_open = local % DAY - np.asarray(SITE_OPENS, dtype=np.int64)[sites]
    weekday = day % 7
    today = np.where(weekday < 5, np.clip(since_open, 0, SITE_HOURS), 0)
    return (day // 7 * 5 + np.minimum(weekday, 5)) * SITE_HOURS + today, ahead


def work_on(sites: Ints, utc: Ints, seconds: Floats | Ints) -> Ints:
    """The instant by which each site has worked `seconds` more (0: when it next works)."""
    done, _ = _worked(sites, utc)
    total = done + np.maximum(np.rint(seconds).astype(np.int64), 0)
    days, rest = total // SITE_HOURS, total % SITE_HOURS
    local = (days // 5 * 7 + days % 5 - 3) * DAY + np.asarray(SITE_OPENS, dtype=np.int64)[sites] + rest
    return np.maximum(to_utc(np.asarray(SITE_ZONES, dtype=np.int64)[sites], local), utc)
