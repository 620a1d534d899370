"""DAGSTER_HOME: where Dagster keeps its runs; respected where set, else `<data_dir>/dagster`.

Called by everything that starts Dagster, before it does.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import Settings

_DAGSTER_YAML = """\
# Made by cx_pipeline; yours to change.  SQLite suits one host; use PostgreSQL storage beyond it.
event_log_storage:  # one file for all runs, kept open: half the writes and a fraction of the work
  module: cx_pipeline.night.event_log
  class: OneEngineEventLogStorage
  config:
    base_dir:
      env: DAGSTER_HOME
telemetry:
  enabled: false
nux:
  enabled: false  # no invitation over the first page
run_retries:
  enabled: true
  max_retries: 0
  retry_on_asset_or_op_failure: false  # a failed data check is no flake
"""


def ensure_dagster_home(settings: Settings) -> Path:
    """The home, made with its `dagster.yaml` where it is not there yet; exported as DAGSTER_HOME."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.paths.root / "dagster").resolve()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "dagster.yaml").exists():
        write_whole(home / "dagster.yaml", _DAGSTER_YAML.encode())
    os.environ["DAGSTER_HOME"] = str(home)
    ease_sqlite()
    return home


_open: dict[str, sqlite3.Connection] = {}
"""One idle connection to each of Dagster's SQLite files, for as long as this process lives."""


def ease_sqlite() -> None:
    """Let Dagster's event log be written without several disk syncs an event.

    Dagster opens and closes its write-ahead-logged SQLite files for every one of a night's thousand
    events, and the last one to close such a file folds the log into it and syncs both.  An idle
    connection keeps that from happening, and `synchronous = normal` is SQLite's own advice for such
    files: a kill loses nothing, a power cut at most the last events of a run's history.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "connect", _on_connect):
        event.listen(Engine, "connect", _on_connect)


def _on_connect(connection: object, _: object) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.execute("pragma synchronous = normal")
    path = connection.execute("pragma database_list").fetchone()[2]
    if path and path not in _open:
        _open[path] = sqlite3.connect(path, check_same_thread=False)
        _open[path].execute("select count(*) from sqlite_master").fetchone()
