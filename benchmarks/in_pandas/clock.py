"""The schedules' clocks: how long each has been open at an instant, as a step of its spans.

What enters: business hours and holidays.  What leaves: readings in microseconds, and the instants at which a
clock reads as much.  Called by whatever measures in business time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.in_pandas.landed import FOREVER, NO_DAY, Array, day_number, seed

DAY = 86_400_000_000
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Clocks:
    """By schedule, in the order of `names`: when each span opens, what was open before, how long it is."""

    names: pd.Index[str]
    opens: tuple[Array, ...]
    before: tuple[Array, ...]
    length: tuple[Array, ...]

    def reading(self, schedule: Array, moment: Array) -> Array:
        """Open microseconds so far on each row's schedule; nothing before its first span."""
        result = np.zeros(len(moment), np.int64)
        for number, opens in enumerate(self.opens):
            rows = np.flatnonzero(schedule == number)
            span = np.searchsorted(opens, moment[rows], side="right") - 1
            open_for = np.minimum(self.length[number][span], moment[rows] - opens[span])
            result[rows] = np.where(span < 0, 0, self.before[number][span] + open_for)
        return result

    def instant(self, schedule: Array, reading: Array) -> Array:
        """When each schedule's clock first reads as much (more than nothing)."""
        result = np.zeros(len(reading), np.int64)
        for number, before in enumerate(self.before):
            rows = np.flatnonzero(schedule == number)
            span = np.searchsorted(before, reading[rows]) - 1
            result[rows] = self.opens[number][span] + reading[rows] - before[span]
        return result


def read_clocks(seeds: Path, first_day: int, last_day: int) -> Clocks:
    """The clocks of the schedules, from a day to another."""
    hours, holidays = seed(seeds, "business_hours"), seed(seeds, "holidays")
    names = pd.Index(sorted(hours["schedule_id"].unique()))
    spans = _cut(_local(hours, first_day, last_day), holidays)
    opens, before, length = [], [], []
    for name in names:
        own = spans[spans["schedule_id"] == name]
        begin, end = _in_utc(own, "opens"), _in_utc(own, "closes")
        order = np.argsort(begin)
        lasts = (end - begin)[order]
        opens.append(begin[order])
        before.append(np.cumsum(lasts) - lasts)
        length.append(lasts)
    return Clocks(names, tuple(opens), tuple(before), tuple(length))


def _local(hours: pd.DataFrame, first_day: int, last_day: int) -> pd.DataFrame:
    """The spans of each day, in local microseconds of the day."""
    days = pd.DataFrame({"day": np.arange(first_day, last_day + 1)})
    days["weekday"] = np.array(_WEEKDAYS)[(days["day"].to_numpy() + 3) % 7]
    hours = hours.assign(
        opens=_of_day(hours["opens_at"], 0),
        closes=_of_day(hours["closes_at"], DAY),
        since=day_number(hours["valid_from"], NO_DAY),
        until=day_number(hours["valid_to"], FOREVER),
    )
    spans = days.merge(hours, on="weekday")
    spans = spans[(spans["day"] >= spans["since"]) & (spans["day"] < spans["until"])]
    return spans[["schedule_id", "time_zone", "day", "opens", "closes"]]


def _of_day(clock: pd.Series[str], otherwise: int) -> Array:
    """A time of day in microseconds."""
    parts = clock.str.split(":", expand=True).astype(float)
    micros = (parts[0] * 3600 + parts[1] * 60) * 1_000_000
    return micros.fillna(otherwise).to_numpy(np.int64)


def _cut(spans: pd.DataFrame, holidays: pd.DataFrame) -> pd.DataFrame:
    """What holidays leave of the spans: what is before them, and what is after."""
    closed = pd.DataFrame(
        {
            "schedule_id": holidays["schedule_id"],
            "day": day_number(holidays["date"], NO_DAY),
            "closed_from": _of_day(holidays["closed_from"], 0),
            "closed_to": _of_day(holidays["closed_to"], DAY),
        }
    )
    met = spans.merge(closed, on=["schedule_id", "day"], how="left")
    whole = met[met["closed_from"].isna()]
    met = met[met["closed_from"].notna()]
    before = met.assign(closes=np.minimum(met["closes"], met["closed_from"]))
    after = met.assign(opens=np.maximum(met["opens"], met["closed_to"]))
    left = pd.concat([whole, before, after])
    return left[left["opens"] < left["closes"]]


def _in_utc(spans: pd.DataFrame, edge: str) -> Array:
    """The instants of local times: the first of two, the next where there is none."""
    local = (spans["day"].to_numpy(np.int64) * DAY + spans[edge].to_numpy(np.int64)).astype("datetime64[us]")
    zone = str(spans["time_zone"].iloc[0])
    first = np.ones(len(local), bool)
    utc = pd.DatetimeIndex(local).tz_localize(zone, ambiguous=first, nonexistent="shift_forward")
    return utc.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]").view(np.int64)
