"""`cx sample`: write a realistic company as file drops."""

from __future__ import annotations

from pathlib import Path

import click

from cx_pipeline.cli.output import progress_on_stderr


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--customers", type=click.IntRange(min=1), default=2000, show_default=True)
@click.option("--days", type=click.IntRange(min=1), default=400, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed writes the same bytes.")
def sample(directory: Path, customers: int, days: int, seed: int) -> None:
    """Write a realistic sample as file drops.

    A company's customers, surveys, tickets, orders and visits in Korean and English, below DIRECTORY.
    Its README says which facts are planted, so that you can find them in the KPIs.
    """
    from cx_pipeline.sample import write_sample

    with progress_on_stderr() as report:
        write_sample(
            directory,
            customers,
            days,
            seed,
            on_progress=lambda done, total: report("sample", done, total),
        )
    click.echo(f"The sample is in {directory}; {directory / 'README.md'} says what is planted in it.")
