"""Sorted runs in arrays: looking up within them, spelling them out, summing them.

Pure functions of numpy arrays, without a loop over rows.  Called by all modules of the program.
"""

from __future__ import annotations

import numpy as np

from benchmarks.in_pandas.landed import Array


def last_within(keys: Array, first: Array, end: Array, wanted: Array, *, below: bool = False) -> Array:
    """The last position in [first, end) whose key is <= wanted (< with `below`); -1 where there is none.

    `keys` ascend within each stretch asked for, which may differ by row: a bisection of all rows at once.
    """
    low, high = first.astype(np.int64), np.maximum(end, first).astype(np.int64)
    longest = int((high - low).max(initial=0))
    for _ in range(longest.bit_length()):
        middle = (low + high) // 2
        is_open = low < high
        found = keys[np.where(is_open, middle, 0)]
        is_left = is_open & ((found < wanted) if below else (found <= wanted))
        low, high = np.where(is_left, middle + 1, low), np.where(is_open & ~is_left, middle, high)
    return np.where(low > first, low - 1, -1)


def bounds(codes: Array, count: int) -> tuple[Array, Array]:
    """Where each of `count` codes starts and ends in the ascending `codes`."""
    ends = np.cumsum(np.bincount(codes, minlength=count))
    return np.concatenate(([0], ends[:-1])), ends


def spelled_out(lows: Array, highs: Array) -> tuple[Array, Array]:
    """Each row's numbers from low up to high: the rows, repeated, and the numbers."""
    lengths = np.maximum(highs - lows, 0)
    rows = np.repeat(np.arange(len(lows)), lengths)
    starts = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - starts[rows] + lows[rows]


def starts_of(*columns: Array) -> Array:
    """Whether a row differs from the one before it in any column; the first does."""
    is_first = np.ones(len(columns[0]), dtype=bool)
    if len(is_first) > 1:
        is_first[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return is_first


def totals(codes: Array, count: int, weights: Array | None = None) -> Array:
    """How many rows each code has, or the sum of their weights."""
    if weights is None:
        return np.bincount(codes, minlength=count)
    return np.bincount(codes, weights=weights, minlength=count)


def running(values: Array, is_start: Array) -> Array:
    """The sum of `values` so far, afresh from each start on."""
    sums = np.cumsum(values)
    base = (sums - values)[is_start]
    return np.asarray(sums - base[np.cumsum(is_start) - 1])


def shifted(values: Array, by: int, fill: float) -> Array:
    """The values of `by` columns earlier (later where negative), `fill` where there are none."""
    result = np.full(values.shape, fill, dtype=values.dtype)
    if by >= 0:
        result[..., by:] = values[..., : max(values.shape[-1] - by, 0)]
    else:
        result[..., :by] = values[..., -by:]
    return result


def rounded(values: Array) -> Array:
    """Rounded to six digits, halves away from zero (as SQL does, and numpy does not)."""
    return np.copysign(np.floor(np.abs(values) * 1e6 + 0.5) / 1e6, values)
