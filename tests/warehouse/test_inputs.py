"""What dbt is given: batches with their verdicts, nights, variables."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
import yaml

from cx_pipeline.landing import Batch
from cx_pipeline.night.record import NightRecord
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.inputs import (
    PROJECT_DIR,
    batch_rows,
    batches_schema,
    dbt_environment,
    dbt_vars,
    models_at_a_time,
    night_rows,
    nights_schema,
    write_inputs,
    write_rows,
)

BATCH = Batch(
    batch_id="b1",
    sequence=1,
    source="shop",
    entity="feedback",
    night="2024-03-07",
    generation=1,
    contract_version=1,
    key_fingerprint="k",
    mapping_fingerprint="m",
    landed_at="2024-03-07T11:00:00+09:00",
    origin="a.csv",
    content_sha256="x",
    read=3,
    landed=2,
    rejected=1,
)
NIGHT = NightRecord(
    run_id="r1",
    night="2024-03-07",
    started_at="2024-03-07T02:00:00Z",
    ended_at="2024-03-07T02:05:00Z",
    outcome="published",
)


def verdict(state: str, quarantined: int = 0) -> Any:
    return cast(Any, SimpleNamespace(state=state, quarantined=quarantined))


def test_a_batch_row_has_its_verdict_and_utc_instants() -> None:
    [row] = batch_rows([BATCH], {"b1": verdict("accepted", 1)}, ["shop"])
    assert row["state"] == "accepted"
    assert row["quarantined"] == 1
    assert row["landed_at"] == datetime(2024, 3, 7, 2, tzinfo=UTC)
    assert row["night"] == date(2024, 3, 7)
    assert row["is_source_enabled"]
    assert set(row) == set(batches_schema().names)


def test_a_batch_without_a_verdict_is_unjudged_and_a_source_gone_from_the_settings_disabled() -> None:
    [row] = batch_rows([BATCH], {}, ["inbox"])
    assert row["state"] == "unjudged"
    assert not row["is_source_enabled"]


def test_the_greatest_readable_generation_is_current() -> None:
    """A re-pull that the gate holds must not withdraw what is published."""
    again = replace(BATCH, batch_id="b2", sequence=2, generation=2)
    held = batch_rows([BATCH, again], {"b1": verdict("passed"), "b2": verdict("held")}, [])
    assert [row["is_current_generation"] for row in held] == [True, False]
    passed = batch_rows([BATCH, again], {"b1": verdict("passed"), "b2": verdict("passed")}, [])
    assert [row["is_current_generation"] for row in passed] == [False, True]


def test_a_night_keeps_its_last_finished_run() -> None:
    first = replace(NIGHT, run_id="r0", outcome="failed")
    running = replace(NIGHT, run_id="r2", ended_at="")
    [row] = night_rows([first, NIGHT, running])
    assert (row["run_id"], row["outcome"]) == ("r1", "published")
    assert set(row) == set(nights_schema().names)


def test_rows_are_written_typed_even_when_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "batches.parquet"
    write_rows(path, [], batches_schema())
    assert pq.read_schema(path) == batches_schema()
    assert [p.name for p in path.parent.iterdir()] == ["batches.parquet"]


def test_inputs_of_a_new_data_directory_are_empty(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    write_inputs(settings)
    inputs = tmp_path / "warehouse" / "inputs"
    assert pq.read_table(inputs / "batches.parquet").num_rows == 0
    assert pq.read_table(inputs / "nights.parquet").num_rows == 0


def test_every_variable_set_from_the_settings_is_declared_with_the_settings_default() -> None:
    """dbt run by hand and dbt run by the pipeline mean the same."""
    declared = yaml.safe_load((PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    given = dbt_vars(Settings())
    assert given == {name: declared[name] for name in given}
    assert set(declared) - set(given) == {"default_scales", "percentile_values"}


@pytest.mark.parametrize(("memory", "models"), [("2GB", 1), ("4GB", 2)])
def test_one_model_at_a_time_is_built_where_much_has_landed_for_the_memory(
    tmp_path: Path, memory: str, models: int
) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "performance": {"memory": memory}})
    write_inputs(settings)
    assert models_at_a_time(settings) == 2
    rows = [dict.fromkeys(batches_schema().names) | {"landed": 10_000_000}]
    write_rows(tmp_path / "warehouse" / "inputs" / "batches.parquet", rows, batches_schema())
    assert models_at_a_time(settings) == models


def test_the_environment_names_the_data_directory(tmp_path: Path) -> None:
    assert dbt_environment(Settings(data_dir=tmp_path))["CX_DATA_DIR"] == str(tmp_path)
