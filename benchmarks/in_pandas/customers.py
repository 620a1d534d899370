"""Customers: what was known of each, and from when until when.

Called by what tells of answers, transactions and tickets, to say what their customers were like at that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import bounds, last_within, starts_of
from benchmarks.in_pandas.landed import Array, codes_in, instants, read

KINDS = ("segment", "country", "language", "acquisition_channel", "brand")
DAWN = int(np.datetime64("1900-01-01", "us").astype(np.int64))


@dataclass(frozen=True)
class Customers:
    """`keys` by number; `rows`, all versions by customer and time, each customer's from `first` to `end`."""

    keys: pd.Index[Any]
    rows: pd.DataFrame
    customer: Array
    valid_from: Array
    first: Array
    end: Array

    def numbers_of(self, column: pd.Series[Any]) -> Array:
        """The customers' numbers of a column of keys; -1 of who is not known."""
        return codes_in(self.keys, column)

    def version_at(self, customer: Array, moment: Array) -> Array:
        """The row that held of each customer at each moment; -1 where nothing is known."""
        known = customer >= 0
        first, end = np.where(known, self.first[customer], 0), np.where(known, self.end[customer], 0)
        return last_within(self.valid_from, first, end, moment)


def read_customers(landing: Path) -> Customers:
    """All versions of the customers that were not deleted in the end, nor are tests."""
    text = ["customer_key", "relationship", *KINDS, "currency"]
    times = ["signed_up_at", "ended_at", "updated_at"]
    rows = read(landing, "customers", [*times, "acquisition_cost", "is_deleted", "is_test"], text)
    codes, updated = rows["customer_key"].cat.codes.to_numpy(), instants(rows["updated_at"])
    order = np.lexsort((updated, codes))
    is_out = (rows["is_deleted"].to_numpy(bool) | rows["is_test"].to_numpy(bool))[order]
    codes = codes[order].astype(np.int64)
    _, end = bounds(codes, len(rows["customer_key"].cat.categories))
    kept = ~is_out & ~is_out[end[codes] - 1]
    order, codes = order[kept], codes[kept]
    rows = rows.iloc[order].reset_index(drop=True)
    first, end = bounds(codes, len(rows["customer_key"].cat.categories))
    valid_from = np.where(starts_of(codes), DAWN, updated[order])
    return Customers(rows["customer_key"].cat.categories, rows, codes, valid_from, first, end)
