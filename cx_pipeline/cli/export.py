"""`cx export`: the marts of the published file as Parquet, for tools that do not read DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cx_pipeline.cli.output import progress_on_stderr
from cx_pipeline.cli.published import interruptible, opened

if TYPE_CHECKING:
    from cx_pipeline.warehouse.export import ExportedMart


@click.command(
    epilog="Examples: cx export share/cx; cx export share/cx --tables kpis,fct_feedback --partition-by year"
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--tables", metavar="NAME,…", default="", help="Only these marts; without it all of them.")
@click.option(
    "--partition-by",
    type=click.Choice(["year", "month"]),
    help="Folders by period (year=2026/month=9/…) for the marts that have periods.",
)
def export(folder: Path, tables: str, partition_by: str | None) -> None:
    """Write the published marts as Parquet.

    One file a mart, all of one night, each replaced by a rename when it is whole; run it again after every
    night. DIR/_export.json says of which night each is. A night that is running is no hindrance.
    """
    from cx_pipeline.settings import load_settings
    from cx_pipeline.warehouse.export import ExportError, export_marts

    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file: name a folder to write to")
    only = [name for name in (part.strip() for part in tables.split(",")) if name]
    done: dict[str, ExportedMart] = {}
    with opened(load_settings()) as connection, progress_on_stderr() as report:

        def write() -> None:
            done.update(
                export_marts(connection, folder, only=only, partition_by=partition_by, report=report)  # type: ignore[arg-type]
            )

        interruptible(connection, write)
    rows, size = sum(mart.rows for mart in done.values()), sum(mart.bytes for mart in done.values())
    nights = ", ".join(sorted({mart.night for mart in done.values() if mart.night}))
    of = f" of the night of {nights}" if nights else ""
    click.echo(f"{len(done)} marts{of} are in {folder}: {rows:,} rows, {size / 1e6:,.1f} MB")
