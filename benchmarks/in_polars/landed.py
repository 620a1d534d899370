"""What enters the program: landed Parquet as frames of the columns asked for, reference tables, days.

Keys and texts that repeat come as categories, so that everything after compares whole numbers; instants come
as naive UTC.  Called by the modules that tell of an entity.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import polars as pl

ZONE = "Asia/Seoul"
SEEDS = Path(__file__).parents[1] / "seeds"
ALWAYS, FOREVER = date(1900, 1, 1), date(9999, 12, 31)
SINCE_ALWAYS = datetime(1900, 1, 1)


def scan(landing: Path, entity: str, columns: Iterable[str], repeated: Iterable[str]) -> pl.LazyFrame:
    """All landed rows: `columns` as they are, `repeated` ones as categories."""
    files = sorted((landing / entity).glob("*/*/*.parquet"))
    rows = pl.scan_parquet(files, hive_partitioning=False)
    kinds = rows.collect_schema()
    categories = [pl.col(name).cast(pl.Categorical) for name in repeated]
    return rows.select(
        *(
            pl.col(name).dt.replace_time_zone(None) if isinstance(kinds[name], pl.Datetime) else pl.col(name)
            for name in columns
        ),
        *categories,
    )


def latest(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """The newest row of each source and key, by updated_at (unknown is oldest), then as they landed."""
    is_repeated = rows.select(pl.col(key).hash().is_duplicated()).to_series()
    newest = (
        rows.filter(is_repeated)
        .sort("updated_at", "batch_sequence", "position")
        .unique(["source", key], keep="last")
    )
    return pl.concat([rows.filter(~is_repeated), newest]).drop("updated_at", "batch_sequence", "position")


def seed(name: str, **kinds: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    """A reference table: columns of text, but for those of other `kinds`."""
    header = pl.read_csv(SEEDS / f"{name}.csv", n_rows=0).columns
    return pl.read_csv(
        SEEDS / f"{name}.csv", schema={column: kinds.get(column, pl.String()) for column in header}
    )


def local_day(moment: pl.Expr) -> pl.Expr:
    """The day of the reporting zone on which an instant lies."""
    return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE).dt.date()


def midnight(day: pl.Expr) -> pl.Expr:
    """The instant at which a day of the reporting zone begins."""
    local = day.cast(pl.Datetime("us")).dt.replace_time_zone(ZONE)
    return local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def as_of(
    rows: pl.DataFrame, moment: pl.Expr, versions: pl.DataFrame, *, by: str, since: str
) -> pl.DataFrame:
    """What the version in force at a moment says of each row, as a frame beside `rows`.

    `versions` has the columns `by` and `since`, its order, and those that are given.
    """
    asked = rows.select(by, moment.alias("moment")).with_row_index("row").sort("moment")
    found = asked.join_asof(
        versions, left_on="moment", right_on=since, by=by, check_sortedness=False, coalesce=True
    )
    return found.sort("row").select(name for name in versions.columns if name not in (by, since))
