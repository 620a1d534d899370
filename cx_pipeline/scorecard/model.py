"""From rows of `kpis`, `nights` and `reconciliation` to a scorecard.  Pure; no formula of a KPI is here.

The formulas live in the dbt models; this module only chooses what is worth a reader's minute: which
period, which rows, in which words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

GRAINS = ("day", "week", "month", "quarter", "all")
HISTORY = 12
"""Periods in a sparkline."""
_LOOK_NEXT = 5
_NO_GROUP = ("(none)", "(other)")
"""Dimension values nobody can act on."""


class Unit(StrEnum):
    """What a value is, which decides how it is written."""

    SCORE = "score"  # -100 to 100
    PERCENT = "percent"  # 0 to 100
    MEAN = "mean"  # on a survey scale
    MINUTES = "minutes"


@dataclass(frozen=True, slots=True)
class Headline:
    """One KPI of the scorecard: its name in `kpis`, its section, its label, its unit, which way is good."""

    kpi: str
    section: str
    label: str
    unit: Unit
    lower_is_better: bool = False


_SAY, _DO, _SERVE = "What customers say", "What customers do", "How they are served"

HEADLINES = (
    Headline("nps", _SAY, "NPS", Unit.SCORE),
    Headline("csat", _SAY, "CSAT", Unit.PERCENT),
    Headline("ces", _SAY, "Effort (CES)", Unit.MEAN, lower_is_better=True),
    Headline("response_rate", _SAY, "Survey response", Unit.PERCENT),
    Headline("retention_rate", _DO, "Retention", Unit.PERCENT),
    Headline("first_response_calendar_minutes_median", _SERVE, "First response, median", Unit.MINUTES, True),
    Headline("resolution_calendar_minutes_median", _SERVE, "Resolution, median", Unit.MINUTES, True),
    Headline("fcr_rate", _SERVE, "First contact resolved", Unit.PERCENT),
    Headline("one_touch_rate", _SERVE, "Solved in one touch", Unit.PERCENT),
    Headline("reopen_rate", _SERVE, "Reopened", Unit.PERCENT, lower_is_better=True),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of `kpis`.  `value` None: no data, or a group too small to show (`is_suppressed`)."""

    kpi: str
    period_start: date
    dimension: str
    dimension_value: str
    n: int | None
    value: float | None
    ci_low: float | None
    ci_high: float | None
    previous_value: float | None
    change: float | None
    is_significant: bool | None
    is_complete: bool
    is_small_sample: bool | None
    is_suppressed: bool | None
    target: float | None
    status: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """One headline: its figure in the period shown, and the values up to it (None: no value)."""

    headline: Headline
    figure: Figure | None
    history: tuple[tuple[date, float | None], ...]

    @property
    def direction(self) -> str | None:
        """`better` or `worse` where the change is significant; None where it is noise or not tested."""
        figure = self.figure
        if figure is None or not figure.is_significant or not figure.change:
            return None
        return "better" if (figure.change < 0) == self.headline.lower_is_better else "worse"


@dataclass(frozen=True, slots=True)
class Night:
    """The night the published file is of.  Counts are rows; instants are UTC."""

    night: date
    ended_at: datetime | None
    outcome: str
    batches: int
    landed: int
    rejected: int
    quarantined: int
    held: int
    stale_sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What became of the rows of one source and entity, over all nights."""

    source: str
    entity: str
    read: int
    landed: int
    rejected: int
    quarantined: int
    held: int
    published: int
    excluded: int


@dataclass(frozen=True, slots=True)
class Hint:
    """Something worth a look: a sentence, and the command that shows it."""

    text: str
    command: str


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What is shown.  `period_start` is the latest period any headline is shown for."""

    grain: str
    period_start: date | None
    lines: tuple[Line, ...]
    night: Night | None
    reconciliation: tuple[Reconciliation, ...]
    look_next: tuple[Hint, ...]


