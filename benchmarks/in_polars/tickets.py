"""Tickets from landing to KPIs, in polars.

python -m benchmarks.in_polars.tickets DATA_FOLDER ANSWERS_FOLDER
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import polars as pl

from benchmarks.in_polars.backlog import backlog_answers, moves
from benchmarks.in_polars.clocks import clocks_of
from benchmarks.in_polars.events import read_landed
from benchmarks.in_polars.facts import reply_answers, ticket_answers, ticket_facts
from benchmarks.in_polars.feedback import history_of, read_customers
from benchmarks.in_polars.kpis import KpiTable
from benchmarks.in_polars.levels import level_answers, levels_of
from benchmarks.in_polars.spine import spine_of
from benchmarks.in_polars.stories import segments_of, stories_of
from benchmarks.in_polars.support import count_kpis, duration_kpis, promises_of


def answer(landing: Path, folder: Path) -> None:
    """Write every table of answers into `folder`."""
    landed = read_landed(landing)
    first = pl.select(pl.lit(landed.tickets["created_at"].min()).cast(pl.Datetime("us")).dt.date()).item()
    clocks = clocks_of(first - timedelta(days=60), landed.last_day + timedelta(days=5 * 366))
    spine = spine_of(landed, clocks)
    segments = segments_of(history_of(read_customers(landing)))
    stories = stories_of(landed, spine, segments)
    facts = ticket_facts(landed, spine, stories, clocks)
    ticket_answers(facts).write_parquet(folder / "ticket_answers.parquet", statistics=False)
    levels = levels_of(landed, spine, stories, facts, clocks)
    level_answers(landed, levels).write_parquet(folder / "sla_answers.parquet", statistics=False)
    moved = moves(stories.valued)
    backlog = backlog_answers(landed, spine, moved, segments)
    backlog.write_parquet(folder / "backlog_answers.parquet", statistics=False)
    table = KpiTable(folder, landed.last_day)
    count_kpis(
        table, stories, facts, promises=promises_of(landed, spine, stories, levels, segments), moved=moved
    )
    duration_kpis(table, landed, stories, facts)
    reply_answers(landed, stories).write_parquet(folder / "reply_answers.parquet", statistics=False)


def main() -> None:
    """Answer, into a folder of Parquet files."""
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    answer(data / "landing", folder)


if __name__ == "__main__":
    main()
