"""What enters the program: landed Parquet of an entity as a frame, the columns asked for and no more.

Text that repeats comes as categories, so that everything after compares whole numbers; instants come as
naive UTC.  `latest` leaves the newest row of each key.  Called by the modules that tell of an entity.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

Array = npt.NDArray[Any]
NO_DAY = -(2**31)
"""The day of what has none; every other is the number of days since 1970."""
FOREVER = int(np.datetime64("9999-12-31", "D").astype(np.int64))
BEFORE_ALL = int(np.datetime64("1900-01-01", "D").astype(np.int64))
_ZONE = "Asia/Seoul"
_HOUR = 3_600_000_000


def read(landing: Path, entity: str, columns: Iterable[str], repeated: Iterable[str]) -> pd.DataFrame:
    """All landed rows: `columns` as they are, text columns that repeat themselves as categories."""
    files = sorted(str(path) for path in (landing / entity).glob("*/*/*.parquet"))
    dictionary = list(repeated)
    landed = pq.ParquetDataset(files, read_dictionary=dictionary, partitioning=None)
    table = landed.read(columns=[*columns, *dictionary]).unify_dictionaries()
    for number, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(pa.timestamp("us")))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def latest(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """The newest row of each source and key, by updated_at (unknown is oldest), then as they landed."""
    ids, _ = pd.factorize(frame[key])
    number = ids.astype(np.int64) * len(frame["source"].cat.categories) + frame["source"].cat.codes.to_numpy()
    again = np.bincount(number, minlength=1)[number] > 1
    rows = np.flatnonzero(again)
    some = frame.iloc[rows]
    updated = instants(some["updated_at"]) if "updated_at" in some else np.zeros(len(rows), np.int64)
    order = np.lexsort((some["position"], some["batch_sequence"], updated, number[rows]))
    last = np.append(number[rows][order][1:] != number[rows][order][:-1], True)[: len(order)]
    keep = ~again
    keep[rows[order[last]]] = True
    return chosen(frame, keep)


def chosen(frame: pd.DataFrame, which: Array) -> pd.DataFrame:
    """Some rows, numbered anew."""
    return frame.iloc[np.flatnonzero(which)].reset_index(drop=True)


def instants(column: pd.Series[Any]) -> Array:
    """Microseconds since 1970; the least number where there is no instant."""
    return column.to_numpy().astype("datetime64[us]").view(np.int64)


NEVER = np.iinfo(np.int64).min


def local_days(moments: Array) -> Array:
    """The days of the reporting zone of microseconds since 1970: its offset is looked up by the hour."""
    known = moments != NEVER
    days = np.full(len(moments), NO_DAY, np.int64)
    if not known.any():
        return days
    hour = moments // _HOUR
    first, last = int(hour[known].min()), int(hour[known].max())
    hours = pd.DatetimeIndex(np.arange(first, last + 1).astype("datetime64[h]").astype("datetime64[us]"))
    offsets = (hours.tz_localize("UTC").tz_convert(_ZONE).tz_localize(None) - hours).to_numpy()
    offset = offsets.astype("timedelta64[us]").view(np.int64)
    days[known] = (moments[known] + offset[hour[known] - first]) // (24 * _HOUR)
    return days


def midnight(day: Array) -> Array:
    """The instants at which days of the reporting zone begin, as microseconds since 1970."""
    local = pd.DatetimeIndex(np.asarray(day).astype("datetime64[D]").astype("datetime64[us]"))
    return (
        local.tz_localize(_ZONE)
        .tz_convert("UTC")
        .tz_localize(None)
        .to_numpy()
        .astype("datetime64[us]")
        .view(np.int64)
    )


def seed(seeds: Path, name: str) -> pd.DataFrame:
    """A reference table, all of it text."""
    return pd.read_csv(seeds / f"{name}.csv", dtype=str)


def day_number(text: pd.Series[Any], otherwise: int) -> Array:
    """Dates written out, as numbers of days; `otherwise` where there is none."""
    days = pd.to_datetime(text).to_numpy().astype("datetime64[D]")
    return np.where(np.isnat(days), otherwise, days.astype(np.int64))


def codes_in(names: pd.Index[Any], column: pd.Series[Any]) -> Array:
    """The place of each value of a categorical column among `names`; -1 where it has none."""
    places = np.append(names.get_indexer(column.cat.categories), -1)
    return np.asarray(places[column.cat.codes.to_numpy()], dtype=np.int64)


def is_one_of(column: pd.Series[Any], *values: str) -> Array:
    """Whether a categorical column has one of `values`; no where it has none."""
    among = np.append(column.cat.categories.isin(values), False)
    return np.asarray(among[column.cat.codes.to_numpy()], dtype=bool)
