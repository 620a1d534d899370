"""The backlog at the end of each day by age band, and what came and went.

What enters: the spine.  What leaves: `backlog_answers`.  Called by `tickets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.in_pandas import written
from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.cells import folded, placed
from benchmarks.in_pandas.dimensions import DIMENSIONS, Values
from benchmarks.in_pandas.landed import FOREVER, Array
from benchmarks.in_pandas.marks import is_done
from benchmarks.in_pandas.spine import Kind

BANDS = ("0", "1-2", "3-6", "7-29", "30-89", "90+")
AGES = np.array([0, 1, 3, 7, 30, 90, 999_999])


@dataclass(frozen=True)
class Changes:
    """Rows of the spine, on days and in age bands, and by how much the backlog changes there."""

    row: Array
    day: Array
    band: Array
    entered: Array


def moved_rows(values: Values) -> Array:
    """The rows at which a ticket came (or came back) or went."""
    spine, marks = values.spine, values.marks
    is_opening = (spine.kind == Kind.OPENED) & (spine.status >= 0)
    return np.flatnonzero(marks.is_valued & (is_opening | marks.is_done_now | marks.is_reopen))


def write_backlog(folder: Path, values: Values) -> None:
    """Write `backlog_answers`."""
    spine, marks, calendar = values.spine, values.marks, values.calendar
    day_of, created_day = values.day, values.created_day
    stood = _standing(values)
    rows = moved_rows(values)
    age = day_of[rows] - created_day[spine.ticket[rows]]
    moved = Changes(
        rows, day_of[rows], np.searchsorted(AGES, age, side="right") - 1, np.zeros(len(rows), np.int64)
    )
    first, days, bands = calendar.first, calendar.days, len(BANDS)
    sets = {
        "opened": spine.kind[rows] == Kind.OPENED,
        "solved": marks.is_done_now[rows],
        "reopened": marks.is_reopen[rows],
    }
    is_there = stood.day <= calendar.last
    is_ended = calendar.in_ended_month(moved.day)
    parts = []
    for name in ("all", *DIMENSIONS):
        codes = values.codes(name, rows)
        place, places = placed(values.dimension(name, codes), is_ended)
        of_stood = _standing_codes(values, name, stood.row)
        place_stood, _ = placed(values.dimension(name, of_stood), is_ended, codes)
        shape = (len(places) * bands, days)
        cell = (place * bands + moved.band) * days + moved.day - first
        cell_stood = ((place_stood * bands + stood.band) * days + stood.day - first)[is_there]
        unsolved = np.cumsum(folded(cell_stood, shape, stood.entered[is_there].astype(float)), axis=1)
        is_told = (folded(cell, shape) + folded(cell_stood, shape)).cumsum(axis=1) > 0
        at = np.flatnonzero(is_told)
        group, day = at // days, at % days
        counts = {key: folded(cell[which], shape).ravel()[at] for key, which in sets.items()}
        columns = {
            "date_day": written.dates(day + first),
            "dimension": written.names(np.zeros(len(at), np.int32), (name,)),
            "dimension_value": written.names(group // bands, tuple(places)),
            "age_band_days": written.names(group % bands, BANDS),
            **{key: written.counts(count) for key, count in counts.items()},
            "unsolved": written.counts(np.rint(unsolved.ravel()[at])),
        }
        parts.append(pa.table(columns))
    table = pa.concat_tables(parts).unify_dictionaries()
    pq.write_table(table, folder / "backlog_answers.parquet", compression="zstd")


def _standing(values: Values) -> Changes:
    """When tickets enter and leave a band, unsolved and with the same values at the ends of days."""
    spine, day_of, created_day = values.spine, values.day, values.created_day
    next_day = np.append(day_of[1:], FOREVER)
    next_day[spine.end - 1] = FOREVER
    ends = np.flatnonzero(next_day > day_of)
    status = spine.status[ends]
    is_unsolved = (status >= 0) & ~is_done(status)
    kept = (spine.priority, spine.team, spine.assignee, spine.category, spine.version_row)
    is_new = starts_of(spine.ticket[ends], is_unsolved, *(column[ends] for column in kept))
    runs, is_unsolved = ends[is_new], is_unsolved[is_new]
    ticket = spine.ticket[runs]
    is_last = np.append(starts_of(ticket)[1:], True)
    end_day = np.where(is_last, values.calendar.last + 1, np.append(day_of[runs[1:]], 0))
    runs, ticket, end_day = runs[is_unsolved], ticket[is_unsolved], end_day[is_unsolved]
    created = created_day[ticket]
    begin, end = day_of[runs] - created, end_day - created
    parts = []
    for band, (youngest, oldest) in enumerate(pairwise(AGES)):
        some = np.flatnonzero((begin < oldest) & (end > youngest))
        for age, entered in ((np.maximum(begin[some], youngest), 1), (np.minimum(end[some], oldest), -1)):
            size = len(some)
            parts.append((runs[some], created[some] + age, np.full(size, band), np.full(size, entered)))
    return Changes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _standing_codes(values: Values, dimension: str, rows: Array) -> Array:
    """The codes that stand at the end of a day, whoever acted last."""
    return values.standing(dimension, rows, values.spine.moment[rows])
