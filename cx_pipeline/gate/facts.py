"""The facts of a batch: what batch rules are put to, one row a batch.

What enters: a batch, its file's schema, what the settings ask of its source, and what landed before.
What leaves: `BatchFacts`, whose `values` are the row Great Expectations judges and whose `explained`
says in words what a broken fact means.  The gate alone calls it.

The volume of a night is the rows that landed for a source and entity that night.  It is compared with
the same weekday's nights before it, once the history spans 28 nights and holds four of that weekday;
the last eight count.  The band is robust and multiplicative: around the median m of those nights, a
factor exp(4 s) either way, where s is the scaled median absolute deviation of log(1 + rows), at least
log 1.25; and never narrower than m ± 4 sqrt(m), what chance alone does to a small count.  One freak
night (a first load of years, an outage) moves neither m nor s.  Held and dropped batches are no history.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from cx_pipeline.contract import ENTITIES, Entity

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from cx_pipeline.landing.batch import Batch

FACT_COLUMNS: dict[str, str] = {
    "undelivered_required": "required columns the input had not, comma-separated; null when none",
    "mistyped_columns": "columns of the landed file that are not of the contract's type; null when none",
    "missing_mapped": "columns the mapping names and the input lacks; null when none",
    "is_header_renamed": "whether a header formerly delivered went and an unknown one came",
    "unreadable_text_columns": "columns with text that is no valid Unicode; null when none",
    "landed_rows": "rows that landed",
    "is_never_empty": "whether the settings say never_empty",
    "volume_outside_band_by": "rows the night lies outside its band, 0 or less inside; null without history",
    "hours_beyond_freshness_limit": "age of the newest record less the limit, in hours; null without a limit",
}

HISTORY_NIGHTS = 28
SAME_WEEKDAYS_NEEDED = 4
SAME_WEEKDAYS_USED = 8
BAND_WIDTH = 4.0
LEAST_SPREAD = math.log(1.25)
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Demands:
    """What the settings ask of one source's deliveries of one entity."""

    never_empty: bool = False
    freshness_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """The rows a night may have, both ends included."""

    low: float
    high: float

    def outside_by(self, rows: int) -> float:
        return max(self.low - rows, rows - self.high)


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """`values` by fact column, and in words what each says where its rule is broken."""

    values: Mapping[str, Any]
    explained: Mapping[str, str]


def nightly_rows(batches: Sequence[Batch], left_out: frozenset[str]) -> dict[tuple[str, str], Counter[date]]:
    """(source, entity) -> rows landed by night, without the batches `left_out` and without aliases."""
    nights: dict[tuple[str, str], Counter[date]] = {}
    for batch in batches:
        if not batch.alias and batch.batch_id not in left_out:
            counter = nights.setdefault((batch.source, batch.entity), Counter())
            counter[date.fromisoformat(batch.night)] += batch.landed
    return nights


def volume_band(rows_by_night: Mapping[date, int], night: date) -> Band | None:
    """The band of `night` by the nights before it; None while they are too few."""
    before = {n: rows for n, rows in rows_by_night.items() if n < night}
    same = [before[n] for n in sorted(before) if n.weekday() == night.weekday()][-SAME_WEEKDAYS_USED:]
    if not before or night - min(before) < timedelta(days=HISTORY_NIGHTS) or len(same) < SAME_WEEKDAYS_NEEDED:
        return None
    logs = [math.log1p(rows) for rows in same]
    centre = median(logs)
    spread = max(MAD_TO_SIGMA * median(abs(value - centre) for value in logs), LEAST_SPREAD)
    middle, chance = math.expm1(centre), BAND_WIDTH * math.sqrt(math.expm1(centre))
    low = min(math.expm1(centre - BAND_WIDTH * spread), middle - chance)
    high = max(math.expm1(centre + BAND_WIDTH * spread), middle + chance)
    return Band(round(max(low, 0.0), 6), round(high, 6))  # exp(log n) is not quite n


