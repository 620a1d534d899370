"""`cx nightly`: run the night here and now, then show the scorecard."""

from __future__ import annotations

from contextlib import redirect_stdout
from datetime import date, datetime

import click

from cx_pipeline.cli.output import console, echo_json, json_option, progress_on_stderr

_DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option(
    "--date", "on", type=_DAY, metavar="D", help="The night to run; default: the day that ended last."
)
@click.option("--from", "first", type=_DAY, metavar="D", help="The first of several nights.")
@click.option("--to", "last", type=_DAY, metavar="D", help="The last of several nights.")
@click.option(
    "--full-refresh", is_flag=True, help="Delete the working files and build everything from landing."
)
@json_option
def nightly(
    on: datetime | None,
    first: datetime | None,
    last: datetime | None,
    full_refresh: bool,
    as_json: bool,
) -> None:
    """Run a night, then print the scorecard.

    A night pulls, judges, builds and publishes. Run again for any night, it adds what is new and changes
    nothing else. A night that fails leaves the published warehouse as it was.
    """
    if on and (first or last):
        raise click.UsageError("give either --date, or --from and --to")
    if (first is None) != (last is None):
        raise click.UsageError("--from and --to belong together")

    from cx_pipeline.nightly import run_nightly
    from cx_pipeline.scorecard import as_json as scorecard_json
    from cx_pipeline.scorecard import read_scorecard, render
    from cx_pipeline.settings import load_settings

    settings = load_settings()
    logs = settings.paths.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    # What dbt says line by line goes to a file: stdout is for the scorecard.
    with (logs / "nightly.log").open("w") as log, redirect_stdout(log), progress_on_stderr() as report:
        result = run_nightly(
            settings, _day(first or on), _day(last or on), full_refresh=full_refresh, on_progress=report
        )
    for line in result.unread:
        click.secho(f"! {line}", fg="yellow", err=True)
    scorecard = read_scorecard(settings.paths.published_file, memory=settings.performance.duckdb_memory)
    if as_json:
        night = {"run_id": result.run_id, "night": result.night.isoformat()}
        echo_json(night | {"scorecard": scorecard_json(scorecard)})
        return
    out = console()
    out.print(render(scorecard, out.width, settings.paths.scorecard_page))


def _day(value: datetime | None) -> date | None:
    return value and value.date()
