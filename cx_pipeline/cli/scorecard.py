"""`cx scorecard`: the headline KPIs of the last complete period."""

from __future__ import annotations

from pathlib import Path

import click

from cx_pipeline.cli.output import console, echo_json, json_option


@click.command()
@click.option(
    "--grain",
    type=click.Choice(["day", "week", "month", "quarter", "all"]),
    default="month",
    show_default=True,
    help="The length of the periods.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it to FILE as a page for a browser (each night writes published/scorecard.html).",
)
@json_option
def scorecard(grain: str, page: Path | None, as_json: bool) -> None:
    """Show the KPIs of the last complete period.

    With them: the night's data, and where to look next.
    """
    from cx_pipeline.scorecard import as_json as scorecard_json
    from cx_pipeline.scorecard import read_scorecard, render
    from cx_pipeline.settings import load_settings

    settings = load_settings()
    if page is not None:
        if as_json:
            raise click.UsageError("give either --html or --json")
        from cx_pipeline.scorecard.page import write_page

        write_page(settings, page, grain)
        click.echo(page)
        return
    card = read_scorecard(settings.paths.published_file, grain, settings.performance.duckdb_memory)
    if as_json:
        echo_json(scorecard_json(card))
        return
    out = console()
    out.print(render(card, out.width, settings.paths.scorecard_page))
