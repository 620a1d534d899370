"""What the template asks of one language's half of the page.  Pure; knows nothing of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from cx_pipeline.scorecard.model import WHERE, Figure, Line, Reconciliation, Unit, direction
from cx_pipeline.scorecard.names import Language, korean_definition, section_name
from cx_pipeline.scorecard.page import charts
from cx_pipeline.scorecard.page.model import (
    BacklogDay,
    Breakdown,
    CohortCell,
    Finding,
    PageData,
    breakdown,
    cohort_table,
    groups_off_target,
    status_of,
)
from cx_pipeline.scorecard.page.say import Voice, four_weeks_before
from cx_pipeline.scorecard.page.words import words

GROUPS_SHOWN = 12
TARGETED_SHOWN = 40
GROUPS_NAMED = 3
"""In a sentence."""
COHORTS_SHOWN, MONTHS_SHOWN = 18, 12
HEAT_STEPS = 9


@dataclass(frozen=True, slots=True)
class Drawings:
    """The page's charts; what there is nothing to draw of is None."""

    trends: Mapping[str, str | None]
    histograms: Mapping[str, str | None]
    backlog_wide: str | None
    backlog_narrow: str | None


@dataclass(frozen=True, slots=True)
class View:
    """What the template asks of one language's half of the page."""

    data: PageData
    drawings: Drawings
    voice: Voice

    @property
    def language(self) -> Language:
        return self.voice.language

    def t(self, key: str, **values: object) -> str:
        """A text of the page."""
        return self.voice.word(key, **values)

    # the head of the page

    def period(self) -> str:
        card = self.data.scorecard
        return self.voice.period(card.grain, card.period_start) if card.period_start else ""

    def period_line(self) -> str:
        """Which period, and whether it is over."""
        card = self.data.scorecard
        if card.period_start is None or card.grain == "all":
            return self.period()
        shown = [
            line.figure
            for line in card.lines
            if line.figure and line.figure.period_start == card.period_start
        ]
        key = "period_complete" if any(figure.is_complete for figure in shown) else "period_running"
        return self.t(key, period=self.period(), grain=self.t(f"grain_{card.grain}"))

    def lead(self) -> str:
        """The first sentence: how many KPIs are off target."""
        data = self.data
        m = sum(
            1
            for line in data.scorecard.lines
            if line.figure and line.figure.status in ("met", "at_risk", "missed")
        )
        missed, at_risk = len(data.lines_with("missed")), len(data.lines_with("at_risk"))
        if data.scorecard.period_start is None:
            return self.t("lead_empty")
        if not m:
            return self.t("lead_no_targets")
        if missed:
            return self.t("lead_missed_one" if missed == 1 else "lead_missed", n=missed, m=m)
        if groups := self.other_misses():
            return self.t("lead_groups", n=len(groups))
        return self.t("lead_at_risk", n=at_risk, m=m) if at_risk else self.t("lead_met", m=m)

    def notices(self) -> list[str]:
        """What a reader must know before trusting the figures."""
        card, missing = self.data.scorecard, self.data.missing
        found = []
        if missing:
            what = ", ".join(self.t(f"old_{name}") for name in missing)
            found.append(self.t("old_file", missing=", ".join(missing), what=what))
        if card.night and card.night.stale_sources:
            found.append(self.t("stale_lead", sources=", ".join(card.night.stale_sources)))
        held = sum(row.held for row in card.reconciliation)
        if held:
            found.append(self.t("held_lead", rows=self.voice.count(held)))
        return found

    def off_target(self) -> list[tuple[Line, str, str]]:
        """The KPIs off target, worst first: the line, where most of it arises, how many more groups."""
        found = []
        for line in self.data.lines_with("missed"):
            groups = groups_off_target(self.data, line)
            where = ", ".join(
                f"{self.voice.group(f.dimension, f.dimension_value)} ({self.value(f.value, line)})"
                for f in groups[:GROUPS_NAMED]
            )
            more = self.t("and_more", n=len(groups) - GROUPS_NAMED) if len(groups) > GROUPS_NAMED else ""
            found.append((line, where, more))
        return found

    def other_misses(self) -> list[tuple[str, str, str]]:
        """Groups that miss a target of their own and are not named with their KPI: where, value, target."""
        named = {
            (figure.kpi, figure.dimension, figure.dimension_value)
            for line in self.data.lines_with("missed")
            for figure in groups_off_target(self.data, line)[:GROUPS_NAMED]
        }
        found = []
        for figure in self.data.targeted_groups:
            if figure.status != "missed" or (figure.kpi, figure.dimension, figure.dimension_value) in named:
                continue
            unit = self.unit(figure.kpi)
            name = (
                f"{self.voice.name(figure.kpi)}, {self.voice.group(figure.dimension, figure.dimension_value)}"
            )
            better = self.data.kpis[figure.kpi].better if figure.kpi in self.data.kpis else None
            found.append(
                (name, self.voice.value(figure.value, unit), self.voice.target(figure, better, unit))
            )
        return found

    def target(self, line: Line) -> str:
        """A headline's target with its sign."""
        return self.voice.target(line.figure, line.better, line.headline.unit)

    # the headline KPIs

    def sections(self) -> list[tuple[str, list[Line]]]:
        """The headlines by section."""
        lines = self.data.scorecard.lines
        return [
            (section_name(name, self.language), list(rows))
            for name, rows in groupby(lines, key=lambda line: line.headline.section)
        ]

    def value(self, value: float | None, line: Line, **how: Any) -> str:
        return self.voice.value(value, line.headline.unit, **how)

    def figure(self, figure: Figure | None, line: Line) -> str:
        return self.t("no_data") if figure is None else self.voice.figure(figure, line.headline.unit)

    def interval(self, figure: Figure, unit: Unit) -> str:
        return self.voice.interval(figure.ci_low, figure.ci_high, unit, figure.value)

    def change(self, line: Line) -> str:
        figure = line.figure
        if figure is None or figure.change is None:
            return ""
        return self.value(figure.change, line, signed=True, like=figure.value)

    def verdict(self, figure: Figure | None, line: Line) -> tuple[str, str]:
        """What the change is: a class and a word."""
        if figure is None or figure.change is None:
            return "", ""
        found = direction(figure, line.better)
        if found:
            return found, self.t(f"direction_{found}")
        return "noise", self.t("not_tested" if figure.is_significant is None else "noise")

    def status(self, figure: Figure | None) -> str:
        return (figure.status if figure else None) or "none"

    def is_earlier(self, line: Line) -> bool:
        return line.figure is not None and line.figure.period_start != self.data.scorecard.period_start

    def periods(self) -> list[Any]:
        """The periods any trend reaches over."""
        return sorted({row.period_start for line in self.data.scorecard.lines for row in line.history})

    def at(self, line: Line, start: Any) -> Figure | None:
        return next((row for row in line.history if row.period_start == start), None)

    # findings

    def findings(self, *, latest: bool) -> list[Finding]:
        return [finding for finding in self.data.findings if finding.is_latest is latest]

    def changes(self) -> list[Finding]:
        """What is new in the newest periods."""
        return [finding for finding in self.findings(latest=True) if finding.kind != "contrast"]

    def standing(self) -> list[Finding]:
        """The differences between groups that lasted over the year."""
        return [finding for finding in self.findings(latest=True) if finding.kind == "contrast"]

    def effect(self, finding: Finding) -> str:
        """What a finding means, in a word: of a change, or beside the other groups."""
        beside = "standing" if finding.kind == "contrast" else "direction"
        return self.t(f"{beside}_{finding.effect}")

    def most_important(self, found: list[Finding]) -> list[Finding]:
        """The first of what is worse, of what is better, and of what is neither."""
        firsts = {finding.effect: finding for finding in reversed(found)}
        return [firsts[effect] for effect in ("worse", "better", "different") if effect in firsts]

    def newest(self) -> tuple[list[tuple[str, list[Finding]]], list[Finding]]:
        """The newest changes: overall and by the dimensions the page looks into, and those of all others."""
        found = self.changes()
        by_dimension = [(name, [f for f in found if f.dimension == name]) for name in ("all", *WHERE)]
        return (
            [(name, rows) for name, rows in by_dimension if rows],
            [finding for finding in found if finding.dimension not in ("all", *WHERE)],
        )

    def better(self, kpi: str) -> str | None:
        return self.data.kpis[kpi].better if kpi in self.data.kpis else None

    def unit(self, kpi: str) -> Unit:
        """How the values of a KPI are written."""
        for line in self.data.scorecard.lines:
            if line.headline.kpi == kpi:
                return line.headline.unit
        return Unit.named(self.data.kpis[kpi].unit) if kpi in self.data.kpis else Unit.NUMBER

    # by group

    def breakdowns(self) -> list[Breakdown]:
        tables = (breakdown(self.data, dimension, GROUPS_SHOWN) for dimension in WHERE)
        return [table for table in tables if table.rows]

    def group_status(self, figure: Figure, line: Line) -> str:
        return status_of(figure, line)

    # charts

    def histogram(self, metric: str) -> str:
        """The drawing with its axis in this language."""
        svg = self.drawings.histograms[metric]
        return charts.with_durations(svg, self.voice.duration) if svg else ""

    def before_counts(self, metric: str) -> dict[float, int]:
        """The counts of the period before, by where their bin begins."""
        durations = next(h for h in self.data.histograms if h.metric == metric)
        return {low: count for low, _, count in durations.before}

    def minutes(self, minutes: float | None) -> str:
        return self.voice.value(minutes, Unit.MINUTES)

    def percent(self, share: float) -> str:
        return self.voice.value(share, Unit.PERCENT)

    # cohorts and backlog

    def cohorts(self) -> list[list[CohortCell]]:
        return cohort_table(self.data.cohorts, COHORTS_SHOWN, MONTHS_SHOWN)

    def months(self, cohorts: list[list[CohortCell]]) -> list[int]:
        """The months after the first that any cohort has."""
        return sorted({cell.month_number for row in cohorts for cell in row})

    def by_month(self, row: list[CohortCell]) -> dict[int, CohortCell]:
        return {cell.month_number: cell for cell in row}

    def heat(self, rate: float) -> int:
        """The step of the colour scale."""
        return min(int(rate / 100 * HEAT_STEPS), HEAT_STEPS - 1)

    def backlog_sentence(self) -> str:
        last = self.data.backlog[-1]
        then = next((d for d in self.data.backlog if d.day == four_weeks_before(last.day)), None)
        old = sum(last.unsolved.get(band, 0) for band in charts.AGE_BANDS[-2:])
        said = {
            "n": self.voice.count(last.total),
            "day": self.voice.day(last.day),
            "old": self.voice.count(old),
        }
        if then is None:
            return self.t("backlog_said_first", **said)
        grown = last.total - then.total
        key = "backlog_more" if grown > 0 else "backlog_fewer" if grown < 0 else "backlog_same"
        return self.t("backlog_said", **said, change=self.t(key, n=self.voice.count(abs(grown))))

    def backlog_rows(self) -> list[BacklogDay]:
        """The last day of each month, and the last day of all; newest first."""
        days = self.data.backlog
        ends = [day for day, after in pairwise(days) if day.day.month != after.day.month]
        return [*ends, days[-1]][::-1]

    def bands(self) -> list[str]:
        return list(charts.AGE_BANDS)

    # the data of the night

    def outcome(self, outcome: str) -> str:
        """How the night ended; an outcome nobody named here is said as it is."""
        key = f"outcome_{outcome}"
        return self.t(key) if key in words() else outcome

    def adds_up(self, row: Reconciliation) -> bool:
        """Whether every row read is accounted for."""
        passed = row.published + row.excluded
        return row.read == row.landed + row.rejected and row.landed == passed + row.quarantined + row.held

    # definitions

    def defined(self) -> list[str]:
        """The KPIs on the page: the headlines, then those with a finding."""
        found = [line.headline.kpi for line in self.data.scorecard.lines]
        return list(dict.fromkeys([*found, *(finding.kpi for finding in self.data.findings)]))

    def definition(self, kpi: str) -> str:
        """What a KPI measures; nothing where neither the file nor the names tell."""
        if self.language == "ko":
            return korean_definition(kpi) or ""
        english = self.data.kpis[kpi].definition if kpi in self.data.kpis else ""
        return f"{english[:1].upper()}{english[1:]}." if english else ""

    def good(self, kpi: str) -> str:
        better = self.data.kpis[kpi].better if kpi in self.data.kpis else None
        return self.t(f"good_{better}") if better in ("higher", "lower", "neither") else ""
