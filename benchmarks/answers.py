"""What answers, transactions and touchpoints cost from landing to KPIs, beside a program by hand.

python -m benchmarks.answers [--scale 100000] [--pairs 3] [--memory 4GB] [--models]
    [--beside duckdb|polars|pandas]
"""

from __future__ import annotations

from benchmarks.beside import KPIS, Part, measure

ANSWERS = Part(
    name="answers",
    compared={
        "feedback_answers": ("marts.fct_feedback", ("source", "response_id")),
        "transaction_answers": ("marts.fct_transactions", ("source", "transaction_id")),
        "cohort_answers": ("marts.retention_cohorts", ("cohort_month", "month_number")),
        "kpi_answers": KPIS,
    },
)

if __name__ == "__main__":
    measure("Answers and transactions from landing to KPIs, beside a script by hand.", [ANSWERS])
