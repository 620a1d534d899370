"""Answers, transactions and touchpoints from landing to KPIs, in pandas.

python -m benchmarks.in_pandas.answers DATA_FOLDER ANSWERS_FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.in_pandas.cohorts import write_cohorts
from benchmarks.in_pandas.customer_kpis import customer_kpis
from benchmarks.in_pandas.customers import Customers, read_customers
from benchmarks.in_pandas.feedback import read_feedback, scored, write_feedback
from benchmarks.in_pandas.landed import NEVER, Array, instants, latest, local_days, read
from benchmarks.in_pandas.people import people_of
from benchmarks.in_pandas.periods import Calendar
from benchmarks.in_pandas.pillars import index_kpis, native_kpis
from benchmarks.in_pandas.surveys import survey_kpis
from benchmarks.in_pandas.transactions import converted, read_rates, read_transactions, write_transactions
from benchmarks.in_pandas.written import KpiTable


def read_visits(landing: Path) -> pd.DataFrame:
    """The newest rows of touchpoints: who, when."""
    other = (
        "batch_sequence",
        "position",
        "touchpoint_id",
        "occurred_at",
        "updated_at",
        "is_deleted",
        "is_test",
    )
    return latest(read(landing, "touchpoints", other, ("source", "customer_key")), "touchpoint_id")


def with_keys_of(customers: Customers, *frames: pd.DataFrame) -> Customers:
    """The customers, numbered on by those that other rows alone tell of."""
    keys = customers.keys
    for frame in frames:
        keys = keys.append(frame["customer_key"].cat.categories.difference(keys, sort=False))
    none = np.full(len(keys) - len(customers.keys), len(customers.rows))
    return Customers(
        keys,
        customers.rows,
        customers.customer,
        customers.valid_from,
        np.append(customers.first, none),
        np.append(customers.end, none),
    )


def distinct_days(customer: Array, day: Array) -> pd.DataFrame:
    """Customers' days, once each, in order."""
    both = np.unique(customer * 2**20 + day)
    return pd.DataFrame({"customer": both >> 20, "day": both & (2**20 - 1)})


def answer(landing: Path, seeds: Path, folder: Path) -> None:
    """Write every table of answers into `folder`."""
    feedback, transactions, visits = read_feedback(landing), read_transactions(landing), read_visits(landing)
    visits["moment"] = instants(visits["occurred_at"])
    moments = [instants(feedback["invited_at"]), instants(feedback["responded_at"])]
    moments += [transactions["moment"].to_numpy(), visits["moment"].to_numpy()]
    ends = local_days(np.array([how(m[m != NEVER]) for m in moments for how in (np.min, np.max)]))
    calendar = Calendar(int(ends.min()), int(ends.max()), int(ends.max()))
    customers = with_keys_of(read_customers(landing), transactions, visits)
    with KpiTable(folder) as table:
        feedback = scored(feedback, seeds, customers)
        write_feedback(folder, feedback)
        survey_kpis(table, feedback, calendar)
        index_kpis(table, feedback, calendar)
        native_kpis(table, feedback, calendar)
        del feedback
        rates = read_rates(seeds)
        transactions = converted(transactions, rates, customers)
        write_transactions(folder, transactions)
        transactions = transactions[transactions["customer"] >= 0]
        people = people_of(transactions, customers, rates)
        write_cohorts(folder, transactions, people, calendar)
        bought = transactions[transactions["is_order"] & ~transactions["is_fully_refunded"]]
        orders = distinct_days(bought["customer"].to_numpy(), bought["day"].to_numpy())
        is_seen = ~(visits["is_deleted"].to_numpy(bool) | visits["is_test"].to_numpy(bool))
        seen = visits[is_seen & visits["customer_key"].notna().to_numpy()]
        days = local_days(seen["moment"].to_numpy())
        active = distinct_days(customers.numbers_of(seen["customer_key"]), days)
        customer_kpis(table, people, customers, {"orders": orders, "visits": active}, calendar)


def main() -> None:
    """Answer, into a folder of Parquet files."""
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    answer(data / "landing", Path(__file__).parents[1] / "seeds", folder)


if __name__ == "__main__":
    main()