def undelivered_required(entity: Entity, batch: Batch) -> tuple[str, ...]:
    """The required columns the input had not.

    The key counts only where the pipeline cannot make one.  An input without a single record and
    without a header (an empty file) lacks nothing: it is empty, which is another rule's business.
    """
    if not batch.delivered and batch.read == 0:
        return ()
    made = {entity.key} if entity.generates_key else set()
    return tuple(name for name in entity.required if name not in {*batch.delivered, *made})


def mistyped_columns(entity: Entity, schema: pa.Schema) -> tuple[str, ...]:
    """The landed columns `schema` lacks or types otherwise than the contract."""
    from cx_pipeline.contract.landing_schema import landing_schema

    return tuple(
        field.name
        for field in landing_schema(entity)
        if field.name not in schema.names or not schema.field(field.name).type.equals(field.type)
    )


def batch_facts(
    batch: Batch,
    demands: Demands,
    *,
    mistyped: tuple[str, ...],
    unreadable: tuple[str, ...],
    rows_by_night: Mapping[date, int],
    newest: datetime | None,
) -> BatchFacts:
    """The facts of `batch`.

    `newest` is the greatest instant of its source and entity among what is let in and what lands this
    night: a corrected file of last year is not stale where today's lies beside it.
    """
    night = date.fromisoformat(batch.night)
    undelivered = undelivered_required(ENTITIES[batch.entity], batch)
    band = volume_band(rows_by_night, night)
    rows = rows_by_night.get(night, 0)
    hours = _hours_beyond(batch, demands, newest)
    return BatchFacts(
        values={
            "undelivered_required": ", ".join(undelivered) or None,
            "mistyped_columns": ", ".join(mistyped) or None,
            "missing_mapped": ", ".join(batch.missing) or None,
            "is_header_renamed": batch.renamed,
            "unreadable_text_columns": ", ".join(unreadable) or None,
            "landed_rows": batch.landed,
            "is_never_empty": demands.never_empty,
            "volume_outside_band_by": band and band.outside_by(rows),
            "hours_beyond_freshness_limit": hours,
        },
        explained={
            "undelivered_required": ", ".join(undelivered),
            "mistyped_columns": ", ".join(mistyped),
            "missing_mapped": ", ".join(batch.missing),
            "is_header_renamed": f"new headers: {', '.join(batch.extra)}" if batch.extra else "",
            "unreadable_text_columns": ", ".join(unreadable),
            "landed_rows": f"{batch.landed} rows landed, {batch.rejected} were rejected",
            "volume_outside_band_by": _volume_in_words(rows, band, night),
            "hours_beyond_freshness_limit": _freshness_in_words(newest, demands),
        },
    )


def _volume_in_words(rows: int, band: Band | None, night: date) -> str:
    if band is None:
        return ""
    usual = f"{math.ceil(band.low)} to {math.floor(band.high)}"
    return f"{rows} rows this night, {usual} are usual on {night:%A}s"


def _freshness_in_words(newest: datetime | None, demands: Demands) -> str:
    if newest is None:
        return ""
    limit = f"the limit is {demands.freshness_hours} hours before the pull"
    return f"the newest record is of {newest:%Y-%m-%d %H:%M} UTC, {limit}"


def _hours_beyond(batch: Batch, demands: Demands, newest: datetime | None) -> float | None:
    if demands.freshness_hours is None or newest is None:
        return None
    age = datetime.fromisoformat(batch.landed_at) - newest
    return age / timedelta(hours=1) - demands.freshness_hours


def facts_frame(facts: Sequence[BatchFacts]) -> pd.DataFrame:
    """The frame batch rules are put to: one row a batch, in the order given."""
    import pandas as pd

    frame = pd.DataFrame([dict(f.values) for f in facts], columns=list(FACT_COLUMNS))
    return frame.astype({"volume_outside_band_by": "float64", "hours_beyond_freshness_limit": "float64"})
