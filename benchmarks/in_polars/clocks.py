"""The schedules' clocks: how long they have been open up to an instant, and when they will have been.

What enters: the hours and holidays of the reference tables, a stretch of days.  What leaves: `Clocks`;
instants and readings are microseconds, a schedule is its category.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from benchmarks.in_polars.landed import seed

_SHIFT = 2**52
_DAY_US = 86_400_000_000


def _of_day(column: str, otherwise: int) -> pl.Expr:
    """HH:MM as microseconds of the day."""
    parts = pl.col(column).str.split_exact(":", 1).struct
    minutes = parts.field("field_0").cast(pl.Int64) * 60 + parts.field("field_1").cast(pl.Int64)
    return (minutes * 60_000_000).fill_null(otherwise)


def _spans(first_day: date, last_day: date) -> pl.DataFrame:
    """The spans a schedule is open, in UTC and in order: its hours less holidays."""
    dates = {"valid_from": pl.Date(), "valid_to": pl.Date()}
    hours = seed("business_hours", **dates).select(
        "schedule_id",
        "time_zone",
        "weekday",
        "valid_from",
        "valid_to",
        _of_day("opens_at", 0).alias("opens"),
        _of_day("closes_at", _DAY_US).alias("closes"),
    )
    holidays = seed("holidays", date=pl.Date()).select(
        "schedule_id",
        pl.col("date").alias("day"),
        _of_day("closed_from", 0).alias("shut"),
        _of_day("closed_to", _DAY_US).alias("reopens"),
    )
    day, opens, closes = pl.col("day"), pl.col("opens"), pl.col("closes")
    days = pl.DataFrame({"day": pl.date_range(first_day, last_day, eager=True)})
    weekday = day.dt.strftime("%a").str.to_lowercase().alias("weekday")
    local = (
        days.with_columns(weekday)
        .join(hours, on="weekday")
        .filter((day >= pl.col("valid_from").fill_null(day)) & (day < pl.col("valid_to")).fill_null(True))
        .join(holidays, on=["schedule_id", "day"], how="left")
    )
    kept = ["schedule_id", "time_zone", "day"]
    cut = pl.concat(
        [
            local.filter(pl.col("shut").is_null()).select(*kept, opens, closes),
            local.filter(pl.col("shut").is_not_null()).select(
                *kept, opens, pl.min_horizontal("closes", "shut").alias("closes")
            ),
            local.filter(pl.col("shut").is_not_null()).select(
                *kept, pl.max_horizontal("opens", "reopens").alias("opens"), closes
            ),
        ]
    ).filter(opens < closes)
    found = []
    for (zone,), spans in cut.partition_by("time_zone", as_dict=True).items():

        def utc(moment: pl.Expr, zone: str = str(zone)) -> pl.Expr:
            local_time = (day.cast(pl.Datetime("us")).cast(pl.Int64) + moment).cast(pl.Datetime("us"))
            told = local_time.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
            return told.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Int64)

        found.append(
            spans.select("schedule_id", utc(opens).alias("opens_us"), utc(closes).alias("closes_us"))
        )
    return pl.concat(found).sort("schedule_id", "opens_us")


@dataclass(frozen=True)
class Clocks:
    """Spans with the open time before them; each schedule's begin with an empty one before all time."""

    spans: pl.DataFrame
    codes: dict[str, int]

    def _code(self, schedule: pl.Series) -> pl.Series:
        return schedule.cast(pl.String).replace_strict(self.codes, default=None, return_dtype=pl.Int64)

    def read(self, schedule: pl.Series, moment: pl.Series) -> pl.Series:
        """What each schedule's clock reads at a moment."""
        code = schedule if schedule.dtype == pl.Int64 else self._code(schedule)
        at = self.spans["by_moment"].search_sorted(code * _SHIFT + moment, side="right").cast(pl.Int64) - 1
        span = self.spans.select("opens_us", "before_us", "length_us")[at]
        return span.select(
            pl.col("before_us") + pl.min_horizontal("length_us", moment - pl.col("opens_us"))
        ).to_series()

    def when(self, schedule: pl.Series, reading: pl.Series) -> pl.Series:
        """The first moment at which each schedule's clock will read that."""
        key = (self._code(schedule) * _SHIFT + reading).fill_null(0)
        at = (self.spans["by_reading"].search_sorted(key, side="left").cast(pl.Int64) - 1).clip(0)
        span = self.spans.select("opens_us", "before_us")[at]
        known = schedule.is_not_null() & reading.is_not_null()
        return span.select(
            pl.when(known).then(pl.col("opens_us") + reading - pl.col("before_us"))
        ).to_series()

    def coded(self, schedule: pl.Series) -> pl.Series:
        """Schedules as the numbers `read` takes too."""
        return self._code(schedule)


def clocks_of(first_day: date, last_day: date) -> Clocks:
    """The clocks of all schedules between two days."""
    spans = _spans(first_day, last_day)
    names = spans["schedule_id"].unique().sort().to_list()
    empty = pl.DataFrame({"schedule_id": names}).with_columns(
        pl.lit(0, pl.Int64).alias("opens_us"), pl.lit(0, pl.Int64).alias("closes_us")
    )
    codes = {str(name): number for number, name in enumerate(names, start=1)}
    length = pl.col("closes_us") - pl.col("opens_us")
    code = pl.col("schedule_id").replace_strict(codes, return_dtype=pl.Int64)
    whole = (
        pl.concat([empty, spans])
        .sort("schedule_id", "opens_us")
        .with_columns(
            length.alias("length_us"), (length.cum_sum() - length).over("schedule_id").alias("before_us")
        )
        .with_columns(
            (code * _SHIFT + pl.col("opens_us")).alias("by_moment"),
            (code * _SHIFT + pl.col("before_us")).alias("by_reading"),
        )
    )
    return Clocks(whole, codes)
