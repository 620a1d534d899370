"""Columns of marts are traced to their parents' columns, through stars, renames and sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.column_lineage import with_lineage
from cx_pipeline.warehouse.lineage import is_traced, known_lineage, trace, trace_lineage

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
    def model(layer: str, columns: int, materialized: str = "table") -> dict[str, object]:
        return {
            "fqn": ["cx", layer],
            "columns": dict.fromkeys(map(str, range(columns))),
            "config": {"materialized": materialized},
        }

    assert is_traced(model("marts", 117))
    assert not is_traced(model("marts", 1534))
    assert not is_traced(model("marts", 22, "view"))
    assert not is_traced(model("intermediate", 22))


NAMES = ("int_tickets", "fct_tickets", "kpi_wide", "kpis")


def node(name: str) -> dict[str, Any]:
    layer = "intermediate" if name.startswith("int") else "marts"
    return {
        "unique_id": f"model.cx.{name}",
        "name": name,
        "resource_type": "model",
        "package_name": "cx",
        "original_file_path": f"models/{name}.sql",
        "fqn": ["cx", layer, name],
        "config": {"materialized": "table", "schema": layer},
        "columns": dict.fromkeys(map(str, range(500 if name == "kpi_wide" else 1))),
        "depends_on": {"nodes": [] if layer == "intermediate" else ["model.cx.int_tickets"]},
        "relation_name": f'"working"."{layer}"."{name}"',
    }


@pytest.fixture
def built(tmp_path: Path) -> Settings:
    """A warehouse whose `fct_tickets` was compiled and built."""
    import duckdb

    settings = Settings(data_dir=tmp_path)
    models = settings.paths.warehouse / "dbt" / "target" / "compiled" / "cx" / "models"
    models.mkdir(parents=True)
    (models / "fct_tickets.sql").write_text('select ticket_id from "working"."intermediate"."int_tickets"')
    for name in ("working", "cx"):
        with duckdb.connect(str(settings.paths.warehouse / f"{name}.duckdb")) as connection:
            connection.execute("create schema intermediate")
            connection.execute("create table intermediate.int_tickets (ticket_id varchar)")
    manifest = {"nodes": {f"model.cx.{name}": node(name) for name in NAMES}, "sources": {}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    return settings


@pytest.mark.parametrize("is_known", [False, True])
def test_events_keep_their_order_whether_or_not_they_wait(built: Settings, is_known: bool) -> None:
    """Dagster ends a night whose assets are not told in the order in which they depend on each other."""
    manifest = built.paths.root / "manifest.json"
    if is_known:
        trace_lineage(built, json.loads(manifest.read_text()), "p1")
    context: Any = SimpleNamespace(
        is_subset=False,
        asset_key_for_output=lambda name: dg.AssetKey(
            ["intermediate" if name.startswith("int") else "marts", name]
        ),
    )
    done = []

    def events() -> Iterator[dg.Output[None]]:
        for name in NAMES:
            yield dg.Output(None, output_name=name)
        done.append("dbt")

    told = list(with_lineage(built, manifest, "p1", context, events()))
    assert done
    assert [event.output_name for event in told] == list(NAMES)
    traced = [event.output_name for event in told if "dagster/column_lineage" in event.metadata]
    assert traced == ["fct_tickets"]
    assert known_lineage(built, "p1") == {
        "fct_tickets": {"ticket_id": [("model.cx.int_tickets", "ticket_id")]}
    }
    assert known_lineage(built, "p2") is None, "another project is traced anew"
