"""`cx alerts`: what is open, and whether the channels work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cx_pipeline.cli.output import echo_json, echo_table, json_option

if TYPE_CHECKING:
    from cx_pipeline.settings.alerts import Language


@click.group()
def alerts() -> None:
    """Show what is open, and try the channels."""


@alerts.command("list")
@click.option(
    "--language", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Of the sentences."
)
@json_option
def list_(language: str, as_json: bool) -> None:
    """List the open findings and who was told."""
    from cx_pipeline.alerts import open_findings, read_ledger
    from cx_pipeline.alerts.render import sentence
    from cx_pipeline.settings import load_settings

    settings = load_settings()
    entries = open_findings(read_ledger(settings.paths.state))
    spoken: Language = "ko" if language == "ko" else "en"
    rows = [
        {
            "severity": entry.finding.severity,
            "kind": entry.finding.kind,
            "since": entry.opened_at,
            "told": sorted(entry.told),
            "finding": sentence(entry.finding, spoken),
        }
        for entry in entries
    ]
    if as_json:
        echo_json(
            [row | {"facts": dict(entry.finding.facts)} for row, entry in zip(rows, entries, strict=True)]
        )
        return
    if not rows:
        click.echo("Nothing is open.")
        return
    echo_table(
        ("severity", "since", "told", "finding"),
        [
            (str(row["severity"]), str(row["since"])[:10], ", ".join(row["told"]) or "-", str(row["finding"]))
            for row in rows
        ],
    )


@alerts.command()
@click.argument("channel", required=False)
@click.pass_context
def test(ctx: click.Context, channel: str | None) -> None:
    """Send a test message to every channel, or to CHANNEL.

    Ends with 1 if one of them failed.
    """
    from cx_pipeline.alerts.render import trial
    from cx_pipeline.alerts.send import send
    from cx_pipeline.settings import load_settings
    from cx_pipeline.settings.sections import nearest

    channels = load_settings().alerts.channels
    if not channels:
        click.echo("No channel is configured: docs/alerts.md says how.")
        return
    if channel is not None and channel not in channels:
        raise click.UsageError(f"no channel is named {channel}; {nearest(channel, channels)}")
    failed = False
    for name in [channel] if channel else list(channels):
        problem = send(name, channels[name], trial(name, channels[name].language))
        failed = failed or problem is not None
        note = "" if channels[name].enabled else " (it is not enabled: a night would not use it)"
        click.echo(f"{name}: {'sent' if problem is None else f'failed: {problem}'}{note}")
    ctx.exit(1 if failed else 0)
