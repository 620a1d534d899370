"""Local times of a time zone as instants, by the rules of the IANA database.

An ambiguous local time (clocks went back) is the first of the two; a nonexistent one (clocks went forward)
moves forward by the gap, as RFC 5545 and java.time have it: 02:30 becomes 03:30.  Used by the conversion.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

_DAY = 86_400_000_000  # microseconds
_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = (date.min - date(1970, 1, 1)).days + 1, (date.max - date(1970, 1, 1)).days - 1
_VARIES = np.iinfo(np.int64).min


def _offset(local: datetime, zone: ZoneInfo, fold: int = 0) -> int:
    """Microseconds a local time is ahead of UTC."""
    offset = local.replace(tzinfo=zone, fold=fold).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * _SECOND)


class LocalClock:
    """Converts local times of one zone; knows the days on which its offset does not change."""

    def __init__(self, name: str) -> None:
        self._zone = ZoneInfo(name)
        self._is_utc = name in ("UTC", "Etc/UTC")
        self._days: dict[int, int] = {}

    def _day_offset(self, day: int) -> int:
        """The offset all through a local day (days since 1970), `_VARIES` where it changes."""
        if day not in self._days:
            start = _EPOCH + timedelta(days=min(max(day, _FIRST), _LAST))
            ends = {_offset(at, self._zone, f) for at in (start, start + timedelta(days=1)) for f in (0, 1)}
            self._days[day] = ends.pop() if len(ends) == 1 else _VARIES
        return self._days[day]

    def to_utc(self, local: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(instants, ambiguous, nonexistent) of local times, in microseconds since 1970 as int64."""
        nothing = np.zeros(len(local), bool)
        if self._is_utc or not len(local):
            return local, nothing, nothing
        days, place = np.unique(local // _DAY, return_inverse=True)
        offsets = np.array([self._day_offset(int(day)) for day in days], np.int64)[place]
        varies = offsets == _VARIES
        if not varies.any():
            return local - offsets, nothing, nothing
        ambiguous, nonexistent = nothing.copy(), nothing.copy()
        for value in np.unique(local[varies]):
            at = _EPOCH + timedelta(microseconds=int(value))
            first, second = _offset(at, self._zone, 0), _offset(at, self._zone, 1)
            same = varies & (local == value)
            offsets[same] = first
            ambiguous[same] = first > second
            nonexistent[same] = first < second
        return local - offsets, ambiguous, nonexistent
