"""Which groups are off target, and what a page has room for."""

from __future__ import annotations

from dataclasses import replace

from cx_pipeline.scorecard.model import Line
from cx_pipeline.scorecard.page.model import (
    breakdown,
    chosen_findings,
    cohort_table,
    groups_off_target,
    status_of,
)
from tests.scorecard.company import MONTHS, data, figure, finding, group


def csat() -> Line:
    return next(line for line in data().scorecard.lines if line.headline.kpi == "csat")


def test_a_group_is_off_target_only_where_its_interval_does_not_reach_it() -> None:
    line = csat()
    assert status_of(group("channel", "a", 74.0), line) == "missed"
    assert status_of(group("channel", "a", 76.0), line) == "at_risk"
    assert status_of(group("channel", "a", 84.0), line) == "at_risk"
    assert status_of(group("channel", "a", 86.0), line) == "met"


def test_a_groups_own_status_comes_first() -> None:
    assert status_of(group("channel", "a", 60.0, target=50.0, status="met"), csat()) == "met"


def test_a_small_group_without_an_interval_is_not_judged() -> None:
    few = group("channel", "a", 10.0, ci_low=None, ci_high=None, is_small_sample=True)
    assert status_of(few, csat()) == "none"
    assert status_of(group("channel", "a", 10.0, ci_low=None, ci_high=None), csat()) == "missed"


def test_a_suppressed_group_is_not_judged() -> None:
    assert status_of(group("channel", "a", None, is_suppressed=True), csat()) == "none"


def test_the_groups_that_weigh_most_come_first() -> None:
    groups = (
        group("channel", "small and bad", 20.0, n=10),
        group("channel", "large and poor", 70.0, n=1000),
        group("channel", "(none)", 10.0, n=9999),
        group("team", "fine", 90.0, n=5000),
    )
    found = groups_off_target(data(groups=groups), csat())
    assert [figure.dimension_value for figure in found] == ["large and poor", "small and bad"]


def test_lower_is_better_turns_the_rule_round() -> None:
    slow = figure("ces", 5.0, ci_low=4.8, ci_high=5.2, target=None)
    line = Line(csat().headline, figure("ces", 4.0, target=4.0), (), "lower")
    assert status_of(slow, line) == "missed"


def test_a_breakdown_keeps_the_largest_and_counts_the_rest() -> None:
    groups = tuple(group("team", f"t{n}", 80.0, n=n) for n in range(1, 21))
    table = breakdown(data(groups=groups), "team", 12)
    assert [name for name, _ in table.rows][:2] == ["t20", "t19"]
    assert (len(table.rows), table.left_off) == (12, 8)


def test_a_story_is_told_once_with_its_siblings_and_each_shelf_has_its_room() -> None:
    mean = finding(kpi="resolution_calendar_minutes_avg", story_id="slow")
    median = replace(mean, kpi="resolution_business_minutes_median", is_lead=False)
    outlier = replace(mean, kind="outlier", is_lead=False)
    team = finding(dimension="team", story_id="team")
    referral = finding(kind="contrast", dimension="channel", story_id="referral")
    old = [finding(is_latest=False, story_id=f"c{n}") for n in range(3)]
    found = [mean, finding(), team, referral, median, outlier, *old]
    assert chosen_findings(found, 2, 1, 2) == (
        replace(mean, also=(median.kpi,)),
        finding(),
        team,
        referral,
        *old[:2],
    )
    assert chosen_findings(found, 1, 0, 0) == (replace(mean, also=(median.kpi,)), team)


def test_cohorts_are_the_newest_and_end_where_they_must() -> None:
    rows = cohort_table(data().cohorts, 18, 12)
    assert [row[0].cohort_month for row in rows] == MONTHS[-18:]
    assert len(rows[0]) == 13 and len(rows[-1]) == 1
