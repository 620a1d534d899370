"""What is read from the published file, and what a file of an earlier version lacks."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from cx_pipeline.scorecard.page.read import next_period, previous_period, read_page
from cx_pipeline.scorecard.page.render import render_page
from cx_pipeline.scorecard.read import NothingPublished
from tests.cli.conftest import KPIS, OTHERS

FACTS = """
    create table marts.fct_tickets as
    select * from (values
        (date '2026-10-02', 3.0, date '2026-10-03', 200.0),
        (date '2026-10-02', 3.1, null, null),
        (date '2026-10-31', 4000.0, null, null),
        (date '2026-09-30', 5.0, null, null),
        (date '2026-11-01', 5.0, null, null)
    ) as t (
        first_responded_date, first_response_calendar_minutes, resolved_date, resolution_calendar_minutes
    );
    create table marts.ticket_backlog_daily as
    select
        (date '2026-11-20' - d::integer)::date as date_day, 'all' as dimension, 'all' as dimension_value,
        '90+' as age_band_days, 7::bigint as unsolved
    from range(30) as t (d);
    create table marts.signals as
    select
        'change' as kind, 'csat' as kpi, 'month' as grain, date '2026-10-01' as period_start,
        dimension, 'x' || n as dimension_value, date '2026-10-01' as found_in, 'worse' as effect,
        1.0 as value, 2.0 as expected_value, -1.0 as difference, 10::bigint as n, 0.01 as q_value,
        null::double as deviation, true as is_latest, (n * 2)::bigint as rank,
        dimension || n as story_id, true as is_lead
    from (select unnest(['agent', 'team']) as dimension), range(9) as t (n)
"""


def file(folder: Path, *statements: str) -> Path:
    path = folder / "cx.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        for statement in (KPIS, OTHERS, *statements):
            connection.execute(statement)
    return path


def test_a_file_of_an_earlier_version_gives_a_page_that_says_so(tmp_path: Path) -> None:
    data = read_page(file(tmp_path, "drop table marts.dim_kpis"))
    assert data.missing == ("dim_kpis", "signals")
    assert "published by an earlier version" in render_page(data)


def test_findings_of_an_earlier_version_are_left_out_and_said(tmp_path: Path) -> None:
    data = read_page(file(tmp_path, FACTS, "alter table marts.signals drop column story_id"))
    assert data.missing == ("signals",)
    assert data.findings == ()


def test_nothing_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingPublished):
        read_page(tmp_path / "none.duckdb")


def test_durations_are_counted_in_the_period_of_their_kpi(tmp_path: Path) -> None:
    data = read_page(file(tmp_path, FACTS))
    first = next(durations for durations in data.histograms if durations.metric == "first_response")
    assert first.n == 3, "not September's and not November's"
    counts = [count for _, _, count in first.bins]
    assert (counts[0], counts[-1]) == (2, 1)
    assert set(counts[1:-1]) == {0}, "empty bins are bins"
    low, high, _ = first.bins[0]
    assert low <= 3.0 < high
    assert sum(count for _, _, count in first.before) == 1


def test_findings_about_one_agent_stay_out_and_the_rest_is_counted(tmp_path: Path) -> None:
    data = read_page(file(tmp_path, FACTS))
    assert {finding.dimension for finding in data.findings} == {"team"}
    assert (len(data.findings), data.findings_left_off) == (6, 3)
    assert [finding.dimension_value for finding in data.findings] == [f"x{n}" for n in range(6)], "by rank"


def test_the_backlog_is_by_age(tmp_path: Path) -> None:
    data = read_page(file(tmp_path, FACTS))
    assert len(data.backlog) == 30
    assert data.backlog[-1].day == date(2026, 11, 20)
    assert data.backlog[-1].unsolved == {"90+": 7}


@pytest.mark.parametrize(
    ("grain", "start", "before", "after"),
    [
        ("day", date(2026, 1, 1), date(2025, 12, 25), date(2026, 1, 2)),
        ("week", date(2026, 1, 5), date(2025, 12, 29), date(2026, 1, 12)),
        ("month", date(2026, 1, 1), date(2025, 12, 1), date(2026, 2, 1)),
        ("month", date(2026, 12, 1), date(2026, 11, 1), date(2027, 1, 1)),
        ("quarter", date(2026, 1, 1), date(2025, 10, 1), date(2026, 4, 1)),
    ],
)
def test_periods_follow_each_other(grain: str, start: date, before: date, after: date) -> None:
    assert previous_period(grain, start) == before
    assert next_period(grain, start) == after
