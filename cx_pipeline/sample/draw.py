"""Vectorised building blocks of the generator: draws, lookups and text columns.

What enters: numpy arrays of codes, counts and instants (whole seconds since 1970, UTC).  What leaves:
numpy arrays, or Arrow string columns ready to be written.  Called by the other modules of this room.
All randomness comes from a stream named by seed, block and part, so that no part disturbs another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rng = np.random.Generator

NEVER = np.int64(2**62)
"""An instant after all others."""
NO_INSTANT = np.int64(-(2**62))
"""An instant that is not known; written as an empty value."""


def stream(seed: int, block: int, part: int) -> Rng:
    """The random stream of one part of one block; PCG64, whose output numpy keeps stable."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence((seed, block, part))))


def pick(rng: Rng, shares: Sequence[float], size: int) -> Ints:
    """`size` positions of `shares`, each drawn in proportion to its share."""
    bounds = np.cumsum(np.asarray(shares, dtype=np.float64))
    drawn = np.searchsorted(bounds, rng.random(size) * bounds[-1], side="right")
    codes: Ints = np.minimum(drawn, len(bounds) - 1).astype(np.int64)
    return codes


def chance(rng: Rng, probability: float | Floats, size: int) -> Flags:
    """`size` coins that show true with `probability`."""
    return rng.random(size) < probability


def spread(rng: Rng, median: float, sigma: float, size: int) -> Floats:
    """Lognormal draws around `median`."""
    return median * np.exp(sigma * rng.standard_normal(size))


def whole(values: Floats) -> Ints:
    return np.rint(values).astype(np.int64)


def lookup(values: Sequence[float], codes: Ints) -> Floats:
    return np.asarray(values, dtype=np.float64)[codes]


def ranks(counts: Ints) -> Ints:
    """0, 1, 2 … within each group, for groups of `counts` rows laid end to end."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0, dtype=np.int64) - np.repeat(ends - counts, counts)


def words(pool: Sequence[str], codes: Ints) -> Any:
    """The Arrow string column of `codes` into `pool`; a negative code is an empty value."""
    return pa.array(pool, pa.string()).take(pa.array(codes, mask=codes < 0))


def ids(prefix: str, numbers: Ints) -> Any:
    """`prefix` and the number, as an Arrow string column; a negative number is an empty value."""
    digits = pa.array(numbers, mask=numbers < 0).cast(pa.string())
    return pc.binary_join_element_wise(prefix, digits, "")


_TIMES = [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)]
_TIME_COLUMN: list[Any] = []


def instants(utc: Ints, offsets: Ints) -> Any:
    """ISO 8601 local time with its offset (`2026-05-11T09:30:00+09:00`); empty where NO_INSTANT."""
    if not _TIME_COLUMN:
        _TIME_COLUMN.append(pa.array(_TIMES, pa.string()))
    empty = utc == NO_INSTANT
    local = np.where(empty, 0, utc + offsets)
    days = local // 86_400
    first = int(days[~empty].min()) if (~empty).any() else 0
    last = int(days[~empty].max()) if (~empty).any() else 0
    names = np.datetime_as_string(np.arange(first, last + 1).astype("datetime64[D]"))
    known, codes = np.unique(offsets, return_inverse=True)
    suffixes = [
        f"{'-' if o < 0 else '+'}{abs(o) // 3600:02d}:{abs(o) // 60 % 60:02d}" for o in known.tolist()
    ]
    return pc.binary_join_element_wise(
        pa.array(names.tolist(), pa.string()).take(pa.array(days - first, mask=empty)),
        _TIME_COLUMN[0].take(pa.array(local % 86_400)),
        pa.array(suffixes, pa.string()).take(pa.array(codes.astype(np.int64))),
        "",
    )


def numbers(values: Floats) -> Any:
    """A decimal column; NaN is an empty value."""
    return pa.array(values, mask=np.isnan(values))


def flags(values: Flags, where: Flags | None = None) -> Any:
    """A boolean column, empty where `where` is false."""
    return pa.array(values, mask=None if where is None else ~where)


def concat(parts: Sequence[Any]) -> Any:
    """Arrays of one type end to end."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
