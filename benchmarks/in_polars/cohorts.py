"""Cohorts: the month of the first order or of the sign-up, and who of them is there k months on.

What enters: `People`, transactions, the periods.  What leaves: `cohort_answers`.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from benchmarks.in_polars.customers import People, in_periods, months_since_zero
from benchmarks.in_polars.intervals import wilson

_MIN_N, _FEW = 5, 30


def _members(people: People) -> pl.LazyFrame:
    """The cohort of each customer who has one, and whether they were there when the data begin."""
    customers = people.customers.lazy()
    data_start = people.customers["first_day"].drop_nulls().sort().item(0)
    signed, begun = pl.col("signed_up_day"), pl.col("begun")
    is_contractual = pl.col("is_contractual")
    next_month = pl.lit(data_start).dt.month_start().dt.offset_by("1mo")
    first_live = people.live.lazy().group_by("customer_key").agg(pl.col("first_live").first())
    return (
        customers.join(first_live, on="customer_key", how="left")
        .with_columns(
            pl.when(is_contractual)
            .then(pl.coalesce(signed, "first_live"))
            .otherwise(pl.col("first_order_day"))
            .alias("begun")
        )
        .filter(begun.is_not_null())
        .select(
            "customer_key",
            "is_contractual",
            begun.dt.month_start().alias("cohort_month"),
            pl.when(is_contractual)
            .then(begun < data_start)
            .when(signed.is_not_null())
            .then(signed < data_start)
            .otherwise(begun < next_month)
            .alias("is_left_truncated"),
        )
    )


def cohort_answers(
    people: People, transactions: pl.DataFrame, periods: pl.DataFrame, last_day: date
) -> pl.DataFrame:
    """The table `cohort_answers`."""
    members = _members(people).collect()
    contractual = pl.col("is_contractual")
    ordered = (
        transactions.lazy()
        .filter(pl.col("kind").is_in(["order", "renewal"]))
        .select("customer_key", pl.col("occurred_date").dt.month_start().alias("month_start"))
        .unique()
        .join(members.lazy().filter(~contractual), on="customer_key")
    )
    living = (
        in_periods(people.live.lazy(), periods, ("month",), pl.col("from_day"), pl.col("to_day"))
        .filter((pl.col("from_day") <= pl.col("last_day")) & (pl.col("to_day") > pl.col("last_day")))
        .join(members.lazy().filter(contractual), on="customer_key")
        .rename({"period_start": "month_start"})
    )
    active = (
        pl.concat([rows.select("cohort_month", "month_start") for rows in (ordered, living)])
        .group_by("cohort_month", "month_start")
        .agg(pl.len().cast(pl.Int64).alias("active_customers"))
    )
    month, start = pl.col("cohort_month"), pl.col("month_start")
    size, count = pl.col("cohort_size"), pl.col("active_customers")
    is_complete, is_suppressed = pl.col("is_complete"), pl.col("is_suppressed")
    months = (
        periods.lazy().filter(pl.col("grain") == "month").select(pl.col("period_start").alias("month_start"))
    )
    low, high = wilson(count, size)
    is_shown = is_complete & ~is_suppressed
    return (
        members.lazy()
        .group_by("cohort_month")
        .agg(
            pl.len().cast(pl.Int64).alias("cohort_size"),
            pl.col("is_left_truncated").sum().cast(pl.Int64).alias("left_truncated_customers"),
        )
        .join(months, how="cross")
        .filter(month <= start)
        .join(active, on=["cohort_month", "month_start"], how="left")
        .with_columns(
            count.fill_null(0),
            (start.dt.month_end() <= last_day).alias("is_complete"),
            (size < _MIN_N).alias("is_suppressed"),
            (months_since_zero(start) - months_since_zero(month)).alias("month_number"),
            (size < _FEW).alias("is_small_sample"),
            (pl.col("left_truncated_customers") > 0).alias("is_left_truncated"),
        )
        .with_columns(
            pl.when(is_shown).then(100.0 * count / size).alias("retention_rate"),
            pl.when(is_shown).then(low).alias("ci_low"),
            pl.when(is_shown).then(high).alias("ci_high"),
        )
        .with_columns(pl.when(is_complete).then(count).alias("active_customers"))
        .collect()
    )
