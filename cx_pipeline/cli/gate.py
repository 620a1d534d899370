"""`cx gate`: the batches that are held, and what to do with them."""

from __future__ import annotations

import click

from cx_pipeline.cli.output import echo_json, echo_table, json_option


@click.group()
def gate() -> None:
    """Show and decide the batches that are held."""


@gate.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the held batches and the rules they broke."""
    from cx_pipeline.gate import list_held
    from cx_pipeline.settings import load_settings

    verdicts = list_held(load_settings().paths)
    held = [
        {
            "batch_id": verdict.batch_id,
            "source": verdict.source,
            "entity": verdict.entity,
            "night": verdict.night,
            "file": verdict.origin,
            "rows": verdict.landed,
        }
        for verdict in verdicts
    ]
    reasons = [[rule.says for rule in verdict.rules if rule.holds_the_batch] for verdict in verdicts]
    if as_json:
        echo_json([batch | {"because": because} for batch, because in zip(held, reasons, strict=True)])
        return
    if not held:
        click.echo("No batch is held.")
        return
    echo_table(tuple(held[0]), [tuple(map(str, batch.values())) for batch in held])
    for batch, because in zip(held, reasons, strict=True):
        for reason in because:
            click.echo(f"{batch['batch_id']}: {reason}")
    click.echo(
        'Let one in: cx gate accept BATCH --reason "…"; leave it out: cx gate drop BATCH --reason "…".'
    )


_batch = click.argument("batch")
_reason = click.option("--reason", required=True, help="Why; kept with the verdict.")


@gate.command()
@_batch
@_reason
def accept(batch: str, reason: str) -> None:
    """Let a held BATCH in; its broken rows stay in quarantine."""
    from cx_pipeline.gate import accept as accept_batch
    from cx_pipeline.settings import load_settings

    accept_batch(load_settings().paths, batch, reason)
    click.echo(f"Accepted {batch}; the next night reads it.")


@gate.command()
@_batch
@_reason
def drop(batch: str, reason: str) -> None:
    """Leave a held BATCH out for good."""
    from cx_pipeline.gate import drop as drop_batch
    from cx_pipeline.settings import load_settings

    drop_batch(load_settings().paths, batch, reason)
    click.echo(f"Dropped {batch}; it is never read.")
