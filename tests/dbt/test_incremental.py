"""Nights folded in one by one leave what one build of everything leaves, to the last row and bit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cx_pipeline.warehouse.inputs import remember_built_batches
from tests.dbt.customer_lives import lives_of
from tests.dbt.harness import Warehouse, open_warehouse, run_dbt, write_data
from tests.dbt.nights import Night, answers_about, edges_every, nights_of, settled
from tests.dbt.ticket_company import START, random_company

VARIABLES = {
    "attributes": {"tickets": ["tier"]},
    "fcr_window_days": 7,
    "time_zone": "Asia/Seoul",
    "contractual_sources": ["billing"],
}
BUILD = ["build", "--exclude-resource-type", "unit_test", "--exclude-resource-type", "test"]
ONLY_OURS = {"ticket_number", "build", "run_number"}
"""Columns that tell rows apart within one warehouse."""
PARTS_OF = (1, 20_000, 2_500)
"""Percentiles by dimension, grain and metric; by dimension; by dimension and grain. Nights ask for all."""
WRITTEN_FIRST = [
    *("int_ticket_unsettled", "int_feedback_answers"),
    *("int_transactions_enriched", "int_touchpoints_enriched", "kpi_csat", "ticket_backlog_daily"),
]
TOUCHED = {
    "int_touched_tickets": ("int_ticket_keys", "ticket_number"),
    "int_touched_submissions": ("int_feedback_submissions", "source, submission_id"),
    "int_touched_transactions": ("int_transactions_enriched", "source, transaction_id"),
    "int_touched_touchpoints": ("int_touchpoints_enriched", "source, touchpoint_id"),
    "int_touched_customers": ("int_customer_lives", "customer_key"),
}
"""What is touched tonight: of what, by which columns."""
NOT_COMPARED = {
    *("int_ticket_keys", "int_kpi_inputs", "int_kpi_test_digests", "int_kpi_series_digests"),
    *("int_customer_inputs", "int_touched_customer_periods"),
    *("int_touched_periods", "int_touched_marts", "int_touched_series", "int_touched_points"),
    *("int_touched_tickets", "int_touched_answers", "int_ticket_numbers", "int_ticket_duplicate_events"),
    *("int_touched_submissions", "int_touched_transactions", "int_touched_touchpoints"),
    "int_touched_customers",
    *("int_ticket_handling", "int_ticket_history", "int_ticket_live_messages", "int_ticket_measures"),
    *("int_ticket_moments", "int_ticket_outcomes", "int_ticket_own_clocks", "int_ticket_queues"),
    *("int_ticket_recontacts", "int_ticket_spine", "int_ticket_states", "int_ticket_turns"),
    *("int_ticket_values", "int_ticket_waits", "int_sla_clocks", "int_sla_runs", "int_sla_spans"),
}
"""Tables of what was touched tonight, its digests, and the numbers once given (to dropped tickets too)."""


def company_nights(seed: int, tickets: int, count: int) -> Iterator[Night]:
    """Two years of a company, most of whose tickets are closed for good, in `count` nights."""
    company = settled(random_company(seed, tickets), seed)
    customers = [row["customer_key"] for row in company["customers"]]
    company["feedback"] = answers_about(company["tickets"], customers, seed)
    lives = lives_of([f"c{number}" for number in range(tickets)], seed)
    company |= {entity: [*company.get(entity, ()), *rows] for entity, rows in lives.items()}
    return nights_of(company, seed, edges_every(START, 730 // count, count))


def fold(data_dir: Path, night: Night, build: str) -> None:
    write_data(data_dir, night.rows, batches=night.batches)
    run_dbt(data_dir, BUILD, variables=VARIABLES)
    remember_built_batches(data_dir / "warehouse", build)


def begin(data_dir: Path, night: Night) -> None:
    """A build that dies when what tells the unsettled tickets is written, and the units and facts are not.

    Of feedback, transactions and touchpoints what is kept first is written too, of the KPIs one mart.
    """
    write_data(data_dir, night.rows, batches=night.batches)
    run_dbt(data_dir, [*BUILD, "--select", *(f"+{name}" for name in WRITTEN_FIRST)], variables=VARIABLES)


def build_whole(data_dir: Path, night: Night, parts_of: int) -> None:
    """Build it all from nothing, percentiles of more than `parts_of` values in parts."""
    shutil.rmtree(data_dir, ignore_errors=True)
    write_data(data_dir, night.rows, batches=night.batches)
    run_dbt(data_dir, BUILD, variables=VARIABLES | {"percentile_values": parts_of})


def differing_tables(
    folded: Warehouse, whole_dir: Path, files: Sequence[str] = ("working", "cx")
) -> dict[str, tuple[int, int]]:
    """Every kept table whose rows differ: {name: (only in the folded one, only in the whole one)}."""
    connection = folded.connection
    differing = {}
    for name in files:
        connection.execute(f"attach '{whole_dir}/warehouse/{name}.duckdb' as whole_{name} (read_only)")
    tables = folded.rows(
        "select database_name, schema_name, table_name from duckdb_tables() "
        "where schema_name in ('intermediate', 'marts')"
    )
    for database, schema, table in tables:
        if database not in files or table in NOT_COMPARED:
            continue
        columns = [
            f'"{column}"'
            for column, *_ in folded.rows(f"describe {database}.{schema}.{table}")
            if column not in ONLY_OURS
        ]
        told = ", ".join(columns) or "1"
        ours, theirs = (
            f"select {told} from {prefix}{database}.{schema}.{table}" for prefix in ("", "whole_")
        )
        counts = tuple(
            folded.value(f"select count(*) from ({one} except all {other})")
            for one, other in ((ours, theirs), (theirs, ours))
        )
        if any(counts):
            differing[table] = counts
    return differing


def test_nights_folded_in_leave_what_one_build_leaves(tmp_path: Path) -> None:
    hold_against_whole_builds(tmp_path, list(company_nights(1, tickets=150, count=3)), from_night=3)


@pytest.mark.long
@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_many_nights_folded_in_leave_what_one_build_leaves(tmp_path: Path, seed: int) -> None:
    hold_against_whole_builds(tmp_path, list(company_nights(seed, tickets=400, count=6)), from_night=2)


def hold_against_whole_builds(folder: Path, nights: list[Night], from_night: int) -> None:
    folded, whole = folder / "folded", folder / "whole"
    for number, night in enumerate(nights, start=1):
        if number == len(nights):
            begin(folded, night)
        fold(folded, night, f"build {number}")
        if number >= from_night:
            build_whole(whole, night, parts_of=PARTS_OF[number % 3])
            with open_warehouse(folded) as warehouse:
                for touched, (known, key) in TOUCHED.items():
                    left_alone = f"{known} anti join {touched} using ({key})"
                    assert warehouse.value(f"select count(*) from {touched}"), f"nothing in {touched}"
                    assert warehouse.value(f"select count(*) from {left_alone}"), f"all in {touched}"
                periods = warehouse.value("select count(*) from int_periods")
                of_each = "select count(*) as n from int_touched_periods group by family"
                fewest = warehouse.value(f"select min(n) from ({of_each})")
                assert 0 < fewest < periods, "no period is touched, or every one of every family"
                assert differing_tables(warehouse, whole) == {}, f"night {number}"
