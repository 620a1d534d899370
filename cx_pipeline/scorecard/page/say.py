"""Numbers, dates and sentences as a reader of each language expects them.  Pure; knows nothing of HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from cx_pipeline.scorecard.model import Figure, Unit
from cx_pipeline.scorecard.names import Language, dimension_name, kpi_name
from cx_pipeline.scorecard.page.model import Finding
from cx_pipeline.scorecard.page.words import word

_MINUS, _NOTHING = "−", "–"
_DURATIONS: tuple[tuple[float, float, str, str], ...] = (
    # below so many minutes: minutes a unit, English, Korean
    (1, 1 / 60, " s", "초"),
    (90, 1, " min", "분"),
    (48 * 60, 60, " h", "시간"),
    (float("inf"), 24 * 60, " d", "일"),
)
_ALSO_NAMED = 3
_WEEKDAYS_KO = "월화수목금토일"


@dataclass(frozen=True, slots=True)
class Voice:
    """One language's way of writing."""

    language: Language

    def word(self, key: str, **values: object) -> str:
        """A text of the page, with its blanks filled in."""
        text = word(key, self.language)
        return text.format(**values) if values else text

    def name(self, kpi: str) -> str:
        """What a KPI is called."""
        return kpi_name(kpi, self.language)

    def dimension(self, dimension: str) -> str:
        """What a dimension is called."""
        return dimension_name(dimension, self.language)

    def group(self, dimension: str, value: str) -> str:
        """A group as it stands in a sentence: "channel phone"."""
        return (
            self.dimension("all")
            if dimension == "all"
            else f"{self.dimension(dimension)} {self.group_value(value)}"
        )

    def group_value(self, value: str) -> str:
        """A dimension's value; the two that are no value are said in words."""
        return {"(none)": self.word("none_group"), "(other)": self.word("other_group")}.get(value, value)

    # numbers

    def count(self, n: float | None) -> str:
        """A whole number with thousands separators."""
        return _NOTHING if n is None else _signs(f"{n:,.0f}")

    def value(
        self, value: float | None, unit: Unit, *, signed: bool = False, like: float | None = None
    ) -> str:
        """A value with its unit; durations in the unit that suits `like` (by default the value itself)."""
        if value is None:
            return _NOTHING
        sign = "+" if signed else ""
        if unit is Unit.SCORE:
            return _signs(f"{value:+.1f}")
        if unit is Unit.PERCENT:
            points = "%p" if self.language == "ko" else " pt"
            return _signs(f"{value:{sign}.1f}") + (points if signed else "%")
        if unit is Unit.MEAN:
            return _signs(f"{value:{sign}.2f}")
        if unit in (Unit.MINUTES, Unit.SECONDS):
            scale = 60 if unit is Unit.SECONDS else 1
            return self._minutes(value / scale, (value if like is None else like) / scale, sign)
        digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
        return _signs(f"{value:{sign},.{digits}f}")

    def _minutes(self, value: float, like: float, sign: str) -> str:
        size = abs(like)
        _, divisor, english, korean = next(unit for unit in _DURATIONS if size < unit[0])
        number = f"{value / divisor:{sign},.1f}"
        return _signs(number) + (korean if self.language == "ko" else english)

    def duration(self, minutes: float) -> str:
        """A duration on an axis, as short as it can be: "4 h", "1 d"."""
        for below, divisor, english, korean in (
            (1, 1 / 60, " s", "초"),
            (60, 1, " min", "분"),
            (1440, 60, " h", "시간"),
            (float("inf"), 1440, " d", "일"),
        ):
            if minutes < below:
                return f"{minutes / divisor:.3g}{korean if self.language == 'ko' else english}"
        raise AssertionError("unreachable: the last unit has no bound")

    def interval(self, low: float | None, high: float | None, unit: Unit, like: float | None) -> str:
        """Both bounds in the unit of the value: "70.1–79.3%"; nothing where there is no interval."""
        if low is None or high is None:
            return ""
        between = "~" if self.language == "ko" else " to "
        first, last = (self.value(bound, unit, like=like) for bound in (low, high))
        for suffix in ("%", " min", " h", " d", " s", "분", "시간", "일", "초"):
            if first.endswith(suffix) and last.endswith(suffix):
                first = first.removesuffix(suffix)
                break
        return f"{first}{between}{last}"

    def target(self, figure: Figure | None, better: str | None, unit: Unit) -> str:
        """A figure's target with its sign: "≥ 80.0%"; nothing where it has none."""
        if figure is None or figure.target is None:
            return ""
        sign = {"higher": "≥ ", "lower": "≤ "}.get(better or "", "")
        return sign + self.value(figure.target, unit, like=figure.value)

    # time

    def day(self, day: date) -> str:
        """A day in words."""
        if self.language == "ko":
            return f"{day.year}년 {day.month}월 {day.day}일"
        return f"{day.day} {day:%B %Y}"

    def period(self, grain: str, start: date) -> str:
        """A period in words."""
        korean = self.language == "ko"
        if grain == "all":
            return self.word("period_all")
        if grain == "month":
            return f"{start.year}년 {start.month}월" if korean else f"{start:%B %Y}"
        if grain == "quarter":
            quarter = (start.month + 2) // 3
            return f"{start.year}년 {quarter}분기" if korean else f"Q{quarter} {start.year}"
        if grain == "week":
            return f"{self.day(start)} 주" if korean else f"week of {self.day(start)}"
        return (
            f"{self.day(start)}({_WEEKDAYS_KO[start.weekday()]})"
            if korean
            else f"{start:%a} {self.day(start)}"
        )

    def short_period(self, grain: str, start: date) -> str:
        """A period in a table's head: the same in both languages."""
        if grain == "month":
            return f"{start:%Y-%m}"
        if grain == "quarter":
            return f"{start.year} Q{(start.month + 2) // 3}"
        return self.word("all") if grain == "all" else f"{start:%Y-%m-%d}"

    # sentences

    def figure(self, figure: Figure, unit: Unit) -> str:
        """A figure's value, or why there is none."""
        if figure.is_suppressed:
            return self.word("too_few")
        return self.word("no_data") if figure.value is None else self.value(figure.value, unit)

    def finding(self, finding: Finding, unit: Unit) -> str:
        """The evidence of a finding, beside its KPI, group, period and values."""
        facts = []
        if finding.deviation is not None:
            facts.append(self.word("fact_deviation", z=_signs(f"{finding.deviation:.1f}")))
        if finding.q_value is not None:
            facts.append(f"q = {finding.q_value:.2g}" if finding.q_value >= 0.0001 else "q < 0.0001")
        if finding.n is not None:
            facts.append(self.word("fact_n", n=self.count(finding.n)))
        is_gap = finding.kind == "contrast" and finding.dimension == "all"
        said = self.word(
            "said_gap" if is_gap else f"said_{finding.kind}",
            difference=self.value(finding.difference, unit, signed=True, like=finding.value),
            when=self.period(finding.grain, finding.period_start),
            before=self.word(f"before_{finding.grain}"),
        )
        said = f"{said} ({', '.join(facts)})" if facts else said
        if not finding.also:
            return said
        named = "; ".join(self.name(kpi) for kpi in finding.also[:_ALSO_NAMED])
        more = len(finding.also) - _ALSO_NAMED
        told = [f"{said}.", self.word("also_told", names=named)]
        if more > 0:
            told.append(self.word("and_more_kpis", n=more))
        return " ".join(told)

    def span(self, finding: Finding) -> str:
        """When it was: one period, or of a lasting difference the quarters it is measured over."""
        first = self.period(finding.grain, finding.period_start)
        if finding.kind != "contrast" or finding.found_in == finding.period_start:
            return first
        last = self.period(finding.grain, finding.found_in)
        return f"{first} ~ {last}" if self.language == "ko" else f"{first} to {last}"


def four_weeks_before(day: date) -> date:
    """The day the backlog is compared with."""
    return day - timedelta(days=28)


def _signs(number: str) -> str:
    """A true minus sign, and no negative zero."""
    if number.startswith("-") and not number.strip("-0.,"):
        number = number[1:]
    return number.replace("-", _MINUS)
