"""Transactions: the newest rows in the reporting currency, what was paid back, and the customers' kinds.

What enters: landed transactions, the rates, the customers.  What leaves: a frame, written as
`transaction_answers`.  Called by `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas import written
from benchmarks.in_pandas.arrays import bounds, last_within, rounded
from benchmarks.in_pandas.customers import Customers
from benchmarks.in_pandas.feedback import filled, taken
from benchmarks.in_pandas.landed import (
    BEFORE_ALL,
    NEVER,
    Array,
    codes_in,
    day_number,
    instants,
    is_one_of,
    latest,
    local_days,
    read,
    seed,
)

TEXT = ("source", "customer_key", "kind", "currency", "product", "channel", "brand")
OTHER = [
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
MINUTE = 60_000_000


@dataclass(frozen=True)
class Rates:
    """Rates to the reporting currency, from days on: sorted by currency and day."""

    currencies: pd.Index[Any]
    days: Array
    rates: Array
    first: Array
    end: Array

    def on(self, currency: pd.Series[Any], day: Array) -> Array:
        """The rate of each currency on each day; NaN where there is none."""
        code = codes_in(self.currencies, currency)
        known = code >= 0
        first, end = np.where(known, self.first[code], 0), np.where(known, self.end[code], 0)
        return np.append(self.rates, np.nan)[last_within(self.days, first, end, day)]


def read_rates(seeds: Path) -> Rates:
    """The rates; the reporting currency's is one."""
    rates = seed(seeds, "fx_rates")
    days = np.append(day_number(rates["date"], BEFORE_ALL), BEFORE_ALL)
    codes, currencies = pd.factorize(pd.concat([rates["currency"], pd.Series(["USD"])]))
    order = np.lexsort((days, codes))
    first, end = bounds(codes[order], len(currencies))
    return Rates(
        pd.Index(currencies), days[order], np.append(rates["rate"].astype(float), 1.0)[order], first, end
    )


def read_transactions(landing: Path) -> pd.DataFrame:
    """The newest rows, deleted ones and tests among them, with their days."""
    rows = latest(read(landing, "transactions", OTHER, TEXT), "transaction_id")
    rows["moment"] = instants(rows["occurred_at"])
    rows["day"] = local_days(rows["moment"].to_numpy())
    return rows


def converted(rows: pd.DataFrame, rates: Rates, customers: Customers) -> pd.DataFrame:
    """What happened, in the reporting currency, with what was paid back and the customer's kind then."""
    rows = rows[~(rows["is_deleted"].to_numpy(bool) | rows["is_test"].to_numpy(bool))].reset_index(drop=True)
    amount = rows["amount"].to_numpy(float)
    rate = rates.on(rows["currency"], rows["day"].to_numpy())
    rows["has_fx_rate"] = ~np.isnan(rate)
    rows["reporting_amount"], rows["reporting_margin"] = amount * rate, rows["margin"].to_numpy(float) * rate
    rows["is_order"] = is_one_of(rows["kind"], "order", "renewal")
    rows["refunded_amount"] = _refunded(rows)
    rows["is_fully_refunded"] = (
        rows["is_order"] & (amount > 0) & (amount + rows["refunded_amount"].to_numpy() < 0.005)
    )
    begins, ends = instants(rows["service_start"]), instants(rows["service_end"])
    rows["service_start_us"], rows["service_end_us"] = begins, ends
    rows["from_day"], rows["to_day"] = (
        local_days(begins),
        local_days(np.where(ends == NEVER, NEVER, ends + MINUTE)),
    )
    rows["customer"] = customers.numbers_of(rows["customer_key"])
    version = customers.version_at(rows["customer"].to_numpy(), rows["moment"].to_numpy())
    for name in ("segment", "country", "language", "acquisition_channel"):
        rows[name] = taken(customers.rows[name], version)
    rows["brand"] = filled(rows["brand"], taken(customers.rows["brand"], version))
    return rows


def _refunded(rows: pd.DataFrame) -> Array:
    """What was paid back of each transaction, in its currency."""
    is_refund = (
        is_one_of(rows["kind"], "refund", "cancellation") & rows["parent_transaction_id"].notna().to_numpy()
    )
    refunds = rows.loc[is_refund, ["source", "parent_transaction_id", "currency", "amount"]]
    keys = ["source", "parent_transaction_id", "currency"]
    summed = refunds.groupby(keys, observed=True, sort=False)["amount"].sum().reset_index()
    summed.columns = pd.Index(["source", "transaction_id", "currency", "refunded"])
    summed["refunded"] = rounded(summed["refunded"].to_numpy())
    candidates = np.flatnonzero(rows["transaction_id"].isin(summed["transaction_id"]))
    some = rows.loc[candidates, ["source", "transaction_id", "currency"]]
    refunded = np.full(len(rows), np.nan)
    refunded[candidates] = some.merge(summed, on=["source", "transaction_id", "currency"], how="left")[
        "refunded"
    ]
    return refunded


def write_transactions(folder: Path, rows: pd.DataFrame) -> None:
    """Write `transaction_answers`."""
    text = [
        "source",
        "transaction_id",
        "parent_transaction_id",
        "customer_key",
        "kind",
        "channel",
        "product",
        "segment",
        "country",
        "language",
    ]
    text += ["acquisition_channel", "brand", "currency"]
    numbers = ("amount", "margin", "reporting_amount", "reporting_margin", "refunded_amount")
    columns = {name: written.texts(rows[name]) for name in text}
    columns |= {name: written.numbers(rows[name].to_numpy(float)) for name in numbers}
    columns |= {name: written.flags(rows[name].to_numpy()) for name in ("has_fx_rate", "is_fully_refunded")}
    columns |= {
        "occurred_at": written.moments(rows["moment"].to_numpy()),
        "occurred_date": written.dates(rows["day"].to_numpy()),
        "service_start": written.moments(rows["service_start_us"].to_numpy()),
        "service_end": written.moments(rows["service_end_us"].to_numpy()),
    }
    written.write(folder, "transaction_answers", columns)
