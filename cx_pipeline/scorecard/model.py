"""From rows of `kpis`, `nights` and `reconciliation` to a scorecard.  Pure; no formula of a KPI is here.

The formulas live in the dbt models; this module only chooses what is worth a reader's minute: which
period, which rows, in which words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby
from types import MappingProxyType

from cx_pipeline.scorecard.names import kpi_name

GRAINS = ("day", "week", "month", "quarter", "all")
HISTORY = 12
"""Periods in a sparkline."""
_LOOK_NEXT = 5
WHERE = ("segment", "channel", "touchpoint", "team")
"""The dimensions looked into.  Not `agent`: one person's figures are not for all eyes."""
NO_GROUP = ("(none)", "(other)")
"""Dimension values nobody can act on."""


class Unit(StrEnum):
    """What a value is, which decides how it is written."""

    SCORE = "score"  # -100 to 100
    PERCENT = "percent"  # 0 to 100
    MEAN = "mean"  # on a survey scale
    MINUTES = "minutes"
    SECONDS = "seconds"
    NUMBER = "number"  # anything else

    @classmethod
    def named(cls, unit: str) -> Unit:
        """The unit that the catalog of KPIs (`dim_kpis.unit`) describes in words."""
        if unit == "percent":
            return cls.PERCENT
        if unit.endswith("minutes"):
            return cls.MINUTES
        if unit == "seconds":
            return cls.SECONDS
        if unit.startswith("points"):
            return cls.SCORE if " -" in unit else cls.MEAN
        return cls.NUMBER


@dataclass(frozen=True, slots=True)
class Headline:
    """One KPI of the scorecard: its name in `kpis`, its section (a key of `names.SECTIONS`), its unit."""

    kpi: str
    section: str
    unit: Unit

    @property
    def label(self) -> str:
        """What it is called in English."""
        return kpi_name(self.kpi, "en")


HEADLINES = (
    Headline("nps", "say", Unit.SCORE),
    Headline("csat", "say", Unit.PERCENT),
    Headline("ces", "say", Unit.MEAN),
    Headline("response_rate", "say", Unit.PERCENT),
    Headline("retention_rate", "do", Unit.PERCENT),
    Headline("first_response_calendar_minutes_median", "serve", Unit.MINUTES),
    Headline("resolution_calendar_minutes_median", "serve", Unit.MINUTES),
    Headline("fcr_rate", "serve", Unit.PERCENT),
    Headline("one_touch_rate", "serve", Unit.PERCENT),
    Headline("reopen_rate", "serve", Unit.PERCENT),
)


def headlines_of(targeted: Mapping[str, Unit]) -> tuple[Headline, ...]:
    """What is shown: the headlines, and after them every other KPI that somebody set a target for."""
    known = {headline.kpi for headline in HEADLINES}
    return (
        *HEADLINES,
        *(Headline(kpi, "targeted", unit) for kpi, unit in sorted(targeted.items()) if kpi not in known),
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
    """One headline: its figure in the period shown, and the figures up to it, oldest first.

    `better` is which way is good, as `dim_kpis` has it; None where the published file does not say.
    """

    headline: Headline
    figure: Figure | None
    history: tuple[Figure, ...]
    better: str | None = None

    @property
    def direction(self) -> str | None:
        """What the change means where it is significant; None where it is noise or not tested."""
        return direction(self.figure, self.better) if self.figure else None


def direction(figure: Figure, better: str | None) -> str | None:
    """`better`, `worse` or `different`: what a significant change means; `better`: which way is good."""
    if not figure.is_significant or not figure.change:
        return None
    if better not in ("higher", "lower"):
        return "different"
    return "better" if (figure.change < 0) == (better == "lower") else "worse"


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
    *,
    better: Mapping[str, str] = MappingProxyType({}),
    headlines: Sequence[Headline] = HEADLINES,
) -> Scorecard:
    """The scorecard of one grain.

    `totals` are the rows of dimension `all`, in any order; `movers` rows of other dimensions whose
    change is significant.  A headline is shown for its last complete period (windows end later for
    some), or for its last period of all where none is complete yet.  `better`: KPI -> which way is good.
    """
    by_kpi = {
        kpi: sorted(rows, key=lambda row: row.period_start)
        for kpi, rows in groupby(sorted(totals, key=lambda row: row.kpi), key=lambda row: row.kpi)
    }
    lines = tuple(
        _line(headline, by_kpi.get(headline.kpi, ()), better.get(headline.kpi)) for headline in headlines
    )
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


def _line(headline: Headline, rows: Sequence[Figure], better: str | None) -> Line:
    complete = [row for row in rows if row.is_complete]
    figure = complete[-1] if complete else rows[-1] if rows else None
    until = [row for row in rows if figure and row.period_start <= figure.period_start]
    return Line(headline, figure, tuple(until[-HISTORY:]), better)


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
        if line.figure and line.figure.status == "missed":
            yield Hint(f"{line.headline.label} misses its target.", _drill(grain, line.figure, "status"))
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
        if figure.dimension_value in NO_GROUP or line is None or line.figure is None:
            continue
        if figure.period_start != line.figure.period_start:
            continue
        verdict = direction(figure, line.better)
        if verdict and figure.change is not None:
            width = (figure.ci_high or 0.0) - (figure.ci_low or 0.0)
            strength = abs(figure.change) / width if width > 0 else 0.0
            candidates.append((verdict == "better", -strength, line.headline, figure, verdict))
    candidates.sort(key=lambda c: (c[0], c[1], c[2].kpi, c[3].dimension, c[3].dimension_value))
    for _, _, headline, figure, verdict in candidates[:_LOOK_NEXT]:
        yield Hint(
            f"{headline.label} is {verdict} for {figure.dimension} {figure.dimension_value}.",
            _drill(grain, figure, "period_start", figure.dimension, figure.dimension_value),
        )


def _drill(grain: str, figure: Figure, why: str, dimension: str | None = None, value: str = "") -> str:
    """The command that shows what lies behind a figure.

    The groups that moved (`why` "change"), the groups by target ("status"), or one group over time.
    """
    order = why
    if dimension is None:
        columns = "dimension, dimension_value, n, value, change"
        where = f"period_start = '{figure.period_start}' and dimension <> 'all'"
        if why == "change":
            where += " and is_significant"
        else:
            columns, order = "dimension, dimension_value, n, value, target, status", "dimension, value"
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
