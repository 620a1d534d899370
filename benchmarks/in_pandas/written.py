"""What leaves the program: one Parquet file a table of answers, and the long table of KPIs.

Unknown numbers are NaN here and null there.  Called by the modules that answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.in_pandas.arrays import shifted
from benchmarks.in_pandas.landed import NEVER, NO_DAY, Array
from benchmarks.in_pandas.periods import A_YEAR_BEFORE, BEFORE, Calendar

_TEXT = pa.dictionary(pa.int32(), pa.string())
_NUMBERS = (
    "value",
    "numerator",
    "denominator",
    "ci_low",
    "ci_high",
    "previous_value",
    "change",
    "yoy_change",
)
KPI_SCHEMA = pa.schema(
    [
        ("kpi", _TEXT),
        ("grain", _TEXT),
        ("period_start", pa.date32()),
        ("dimension", _TEXT),
        ("dimension_value", _TEXT),
    ]
    + [("n", pa.int64())]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [("is_small_sample", pa.bool_())]
)


def dates(days: Array) -> pa.Array:
    """Days since 1970 as dates."""
    return pa.array(days.astype(np.int32), pa.int32(), mask=days == NO_DAY).cast(pa.date32())


def moments(instants: Array) -> pa.Array:
    """Microseconds since 1970 as instants."""
    return pa.array(instants, pa.int64(), mask=instants == NEVER).cast(pa.timestamp("us"))


def numbers(values: Array) -> pa.Array:
    """Numbers, unknown where NaN."""
    return pa.array(values, pa.float64(), from_pandas=True)


def counts(values: Array, known: Array | None = None) -> pa.Array:
    """Whole numbers, unknown where `known` is false."""
    return pa.array(values.astype(np.int64), pa.int64(), mask=None if known is None else ~known)


def flags(values: Array, known: Array | None = None) -> pa.Array:
    """Yes and no, unknown where `known` is false."""
    return pa.array(values.astype(bool), pa.bool_(), mask=None if known is None else ~known)


def names(codes: Array, values: pd.Index[Any] | tuple[str, ...]) -> pa.Array:
    """Texts by their place among `values`, unknown where -1."""
    indices = pa.array(codes.astype(np.int32), pa.int32(), mask=codes < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(list(values), pa.string()))


def texts(column: pd.Series[Any]) -> pa.Array:
    """A column of text, or of categories."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return names(column.cat.codes.to_numpy(), column.cat.categories)
    return pa.array(column, from_pandas=True)


def write(folder: Path, table: str, columns: Mapping[str, pa.Array]) -> None:
    """Write a table of answers."""
    pq.write_table(pa.table(dict(columns)), folder / f"{table}.parquet", compression="zstd")


@dataclass(frozen=True)
class Kpi:
    """A KPI of some cells, as arrays of places × periods; there where n > 0.

    `ends` are asked for once, of the cells that are there: a function of their flat positions.
    """

    name: str
    n: Array
    value: Array
    numerator: Array | None = None
    denominator: Array | None = None
    ends: Callable[[Array], tuple[Array, Array]] | None = None


class KpiTable:
    """`kpi_answers` as it grows; a context manager."""

    def __init__(self, folder: Path) -> None:
        """Write into `folder`."""
        texts_of = [field.name for field in KPI_SCHEMA if field.type == _TEXT]
        self._file = pq.ParquetWriter(
            folder / "kpi_answers.parquet", KPI_SCHEMA, compression="lz4", use_dictionary=texts_of
        )
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0

    def __enter__(self) -> KpiTable:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._flush()
        self._file.close()

    def add(self, calendar: Calendar, grain: str, dimension: str, places: list[str], kpi: Kpi) -> None:
        """The cells of a KPI that are there, beside the period before and that of a year ago."""
        at = np.flatnonzero(kpi.n > 0)
        if not len(at):
            return
        width = kpi.n.shape[1]
        value = np.where(kpi.n > 0, kpi.value, np.nan)
        if grain == "all":
            previous = year_ago = np.full(len(at), np.nan)
        else:
            is_over = calendar.is_over(grain)
            previous, year_ago = (
                np.where(is_over, shifted(value, by[grain], np.nan), np.nan).ravel()[at]
                for by in (BEFORE, A_YEAR_BEFORE)
            )
        low, high = kpi.ends(at) if kpi.ends else (None, None)
        now, n = value.ravel()[at], kpi.n.ravel()[at]
        place = at // width
        nothing = pa.nulls(len(at), pa.float64())
        columns = [
            _one_name(kpi.name, len(at)),
            _one_name(grain, len(at)),
            dates(calendar.starts(grain)[at - place * width]),
            _one_name(dimension, len(at)),
            names(place, tuple(places)),
            counts(n),
            numbers(now),
            nothing if kpi.numerator is None else numbers(kpi.numerator.ravel()[at]),
            nothing if kpi.denominator is None else numbers(kpi.denominator.ravel()[at]),
            nothing if low is None else numbers(low),
            nothing if high is None else numbers(high),
            numbers(previous),
            numbers(now - previous),
            numbers(now - year_ago),
            flags(n < 30),
        ]
        self._batches.append(pa.RecordBatch.from_arrays(columns, schema=KPI_SCHEMA))
        self._rows += len(at)
        if self._rows > 500_000:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._file.write_table(pa.Table.from_batches(self._batches).unify_dictionaries())
        self._batches, self._rows = [], 0


def _one_name(name: str, length: int) -> pa.Array:
    return names(np.zeros(length, np.int32), (name,))


def index(values: tuple[str, ...]) -> pd.Index[Any]:
    """Names as an index, to look others up in."""
    return pd.Index(list(values))
