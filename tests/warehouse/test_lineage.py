"""Columns of marts are traced to their parents' columns, through stars, renames and sums."""

from __future__ import annotations

from cx_pipeline.warehouse.lineage import is_traced, trace

SQL = """
with tickets as (select * from "working"."intermediate"."int_tickets"),
     customers as (select * from "working"."intermediate"."int_customers"),
     joined as (
         select
             tickets.ticket_id,
             date_diff('second', tickets.created_at, tickets.solved_at) / 60.0 as resolution_minutes,
             coalesce(customers.segment, '(none)') as segment,
             1 as one
         from tickets
         left join customers using (customer_key)
     ),
     final as (select * from joined)
select *, sum(resolution_minutes) over (partition by segment) as total from final
"""
PARENTS = {
    "working.intermediate.int_tickets": "model.cx.int_tickets",
    "working.intermediate.int_customers": "model.cx.int_customers",
}
COLUMNS = {
    "working.intermediate.int_tickets": dict.fromkeys(
        ("ticket_id", "customer_key", "created_at", "solved_at"), "VARCHAR"
    ),
    "working.intermediate.int_customers": dict.fromkeys(("customer_key", "segment"), "VARCHAR"),
}


def test_every_column_is_traced_to_what_it_is_made_of() -> None:
    tickets, customers = "model.cx.int_tickets", "model.cx.int_customers"
    created, solved = (tickets, "created_at"), (tickets, "solved_at")
    assert dict(trace(SQL, PARENTS, COLUMNS)) == {
        "ticket_id": [(tickets, "ticket_id")],
        "resolution_minutes": [created, solved],
        "segment": [(customers, "segment")],
        "one": [],
        "total": [(customers, "segment"), created, solved],
    }


def test_only_marts_that_people_read_are_traced() -> None:
    def node(layer: str, columns: int, materialized: str = "table") -> dict[str, object]:
        return {
            "fqn": ["cx", layer],
            "columns": dict.fromkeys(map(str, range(columns))),
            "config": {"materialized": materialized},
        }

    assert is_traced(node("marts", 117))
    assert not is_traced(node("marts", 1534))
    assert not is_traced(node("marts", 22, "view"))
    assert not is_traced(node("intermediate", 22))