def build_scorecard(
    grain: str,
    totals: Iterable[Figure],
    movers: Iterable[Figure],
    night: Night | None,
    reconciliation: Iterable[Reconciliation],
) -> Scorecard:
    """The scorecard of one grain.

    `totals` are the rows of dimension `all`, in any order; `movers` rows of other dimensions whose
    change is significant.  A headline is shown for its last complete period (windows end later for
    some), or for its last period of all where none is complete yet.
    """
    by_kpi = {
        kpi: sorted(rows, key=lambda row: row.period_start)
        for kpi, rows in groupby(sorted(totals, key=lambda row: row.kpi), key=lambda row: row.kpi)
    }
    lines = tuple(_line(headline, by_kpi.get(headline.kpi, ())) for headline in HEADLINES)
    shown = [line.figure.period_start for line in lines if line.figure]
    rows = tuple(reconciliation)
    return Scorecard(
        grain=grain,
        period_start=max(shown, default=None),
        lines=lines,
        night=night,
        reconciliation=rows,
        look_next=tuple(_hints(grain, lines, tuple(movers), night, rows)),
    )


def _line(headline: Headline, rows: Sequence[Figure]) -> Line:
    complete = [row for row in rows if row.is_complete]
    figure = complete[-1] if complete else rows[-1] if rows else None
    until = [row for row in rows if figure and row.period_start <= figure.period_start]
    return Line(headline, figure, tuple((row.period_start, row.value) for row in until[-HISTORY:]))


def _hints(
    grain: str,
    lines: tuple[Line, ...],
    movers: tuple[Figure, ...],
    night: Night | None,
    reconciliation: tuple[Reconciliation, ...],
) -> Iterable[Hint]:
    """What asks for attention, most urgent first: data that is missing, then experience that changed."""
    if night and night.stale_sources:
        yield Hint(f"Stale: {', '.join(night.stale_sources)} could not be read.", "cx sources check")
    held = sum(row.held for row in reconciliation)
    if held:
        yield Hint(f"{held:,} rows are held back by the gate.", "cx gate list")
    quarantined = sum(row.quarantined for row in reconciliation)
    if quarantined:
        yield Hint(
            f"{quarantined:,} rows broke a rule and are in quarantine.",
            _query(
                "select source, entity, rules, count(*) n from marts.quarantine group by all order by n desc"
            ),
        )
    for line in lines:
        if line.direction == "worse" and line.figure:
            yield Hint(
                f"{line.headline.label} got worse, and not by chance.", _drill(grain, line.figure, "change")
            )
    yield from _movers(grain, lines, movers)


def _movers(grain: str, lines: tuple[Line, ...], movers: tuple[Figure, ...]) -> Iterable[Hint]:
    """The groups that moved most against the width of their own interval, worse before better."""
    headlines = {line.headline.kpi: line for line in lines if line.figure}
    candidates = []
    for figure in movers:
        line = headlines.get(figure.kpi)
        if figure.dimension_value in _NO_GROUP or line is None or line.figure is None:
            continue
        if figure.period_start != line.figure.period_start:
            continue
        direction = replace(line, figure=figure).direction
        if direction and figure.change is not None:
            width = (figure.ci_high or 0.0) - (figure.ci_low or 0.0)
            strength = abs(figure.change) / width if width > 0 else 0.0
            candidates.append((direction == "better", -strength, line.headline, figure, direction))
    candidates.sort(key=lambda c: (c[0], c[1], c[2].kpi, c[3].dimension, c[3].dimension_value))
    for _, _, headline, figure, direction in candidates[:_LOOK_NEXT]:
        yield Hint(
            f"{headline.label} is {direction} for {figure.dimension} {figure.dimension_value}.",
            _drill(grain, figure, "period_start", figure.dimension, figure.dimension_value),
        )


def _drill(grain: str, figure: Figure, order: str, dimension: str | None = None, value: str = "") -> str:
    """The command that shows what lies behind a figure: the groups that moved, or one group over time."""
    if dimension is None:
        columns = "dimension, dimension_value, n, value, change"
        where = f"period_start = '{figure.period_start}' and dimension <> 'all' and is_significant"
    else:
        columns = "period_start, n, value, change"
        quoted = value.replace("'", "''")
        where = f"dimension = '{dimension}' and dimension_value = '{quoted}'"
    which = f"kpi = '{figure.kpi}' and grain = '{grain}' and {where}"
    return _query(f"select {columns} from marts.kpis where {which} order by {order}")


def _query(sql: str) -> str:
    """The shell command of a query."""
    for special in ("\\", '"', "$", "`"):
        sql = sql.replace(special, "\\" + special)
    return f'cx query "{sql}"'
