"""The columns the gate adds to landed rows before they are judged, computed once, in Arrow.

What enters: a table of landed rows of one batch (`landing_schema`, or the part of it that is needed),
the batch's landing instant and the declared surveys.  What leaves: the same rows with the added
columns a suite names.  The gate alone calls it.

- `pull_horizon`: a day after the batch landed, which no ordinary instant may pass;
- `<instant>_earliest`, `<instant>_latest`: the instant itself; where its input had a date and no time
  (it stands for noon) the beginning and the end of that day, so that a date is never blamed for the
  time it does not have;
- `longest_text_bytes`: the length in UTF-8 bytes of the row's longest text;
- for feedback: `effective_scale_min`, `effective_scale_max`, `effective_scale_direction` (the row's
  own, else its survey's, else, for the ends, the metric's), `score_outside_scale_by` (points; 0 or
  less inside), `score_fraction` (what the score has after the decimal point), `is_answered`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.contract import DEFAULT_SCALES, Entity, Type

if TYPE_CHECKING:
    import pyarrow as pa

SURVEYS_FILE = Path(__file__).parents[2] / "dbt_project" / "seeds" / "surveys.csv"
HORIZON = timedelta(days=1)
HALF_A_DAY = timedelta(hours=12)

_SCALE_INPUTS = ("metric", "survey_id", "score", "scale_min", "scale_max")
_FEEDBACK_INPUTS: dict[str, tuple[str, ...]] = {
    "effective_scale_min": _SCALE_INPUTS,
    "effective_scale_max": _SCALE_INPUTS,
    "effective_scale_direction": ("metric", "survey_id", "scale_direction"),
    "score_outside_scale_by": _SCALE_INPUTS,
    "score_fraction": ("score",),
    "is_answered": ("score", "comment"),
}


class SurveysError(Exception):
    """The seed of surveys cannot be used; the text says which line and what to do."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What `seeds/surveys.csv` declares of one question of a survey; None where it says nothing."""

    survey_id: str
    metric: str
    scale_min: float | None
    scale_max: float | None
    direction: str | None


def read_surveys(path: Path = SURVEYS_FILE) -> tuple[Survey, ...]:
    """The declared surveys; none where the seed is absent."""
    if not path.exists():
        return ()
    with path.open(encoding="utf-8-sig", newline="") as file:
        return tuple(_survey(row, f"{path}, line {line}") for line, row in enumerate(csv.DictReader(file), 2))


def _survey(row: dict[str, str], where: str) -> Survey:
    def number(column: str) -> float | None:
        text = (row.get(column) or "").strip()
        try:
            return float(text) if text else None
        except ValueError:
            raise SurveysError(f"{where}: {column} must be a number or empty, not {text!r}") from None

    if not row.get("survey_id"):
        raise SurveysError(f"{where}: survey_id is missing")
    return Survey(
        row["survey_id"],
        row.get("metric") or "",
        number("scale_min"),
        number("scale_max"),
        row.get("direction") or None,
    )


def added_columns(entity: Entity) -> dict[str, tuple[str, ...]]:
    """The added columns a suite of `entity` may name -> the landed columns each is computed from."""
    instants = [f.name for f in entity.fields if f.type is Type.TIMESTAMP]
    texts = tuple(f.landed_name for f in entity.fields if f.type in (Type.TEXT, Type.MAP))
    return (
        {"pull_horizon": ()}
        | {f"{name}_{end}": (name, "date_only") for name in instants for end in ("earliest", "latest")}
        | {"longest_text_bytes": texts}
        | (_FEEDBACK_INPUTS if entity.name == "feedback" else {})
    )


def with_added_columns(
    rows: pa.Table, entity: Entity, wanted: Iterable[str], landed_at: datetime, surveys: tuple[Survey, ...]
) -> pa.Table:
    """`rows` with the columns of `wanted` that are not landed ones."""
    compute: dict[str, Callable[[], Any]] = {
        "pull_horizon": lambda: _constant(landed_at + HORIZON, len(rows)),
        "longest_text_bytes": lambda: _longest_text(rows, entity),
    }
    if entity.name == "feedback":
        compute |= _feedback_columns(rows, surveys)
    for name in sorted(set(wanted) - set(rows.column_names)):
        if name in compute:
            rows = rows.append_column(name, compute[name]())
        else:
            instant, _, end = name.rpartition("_")
            rows = rows.append_column(name, _end_of_day(rows, instant, end))
    return rows


