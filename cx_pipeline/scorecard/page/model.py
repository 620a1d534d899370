"""What the page shows beside the scorecard itself, as plain values; which groups are off target.  Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cx_pipeline.scorecard.model import NO_GROUP, Figure, Line, Scorecard


@dataclass(frozen=True, slots=True)
class Kpi:
    """A row of `dim_kpis`."""

    kpi: str
    unit: str
    definition: str
    better: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A row of `signals`; `also`: the other KPIs of its story, which are its evidence."""

    kind: str
    kpi: str
    grain: str
    period_start: date
    dimension: str
    dimension_value: str
    found_in: date
    effect: str
    value: float | None
    expected_value: float | None
    difference: float | None
    n: int | None
    q_value: float | None
    deviation: float | None
    is_latest: bool
    story_id: str
    is_lead: bool
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long something took, of the answers of one period.

    `bins`: (from, to, count), minutes, to exclusive, growing by one factor.  `before`: the same of the period
    before.  `is_suppressed`: too few to show.  The percentiles are those of `kpis`.
    """

    metric: str
    n: int
    bins: tuple[tuple[float, float, int], ...]
    before: tuple[tuple[float, float, int], ...]
    median: float | None
    p90: float | None
    target: float | None
    is_suppressed: bool


@dataclass(frozen=True, slots=True)
class CohortCell:
    """A row of `retention_cohorts`."""

    cohort_month: date
    month_number: int
    cohort_size: int
    retention_rate: float | None
    is_suppressed: bool
    is_left_truncated: bool


@dataclass(frozen=True, slots=True)
class BacklogDay:
    """Unsolved tickets at the end of one local day: age band -> count."""

    day: date
    unsolved: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.unsolved.values())


@dataclass(frozen=True, slots=True)
class Broken:
    """Rows in quarantine that broke the same rules."""

    source: str
    entity: str
    rules: str
    rows: int


@dataclass(frozen=True, slots=True)
class PageData:
    """All that the page shows.

    `groups`: the headlines by group; `targeted_groups`: the last complete figures of KPIs and groups with a
    target of their own.  `missing`: tables the published file lacks, being of an earlier version.
    """

    scorecard: Scorecard
    groups: tuple[Figure, ...]
    targeted_groups: tuple[Figure, ...]
    kpis: Mapping[str, Kpi]
    findings: tuple[Finding, ...]
    findings_left_off: int
    histograms: tuple[Histogram, ...]
    cohorts: tuple[CohortCell, ...]
    backlog: tuple[BacklogDay, ...]
    broken: tuple[Broken, ...]
    min_n: int
    missing: tuple[str, ...]

    @property
    def has_targets(self) -> bool:
        """Whether any headline has a target in the period shown."""
        return any(line.figure and line.figure.target is not None for line in self.scorecard.lines)

    def lines_with(self, status: str) -> list[Line]:
        """The headlines of one status, those furthest from their target first."""
        lines = [line for line in self.scorecard.lines if line.figure and line.figure.status == status]
        return sorted(lines, key=lambda line: -_shortfall(line.figure, line.better, None))


def _shortfall(figure: Figure | None, better: str | None, target: float | None) -> float:
    """By how much a figure is on the wrong side of a target, as a share of the target; 0 on the right one."""
    target = figure.target if figure and target is None else target
    if figure is None or figure.value is None or target is None:
        return 0.0
    short = figure.value - target if better == "lower" else target - figure.value
    return max(short, 0.0) / max(abs(target), 1e-9)


def status_of(figure: Figure, line: Line) -> str:
    """Where a group stands: against its own target, else against the target of the whole.

    Against the target of the whole the rule is that of `kpis.status`: at risk where the interval holds the
    target, else met or missed by the value.  Without an interval (medians have none) 30 values are needed, so
    that a small group's bad luck is not called a miss.
    """
    if figure.is_suppressed:
        return "none"
    if figure.status and figure.status != "none":
        return figure.status
    target = line.figure.target if line.figure else None
    if figure.value is None or target is None or line.better not in ("higher", "lower"):
        return "none"
    low, high = figure.ci_low, figure.ci_high
    if low is None or high is None:
        if figure.is_small_sample:
            return "none"
        low = high = figure.value
    sign = 1 if line.better == "higher" else -1
    worst, best = sorted((sign * low, sign * high))
    if best < sign * target:
        return "missed"
    return "met" if worst > sign * target or low == high else "at_risk"


def groups_off_target(data: PageData, line: Line) -> list[Figure]:
    """The groups that miss the line's target, by weight: the shortfall times how many they are."""
    target = line.figure.target if line.figure else None
    found = [
        figure
        for figure in groups_of(data.groups, line)
        if figure.dimension_value not in NO_GROUP and status_of(figure, line) == "missed"
    ]

    def weight(figure: Figure) -> float:
        own = target if figure.target is None else figure.target
        return _shortfall(figure, line.better, own) * (figure.n or 0)

    return sorted(found, key=lambda figure: (-weight(figure), figure.dimension, figure.dimension_value))


