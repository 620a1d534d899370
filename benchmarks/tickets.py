"""What tickets cost from landing to KPIs, beside a program by hand that gives the same answers.

python -m benchmarks.tickets [--scale 100000] [--pairs 3] [--memory 4GB] [--models]
    [--beside duckdb|polars|pandas]
"""

from __future__ import annotations

from benchmarks.beside import KPIS, Part, measure

TICKETS = Part(
    name="tickets",
    compared={
        "ticket_answers": ("marts.fct_tickets", ("source", "ticket_id")),
        "reply_answers": ("marts.fct_ticket_replies", ("source", "ticket_id", "turn_number")),
        "sla_answers": ("marts.fct_ticket_slas", ("source", "ticket_id", "metric", "turn_number")),
        "backlog_answers": (
            "marts.ticket_backlog_daily",
            ("date_day", "dimension", "dimension_value", "age_band_days"),
        ),
        "kpi_answers": KPIS,
    },
)

if __name__ == "__main__":
    measure("Tickets from landing to KPIs, beside a script by hand.", [TICKETS])
