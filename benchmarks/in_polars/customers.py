"""Customers by what is known of them, the periods they are counted in, and when they were live.

What enters: versions of customers, `transaction_answers`.  What leaves: frames of whole numbers, one row a
customer, a purchase, a day of money, a day of orders, a stretch of being live; and `periods_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import polars as pl

from benchmarks.in_polars.landed import FOREVER, as_of, local_day, midnight
from benchmarks.in_polars.periods import GRAIN, period_of

CHURN_AFTER_DAYS = 90


@dataclass(frozen=True)
class People:
    """The frames that tell of customers, each with `customer_key`."""

    customers: pl.DataFrame
    recurring: pl.DataFrame
    money_days: pl.DataFrame
    order_days: pl.DataFrame
    live: pl.DataFrame


def months_since_zero(day: pl.Expr) -> pl.Expr:
    """The number of a day's month."""
    return day.dt.year().cast(pl.Int32) * 12 + day.dt.month() - 1


def add_months(day: pl.Expr, months: pl.Expr) -> pl.Expr:
    """The same day of a later month, or that month's last."""
    month = months_since_zero(day) + months.cast(pl.Int32)
    first = pl.date(month // 12, month % 12 + 1, 1)
    return first + pl.duration(days=pl.min_horizontal(day.dt.day(), first.dt.month_end().dt.day()) - 1)


def days_between(earlier: pl.Expr, later: pl.Expr) -> pl.Expr:
    """How many days lie between two."""
    return later.cast(pl.Int32) - earlier.cast(pl.Int32)


def periods_of(first_day: date, last_day: date) -> pl.DataFrame:
    """One row a week, month, quarter and `all`: its number `p`, its days, when customers are described."""
    days = pl.DataFrame({"day": pl.date_range(first_day, last_day, eager=True)})
    found = [
        days.group_by(period_of(grain, pl.col("day")).alias("period_start"))
        .agg(pl.col("day").max().alias("last_day"))
        .with_columns(pl.lit(grain, GRAIN).alias("grain"))
        .sort("period_start")
        for grain in ("week", "month", "quarter", "all")
    ]
    is_all = pl.col("grain") == "all"
    start = midnight(pl.col("period_start"))
    return (
        pl.concat(found)
        .with_row_index("p")
        .with_columns(
            pl.when(is_all).then(pl.lit(first_day)).otherwise(pl.col("period_start")).alias("first_day"),
            pl.when(is_all)
            .then(midnight(pl.lit(last_day) + pl.duration(days=1)))
            .otherwise(start)
            .alias("described_at"),
        )
    )


def in_periods(
    rows: pl.LazyFrame, periods: pl.DataFrame, grains: tuple[str, ...], first: pl.Expr, last: pl.Expr
) -> pl.LazyFrame:
    """The rows, once for each period that has one of the days from `first` to `last`, with its columns."""
    found = []
    for grain in grains:
        its = periods.filter(pl.col("grain") == grain)
        low, high = its["first_day"].min(), its["last_day"].max()
        number = its["p"].min()
        places = [
            pl.lit(0)
            if grain == "all"
            else _place(grain, day.clip(pl.lit(low), pl.lit(high)), its["period_start"].item(0))
            for day in (first, last)
        ]
        there = rows.filter((first <= high) & (last >= low) & (first <= last))
        found.append(
            there.with_columns(
                pl.int_ranges(places[0] + number, places[1] + number + 1, dtype=pl.UInt32).alias("p")
            ).explode("p")
        )
    return pl.concat(found).join(periods.lazy(), on="p")


def _place(grain: str, day: pl.Expr, start: date) -> pl.Expr:
    """How many periods of a grain lie between a period's start and a day."""
    if grain == "week":
        return days_between(pl.lit(start), day) // 7
    return (months_since_zero(day) - (start.year * 12 + start.month - 1)) // (3 if grain == "quarter" else 1)


def _customers(versions: pl.DataFrame, transactions: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    day, is_order = pl.col("occurred_date"), pl.col("kind").is_in(["order", "renewal"])
    trading = transactions.group_by("customer_key").agg(
        day.min().alias("first_day"), day.filter(is_order).min().alias("first_order_day")
    )
    profile = (
        versions.sort("updated_at")
        .unique("customer_key", keep="last")
        .select(
            "customer_key",
            (pl.col("relationship") == "contractual").fill_null(False).alias("is_contractual"),
            local_day(pl.col("signed_up_at")).alias("signed_up_day"),
            local_day(pl.col("ended_at") + pl.duration(minutes=1)).alias("ended_day"),
            "acquisition_cost",
            "currency",
        )
    )
    known = profile.join(trading, on="customer_key", how="full", coalesce=True).with_columns(
        pl.col("is_contractual").fill_null(False),
        pl.min_horizontal("signed_up_day", "first_day").alias("known_from"),
    )
    rate = as_of(known, pl.coalesce("signed_up_day", "known_from"), rates, by="currency", since="valid_from")
    cost = (pl.col("acquisition_cost") * rate["rate"]).alias("cost")
    return known.with_columns(cost).drop("acquisition_cost", "currency")


def _live(customers: pl.DataFrame, purchases: pl.DataFrame) -> pl.DataFrame:
    """Stretches of days: spans that overlap or touch are one."""
    paid = purchases.lazy().filter(pl.col("is_contractual") & (pl.col("from_day") < pl.col("to_day")))
    ended = pl.col("ended_day").fill_null(FOREVER)
    signed = (
        customers.lazy()
        .filter(pl.col("is_contractual") & (pl.col("signed_up_day") < ended))
        .join(paid, on="customer_key", how="anti")
        .select("customer_key", pl.col("signed_up_day").alias("from_day"), ended.alias("to_day"))
    )
    bought = (
        purchases.lazy()
        .filter(~pl.col("is_contractual"))
        .select(
            "customer_key",
            pl.col("day").alias("from_day"),
            (pl.col("day") + pl.duration(days=CHURN_AFTER_DAYS)).alias("to_day"),
        )
    )
    spans = pl.concat([paid.select("customer_key", "from_day", "to_day"), signed, bought])
    reached = pl.col("to_day").cum_max().shift(1).over("customer_key")
    is_apart = reached.is_null() | (pl.col("from_day") > reached)
    return (
        spans.sort("customer_key", "from_day", "to_day")
        .with_columns(is_apart.alias("is_apart"))
        .with_columns(pl.col("is_apart").cum_sum().alias("island"))
        .group_by("customer_key", "island")
        .agg(pl.col("from_day").min(), pl.col("to_day").max())
        .drop("island")
        .with_columns(pl.col("from_day").min().over("customer_key").alias("first_live"))
        .collect()
    )


def _money_days(transactions: pl.DataFrame) -> pl.DataFrame:
    """What each customer's transactions of a day brought, and all of them up to then."""
    revenue, margin = (
        pl.col(name).round(6, mode="half_away_from_zero") for name in ("reporting_amount", "reporting_margin")
    )
    is_known = pl.col("reporting_margin").is_not_null()
    is_unknown = ~is_known & (pl.col("amount").fill_null(0) != 0)
    running = {"margin": "margin_to_date", "margined": "margined_to_date", "unmargined": "unmargined_to_date"}
    return (
        transactions.lazy()
        .group_by("customer_key", pl.col("occurred_date").alias("day"))
        .agg(
            revenue.sum().alias("revenue"),
            margin.sum().alias("margin"),
            revenue.filter(is_known).sum().alias("margined_revenue"),
            is_known.sum().cast(pl.Int64).alias("margined"),
            is_unknown.sum().cast(pl.Int64).alias("unmargined"),
        )
        .sort("customer_key", "day")
        .with_columns(
            pl.col("day").shift(-1).over("customer_key").fill_null(FOREVER).alias("next_day"),
            *(pl.col(name).cum_sum().over("customer_key").alias(total) for name, total in running.items()),
        )
        .collect()
    )


def _with_months(purchases: pl.DataFrame) -> pl.DataFrame:
    """What purchases bring a month: of whole months, and the rest as a share of the month it lies in."""
    start, end, months = pl.col("from_day"), pl.col("to_day"), pl.col("months")
    upper = months_since_zero(end) - months_since_zero(start)
    whole, next_one = add_months(start, months), add_months(start, months + 1)
    length = months + days_between(whole, end) / days_between(whole, next_one)
    return (
        purchases.lazy()
        .filter(start < end)
        .with_columns(upper.alias("months"))
        .with_columns(months - (add_months(start, months) > end).cast(pl.Int32))
        .select(
            "customer_key",
            "from_day",
            "to_day",
            (pl.col("reporting_amount") / length).round(6, mode="half_away_from_zero").alias("mrr"),
        )
        .collect()
    )


def people_of(versions: pl.DataFrame, transactions: pl.DataFrame, rates: pl.DataFrame) -> People:
    """The frames that tell of the customers."""
    customers = _customers(versions, transactions, rates)
    is_order = pl.col("kind").is_in(["order", "renewal"])
    purchases = (
        transactions.lazy()
        .filter(is_order & (pl.col("amount") > 0))
        .join(customers.lazy().select("customer_key", "is_contractual"), on="customer_key")
        .select(
            "customer_key",
            "is_contractual",
            pl.col("occurred_date").alias("day"),
            local_day(pl.col("service_start")).alias("from_day"),
            local_day(pl.col("service_end") + pl.duration(minutes=1)).alias("to_day"),
            "reporting_amount",
        )
        .collect()
    )
    day = pl.col("day")
    order_days = (
        transactions.lazy()
        .filter(is_order & ~pl.col("is_fully_refunded"))
        .select("customer_key", pl.col("occurred_date").alias("day"))
        .unique()
        .sort("customer_key", "day")
        .with_columns(
            day.shift(1).over("customer_key").alias("last_order_day"),
            day.shift(-1).over("customer_key").fill_null(FOREVER).alias("next_day"),
        )
        .collect()
    )
    live = _live(customers, purchases)
    return People(customers, _with_months(purchases), _money_days(transactions), order_days, live)
