"""Every dbt unit test of the project, run on an empty warehouse."""

from __future__ import annotations

from pathlib import Path

import duckdb

from cx_pipeline.contract import ENTITIES
from tests.dbt.harness import run_dbt, write_data


def _give_sources_columns(data_dir: Path) -> None:
    """dbt reads the column types of a unit test's inputs from tables, and our sources are files."""
    files = {f"landing.{entity}": f"landing/{entity}/*/*/*.parquet" for entity in ENTITIES}
    files |= {
        "gate.batches": "warehouse/inputs/batches.parquet",
        "gate.built_batches": "warehouse/inputs/built_batches.parquet",
        "gate.quarantined_rows": "quarantine/*/*/*/*.parquet",
        "gate.rejected_rows": "rejected/*/*/*/*.parquet",
        "state.nights": "warehouse/inputs/nights.parquet",
        "state.time_zone_rules": "warehouse/inputs/time_zone_rules.parquet",
    }
    with duckdb.connect(str(data_dir / "warehouse" / "working.duckdb")) as connection:
        for table, pattern in files.items():
            connection.execute(f"create schema if not exists {table.split('.')[0]}")
            rows = f"read_parquet('{data_dir}/{pattern}', hive_partitioning = false)"
            connection.execute(f"create table {table} as from {rows}")


def test_dbt_unit_tests(tmp_path: Path) -> None:
    """A failure names each unit test that failed and shows what it expected."""
    write_data(tmp_path, {})
    run_dbt(tmp_path, ["build", "--exclude-resource-type", "unit_test", "test"])
    _give_sources_columns(tmp_path)
    assert run_dbt(tmp_path, ["test", "--select", "test_type:unit"])
