"""A night with more data than memory goes on: what does not fit is written to the temporary directory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.dbt.harness import PROJECT_DIR, open_warehouse, run_dbt


def test_models_are_built_after_one_that_spilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB takes no new temporary directory, not even the same one, once it has spilled."""
    project = tmp_path / "project"
    (project / "models").mkdir(parents=True)
    (tmp_path / "data" / "warehouse").mkdir(parents=True)
    shutil.copy(PROJECT_DIR / "profiles.yml", project)
    (project / "dbt_project.yml").write_text("name: spills\nprofile: cx\nmodel-paths: [models]\n")
    (project / "models" / "larger_than_memory.sql").write_text(
        "{{ config(materialized='table') }}\n"
        "select number, hash(number) as spread from range(12000000) as numbers(number) order by spread"
    )
    (project / "models" / "later.sql").write_text(
        "{{ config(materialized='table') }}\nselect count(*) as rows from {{ ref('larger_than_memory') }}"
    )
    monkeypatch.setenv("DUCKDB_MEMORY_LIMIT", "120MB")

    run_dbt(tmp_path / "data", ["run"], project_dir=project)

    with open_warehouse(tmp_path / "data") as warehouse:
        assert warehouse.value("select rows from working.staging.later") == 12_000_000
