"""`cx scorecard`: the headline KPIs of the last complete period."""

from __future__ import annotations

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
@json_option
def scorecard(grain: str, as_json: bool) -> None:
    """Show the KPIs of the last complete period.

    With them: the night's data, and where to look next.
    """
    from cx_pipeline.scorecard import as_json as scorecard_json
    from cx_pipeline.scorecard import read_scorecard, render
    from cx_pipeline.settings import load_settings

    card = read_scorecard(load_settings().paths.published_file, grain)
    if as_json:
        echo_json(scorecard_json(card))
        return
    out = console()
    out.print(render(card, out.width))
