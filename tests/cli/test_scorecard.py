"""The scorecard: which period, which words, which hints; narrow and wide."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result
from rich.console import Console

from cx_pipeline.scorecard import HEADLINES, build_scorecard, read_scorecard, render
from cx_pipeline.scorecard.model import Figure, Unit, headlines_of
from cx_pipeline.scorecard.render import period_label, sparkline, written

Cx = Callable[..., Result]

FIGURE = Figure(
    kpi="csat",
    period_start=date(2026, 10, 1),
    dimension="all",
    dimension_value="all",
    n=100,
    value=80.0,
    ci_low=70.0,
    ci_high=88.0,
    previous_value=85.0,
    change=-5.0,
    is_significant=True,
    is_complete=True,
    is_small_sample=False,
    is_suppressed=False,
    target=None,
    status=None,
)


def text(published: Path, width: int) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    console.print(render(read_scorecard(published), width))
    return console.export_text()


def test_json_has_every_headline_of_the_last_complete_month(cx: Cx, published: Path) -> None:
    card = json.loads(cx("scorecard", "--json").stdout)
    kpis = {kpi["kpi"]: kpi for kpi in card["kpis"]}
    assert list(kpis) == [headline.kpi for headline in HEADLINES]
    assert card["period_start"] == "2026-10-01", "November is not over"
    assert kpis["nps"]["value"] == 50
    assert kpis["nps"]["change"] == 2
    assert kpis["nps"]["direction"] == "better"
    assert kpis["csat"]["direction"] == "worse"
    assert kpis["csat"]["target"] == 80
    assert kpis["csat"]["status"] == "missed"
    assert kpis["csat"]["better"] == "higher"
    assert kpis["first_response_calendar_minutes_median"]["direction"] == "worse", "longer is worse"
    assert kpis["ces"]["direction"] is None, "the change is not significant"
    assert kpis["response_rate"]["period_start"] == "2026-09-01", "its own last complete period"
    assert kpis["retention_rate"]["value"] is None
    assert kpis["reopen_rate"]["period_start"] is None, "never computed"
    assert len(kpis["nps"]["history"]) == 10
    assert card["night"]["quarantined"] == 34
    assert card["night"]["stale_sources"] == ["shop"]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_it_fits_the_console(published: Path, width: int) -> None:
    shown = text(published, width)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    for part in ("October 2026", "NPS", "+50.0", "79.0 %", "too few"):
        assert part in shown
    table = shown.split("The data")[0]
    assert "…" not in table, "no cell is cut"


def test_a_wide_console_shows_more(published: Path) -> None:
    assert "95 % interval" not in text(published, 60)
    wide = text(published, 120)
    parts = ("95 % interval", "+45.0 to +55.0", "≥ 80.0 %", "✗ missed", "▁")
    for part in (*parts, "120,345 rows landed", "stale: shop"):
        assert part in wide


def test_the_page_is_named_where_it_stands(cx: Cx, published: Path) -> None:
    page = published.with_name("scorecard.html")
    assert "The page:" not in cx("scorecard").stdout
    assert cx("scorecard", "--html", str(page)).stdout.strip() == str(page)
    assert f"The page: {page}" in "".join(cx("scorecard").stdout.splitlines())


def test_a_change_is_neither_better_nor_worse_where_the_file_does_not_say_which_way_is_good() -> None:
    card = build_scorecard("month", [FIGURE], [], None, [])
    csat = next(line for line in card.lines if line.headline.kpi == "csat")
    assert csat.direction == "different"


def test_a_kpi_with_a_target_is_shown_though_it_is_no_headline() -> None:
    headlines = headlines_of({"sla_attainment_rate": Unit.PERCENT, "csat": Unit.PERCENT})
    assert [headline.kpi for headline in headlines] == [*(h.kpi for h in HEADLINES), "sla_attainment_rate"]


def test_hints_say_what_to_run(cx: Cx, published: Path) -> None:
    hints = json.loads(cx("scorecard", "--json").stdout)["look_next"]
    texts = " ".join(hint["text"] for hint in hints)
    assert 'CSAT is worse for channel 전화 "상담".' in texts
    assert "First response, median got worse" in texts
    assert "CSAT misses its target." in texts
    for hint in hints:
        if hint["command"].startswith('cx query "select'):
            sql = hint["command"].removeprefix('cx query "').removesuffix('"').replace('\\"', '"')
            if "marts.quarantine" not in sql:
                assert cx("query", sql).exit_code == 0


def test_without_a_complete_period_the_running_one_is_shown() -> None:
    card = build_scorecard("month", [replace(FIGURE, is_complete=False)], [], None, [])
    assert card.period_start == date(2026, 10, 1)


def test_an_incomplete_period_after_a_complete_one_is_not_shown() -> None:
    later = replace(FIGURE, period_start=date(2026, 11, 1), is_complete=False, value=10.0)
    card = build_scorecard("month", [later, FIGURE], [], None, [])
    csat = next(line for line in card.lines if line.headline.kpi == "csat")
    assert csat.figure == FIGURE
    assert [row.value for row in csat.history] == [80.0], "the running period is no part of the trend"


def test_noise_is_never_called_better_or_worse() -> None:
    card = build_scorecard("month", [replace(FIGURE, is_significant=False)], [], None, [])
    assert all(line.direction is None for line in card.lines)


def test_an_empty_warehouse_is_no_error(cx: Cx, published: Path) -> None:
    result = cx("scorecard", "--grain", "week")
    assert result.exit_code == 0
    assert "no figures by week yet" in result.stdout


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (14.2857, Unit.SCORE, "+14.3"),
        (60.0, Unit.PERCENT, "60.0 %"),
        (2.0, Unit.MEAN, "2.00"),
        (45.0, Unit.MINUTES, "45.0 min"),
        (450.0, Unit.MINUTES, "7.5 h"),
        (3825.0, Unit.MINUTES, "2.7 d"),
        (None, Unit.SCORE, "–"),
    ],
)
def test_values_carry_their_unit(value: float | None, unit: Unit, expected: str) -> None:
    assert written(value, unit) == expected


def test_sparklines() -> None:
    assert sparkline([1.0, 2.0, None, 8.0]) == "▁▂·█"
    assert sparkline([3.0, 3.0]) == "▅▅"
    assert sparkline([None]) == ""


def test_period_labels() -> None:
    start = date(2026, 4, 6)
    assert [period_label(grain, start) for grain in ("day", "week", "month", "quarter", "all")] == [
        "2026-04-06",
        "week of 2026-04-06 to 04-12",
        "April 2026",
        "Q2 2026",
        "all time",
    ]
