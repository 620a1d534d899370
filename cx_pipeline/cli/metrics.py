"""`cx metrics`: MetricFlow's command line on the published file.

The arguments go to MetricFlow as they are; it reads `published/semantic/`, which every night writes.  Nothing
leaves the machine: its question after a newer version of itself is not asked.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

_EXAMPLE = "cx metrics query --metrics nps,csat --group-by metric_time__month,feedback__channel"


class MetricsError(Exception):
    """MetricFlow has nothing to answer from; the text says why."""


@click.command(
    context_settings={"allow_interspersed_args": False}, epilog=f"Example: {_EXAMPLE}", no_args_is_help=True
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND [ARGUMENTS]…")
def metrics(arguments: tuple[str, ...]) -> None:
    """Query the metrics with MetricFlow.

    COMMAND is one of MetricFlow's: list metrics, list dimensions --metrics NAME,
    query (each has --help). A night that is running is no hindrance.
    """
    from cx_pipeline.settings import load_settings
    from cx_pipeline.warehouse.semantic import semantic_folder, semantic_manifest

    paths = load_settings().paths
    if not (semantic_manifest(paths).exists() and paths.published_file.exists()):
        raise MetricsError(
            f"{semantic_folder(paths)} holds no semantic layer: run a night (cx nightly), which publishes it"
        )
    logs = paths.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    _run_metricflow(semantic_folder(paths).resolve(), logs.resolve(), arguments)


def _run_metricflow(folder: Path, logs: Path, arguments: tuple[str, ...]) -> None:
    """MetricFlow reads where it stands from the environment, and dbt where to log."""
    os.environ.update(
        {
            "DBT_PROJECT_DIR": str(folder),
            "DBT_PROFILES_DIR": str(folder),
            "DBT_LOG_PATH": str(logs),
            "DO_NOT_TRACK": "1",
        }
    )
    for name in ("DBT_TARGET_PATH", "DBT_PROFILE", "DBT_TARGET"):
        os.environ.pop(name, None)
    from update_checker import UpdateChecker

    UpdateChecker.check = _nothing_newer
    from dbt_metricflow.cli.main import cli

    cli(args=list(arguments), prog_name="cx metrics")


def _nothing_newer(*_: object) -> None:
    """The answer of a check that was not made."""
