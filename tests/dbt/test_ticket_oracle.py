"""The ticket models against a walk through the same events in plain Python that shares no code with them."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from tests.dbt.business_company import BUSINESS_HOURS, HOLIDAYS, SLA_TARGETS
from tests.dbt.business_tickets import TicketClock
from tests.dbt.business_walk import BusinessCalendar
from tests.dbt.harness import Warehouse, build_warehouse
from tests.dbt.sla_walk import Judge, Targets, Verdict, runs_of
from tests.dbt.ticket_company import random_company
from tests.dbt.ticket_walk import Moment, Story, judge, naive, tell, timed

ZONE = ZoneInfo("Asia/Seoul")
# Groups of fewer respondents are not shown: few enough to see most values, enough to need counting at times.
MIN_N = 2
DIMENSIONS = ["channel", "priority", "team", "agent", "category", "segment", "product", "brand", "tier"]
METRICS = ["first_response", "next_response", "full_resolution", "requester_wait"]
BANDS = [(0, "0"), (1, "1-2"), (3, "3-6"), (7, "7-29"), (30, "30-89"), (90, "90+")]

Row = dict[str, Any]


@dataclass
class Trial:
    warehouse: Warehouse
    stories: dict[tuple[str, str], Story]
    as_of: datetime


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    rows = random_company(seed=20240115, tickets=2000)
    select = ["+fct_tickets", "+fct_ticket_replies", "+ticket_backlog_daily", "+int_kpi_response_time"]
    variables = {"time_zone": str(ZONE), "attributes": {"tickets": ["tier"]}, "min_n": MIN_N}
    seeds = {"business_hours": BUSINESS_HOURS, "holidays": HOLIDAYS, "sla_targets": SLA_TARGETS}
    with build_warehouse(
        tmp_path_factory.mktemp("oracle"), rows, select=select, variables=variables, seeds=seeds
    ) as warehouse:
        as_of = warehouse.value("select as_of from int_as_of")
        yield Trial(warehouse, told(rows, as_of), as_of)


def told(rows: dict[str, list[Row]], as_of: datetime) -> dict[tuple[str, str], Story]:
    segments: dict[str, list[Row]] = defaultdict(list)
    for row in rows["customers"]:
        segments[row["customer_key"]].append(naive(row))

    def segment_at(customer: str | None, at: datetime) -> str | None:
        known = segments.get(customer or "", [])
        in_force = [v for v in known if v["updated_at"] <= at] or known[:1]
        return in_force[-1]["segment"] if in_force else None

    versions: dict[tuple[str, str], list[Row]] = defaultdict(list)
    events: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows["tickets"]:
        versions[row["source"], row["ticket_id"]].append(naive(row))
    for row in rows["ticket_events"]:
        events[row["source"], row["ticket_id"]].append(naive(row))
    live = {k: v for k, v in versions.items() if not v[-1]["is_test"] and not v[-1]["is_deleted"]}
    published = {k: v for k, v in live.items() if v[-1]["status"] not in ("merged", "spam")}
    contacts = [v[-1] for v in live.values() if v[-1]["status"] != "spam"]
    stories = {key: tell(v, events[key], segment_at, as_of) for key, v in published.items()}
    judge(list(stories.values()), contacts, as_of)
    return stories


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-6)
    return bool(ours == theirs)


def test_every_column_of_a_ticket(trial: Trial) -> None:
    found = {(r["source"], r["ticket_id"]): r for r in trial.warehouse.dicts("select * from fct_tickets")}
    assert found.keys() == trial.stories.keys()
    wrong = []
    for key, story in trial.stories.items():
        expected = {k: v for k, v in story.columns.items() if k in found[key]}
        for name in ("first_response", "first_solve", "last_solve"):
            moment = story.moments[name]
            for dimension in ("agent", "team", "priority", "category", "segment"):
                expected[f"{name}_{dimension}"] = moment.values[dimension] if moment else None
        wrong += [
            (key, name, found[key][name], value)
            for name, value in expected.items()
            if not same(found[key][name], value)
        ]
    assert not wrong, wrong[:20]


def test_every_turn(trial: Trial) -> None:
    found = {
        (r["source"], r["ticket_id"], r["turn_started_at"]): r
        for r in trial.warehouse.dicts("select * from fct_ticket_replies")
    }
    expected = {}
    for key, story in trial.stories.items():
        for turn in timed(story.turns, trial.as_of):
            end = turn["ended"]
            expected[(*key, turn["started"].at)] = {
                "outcome": turn["outcome"],
                "message_count": turn["messages"],
                "turn_calendar_minutes": turn["minutes"],
                "agent": end.values["agent"] if end else None,
                "team": end.values["team"] if end else None,
            }
    assert found.keys() == expected.keys()
    wrong = [
        (key, name, found[key][name], value)
        for key, columns in expected.items()
        for name, value in columns.items()
        if not same(found[key][name], value)
    ]
    assert not wrong, wrong[:20]


def test_the_random_tickets_reach_every_case(trial: Trial) -> None:
    """A rule no random ticket touches is not tested."""
    for flag in (
        "one_touch",
        "first_contact_resolved",
        "reopened_or_followed_up",
        "self_served",
        "bot_contained",
    ):
        assert {s.columns[f"is_{flag}"] for s in trial.stories.values()} == {True, False, None}, flag
    reasons = {s.columns["fcr_exclusion"] for s in trial.stories.values()}
    assert len(reasons) == 8, reasons
    assert any(s.columns["duplicate_event_count"] for s in trial.stories.values())


def local(instant: datetime) -> date:
    return instant.replace(tzinfo=UTC).astimezone(ZONE).date()


def periods_of(day: date, dimension: str) -> Iterator[tuple[str, date]]:
    if dimension != "agent":
        yield "day", day
    yield "week", day - timedelta(days=day.weekday())
    yield "month", day.replace(day=1)
    yield "quarter", day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    yield "all", date(1900, 1, 1)


def grouped(units: list[tuple[Moment, str, Any]]) -> dict[tuple[str, date, str, str], list[tuple[str, Any]]]:
    groups: dict[tuple[str, date, str, str], list[tuple[str, Any]]] = defaultdict(list)
    for moment, respondent, value in units:
        for dimension in ("all", *DIMENSIONS):
            name = "all" if dimension == "all" else moment.values[dimension] or "(none)"
            for grain, start in periods_of(local(moment.at), dimension):
                groups[grain, start, dimension, name].append((respondent, value))
    return groups


def kpi_rows(trial: Trial, kpi: str) -> dict[tuple[str, date, str, str], Row]:
    """The rows of one KPI, its columns without its name; the value is `value`."""
    names = [name for name, *_ in trial.warehouse.rows("describe int_kpi_response_time")]
    own = [f", {name} as {name.removeprefix(kpi)[1:]}" for name in names if name.startswith(f"{kpi}_")]
    counted_with = re.sub("_(median|p90|p95)$", "_avg", kpi)
    rows = trial.warehouse.dicts(
        f"select grain, period_start, dimension, dimension_value, {kpi} as value{''.join(own)} "
        f"from int_kpi_response_time where {counted_with}_n is not null and slot = 'current'"
    )
    return {(r["grain"], r["period_start"], r["dimension"], r["dimension_value"]): r for r in rows}


def respondent(story: Story) -> str:
    row = story.row
    return str(row["customer_key"] or f"{row['source']}:{row['ticket_id']}")


def duration_units(trial: Trial, metric: str) -> list[tuple[Moment, str, Any]]:
    units = []
    for story in trial.stories.values():
        if story.row["direction"] != "inbound":
            continue
        if metric == "next_response":
            units += [
                (turn["ended"], respondent(story), turn["minutes"])
                for turn in timed(story.turns, trial.as_of)
                if turn["outcome"] == "replied" and turn["minutes"] is not None
            ]
            continue
        name = {
            "first_response": "first_response",
            "first_bot_response": "first_bot_reply",
            "first_response_after_handover": "touch_after_handover",
            "first_resolution": "first_solve",
        }
        value = story.columns[f"{metric}_calendar_minutes"]
        moment = story.moments[name.get(metric, "lasting_solve")]
        if value is not None and moment is not None:
            units.append((moment, respondent(story), value))
    return units


def previous(grain: str, start: date) -> date | None:
    if grain in ("day", "week"):
        return start - timedelta(days=7)
    if grain == "month":
        return (start - timedelta(days=1)).replace(day=1)
    if grain == "quarter":
        return date(start.year - (start.month == 1), (start.month - 4) % 12 + 1, 1)
    return None


DURATIONS = ["first_response", "first_bot_response", "first_response_after_handover", "next_response"]
DURATIONS += ["first_resolution", "resolution", "requester_wait", "agent_wait", "on_hold", "unassigned"]


@pytest.mark.parametrize("metric", DURATIONS)
def test_durations_by_period_and_dimension(trial: Trial, metric: str) -> None:
    expected = grouped(duration_units(trial, metric))
    ended = {
        (grain, start)
        for grain, start in trial.warehouse.rows("select grain, period_start from int_periods where is_ended")
    }
    found = {
        name: kpi_rows(trial, f"{metric}_calendar_minutes_{name}") for name in ("avg", "median", "p90", "p95")
    }
    tested = 0
    for rows in found.values():
        assert rows.keys() == expected.keys()
    for key, units in expected.items():
        values = np.array([value for _, value in units])
        average = found["avg"][key]
        assert average["n"] == len(values)
        assert average["is_suppressed"] == (len({who for who, _ in units}) < MIN_N)
        if average["is_suppressed"]:
            assert all(rows[key]["value"] is None for rows in found.values())
            continue
        assert average["value"] == pytest.approx(values.mean(), rel=1e-9, abs=1e-7)
        assert average["mean"] == pytest.approx(np.log1p(values).mean(), rel=1e-9, abs=1e-7)
        if len(values) > 1:
            assert average["variance"] == pytest.approx(np.log1p(values).var(ddof=1), rel=1e-6, abs=1e-9)
        for name, share in (("median", 50), ("p90", 90), ("p95", 95)):
            assert found[name][key]["value"] == pytest.approx(
                np.percentile(values, share), rel=1e-9, abs=1e-9
            )
        grain, start, dimension, value = key
        before = previous(grain, start)
        earlier = (
            [value for _, value in expected.get((grain, before, dimension, value), [])] if before else []
        )
        p_value = found["median"][key]["p_value"]
        if (grain, start) in ended and len(values) >= 30 and len(earlier) >= 30:
            assert p_value == pytest.approx(stats.median_test(values, earlier).pvalue, abs=1e-6)
            tested += 1
        else:
            assert p_value is None
    assert tested or metric == "first_response_after_handover"


@pytest.mark.parametrize(
    ("kpi", "flag"),
    [
        ("fcr_rate", "is_first_contact_resolved"),
        ("one_touch_rate", "is_one_touch"),
        ("reopen_rate", "is_reopened_or_followed_up"),
        ("self_served_rate", "is_self_served"),
        ("bot_contained_rate", "is_bot_contained"),
    ],
)
def test_rates_by_period_and_dimension(trial: Trial, kpi: str, flag: str) -> None:
    units = [
        (solve, respondent(story), story.columns[flag])
        for story in trial.stories.values()
        if (solve := story.moments["first_solve"]) is not None and story.columns[flag] is not None
    ]
    check_rates(trial, kpi, units)


def check_rates(trial: Trial, kpi: str, units: list[tuple[Moment, str, Any]]) -> None:
    """The rate of true values among the units, its interval and what is held back."""
    expected, found = grouped(units), kpi_rows(trial, kpi)
    assert found.keys() == expected.keys()
    for key, group in expected.items():
        row, successes = found[key], sum(value for _, value in group)
        interval = stats.binomtest(successes, len(group)).proportion_ci(method="wilson")
        assert (row["numerator"], row["denominator"], row["n"]) == (successes, len(group), len(group))
        assert row["is_suppressed"] == (len({who for who, _ in group}) < MIN_N)
        if row["is_suppressed"]:
            assert row["value"] is row["ci_low"] is row["ci_high"] is None
            continue
        assert row["value"] == pytest.approx(100 * successes / len(group))
        assert row["ci_low"] == pytest.approx(100 * interval.low, abs=1e-9)
        assert row["ci_high"] == pytest.approx(100 * interval.high, abs=1e-9)


@pytest.fixture(scope="module")
def verdicts(trial: Trial) -> list[tuple[Story, Verdict]]:
    """What became of every service level of every ticket."""
    calendar, targets = BusinessCalendar(BUSINESS_HOURS, HOLIDAYS), Targets(SLA_TARGETS, ZONE)
    return [
        (story, judge.verdict(run))
        for story in trial.stories.values()
        for judge in [Judge(story, TicketClock(story, calendar), targets, trial.as_of)]
        for run in runs_of(story)
    ]


@pytest.mark.parametrize(
    "metric", ["first_response", "next_response", "full_resolution", "requester_wait", None]
)
def test_service_levels_by_period_and_dimension(
    trial: Trial, verdicts: list[tuple[Story, Verdict]], metric: str | None
) -> None:
    """Met of met and breached, on the day of the breach, else of the fulfilment, which says whose it is."""
    units = []
    for story, verdict in verdicts:
        decided_at = verdict.breached_at or verdict.run.fulfilled_at
        is_counted = story.row["direction"] == "inbound" and verdict.state in ("met", "breached")
        if not is_counted or decided_at is None or metric not in (None, verdict.run.metric):
            continue
        kept = verdict.run.fulfilled
        values = kept.values if kept else story.values_at(decided_at)
        moment = Moment(decided_at, True, values | {"priority": verdict.priority})
        units.append((moment, respondent(story), verdict.state == "met"))
    assert {met for _, _, met in units} == {True, False}
    check_rates(trial, f"sla_{metric}_attainment_rate" if metric else "sla_attainment_rate", units)


def test_the_backlog_day_by_day(trial: Trial) -> None:
    """Every ticket, every evening; not by segment, which a run of days takes from its first."""
    [(first, last)] = trial.warehouse.rows("select first_event_date, as_of_date from int_as_of")
    unsolved: dict[tuple[date, str, str, str], int] = defaultdict(int)
    flows: dict[tuple[date, str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    def keys(day: date, story: Story, values: Row) -> Iterator[tuple[date, str, str, str]]:
        age = (day - local(story.row["created_at"])).days
        band = [name for start, name in BANDS if start <= age][-1]
        yield day, "all", "all", band
        for dimension in set(DIMENSIONS) - {"segment"}:
            yield day, dimension, values[dimension] or "(none)", band

    for story in trial.stories.values():
        for kind, moment in story.flows:
            for key in keys(local(moment.at), story, moment.values):
                flows[key][kind] += 1
        day = local(story.row["created_at"])
        while day <= last:
            evening = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE)
            evening = evening.astimezone(UTC).replace(tzinfo=None)
            _, is_unsolved, held = [state for state in story.states if state[0] < evening][-1]
            if is_unsolved:
                known = [v for v in story.versions if (v.get("updated_at") or evening) < evening]
                version = known[-1] if known else story.versions[0]
                values = (
                    version | {"agent": version["agent_key"], "tier": version["attributes"]["tier"]} | held
                )
                if "assignee" in held:
                    values["agent"] = held["assignee"]
                for key in keys(day, story, values):
                    unsolved[key] += 1
            day += timedelta(days=1)
    found = {
        (r["date_day"], r["dimension"], r["dimension_value"], r["age_band_days"]): r
        for r in trial.warehouse.dicts("select * from ticket_backlog_daily where dimension <> 'segment'")
    }
    assert min(day for day, *_ in found) == first
    assert unsolved.keys() | flows.keys() <= found.keys()
    for key, row in found.items():
        expected = flows[key]
        opened, solved, reopened = expected["opened"], expected["solved"], expected["reopened"]
        assert (row["opened"], row["solved"], row["reopened"]) == (opened, solved, reopened), key
        assert row["net"] == opened + reopened - solved
        assert row["unsolved"] == unsolved[key], key
