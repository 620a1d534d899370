"""Business minutes of twenty thousand tickets against a walk through their days, no code shared.

`make torture` walks through a hundred thousand.

Fifteen schedules around the world, tickets from 1995 to 2037 that begin and end where clocks change, hours
open and close, and holidays fall; schedules that change in mid-ticket, by events and by versions of the row.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dbt.business_company import (
    BUSINESS_HOURS,
    HOLIDAYS,
    SCHEDULES,
    SLA_TARGETS,
    Company,
    random_company,
)
from tests.dbt.business_tickets import MINUTE_MICROS, TicketClock, business_columns, business_turns
from tests.dbt.business_walk import BusinessCalendar
from tests.dbt.harness import Warehouse, build_warehouse
from tests.dbt.sla_walk import Judge, Targets, Verdict, runs_of
from tests.dbt.ticket_walk import Story, tell

JUDGED_FOR_SERVICE_LEVELS = 30_000  # all of them take half a minute more
ZONE = ZoneInfo("Asia/Seoul")
UNKNOWN = {"unknown_schedule", "unknown_time_zone"}
MILLISECOND = 1 / 60_000  # in minutes
Row = dict[str, Any]


@dataclass
class Trial:
    warehouse: Warehouse
    as_of: datetime
    calendar: BusinessCalendar
    stories: dict[str, Story]
    clocks: dict[str, TicketClock] = field(init=False)

    def __post_init__(self) -> None:
        self.clocks = {name: TicketClock(story, self.calendar) for name, story in self.stories.items()}


def told(company: Company, as_of: datetime) -> dict[str, Story]:
    """Every ticket walked through."""
    for versions in company.versions.values():
        for row in versions:
            row["attributes"] = {"tier": None}
    return {
        ticket_id: tell(versions, company.events_of.get(ticket_id, []), lambda _customer, _at: None, as_of)
        for ticket_id, versions in company.versions.items()
    }


@pytest.fixture(
    scope="module", params=[20_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.torture])]
)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    calendar = BusinessCalendar(BUSINESS_HOURS, HOLIDAYS)
    gc.collect()
    gc.disable()
    try:
        company = random_company(20_241_103, request.param, calendar)
        rows = {"tickets": company.tickets, "ticket_events": company.events}
        with build_warehouse(
            tmp_path_factory.mktemp("business"),
            rows,
            select=["+fct_tickets", "+fct_ticket_replies", "+fct_ticket_slas"],
            variables={"time_zone": str(ZONE)},
            seeds={"business_hours": BUSINESS_HOURS, "holidays": HOLIDAYS, "sla_targets": SLA_TARGETS},
        ) as warehouse:
            as_of = warehouse.value("select as_of from int_as_of")
            yield Trial(warehouse, as_of, calendar, told(company, as_of))
    finally:
        gc.enable()


def differs(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is not theirs
    return abs(ours - theirs) > MILLISECOND


def durations_of(warehouse: Warehouse) -> list[str]:
    """The columns that are to have a twin, and the twins."""
    return [
        name
        for (name,) in warehouse.rows(
            "select column_name from duckdb_columns() where table_name = 'fct_tickets' "
            "and regexp_matches(column_name, '_(calendar|business)_minutes$')"
        )
    ]


def test_every_duration_of_every_ticket(trial: Trial) -> None:
    """Each `…_calendar_minutes` and `…_business_minutes` of fct_tickets, and why one is not known."""
    durations = durations_of(trial.warehouse)
    twins = {name.replace("_calendar_", "_business_") for name in durations if "_calendar_" in name}
    assert twins == {name for name in durations if "_business_" in name}
    cursor = trial.warehouse.connection.execute(
        f"select ticket_id, business_time_gap, {', '.join(durations)} from fct_tickets"
    )
    found = {row[0]: row[1:] for row in cursor.fetchall()}
    assert found.keys() == trial.stories.keys()
    wrong, known = [], Counter[str]()
    for ticket_id, story in trial.stories.items():
        expected: Row = dict(story.columns)
        clock = trial.clocks[ticket_id]
        expected |= business_columns(story, clock, trial.as_of)
        gap, *values = found[ticket_id]
        reasons = clock.unknown_hours()
        if (gap is None and clock.gaps) or (gap is not None and gap not in reasons):
            wrong.append((ticket_id, "business_time_gap", gap, reasons))
        for name, value in zip(durations, values, strict=True):
            known[name] += expected[name] is not None
            if differs(value, expected[name]):
                wrong.append((ticket_id, name, value, expected[name]))
    assert not wrong, (len(wrong), Counter(name for _, name, *_ in wrong), wrong[:20])
    assert min(known.values()) > len(trial.stories) / 100, known


def test_every_turn_of_every_ticket(trial: Trial) -> None:
    cursor = trial.warehouse.connection.execute(
        "select ticket_id, turn_started_at, turn_calendar_minutes, turn_business_minutes, "
        "next_response_calendar_minutes, next_response_business_minutes from fct_ticket_replies"
    )
    found = {row[:2]: row[2:] for row in cursor.fetchall()}
    wrong, turns = [], 0
    for ticket_id, story in trial.stories.items():
        for turn in business_turns(story, trial.clocks[ticket_id], trial.as_of):
            turns += 1
            replied = turn["outcome"] == "replied"
            whole = (turn["minutes"], turn["business"])
            expected = (*whole, *(whole if replied else (None, None)))
            ours = found[ticket_id, turn["started"].at]
            if any(differs(a, b) for a, b in zip(ours, expected, strict=True)):
                wrong.append((ticket_id, turn["started"].at, ours, expected))
    assert not wrong, (len(wrong), wrong[:20])
    assert turns == len(found) > len(trial.stories) / 4


def test_every_service_level(trial: Trial) -> None:
    """State, reason, instants and elapsed time of every row of fct_ticket_slas."""
    targets = Targets(SLA_TARGETS, ZONE)
    tickets = min(JUDGED_FOR_SERVICE_LEVELS, len(trial.stories))
    cursor = trial.warehouse.connection.execute(
        "select ticket_id, metric, case when metric = 'next_response' then started_at end, state, reason, "
        "due_at, breached_at, elapsed_minutes, priority, target_minutes, clock, fulfilled_at, met_by "
        f"from fct_ticket_slas where cast(ticket_id[2:] as integer) < {tickets}"
    )
    found = {row[:3]: row[3:] for row in cursor.fetchall()}
    wrong, seen = [], Counter[tuple[str, str, str | None]]()
    judged = 0
    for ticket_id in [f"t{number}" for number in range(tickets)]:
        story = trial.stories[ticket_id]
        judge = Judge(story, trial.clocks[ticket_id], targets, trial.as_of)
        for run in runs_of(story):
            verdict = judge.verdict(run)
            judged += 1
            seen[run.metric, verdict.state, verdict.reason] += 1
            turn = run.started_at if run.metric == "next_response" else None
            ours = found.get((ticket_id, run.metric, turn))
            if ours is None or not agrees(verdict, ours, story.columns["has_event_history"]):
                wrong.append((ticket_id, verdict, ours))
    kinds = Counter((v.run.metric, v.state, v.reason, o and o[:2]) for _, v, o in wrong)
    assert not wrong, (len(wrong), kinds, wrong[:12])
    assert judged == len(found)
    assert {"pending", "paused"} <= {state for _, state, _ in seen}
    for metric in ("first_response", "next_response", "full_resolution", "requester_wait"):
        assert {"met", "breached", "not_applicable"} <= {s for m, s, _ in seen if m == metric}


def agrees(verdict: Verdict, ours: tuple[Any, ...], has_event_history: bool) -> bool:
    state, reason, due_at, breached_at, elapsed, priority, target_minutes, clock, fulfilled_at, met_by = ours
    if state != verdict.state:
        return False
    if state == "not_applicable":
        # a ticket may meet both kinds of unknown hours, and one without events may be unknown in several ways
        several = UNKNOWN if has_event_history else {*UNKNOWN, "no_events", "no_clock"}
        return reason == verdict.reason or {reason, verdict.reason} <= several
    assert verdict.target is not None
    return (
        (due_at, breached_at, priority, clock)
        == (verdict.due_at, verdict.breached_at, verdict.priority, verdict.target.clock)
        and target_minutes == verdict.target.allowed / MINUTE_MICROS
        and (fulfilled_at, met_by) == (verdict.run.fulfilled_at, verdict.run.met_by)
        and not differs(elapsed, verdict.elapsed_minutes)
    )


def test_the_company_reaches_every_case(trial: Trial) -> None:
    """Every schedule, schedules that change by event and by version, and both reasons for not knowing."""
    used, changed = Counter[str](), Counter[str]()
    for ticket_id, story in trial.stories.items():
        used.update(set(trial.clocks[ticket_id].regime.schedule_ids))
        by_event = any(kind == "schedule" for _, kind, _ in story.changes)
        by_version = len({row["schedule_id"] for row in story.versions}) > 1
        changed.update(["event"] * by_event + ["version"] * by_version)
    assert min(used[name] for name in [*SCHEDULES, "atlantis", "forgotten"]) > 100, used
    assert min(changed["event"], changed["version"]) > len(trial.stories) / 20, changed
