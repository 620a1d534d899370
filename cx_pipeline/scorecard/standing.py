"""Where the KPIs stand: against their targets in the newest complete periods, and what has newly changed.

What enters: the published file.  What leaves: its judged rows and latest signals as they are; status and
effect are the models'.  Called by the desk's checks and by the alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cx_pipeline.scorecard.model import GRAINS
from cx_pipeline.scorecard.read import open_published

_USUAL_GRAINS = ("week", "month", "quarter")
"""By these a target is judged, if it has been set for them: a day sways, and `all` is the past."""

# `kpis` is a view over wide tables and dear to read: once, for the rows and for what is newest.
_TARGETS = """
    with newest as (
        select
            kpi, grain, period_start, dimension, dimension_value, value, ci_low, ci_high, n, target, status,
            max(period_start) filter (where dimension = 'all') over (partition by kpi, grain) as newest_start
        from marts.kpis
        where is_complete and (target is not null or dimension = 'all')
    )
    select
        kpi, mart, unit, is_headline, grain, period_start, dimension, dimension_value, value, ci_low, ci_high,
        n, target, status
    from newest
    inner join marts.dim_kpis using (kpi)
    where period_start = newest_start and target is not null
    order by kpi, dimension, dimension_value, grain
"""

_SIGNALS = """
    select
        story_id, signals.kind, kpi, mart, unit, is_headline, grain, period_start, found_in, dimension,
        dimension_value, value, expected_value, difference, effect, importance, evidence
    from marts.signals
    inner join marts.dim_kpis using (kpi)
    where is_latest and is_lead
    order by importance desc, story_id
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row of `kpis` with a target, of the newest complete period of its grain."""

    kpi: str
    mart: str
    unit: str
    is_headline: bool
    grain: str
    period_start: date
    dimension: str
    dimension_value: str
    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int | None
    target: float
    status: str


@dataclass(frozen=True, slots=True)
class Signal:
    """A row of `signals` found in the newest complete period of its grain that leads its story."""

    story_id: str
    kind: str
    kpi: str
    mart: str
    unit: str
    is_headline: bool
    grain: str
    period_start: date
    found_in: date
    dimension: str
    dimension_value: str
    value: float | None
    expected_value: float | None
    difference: float | None
    effect: str
    importance: float | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything judged, and the latest signals, the most important first."""

    judged: tuple[Judged, ...]
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class TargetStanding:
    """How a KPI of one group stands by all the grains that count; `missed` has the shortest grain first."""

    kpi: str
    dimension: str
    dimension_value: str
    status: Literal["met", "missed", "undecided"]
    missed: tuple[Judged, ...]


def read_standing(published_file: Path, memory: str | None = None) -> Standing:
    """The standing in the published file; read once as long as that is the same file.

    `memory` bounds what DuckDB takes, as in `open_published`.
    """
    stat = published_file.stat()
    return _read(published_file, memory, (stat.st_ino, stat.st_mtime_ns))


@lru_cache(maxsize=1)
def _read(published_file: Path, memory: str | None, _: tuple[int, int]) -> Standing:
    with open_published(published_file, memory) as connection:
        judged = tuple(Judged(*row) for row in connection.execute(_TARGETS).fetchall())
        signals = tuple(Signal(*row) for row in connection.execute(_SIGNALS).fetchall())
    return Standing(judged, signals)


def by_target(judged: Iterable[Judged]) -> list[TargetStanding]:
    """One standing a KPI and group.

    Missed by any grain is missed; met is met by all.  What is at risk, or too small to show, is undecided.
    """
    groups: dict[tuple[str, str, str], list[Judged]] = {}
    for row in judged:
        groups.setdefault((row.kpi, row.dimension, row.dimension_value), []).append(row)
    return [_standing(group, rows) for group, rows in groups.items()]


def _standing(group: tuple[str, str, str], rows: Sequence[Judged]) -> TargetStanding:
    counting = [row for row in rows if row.grain in _USUAL_GRAINS] or rows
    missed = [row for row in counting if row.status == "missed"]
    if missed:
        shortest_first = sorted(missed, key=lambda row: GRAINS.index(row.grain))
        return TargetStanding(*group, "missed", tuple(shortest_first))
    is_met = all(row.status == "met" for row in counting)
    return TargetStanding(*group, "met" if is_met else "undecided", ())
