"""Answers, transactions and touchpoints from landing to KPIs, in polars.

python -m benchmarks.in_polars.answers DATA_FOLDER ANSWERS_FOLDER
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.in_polars.cohorts import cohort_answers
from benchmarks.in_polars.customers import people_of, periods_of
from benchmarks.in_polars.feedback import history_of, read_customers, read_feedback, scored
from benchmarks.in_polars.kpis import KpiTable
from benchmarks.in_polars.landed import latest, local_day, scan
from benchmarks.in_polars.people import customer_kpis
from benchmarks.in_polars.pillars import index_kpis, native_kpis
from benchmarks.in_polars.surveys import survey_kpis
from benchmarks.in_polars.transactions import converted, read_rates, read_transactions


def read_visits(landing: Path) -> pl.DataFrame:
    """The newest rows of touchpoints: who, when, and whether they count."""
    columns = [
        "batch_sequence",
        "position",
        "touchpoint_id",
        "occurred_at",
        "updated_at",
        "is_deleted",
        "is_test",
    ]
    return latest(
        scan(landing, "touchpoints", columns, ("source", "customer_key")).collect(), "touchpoint_id"
    )


def span_of(*frames: tuple[pl.DataFrame, str]) -> tuple[date, date]:
    """The first and the last local day of instants in columns of frames."""
    ends = [
        frame.select(pl.col(column).min().alias("least"), pl.col(column).max().alias("most"))
        for frame, column in frames
    ]
    days = pl.concat(ends).select(local_day(pl.col("least").min()), local_day(pl.col("most").max()))
    first, last = days.row(0)
    return first, last


def answer(landing: Path, folder: Path) -> None:
    """Write every table of answers into `folder`."""
    feedback, transactions, visits = read_feedback(landing), read_transactions(landing), read_visits(landing)
    first_day, last_day = span_of(
        (feedback, "invited_at"),
        (feedback, "responded_at"),
        (transactions, "occurred_at"),
        (visits, "occurred_at"),
    )
    table = KpiTable(folder, last_day)
    customers = read_customers(landing)
    history = history_of(customers)
    answers = scored(feedback, history)
    del feedback
    answers.drop("has_comment").write_parquet(folder / "feedback_answers.parquet", statistics=False)
    answers = answers.drop("comment", "ticket_id", "transaction_id", "weight", "invited_at", "responded_at")
    survey_kpis(table, answers)
    index_kpis(table, answers)
    native_kpis(table, answers)
    del answers
    rates = read_rates()
    transactions = converted(transactions, rates, history)
    transactions.write_parquet(folder / "transaction_answers.parquet", statistics=False)
    people, periods = people_of(customers, transactions, rates), periods_of(first_day, last_day)
    cohorts = cohort_answers(people, transactions, periods, last_day)
    cohorts.write_parquet(folder / "cohort_answers.parquet", statistics=False)
    is_seen = ~pl.col("is_deleted") & ~pl.col("is_test") & pl.col("customer_key").is_not_null()
    seen = visits.lazy().filter(is_seen).select("customer_key", local_day(pl.col("occurred_at")).alias("day"))
    customer_kpis(table, people, seen.unique().collect(), periods, history)


def main() -> None:
    """Answer, into a folder of Parquet files."""
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    answer(data / "landing", folder)


if __name__ == "__main__":
    main()
