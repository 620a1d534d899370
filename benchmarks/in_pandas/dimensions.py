"""What a ticket was like at a happening: channel, priority, team, agent, category, segment, product, brand.

What enters: the spine and the versions.  What leaves: codes of the rows asked for, worked out for those
alone.  Called by all that counts by dimension.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas.cells import Dimension, whole
from benchmarks.in_pandas.clock import Clocks
from benchmarks.in_pandas.customers import Customers
from benchmarks.in_pandas.landed import Array, codes_in, local_days
from benchmarks.in_pandas.marks import Marks
from benchmarks.in_pandas.periods import Calendar
from benchmarks.in_pandas.spine import AGENT, UNSET, Names, Spine
from benchmarks.in_pandas.ticket_rows import Tickets

DIMENSIONS = ("channel", "priority", "team", "agent", "category", "segment", "product", "brand")


@dataclass(frozen=True)
class Values:
    """The values in force at rows of the spine."""

    tickets: Tickets
    spine: Spine
    marks: Marks
    names: Names
    customers: Customers
    counted: Array
    """By ticket of the spine: its number among all tickets."""
    clocks: Clocks
    as_of: int
    _of_version: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def customer(self) -> Array:
        """By ticket of the spine: its customer's number, -1 of who is not known."""
        return self.customers.numbers_of(self.tickets.rows["customer_key"])[self.counted]

    @cached_property
    def day(self) -> Array:
        """The day of each row of the spine."""
        return local_days(self.spine.moment)

    @cached_property
    def created_day(self) -> Array:
        """The day each ticket of the spine was opened."""
        return np.asarray(self.day[self.spine.first])

    @cached_property
    def calendar(self) -> Calendar:
        """The days of tickets."""
        last = int(local_days(np.array([self.as_of - 1]))[0])
        return Calendar(int(self.created_day.min()), last, last)

    def names_of(self, dimension: str) -> pd.Index[Any]:
        """What a dimension's codes stand for."""
        if dimension in ("channel", "product", "brand"):
            return self.tickets.versions[dimension].cat.categories
        if dimension == "segment":
            return self.customers.rows["segment"].cat.categories
        return getattr(self.names, dimension)  # type: ignore[no-any-return]

    def version(self, dimension: str, rows: Array) -> Array:
        """The codes that the versions in force tell."""
        if dimension not in self._of_version:
            column = self.tickets.versions["agent_key" if dimension == "agent" else dimension]
            self._of_version[dimension] = codes_in(self.names_of(dimension), column)
        return np.asarray(self._of_version[dimension][self.spine.version_row[rows]])

    def codes(self, dimension: str, rows: Array, at: Array | None = None) -> Array:
        """The codes in force at rows of the spine; -1 where there is none."""
        spine = self.spine
        if dimension == "all":
            return np.zeros(len(rows), np.int64)
        if dimension == "segment":
            moment = spine.moment[rows] if at is None else at
            version = self.customers.version_at(self.customer[spine.ticket[rows]], moment)
            return np.append(self.customers.rows["segment"].cat.codes.to_numpy(), -1)[version]
        if dimension in ("channel", "product", "brand"):
            return self.version(dimension, rows)
        if dimension == "agent":
            standing = self._set(spine.assignee[rows], "agent", rows)
            if at is not None:
                return standing
            is_own = (self.marks.is_touch[rows] | (spine.author[rows] == AGENT)) & (spine.agent[rows] >= 0)
            return np.where(is_own, spine.agent[rows], standing)
        return self._set(getattr(spine, dimension)[rows], dimension, rows)

    def standing(self, dimension: str, rows: Array, at: Array) -> Array:
        """The codes that stand at moments after rows of the spine, where these are nobody's doing."""
        return self.codes(dimension, rows, at)

    def _set(self, value: Array, dimension: str, rows: Array) -> Array:
        return np.where(value == UNSET, self.version(dimension, rows), value)

    def dimension(self, name: str, codes: Array) -> Dimension:
        """A dimension of units whose codes are known."""
        return whole(len(codes)) if name == "all" else Dimension(name, codes, self.names_of(name))
