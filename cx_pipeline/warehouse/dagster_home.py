"""DAGSTER_HOME: where Dagster keeps its runs; respected where set, else `<data_dir>/dagster`.

Called by everything that starts Dagster, before it does.
"""

from __future__ import annotations

import os
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import Settings

_DAGSTER_YAML = """\
# Made by cx_pipeline; yours to change.  SQLite suits one host; use PostgreSQL storage beyond it.
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
    return home
