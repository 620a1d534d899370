"""The event log through one engine: the same file as Dagster's own storage, not opened for each event."""

import sqlite3
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage

from cx_pipeline.night.event_log import OneEngineEventLogStorage
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.dagster_home import ensure_dagster_home


@dg.asset(check_specs=[dg.AssetCheckSpec("holds", asset="counted")])
def counted():  # type: ignore[no-untyped-def]  # Dagster would want a tuple of an annotation
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])


def test_a_run_in_the_home_is_logged_through_one_engine_in_dagsters_own_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's storage reads the events; the file is opened a few times, not once an event."""
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    home = ensure_dagster_home(Settings.model_validate({"data_dir": tmp_path}))
    monkeypatch.setenv("DAGSTER_HOME", str(home))  # and undone after the test
    opened: list[str] = []
    connect = sqlite3.connect

    def counting(path: str, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        opened.append(str(path))
        connection: sqlite3.Connection = connect(path, *args, **kwargs)
        return connection

    monkeypatch.setattr(sqlite3.dbapi2, "connect", counting)
    with dg.DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, OneEngineEventLogStorage)
        run = dg.materialize([counted], instance=instance)
        assert run.success
    log = ConsolidatedSqliteEventLogStorage(str(home))
    events = [entry.dagster_event for entry in log.get_logs_for_run(run.run_id)]
    kinds = [event.event_type for event in events if event]
    assert dg.DagsterEventType.ASSET_MATERIALIZATION in kinds
    assert dg.DagsterEventType.ASSET_CHECK_EVALUATION in kinds
    assert kinds[-1] is dg.DagsterEventType.RUN_SUCCESS
    assert 0 < len([path for path in opened if path.endswith("event_log.db")]) < len(kinds)
