"""Days and the periods they lie in, without gaps, so that the period before is one column further left.

`Calendar` spans the days of some units; called by whatever adds up days into periods.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.in_pandas.landed import BEFORE_ALL, Array

GRAINS = ("day", "week", "month", "quarter", "all")
BEFORE = {"day": 7, "week": 1, "month": 1, "quarter": 1}
A_YEAR_BEFORE = {"day": 364, "week": 52, "month": 12, "quarter": 4}
"""How many periods before one is what it is compared with."""


def week_of(day: Array) -> Array:
    """The Monday of each day."""
    return np.asarray(day - (day + 3) % 7)


def month_number(day: Array) -> Array:
    """The months since 1970 of each day."""
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def first_of_month(month: Array) -> Array:
    """The first day of each month since 1970."""
    return np.asarray(month).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def periods_between(grain: str, first: int, last: int) -> Array:
    """The first days of all periods that have a day in [first, last], and of the one after them."""
    ends = np.array([first, last])
    if grain == "day":
        return np.arange(first, last + 2)
    if grain == "week":
        low, high = week_of(ends)
        return np.arange(low, high + 8, 7)
    months = {"month": 1, "quarter": 3}[grain]
    low, high = month_number(ends) // months
    return first_of_month(np.arange(low, high + 2) * months)


@dataclass(frozen=True)
class Calendar:
    """The days from `first` to `last`, of data that are whole up to `data_day`."""

    first: int
    last: int
    data_day: int

    @property
    def days(self) -> int:
        """How many days."""
        return self.last - self.first + 1

    @cached_property
    def edges(self) -> dict[str, Array]:
        """The first day of each period by grain, and of the period after the last."""
        return {grain: periods_between(grain, self.first, self.last) for grain in GRAINS if grain != "all"}

    def starts(self, grain: str) -> Array:
        """period_start of each period of a grain."""
        return np.array([BEFORE_ALL]) if grain == "all" else self.edges[grain][:-1]

    def is_over(self, grain: str) -> Array:
        """Whether a period's last day is among the data's."""
        return np.array([False]) if grain == "all" else self.edges[grain][1:] <= self.data_day + 1

    def in_ended_month(self, day: Array) -> Array:
        """Whether each day's month has ended with the data's last day."""
        return np.asarray(day < first_of_month(month_number(np.array([self.data_day + 1])))[0])

    def folded(self, daily: Array, grain: str, how: np.ufunc = np.add) -> Array:
        """Values by day in the last axis, as values by period."""
        if grain == "day":
            return daily
        if grain == "all":
            return np.asarray(how.reduce(daily, axis=-1, keepdims=True))
        at = np.maximum(self.edges[grain][:-1] - self.first, 0)
        return np.asarray(how.reduceat(daily, at, axis=-1))

    def period_of(self, grain: str, day: Array) -> Array:
        """The number of the period of each day."""
        if grain == "all":
            return np.zeros(len(day), np.int64)
        if grain == "day":
            return day - self.first
        return np.searchsorted(self.edges[grain], day, side="right") - 1
