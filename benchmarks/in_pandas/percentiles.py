"""Durations by period and dimension: means with intervals, and exact percentiles.

A group's values are put in order by sorting whole numbers, the group's above the value's rank: the ranks are
found once for all dimensions and grains.  Called by `support_kpis`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.in_pandas.arrays import totals
from benchmarks.in_pandas.landed import Array
from benchmarks.in_pandas.periods import Calendar
from benchmarks.in_pandas.survey_kpis import free_mean
from benchmarks.in_pandas.written import Kpi

POINTS = {"median": 0.5, "p90": 0.9, "p95": 0.95}


@dataclass(frozen=True)
class Durations:
    """Rows of the spine and days, metric after metric (`sizes` of each), with minutes on both clocks."""

    row: Array
    day: Array
    sizes: dict[str, int]
    clocks: dict[str, Array]
    calendar: Calendar
    _ranked: dict[tuple[str, str], tuple[Array, Array]] = field(default_factory=dict)

    def _of(self, metric: str, clock: str) -> tuple[Array, Array]:
        """The units of a metric that have a value, in the order of these; and the values."""
        key = metric, clock
        if key not in self._ranked:
            names = list(self.sizes)
            start = sum(self.sizes[name] for name in names[: names.index(metric)])
            values = self.clocks[clock][start : start + self.sizes[metric]]
            order = np.argsort(values)[: len(values) - int(np.isnan(values).sum())]
            self._ranked[key] = start + order, values[order]
        return self._ranked[key]

    def kpis(self, place: Array, places: int, grain: str) -> Iterator[Kpi]:
        """Every duration's KPIs in a grain, by the units' places."""
        periods = len(self.calendar.starts(grain))
        group = place * periods + self.calendar.period_of(grain, self.day)
        for metric in self.sizes:
            for clock in self.clocks:
                units, values = self._of(metric, clock)
                yield from self._told(f"{metric}_{clock}_minutes", group[units], values, (places, periods))

    def _told(self, name: str, group: Array, values: Array, shape: tuple[int, int]) -> Iterator[Kpi]:
        size = shape[0] * shape[1]
        n, total, squares = (
            totals(group, size),
            totals(group, size, values),
            totals(group, size, values * values),
        )
        yield free_mean(f"{name}_avg", total.reshape(shape), squares.reshape(shape), n.reshape(shape))
        bits = max(len(values), 1).bit_length()
        ranks = np.sort((group << bits) | np.arange(len(values))) & ((1 << bits) - 1)
        first = np.cumsum(n) - n
        there = np.flatnonzero(n)
        for ending, point in POINTS.items():
            place = point * (n[there] - 1)
            low = np.floor(place).astype(np.int64)
            at = first[there] + low
            below, above = values[ranks[at]], values[ranks[at + (low < place)]]
            percentile = np.full(size, np.nan)
            percentile[there] = below + (above - below) * (place - low)
            yield Kpi(f"{name}_{ending}", n.reshape(shape), percentile.reshape(shape))
