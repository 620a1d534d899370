"""Days and the periods they lie in, as expressions, and the sums of days by period.

Called by whatever adds up days into the cells of KPIs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import polars as pl

from benchmarks.in_polars.landed import ALWAYS

GRAIN = pl.Enum(["day", "week", "month", "quarter", "all"])
GRAINS = tuple(GRAIN.categories)
MOST_PLACES = 200
_LENGTH = {"day": "1d", "week": "1w", "month": "1mo", "quarter": "1q"}
_BEFORE = {"day": "-7d", "week": "-7d", "month": "-1mo", "quarter": "-1q"}
_A_YEAR_BEFORE = {"day": "-364d", "week": "-364d", "month": "-12mo", "quarter": "-12mo"}


def period_of(grain: str, day: pl.Expr) -> pl.Expr:
    """The first day of the period a day lies in; unknown for a day that is."""
    if grain == "all":
        return pl.lit(ALWAYS)
    return day if grain == "day" else day.dt.truncate(_LENGTH[grain])


def grains_of(dimension: str) -> tuple[str, ...]:
    """The grains a dimension has: agents and touchpoints start at the week."""
    return GRAINS[1:] if dimension in ("agent", "touchpoint") else GRAINS


def by_period(
    daily: pl.DataFrame, grains: Sequence[str], keys: Sequence[str], sums: Iterable[pl.Expr]
) -> pl.DataFrame:
    """Rows by `day` and `keys`, added up by each grain's periods; unknown days count in `all` alone."""
    added = list(sums)
    found = [
        daily.lazy()
        .with_columns(period_of(grain, pl.col("day")).alias("period_start"))
        .filter(pl.col("period_start").is_not_null())
        .group_by(*keys, "period_start")
        .agg(added)
        .with_columns(pl.lit(grain, GRAIN).alias("grain"))
        for grain in grains
    ]
    return pl.concat(pl.collect_all(found))


def earlier_periods(cells: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """The periods of some cells that are over by the end of `last_day`, and those they are compared with."""
    periods = cells.select("grain", "period_start").unique()
    found = []
    for grain in GRAINS[:-1]:
        start = pl.col("period_start")
        found.append(
            periods.filter(
                (pl.col("grain") == grain)
                & ((start.dt.offset_by(_LENGTH[grain]) - pl.duration(days=1)) <= last_day)
            ).with_columns(
                start.dt.offset_by(_BEFORE[grain]).alias("previous_start"),
                start.dt.offset_by(_A_YEAR_BEFORE[grain]).alias("year_ago_start"),
            )
        )
    return pl.concat(found)


def kept_places(
    units: pl.DataFrame, dimension: str, last_day: date, within: Sequence[str] = (), day: str = "day"
) -> pl.DataFrame:
    """The values of a dimension that keep their name (within some groups): the others are `(other)`.

    Those with most units of months that have ended with `last_day`; of values without any, with most units.
    """
    open_month = (last_day + timedelta(days=1)).replace(day=1)
    counted = (
        units.lazy()
        .filter(pl.col(dimension).is_not_null())
        .group_by(*within, dimension)
        .agg((pl.col(day) < open_month).sum().alias("of_ended_months"), pl.len().alias("units"))
        .with_columns(pl.when(pl.col("of_ended_months") == 0).then("units").otherwise(0).alias("of_none"))
        .sort(["of_ended_months", "of_none", dimension], descending=[True, True, False])
    )
    kept = counted.group_by(*within).head(MOST_PLACES) if within else counted.head(MOST_PLACES)
    return (
        kept.drop("of_ended_months", "of_none", "units")
        .with_columns(pl.col(dimension).cast(pl.String).alias("place"))
        .collect()
    )


def placed(
    rows: pl.DataFrame, dimension: str, kept: pl.DataFrame, within: Sequence[str] = ()
) -> pl.DataFrame:
    """The rows with the `place` their value of the dimension is counted in."""
    return (
        rows.lazy()
        .join(kept.lazy(), on=[*within, dimension], how="left")
        .with_columns(
            pl.when(pl.col(dimension).is_null())
            .then(pl.lit("(none)"))
            .otherwise(pl.col("place").fill_null("(other)"))
            .cast(pl.Categorical)
            .alias("place")
        )
        .drop(dimension)
        .collect()
    )
