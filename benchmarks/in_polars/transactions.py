"""Transactions in the reporting currency, each beside what was paid back of it and who paid.

What enters: landed transactions, the rates.  What leaves: `transaction_answers`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.in_polars.landed import ALWAYS, as_of, latest, local_day, scan, seed


def read_transactions(landing: Path) -> pl.DataFrame:
    """The newest rows of transactions that are neither deleted nor tests, with their local day."""
    columns = [
        "batch_sequence",
        "position",
        "transaction_id",
        "parent_transaction_id",
        "amount",
        "margin",
        "occurred_at",
        "service_start",
        "service_end",
        "updated_at",
        "is_deleted",
        "is_test",
    ]
    repeated = ("source", "customer_key", "kind", "channel", "product", "brand", "currency")
    return latest(scan(landing, "transactions", columns, repeated).collect(), "transaction_id").with_columns(
        local_day(pl.col("occurred_at")).alias("occurred_date")
    )


def read_rates() -> pl.DataFrame:
    """What a unit of a currency is worth from a day on."""
    rates = seed("fx_rates", date=pl.Date(), rate=pl.Float64())
    dollar = pl.DataFrame({"date": [ALWAYS], "currency": ["USD"], "rate": [1.0]})
    columns = [pl.col("currency").cast(pl.Categorical), pl.col("date").alias("valid_from"), "rate"]
    return pl.concat([rates.select(dollar.columns), dollar]).select(columns).sort("valid_from")


def converted(rows: pl.DataFrame, rates: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """The table `transaction_answers`."""
    kept = rows.filter(~pl.col("is_deleted") & ~pl.col("is_test"))
    kind, amount = pl.col("kind"), pl.col("amount")
    refunds = (
        kept.lazy()
        .filter(kind.is_in(["refund", "cancellation"]) & pl.col("parent_transaction_id").is_not_null())
        .group_by("source", pl.col("parent_transaction_id").alias("transaction_id"), "currency")
        .agg(amount.sum().round(6, mode="half_away_from_zero").alias("refunded_amount"))
    )
    kept = kept.lazy().join(refunds, on=["source", "transaction_id", "currency"], how="left").collect()
    rate = as_of(kept, pl.col("occurred_date"), rates, by="currency", since="valid_from")
    known = as_of(kept, pl.col("occurred_at"), history, by="customer_key", since="valid_from")
    is_order = kind.is_in(["order", "renewal"])
    return (
        kept.with_columns(
            rate["rate"],
            *(known[name] for name in ("segment", "country", "language", "acquisition_channel")),
            kept["brand"].fill_null(known["brand"]),
        )
        .with_columns(
            pl.col("rate").is_not_null().alias("has_fx_rate"),
            (amount * pl.col("rate")).alias("reporting_amount"),
            (pl.col("margin") * pl.col("rate")).alias("reporting_margin"),
            (is_order & (amount > 0) & (amount + pl.col("refunded_amount") < 0.005))
            .fill_null(False)
            .alias("is_fully_refunded"),
        )
        .drop("is_deleted", "is_test", "rate")
    )
