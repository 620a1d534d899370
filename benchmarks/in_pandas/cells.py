"""Units folded into cells: places of a dimension × days, and days into periods.

What enters: units as codes of a dimension and days.  What leaves: sums as arrays of places × days, dense, so
that a period is a sum of neighbours and the one before it a column further left.  Called by modules of KPIs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import totals
from benchmarks.in_pandas.landed import Array

LARGEST = 200


@dataclass(frozen=True)
class Dimension:
    """A dimension of some units: its name, each unit's code (-1: none) and what the codes stand for."""

    name: str
    codes: Array
    values: pd.Index[Any]

    @property
    def starts_at_the_week(self) -> bool:
        """Whether it is too fine for days."""
        return self.name in ("agent", "touchpoint")


def whole(units: int) -> Dimension:
    """The dimension that holds everything in one place."""
    return Dimension("all", np.zeros(units, np.int64), pd.Index(["all"]))


def dimension_of(name: str, column: pd.Series[Any], rows: Array | None = None) -> Dimension:
    """The dimension of a categorical column, of the rows that the units are."""
    codes = column.cat.codes.to_numpy()
    return Dimension(name, codes if rows is None else codes[rows], column.cat.categories)


def placed(dimension: Dimension, is_ended: Array, counted: Array | None = None) -> tuple[Array, list[str]]:
    """Each unit's place and the places' names: the largest values, the others together, and none.

    Which are largest is told by `counted` (codes), the units themselves where there is none: by how many
    of them lie in a month that has ended (`is_ended`), where none does by how many they are.
    """
    codes = dimension.codes if counted is None else counted
    sizes = totals(codes[codes >= 0], len(dimension.values))
    ended = totals(codes[(codes >= 0) & is_ended], len(dimension.values))
    order = np.lexsort((_ranks(dimension.values), np.where(ended > 0, 0, -sizes), -ended))[:LARGEST]
    order = order[sizes[order] > 0]
    place_of = np.full(len(dimension.values) + 1, len(order))
    place_of[order] = np.arange(len(order))
    place_of[-1] = len(order) + 1
    return place_of[dimension.codes], [*dimension.values[order], "(other)", "(none)"]


def _ranks(values: pd.Index[Any]) -> Array:
    return np.argsort(np.argsort(values.to_numpy().astype(str), kind="stable"), kind="stable")


def folded(cells: Array, shape: tuple[int, int], weights: Array | None = None) -> Array:
    """Units' numbers of cells (place × days + day), counted or added up, as places × days."""
    return totals(cells, shape[0] * shape[1], weights).reshape(shape)
