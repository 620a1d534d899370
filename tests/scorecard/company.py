"""What a page is made of, by hand: a company with one KPI off target, in one channel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from cx_pipeline.scorecard.model import HEADLINES, Figure, Night, Reconciliation, Scorecard, build_scorecard
from cx_pipeline.scorecard.page.model import (
    BacklogDay,
    Broken,
    CohortCell,
    Finding,
    Histogram,
    Kpi,
    PageData,
)

MONTHS = [date(2025 + (m - 1) // 12, (m - 1) % 12 + 1, 1) for m in range(1, 37)]
LAST = MONTHS[-1]
BETTER = {headline.kpi: "higher" for headline in HEADLINES} | {
    "ces": "lower",
    "reopen_rate": "lower",
    "first_response_calendar_minutes_median": "lower",
    "resolution_calendar_minutes_median": "lower",
}


def figure(kpi: str = "csat", value: float | None = 74.0, **columns: object) -> Figure:
    """A figure of the last month; its interval is five to each side."""
    base = Figure(
        kpi=kpi,
        period_start=LAST,
        dimension="all",
        dimension_value="all",
        n=200,
        value=value,
        ci_low=None if value is None else value - 5,
        ci_high=None if value is None else value + 5,
        previous_value=value,
        change=0.5,
        is_significant=False,
        is_complete=True,
        is_small_sample=False,
        is_suppressed=False,
        target=None,
        status="none",
    )
    return replace(base, **columns)  # type: ignore[arg-type]


def group(dimension: str, name: str, value: float | None, **columns: object) -> Figure:
    """CSAT of one group."""
    return figure("csat", value, dimension=dimension, dimension_value=name, **columns)


def scorecard(**changes: Figure) -> Scorecard:
    """36 months of every headline; CSAT misses its target of 80 in the last."""
    figures = {headline.kpi: figure(headline.kpi) for headline in HEADLINES}
    figures["csat"] = figure("csat", 70.0, target=80.0, status="missed")
    figures["nps"] = figure("nps", 40.0, target=30.0, status="met")
    figures |= changes
    totals = [replace(row, period_start=month) for row in figures.values() for month in MONTHS]
    night = Night(LAST, datetime(2028, 1, 1, 2, 30), "published", 7, 12345, 3, 4, 0, ())
    rows = [Reconciliation("shop", "tickets", 110, 107, 3, 4, 0, 100, 3)]
    return build_scorecard("month", totals, [], night, rows, better=BETTER)


def finding(**columns: object) -> Finding:
    """CSAT by phone got worse."""
    base = Finding(
        kind="change",
        kpi="csat",
        grain="month",
        period_start=LAST,
        dimension="channel",
        dimension_value="phone",
        found_in=LAST,
        effect="worse",
        value=58.0,
        expected_value=71.0,
        difference=-13.0,
        n=120,
        q_value=0.004,
        deviation=None,
        is_latest=True,
        story_id="csat by phone",
        is_lead=True,
    )
    return replace(base, **columns)  # type: ignore[arg-type]


def data(**changes: object) -> PageData:
    """A whole page's data."""
    base = PageData(
        scorecard=scorecard(),
        groups=(
            group("channel", "phone", 58.0, n=120),
            group("channel", "web", 79.0),
            group("segment", "tiny", None, n=3, is_suppressed=True, ci_low=None, ci_high=None),
        ),
        targeted_groups=(),
        kpis={kpi: Kpi(kpi, "percent", f"what {kpi} is", better) for kpi, better in BETTER.items()},
        findings=(finding(), finding(is_latest=False, kind="outlier", deviation=-4.2, q_value=None)),
        findings_left_off=3,
        histograms=(
            Histogram(
                "first_response",
                30,
                ((10.0, 14.7, 20), (14.7, 21.5, 10)),
                ((10.0, 14.7, 5),),
                13.0,
                20.0,
                15.0,
                False,
            ),
        ),
        cohorts=tuple(
            CohortCell(month, k, 50, None if k == 3 else 100.0 / (k + 1), k == 3, month == MONTHS[0])
            for place, month in enumerate(MONTHS)
            for k in range(36 - place)
        ),
        backlog=tuple(
            BacklogDay(LAST - timedelta(days=400 - n), {"0": n % 7, "30-89": 4, "90+": n // 40})
            for n in range(400)
        ),
        broken=(Broken("shop", "tickets", "status_known", 4),),
        min_n=5,
        missing=(),
    )
    return replace(base, **changes)  # type: ignore[arg-type]
