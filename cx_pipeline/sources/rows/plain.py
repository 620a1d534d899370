"""Plain rows, as connectors give them, as a chunk of text columns.

What enters: rows of texts, numbers, booleans, dates, None.  What leaves: a `Chunk` whose lines are the rows'
numbers from 1; a row that could not be read, or holds what no column can, is rejected.  Landing calls it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cx_pipeline.sources.rows.records import Chunk, Reject, Row, Unreadable


class _NotPlain(TypeError):
    """A value that is no text, number, boolean or date."""


def chunk(rows: Sequence[Row | Unreadable]) -> Chunk:
    """The rows as columns; what a row lacks is null."""
    numbered = [(line, row) for line, row in enumerate(rows, 1) if not isinstance(row, Unreadable)]
    rejects = [
        Reject(line, "unreadable_record", row.detail)
        for line, row in enumerate(rows, 1)
        if isinstance(row, Unreadable)
    ]
    try:
        columns = _columns([row for _, row in numbered])
    except (_NotPlain, UnicodeEncodeError):  # rare: find out which rows
        good = []
        for line, row in numbered:
            try:
                _columns([row])
            except _NotPlain:
                rejects.append(Reject(line, "nested_value", "a value is an object or a list, or holds NUL"))
            except UnicodeEncodeError:
                rejects.append(Reject(line, "bad_unicode", "holds half of a surrogate pair, no character"))
            else:
                good.append((line, row))
        numbered, columns = good, _columns([row for _, row in good])
    return Chunk(columns, np.array([line for line, _ in numbered], np.int64), rejects)


def _columns(rows: Sequence[Row]) -> dict[str, pa.Array]:
    names = dict.fromkeys(chain.from_iterable(rows))
    return {name: _column([row.get(name) for row in rows]) for name in names}


def _column(values: list[Any]) -> pa.Array:
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):  # of several types
        column = pa.array([None if v is None else _text(v) for v in values], pa.string())
    if not pa.types.is_string(column.type):
        if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type) or column.type == pa.null():
            return column.cast(pa.string())
        column = pa.array([None if v is None else _text(v) for v in values], pa.string())
    if pc.any(pc.match_substring(column, "\0")).as_py():
        raise _NotPlain
    return column


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise _NotPlain