def groups_of(groups: Iterable[Figure], line: Line) -> list[Figure]:
    """The groups of a headline in the period it is shown for."""
    if line.figure is None:
        return []
    shown = line.figure.period_start
    return [f for f in groups if f.kpi == line.headline.kpi and f.period_start == shown]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One dimension: which headlines it has, its values by size, and the figure of each (None: no data)."""

    dimension: str
    lines: tuple[Line, ...]
    rows: tuple[tuple[str, tuple[Figure | None, ...]], ...]
    left_off: int


def breakdown(data: PageData, dimension: str, at_most: int) -> Breakdown:
    """The table of one dimension; values beyond `at_most`, the smallest, are counted and left off."""
    figures: dict[tuple[str, str], Figure] = {}
    sizes: dict[str, int] = {}
    lines = []
    for line in data.scorecard.lines:
        rows = [figure for figure in groups_of(data.groups, line) if figure.dimension == dimension]
        if rows:
            lines.append(line)
        for figure in rows:
            figures[figure.dimension_value, figure.kpi] = figure
            sizes[figure.dimension_value] = max(sizes.get(figure.dimension_value, 0), figure.n or 0)
    values = sorted(sizes, key=lambda value: (value in NO_GROUP, -sizes[value], value))
    shown = values[:at_most]
    return Breakdown(
        dimension,
        tuple(lines),
        tuple((value, tuple(figures.get((value, line.headline.kpi)) for line in lines)) for value in shown),
        len(values) - len(shown),
    )


def chosen_findings(
    findings: Iterable[Finding], newest: int, standing: int, earlier: int
) -> tuple[Finding, ...]:
    """Of findings by rank those a page has room for, each with the KPIs that tell the same story.

    `newest` changes a dimension, `standing` differences between groups, and `earlier` of the rest.
    """
    told: defaultdict[str, list[str]] = defaultdict(list)
    room: Counter[str] = Counter()
    chosen = []
    for finding in findings:
        told[finding.story_id].append(finding.kpi)
        if not finding.is_lead:
            continue
        if not finding.is_latest:
            shelf, has_room = "earlier", earlier
        elif finding.kind == "contrast":
            shelf, has_room = "standing", standing
        else:
            shelf, has_room = f"newest {finding.dimension}", newest
        if room[shelf] < has_room:
            room[shelf] += 1
            chosen.append(finding)
    return tuple(
        replace(
            finding, also=tuple(kpi for kpi in dict.fromkeys(told[finding.story_id]) if kpi != finding.kpi)
        )
        for finding in chosen
    )


def cohort_table(cells: Sequence[CohortCell], at_most: int, months: int) -> list[list[CohortCell]]:
    """The newest `at_most` cohorts, oldest first; of each the months 0 to `months` that there are."""
    rows: dict[date, list[CohortCell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.cohort_month, cell.month_number)):
        if 0 <= cell.month_number <= months:
            rows.setdefault(cell.cohort_month, []).append(cell)
    return [rows[month] for month in sorted(rows)[-at_most:]]
