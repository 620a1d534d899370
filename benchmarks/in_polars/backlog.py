"""The backlog: what stood unsolved at the end of each day, by age, and what came and went.

What enters: `Landed`, the spine, `Stories`, the customers' segments.  What leaves: `backlog_answers`.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.in_polars.events import Landed, day_of, is_done
from benchmarks.in_polars.periods import kept_places, placed
from benchmarks.in_polars.stories import DIMENSIONS, Segments, in_force, said_or_known

BANDS = {"0": (0, 1), "1-2": (1, 3), "3-6": (3, 7), "7-29": (7, 30), "30-89": (30, 90), "90+": (90, 999_999)}
_STATE = ["is_unsolved", "priority", "team", "assignee", "category", "version"]
_COUNTS = ["entered", "opened", "solved", "reopened"]


def moves(valued: pl.DataFrame) -> pl.DataFrame:
    """The rows at which a ticket is opened, solved or reopened."""
    is_opening = (pl.col("kind") == "opened") & pl.col("status").is_not_null()
    is_move = is_opening | pl.col("is_done_now") | pl.col("is_reopen")
    return valued.filter(is_move).with_columns((pl.col("kind") == "opened").alias("is_opening"))


def _standing(landed: Landed, spine: pl.DataFrame, segments: Segments) -> pl.DataFrame:
    """Runs of days, as numbers, at whose ends a ticket stood unsolved with the same values."""
    status = pl.col("status")
    end = (landed.last_day - date(1970, 1, 1)).days + 1
    first_day = pl.col("first_day")
    rows = (
        spine.lazy()
        .select(
            "t",
            "moment",
            "priority",
            "team",
            "assignee",
            "category",
            "version",
            day_of(pl.col("moment")).alias("first_day"),
            (status.is_not_null() & ~is_done(status)).alias("is_unsolved"),
        )
        .filter((pl.col("t") != pl.col("t").shift(-1)).fill_null(True) | (first_day != first_day.shift(-1)))
        .filter(
            (pl.col("t") != pl.col("t").shift(1)).fill_null(True)
            | pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _STATE)
        )
        .with_columns(
            first_day.cast(pl.Int32),
            pl.when(pl.col("t") == pl.col("t").shift(-1))
            .then(first_day.shift(-1).cast(pl.Int32))
            .fill_null(end)
            .alias("end_day"),
        )
        .filter("is_unsolved")
        .collect()
    )
    known = in_force(
        rows, landed, ["channel", "product", "brand", "priority", "team", "category", "agent_key"]
    )
    customer = landed.tickets["customer_key"].gather(rows["t"])
    created = landed.tickets.select(day_of(pl.col("created_at")).cast(pl.Int32)).to_series().gather(rows["t"])
    return rows.select(
        created.alias("created_day"),
        "first_day",
        "end_day",
        known["channel"],
        known["product"],
        known["brand"],
        *said_or_known(rows, known),
        segments.of(customer, rows["moment"]),
    )


def _changes(landed: Landed, spine: pl.DataFrame, moved: pl.DataFrame, segments: Segments) -> pl.DataFrame:
    """By day and age: how many more stood unsolved than before, and what was opened, solved, reopened."""
    standing = _standing(landed, spine, segments).lazy()
    since_first, since_end = (pl.col(name) - pl.col("created_day") for name in ("first_day", "end_day"))
    created = (
        landed.tickets.select(day_of(pl.col("created_at")).cast(pl.Int32)).to_series().gather(moved["t"])
    )
    came = moved.lazy().with_columns(pl.col("day").cast(pl.Int32), created.alias("created_day"))
    age = pl.col("day") - pl.col("created_day")
    found = []
    for band, (first_age, end_age) in BANDS.items():
        its = standing.filter((since_first < end_age) & (since_end > first_age))
        for sign, day in (
            (1, since_first.clip(lower_bound=first_age)),
            (-1, since_end.clip(upper_bound=end_age)),
        ):
            found.append(
                its.select(
                    (pl.col("created_day") + day).alias("day"),
                    pl.lit(band).alias("age_band_days"),
                    *DIMENSIONS,
                    pl.lit(sign, pl.Int64).alias("entered"),
                    *(pl.lit(0, pl.Int64).alias(name) for name in _COUNTS[1:]),
                )
            )
        flags = {
            "opened": pl.col("is_opening"),
            "solved": pl.col("is_done_now"),
            "reopened": pl.col("is_reopen"),
        }
        found.append(
            came.filter((age >= first_age) & (age < end_age)).select(
                "day",
                pl.lit(band).alias("age_band_days"),
                *DIMENSIONS,
                pl.lit(0, pl.Int64).alias("entered"),
                *(flag.cast(pl.Int64).alias(name) for name, flag in flags.items()),
            )
        )
    return pl.concat(pl.collect_all(found)).with_columns(pl.lit("all").cast(pl.Categorical).alias("all"))


def backlog_answers(
    landed: Landed, spine: pl.DataFrame, moved: pl.DataFrame, segments: Segments
) -> pl.DataFrame:
    """The table `backlog_answers`."""
    changes = _changes(landed, spine, moved, segments)
    units = moved.with_columns(pl.lit("all").cast(pl.Categorical).alias("all"))
    end = (landed.last_day - date(1970, 1, 1)).days + 1
    key = ["place", "age_band_days"]
    found = []
    for name in ("all", *DIMENSIONS):
        daily = changes.group_by("day", "age_band_days", name).agg(pl.col(_COUNTS).sum())
        kept = kept_places(units, name, landed.last_day)
        daily = placed(daily, name, kept).group_by(*key, "day").agg(pl.col(_COUNTS).sum())
        days = (
            daily.group_by(key)
            .agg(pl.col("day").min())
            .with_columns(pl.int_ranges("day", end, dtype=pl.Int32).alias("day"))
            .explode("day")
        )
        found.append(
            days.drop_nulls("day")
            .join(daily, on=[*key, "day"], how="left")
            .with_columns(pl.col(_COUNTS).fill_null(0))
            .sort(*key, "day")
            .select(
                pl.col("day").cast(pl.Date).alias("date_day"),
                pl.lit(name).cast(pl.Categorical).alias("dimension"),
                pl.col("place").alias("dimension_value"),
                "age_band_days",
                *_COUNTS[1:],
                pl.col("entered").cum_sum().over(key).alias("unsolved"),
            )
        )
    return pl.concat(found)
