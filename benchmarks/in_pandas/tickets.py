"""Tickets and their events from landing to KPIs, in pandas.

python -m benchmarks.in_pandas.tickets DATA_FOLDER ANSWERS_FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.in_pandas.backlog import write_backlog
from benchmarks.in_pandas.clock import read_clocks
from benchmarks.in_pandas.customers import read_customers
from benchmarks.in_pandas.dimensions import Values
from benchmarks.in_pandas.dues import decide, dues_of, write_service_levels
from benchmarks.in_pandas.happenings import make_spine
from benchmarks.in_pandas.landed import local_days, midnight
from benchmarks.in_pandas.marks import marks_of
from benchmarks.in_pandas.moments import moments_of, turns_of
from benchmarks.in_pandas.returns import came_back
from benchmarks.in_pandas.service_levels import read_targets, runs_of, spans_of
from benchmarks.in_pandas.spine import names_of
from benchmarks.in_pandas.support_kpis import support_kpis
from benchmarks.in_pandas.ticket_answers import story_of, write_tickets, write_turns
from benchmarks.in_pandas.ticket_events import counted_events, read_events
from benchmarks.in_pandas.ticket_rows import latest_instant, read_tickets
from benchmarks.in_pandas.written import KpiTable


def answer(landing: Path, seeds: Path, folder: Path) -> None:
    """Write every table of answers into `folder`."""
    tickets, events = read_tickets(landing), read_events(landing)
    last = max(latest_instant(tickets), int(events["occurred"].max()))
    first_day, last_day = local_days(np.array([int(tickets.moments("created_at").min()), last]))
    as_of = int(midnight(np.array([last_day + 1]))[0])
    clocks = read_clocks(seeds, int(first_day) - 60, int(last_day) + 5 * 366)
    events = counted_events(events, tickets, as_of)
    names = names_of(tickets, events)
    spine, counted = make_spine(tickets, events, clocks, names, as_of)
    del events
    marks = marks_of(spine)
    values = Values(tickets, spine, marks, names, read_customers(landing), counted, clocks, as_of)
    moments = moments_of(spine, marks, as_of)
    turns = turns_of(spine, marks, moments)
    story = story_of(values, moments, came_back(values, moments))
    write_tickets(folder, values, story, moments, turns)
    write_turns(folder, values, turns)
    targets = read_targets(seeds, names.priority)
    runs = runs_of(values, story, moments, turns)
    due = dues_of(spans_of(values, runs, targets), targets, clocks)
    decided = decide(values, story, runs, due, targets)
    write_service_levels(folder, values, runs, decided, targets)
    write_backlog(folder, values)
    with KpiTable(folder) as table:
        support_kpis(table, values, story, turns, (runs, decided))


def main() -> None:
    """Answer, into a folder of Parquet files."""
    data, folder = Path(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    answer(data / "landing", Path(__file__).parents[1] / "seeds", folder)


if __name__ == "__main__":
    main()