def nan_as_infinity(rows: pa.Table) -> pa.Table:
    """`rows` with NaN as infinity: pandas would take NaN as missing, and a broken number would pass."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(rows.schema):
        if pa.types.is_floating(field.type):
            column = rows.column(index)
            numbers = pc.if_else(pc.is_nan(column), pa.scalar(float("inf"), field.type), column)
            rows = rows.set_column(index, field, numbers)
    return rows


def unreadable_text_columns(rows: pa.Table) -> tuple[str, ...]:
    """The columns of `rows` that hold text which is not valid UTF-8."""
    import pyarrow as pa

    def is_readable(column: pa.ChunkedArray) -> bool:
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            return False
        return True

    return tuple(name for name in rows.column_names if not is_readable(rows.column(name)))


def without_columns(rows: pa.Table, names: Iterable[str]) -> pa.Table:
    """`rows` with the columns `names` emptied (all null)."""
    import pyarrow as pa

    for name in names:
        index = rows.column_names.index(name)
        field = rows.schema.field(index)
        rows = rows.set_column(index, field, pa.nulls(len(rows), field.type))
    return rows


def newest_instant(rows: pa.Table, entity: Entity, landed_at: datetime) -> datetime | None:
    """The greatest ordinary instant of `rows` that is not beyond the pull's horizon; None without one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    horizon = pa.scalar(landed_at + HORIZON, pa.timestamp("us", tz="UTC"))
    newest = [
        pc.max(column.filter(pc.less_equal(column, horizon))).as_py()
        for column in (rows.column(f.name) for f in ordinary_instants(entity))
    ]
    return max((instant for instant in newest if instant is not None), default=None)


def ordinary_instants(entity: Entity) -> tuple[Any, ...]:
    """The timestamp fields of `entity` that tell when something happened."""
    return tuple(f for f in entity.fields if f.type is Type.TIMESTAMP and not f.may_be_future)


def _constant(value: datetime, rows: int) -> pa.Array:
    import pyarrow as pa

    return pa.repeat(pa.scalar(value, pa.timestamp("us", tz="UTC")), rows)


def _end_of_day(rows: pa.Table, instant: str, end: str) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    column, listed = rows.column(instant), rows.column("date_only")
    if listed.null_count == len(listed):
        return column
    is_date_only = pc.fill_null(pc.match_substring_regex(listed, rf"(^|,)\s*{instant}\s*(,|$)"), False)
    half = pa.scalar(HALF_A_DAY, pa.duration("us"))
    moved = pc.subtract(column, half) if end == "earliest" else pc.add(column, half)
    return pc.if_else(is_date_only, moved, column)


def _longest_text(rows: pa.Table, entity: Entity) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = [
        _longest_in_map(rows.column(f.landed_name))
        if f.type is Type.MAP
        else pc.cast(pc.binary_length(rows.column(f.landed_name)), pa.int64())
        for f in entity.fields
        if f.type in (Type.TEXT, Type.MAP)
    ]
    return pc.fill_null(pc.max_element_wise(*lengths), 0)


def _longest_in_map(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The longest key or value of each row of a map column, in bytes."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = []
    for chunk in column.chunks:
        longest = np.zeros(len(chunk), dtype=np.int64)
        if chunk.null_count < len(chunk):
            offsets = chunk.offsets.to_numpy()
            owners = np.repeat(np.arange(len(chunk)), np.diff(offsets))
            for part in (chunk.keys, chunk.items):
                inside = part.slice(offsets[0], offsets[-1] - offsets[0])
                np.maximum.at(longest, owners, pc.fill_null(pc.binary_length(inside), 0).to_numpy())
        arrays.append(pa.array(longest))
    return pa.chunked_array(arrays, pa.int64())


def _feedback_columns(rows: pa.Table, surveys: tuple[Survey, ...]) -> dict[str, Callable[[], Any]]:
    """How each added column of feedback is computed.  The keys are those of `_FEEDBACK_INPUTS`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def declared(attribute: str, kind: pa.DataType) -> pa.ChunkedArray:
        """What the row's survey declares, by survey and metric."""
        asked = pc.binary_join_element_wise(rows.column("survey_id"), rows.column("metric"), "\x1f")
        names = pa.array([f"{s.survey_id}\x1f{s.metric}" for s in surveys], pa.string())
        return pc.take(
            pa.array([getattr(s, attribute) for s in surveys], kind), pc.index_in(asked, value_set=names)
        )

    def scale_end(name: str, end: int) -> pa.ChunkedArray:
        metrics = pa.array(DEFAULT_SCALES, pa.string())
        defaults = pa.array([float(scale[end]) for scale in DEFAULT_SCALES.values()], pa.float64())
        usual = pc.take(defaults, pc.index_in(rows.column("metric"), value_set=metrics))
        return pc.coalesce(rows.column(name), declared(name, pa.float64()), usual)

    def outside() -> pa.ChunkedArray:
        score = rows.column("score")
        below = pc.subtract(scale_end("scale_min", 0), score)
        above = pc.subtract(score, scale_end("scale_max", 1))
        return pc.max_element_wise(below, above)

    def fraction() -> pa.ChunkedArray:
        score = rows.column("score")
        return pc.subtract(score, pc.floor(score))

    return {
        "effective_scale_min": lambda: scale_end("scale_min", 0),
        "effective_scale_max": lambda: scale_end("scale_max", 1),
        "effective_scale_direction": lambda: pc.coalesce(
            rows.column("scale_direction"), declared("direction", pa.string())
        ),
        "score_outside_scale_by": outside,
        "score_fraction": fraction,
        "is_answered": lambda: pc.or_(pc.is_valid(rows.column("score")), pc.is_valid(rows.column("comment"))),
    }
