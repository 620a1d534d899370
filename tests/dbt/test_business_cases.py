"""The awkward tickets on the business clock, and histories in disorder: every figure worked out by hand.

Unless a case says otherwise a ticket is under New York's office hours, Monday to Friday 09:00-17:00.  The
data end on Monday 2024-12-30 (UTC), so that open tickets are counted up to 19:00 of that day in New York.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.dbt.harness import Warehouse, build_warehouse

Row = dict[str, Any]

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BUSINESS_HOURS = "\n".join(
    [
        "schedule_id,time_zone,weekday,opens_at,closes_at,valid_from,valid_to",
        *(f"default,America/New_York,{day},09:00,17:00,," for day in WEEK[:5]),
        *(f"always,America/New_York,{day},00:00,24:00,," for day in WEEK),
        *(f"seoul,Asia/Seoul,{day},09:00,18:00,," for day in WEEK[:5]),
        *(f"nowhere,Atlantis/Capital,{day},09:00,17:00,," for day in WEEK[:5]),
    ]
)
HOLIDAYS = """schedule_id,date,closed_from,closed_to,name
always,2024-07-04,,,Independence Day
seoul,2024-02-08,13:00,24:00,the afternoon before
seoul,2024-02-09,,,설날
"""
SLA_TARGETS = """metric,priority,target_minutes,clock,pauses_on,valid_from,valid_to
first_response,urgent,30,calendar,,,
first_response,,480,business,,,
full_resolution,,960,business,pending,,
requester_wait,low,600,business,,,
"""

TICKETS: list[Row] = []
EVENTS: list[Row] = []
SOLVED, OPEN, PENDING = {"value": "solved"}, {"value": "open"}, {"value": "pending"}


def ticket(name: str, created: str, *events: tuple[Any, ...], **row: Any) -> None:
    """A ticket opened by its customer, and its further events: (instant, type, role, further columns)."""
    TICKETS.append({"ticket_id": name, "created_at": created, "status": "open", "customer_key": name} | row)
    opener = "agent" if row.get("direction") == "outbound" else "customer"
    for instant, kind, role, *rest in ((created, "created", opener), *events):
        event = {"occurred_at": instant, "event_type": kind, "actor_role": role}
        EVENTS.append(event | {"event_id": f"e{len(EVENTS)}", "ticket_id": name} | (rest[0] if rest else {}))


# --- the clock ---

ticket(
    "Friday evening to Monday, spring",
    "2024-03-08 18:00-05:00",
    ("2024-03-11 10:00-04:00", "reply", "agent"),
)
ticket(
    "Friday afternoon to Monday, autumn",
    "2024-11-01 16:00-04:00",
    ("2024-11-04 09:30-05:00", "reply", "agent"),
)
ticket("worked example 4", "2024-03-08 16:30-05:00", ("2024-03-11 09:15-04:00", "reply", "agent"))
ticket(
    "24x7, the Sunday clocks go forward",
    "2024-03-10 01:00-05:00",
    ("2024-03-10 03:30-04:00", "reply", "agent"),
    ("2024-03-11 00:00-04:00", "status", "agent", SOLVED),
    schedule_id="always",
)
ticket(
    "24x7, the Sunday clocks go back",
    "2024-11-03 00:30-04:00",
    ("2024-11-03 01:30-05:00", "reply", "agent"),
    schedule_id="always",
)
ticket(
    "24x7 with a holiday inside",
    "2024-07-03 22:00-04:00",
    ("2024-07-05 01:00-04:00", "reply", "agent"),
    schedule_id="always",
)
ticket("unknown zone", "2024-05-06 10:00", ("2024-05-06 11:00", "reply", "agent"), schedule_id="nowhere")
ticket("unknown schedule", "2024-05-06 10:00", ("2024-05-06 11:00", "reply", "agent"), schedule_id="lost")
ticket(
    "a thousand notes under unknown hours",
    "2024-05-06 10:00",
    *((f"2024-05-06 {10 + n // 250}:{n % 250 // 5:02}:{n % 5:02}", "note", "agent") for n in range(1000)),
    ("2024-05-06 16:00", "reply", "agent"),
    schedule_id="lost",
)
ticket(
    "open for 60 weeks",
    "2023-11-06 09:00-05:00",
    ("2023-11-06 09:30-05:00", "reply", "agent"),
    priority="low",
)
ticket(
    "schedule changed in mid-ticket",
    "2024-01-08 16:00-05:00",
    ("2024-01-09 09:00+09:00", "schedule", "system", {"value": "seoul"}),
    ("2024-01-09 11:00+09:00", "reply", "agent"),
)
ticket(
    "schedule changed by a later row",
    "2024-01-08 16:00-05:00",
    ("2024-01-09 11:00+09:00", "reply", "agent"),
    updated_at="2024-01-08 16:00-05:00",
)
TICKETS.append(TICKETS[-1] | {"schedule_id": "seoul", "updated_at": "2024-01-09 09:00+09:00"})
ticket(
    "part-day holiday",
    "2024-02-08 12:00+09:00",
    ("2024-02-12 10:00+09:00", "reply", "agent"),
    schedule_id="seoul",
)

# --- the life of a ticket; Monday 8 January, 15:00 is 10:00 in New York ---

ticket(
    "reopened and not solved again",
    "2024-01-08 15:00",
    ("2024-01-08 16:00", "reply", "agent"),
    ("2024-01-08 17:00", "status", "agent", SOLVED),
    ("2024-01-09 15:00", "status", "customer", OPEN),
)
ticket("solved without a reply", "2024-01-08 15:00", ("2024-01-09 15:00", "status", "agent", SOLVED))
ticket(
    "two seconds",
    "2024-01-08 21:59:59",
    ("2024-01-08 22:00:01", "reply", "agent"),
    ("2024-01-08 22:00:01", "status", "agent", SOLVED),
)
ticket(
    "agent-created",
    "2024-01-05 15:00",
    ("2024-01-05 15:00", "reply", "agent"),
    ("2024-01-06 15:00", "reply", "customer"),
    ("2024-01-08 14:30", "reply", "agent"),
    direction="outbound",
)
ticket(
    "requester unknown",
    "2024-01-08 15:00",
    ("2024-01-08 16:00", "reply", "agent"),
    ("2024-01-08 17:00", "status", "agent", SOLVED),
    customer_key=None,
)
ticket(
    "bot answered first",
    "2024-01-08 13:55",
    ("2024-01-08 13:56", "reply", "bot"),
    ("2024-01-08 14:05", "handover", "bot"),
    ("2024-01-08 14:35", "reply", "agent"),
)
ticket("CSAT never answered", "2024-01-08 15:00", ("2024-01-08 16:00", "satisfaction_offered", "system"))
ticket(
    "CSAT changed from good to bad",
    "2024-01-08 15:00",
    ("2024-01-08 16:00", "satisfaction_offered", "system"),
    ("2024-01-08 17:00", "satisfaction", "customer", {"value": "good"}),
    ("2024-01-09 17:00", "satisfaction", "customer", {"value": "bad"}),
)
ticket(
    "merged",
    "2024-01-08 15:00",
    ("2024-01-08 15:30", "merged", "agent"),
    status="merged",
    merged_into_ticket_id="merged into",
)
ticket("merged into", "2024-01-08 15:20", ("2024-01-08 16:20", "reply", "agent"))
ticket(
    "reply after solve",
    "2024-01-08 15:00",
    ("2024-01-08 17:00", "status", "agent", SOLVED),
    ("2024-01-08 18:00", "reply", "agent"),
)
ticket(
    "priority raised past its SLA",
    "2024-01-08 15:00",
    ("2024-01-08 17:00", "priority", "agent", {"value": "urgent"}),
    ("2024-01-08 17:10", "reply", "agent"),
    priority="normal",
)
ticket(
    "priority lowered after the breach",
    "2024-01-08 15:00",
    ("2024-01-08 16:00", "priority", "agent", {"value": "low"}),
    ("2024-01-08 16:30", "reply", "agent"),
    priority="urgent",
)
ticket(
    "waiting for the customer",
    "2024-01-08 15:00",
    ("2024-01-08 16:00", "status", "agent", PENDING),
)
ticket(
    "the last tickets there are",
    "2024-12-30 15:00",
    ("2024-12-30 18:00", "note", "agent"),
    priority="normal",
)

# --- histories in disorder ---

ticket(
    "late, twice and out of order",
    "2024-01-08 15:00",
    ("2024-01-08 17:00", "status", "agent", SOLVED),
    ("2024-01-08 16:00", "reply", "agent", {"agent_key": "kim", "batch_sequence": 3}),
    ("2024-01-08 15:30", "status", "agent", OPEN | {"batch_sequence": 2}),
)
EVENTS.append(EVENTS[-2] | {"batch_sequence": 4})  # the same event again
EVENTS.append(EVENTS[-3] | {"event_id": "under a new id", "batch_sequence": 4})
ticket("deleted afterwards", "2024-01-08 15:00", ("2024-01-08 16:00", "reply", "agent"))
TICKETS.append({"ticket_id": "deleted afterwards", "is_deleted": True, "updated_at": "2024-02-01"})
ticket("merged afterwards", "2024-01-08 15:00", ("2024-01-08 16:00", "reply", "agent"))
TICKETS.append(TICKETS[-1] | {"status": "merged", "updated_at": "2024-02-01"})
ticket(
    "its agent has left",
    "2024-01-08 15:00",
    ("2024-01-08 15:10", "assignment", "system", {"agent_key": "gone"}),
    ("2024-01-08 16:00", "reply", "agent", {"agent_key": "gone"}),
    ("2024-06-03 15:00", "assignment", "system", {"agent_key": None}),
)
ticket("its row came a night later", "2024-01-08 15:00", ("2024-01-08 16:00", "reply", "agent"))
TICKETS[-1]["batch_sequence"] = 7
TICKETS.append(
    {
        "ticket_id": "no events",
        "created_at": "2024-01-08 15:00",
        "status": "closed",
        "first_responded_at": "2024-01-09 14:30",
        "resolved_at": "2024-01-09 15:00",
        "reopen_count": 0,
    }
)
EVENTS.append(
    {
        "event_id": "stray",
        "ticket_id": "no row yet",
        "occurred_at": "2024-01-08 15:00",
        "event_type": "reply",
        "actor_role": "agent",
    }
)

SEEN_MINUTES: dict[str, dict[str, tuple[float | None, float | None]]] = {
    # ticket: duration: calendar, business
    "Friday evening to Monday, spring": {"first_response": (3780, 60)},
    "Friday afternoon to Monday, autumn": {"first_response": (3990, 90)},
    "worked example 4": {"first_response": (3825, 45)},
    "24x7, the Sunday clocks go forward": {"first_response": (90, 90), "resolution": (1320, 1320)},
    "24x7, the Sunday clocks go back": {"first_response": (120, 120)},
    "24x7 with a holiday inside": {"first_response": (1620, 180)},
    "unknown zone": {"first_response": (60, None)},
    "unknown schedule": {"first_response": (60, None)},
    "a thousand notes under unknown hours": {"first_response": (360, None)},
    # 60 weeks of five days of eight hours, and the Monday on which the data end
    "open for 60 weeks": {"first_response": (30, 30), "requester_wait": (605_400, 144_480)},
    "schedule changed in mid-ticket": {"first_response": (300, 180)},
    "schedule changed by a later row": {"first_response": (300, 180)},
    "part-day holiday": {"first_response": (5640, 120)},
    # Monday 10-12, Tuesday 10-17, and the 254 working days from Wednesday 10 January to 30 December
    "reopened and not solved again": {
        "first_resolution": (120, 120),
        "resolution": (None, None),
        "requester_wait": (120 + 513_180, 122_460),
    },
    "solved without a reply": {"first_response": (None, None), "resolution": (1440, 480)},
    "two seconds": {"first_response": (2 / 60, 1 / 60), "resolution": (2 / 60, 1 / 60)},
    "agent-created": {"first_response": (2850, 30)},
    "requester unknown": {"first_response": (60, 60), "resolution": (120, 120)},
    "bot answered first": {
        "first_bot_response": (1, 0),
        "first_response": (40, 35),
        "first_response_after_handover": (30, 30),
    },
    "merged into": {"first_response": (60, 60)},
    "reply after solve": {"first_response": (180, 180), "resolution": (120, 120)},
    "late, twice and out of order": {"first_response": (60, 60), "resolution": (120, 120)},
    "its agent has left": {"first_response": (60, 60)},
    "its row came a night later": {"first_response": (60, 60)},
    # Monday 10-17 and Tuesday 09:00-09:30
    "no events": {"first_response": (1410, 450), "resolution": (1440, 480), "requester_wait": (None, None)},
}

COLUMNS: dict[str, Row] = {
    "unknown zone": {"business_time_gap": "unknown_time_zone"},
    "unknown schedule": {"business_time_gap": "unknown_schedule"},
    "worked example 4": {"business_time_gap": None},
    "reopened and not solved again": {"reopen_count": 1, "is_reopened": True, "resolved_at": None},
    "solved without a reply": {"touch_count": 0, "is_one_touch": None, "fcr_exclusion": "no_touch"},
    "two seconds": {"is_one_touch": True},
    "agent-created": {"touch_count": 1, "fcr_exclusion": "outbound"},
    "requester unknown": {"is_first_contact_resolved": None, "fcr_exclusion": "no_customer"},
    "bot answered first": {"touch_count": 1, "bot_reply_count": 1},
    "CSAT never answered": {
        "is_satisfaction_offered": True,
        "is_satisfaction_answered": False,
        "satisfaction_value": None,
    },
    "CSAT changed from good to bad": {
        "is_satisfaction_answered": True,
        "is_satisfaction_changed": True,
        "first_satisfaction_value": "good",
        "satisfaction_value": "bad",
    },
    "late, twice and out of order": {
        "touch_count": 1,
        "event_count": 4,
        "duplicate_event_count": 1,
        "first_response_agent": "kim",
    },
    "its agent has left": {"first_response_agent": "gone", "handoff_count": 0},
    "no events": {"has_event_history": False, "touch_count": None},
}

Level = tuple[str, str | None, str | None, str | None, str | None]
LEVELS: dict[tuple[str, str], Level] = {
    # ticket, metric: state, priority, due_at, breached_at, met_by
    ("worked example 4", "first_response"): ("met", None, "2024-03-11 20:30", None, "reply"),
    ("24x7 with a holiday inside", "first_response"): ("met", None, "2024-07-05 10:00", None, "reply"),
    ("unknown zone", "first_response"): ("not_applicable", None, None, None, "reply"),
    # 600 business minutes: Monday 09-17, Tuesday 09-11
    ("open for 60 weeks", "requester_wait"): (
        "breached", "low", "2023-11-07 16:00", "2023-11-07 16:00", None
    ),
    # an hour in New York, seven in Seoul: Tuesday 16:00 there
    ("schedule changed in mid-ticket", "first_response"): ("met", None, "2024-01-09 07:00", None, "reply"),
    # to the very minute
    ("solved without a reply", "first_response"): ("met", None, "2024-01-09 15:00", None, "solve"),
    ("two seconds", "first_response"): ("met", None, "2024-01-09 21:59:59", None, "reply"),
    ("agent-created", "first_response"): ("met", None, "2024-01-08 22:00", None, "reply"),
    ("reply after solve", "first_response"): ("met", None, "2024-01-09 15:00", None, "solve"),
    ("priority raised past its SLA", "first_response"): (
        "breached", "urgent", "2024-01-08 15:30", "2024-01-08 17:00", "reply"
    ),
    ("priority lowered after the breach", "first_response"): (
        "breached", "urgent", "2024-01-08 15:30", "2024-01-08 15:30", "reply"
    ),
    ("waiting for the customer", "full_resolution"): ("paused", None, None, None, None),
    ("waiting for the customer", "first_response"): (
        "breached", None, "2024-01-09 15:00", "2024-01-09 15:00", None
    ),
    # 420 of 480 minutes are gone when the data end: Tuesday 10:00
    ("the last tickets there are", "first_response"): ("pending", "normal", "2024-12-31 15:00", None, None),
    ("the last tickets there are", "requester_wait"): ("not_applicable", None, None, None, None),
}  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    with build_warehouse(
        tmp_path_factory.mktemp("business_cases"),
        {"tickets": TICKETS, "ticket_events": EVENTS},
        select=["+fct_tickets", "+fct_ticket_replies", "+fct_ticket_slas"],
        seeds={"business_hours": BUSINESS_HOURS, "holidays": HOLIDAYS, "sla_targets": SLA_TARGETS},
    ) as built:
        yield built


def row_of(warehouse: Warehouse, name: str) -> Row:
    [row] = warehouse.dicts(f"select * from fct_tickets where ticket_id = '{name}'")
    return row


@pytest.mark.parametrize("name", SEEN_MINUTES)
def test_minutes(warehouse: Warehouse, name: str) -> None:
    row = row_of(warehouse, name)
    for duration, (calendar, business) in SEEN_MINUTES[name].items():
        found = row[f"{duration}_calendar_minutes"], row[f"{duration}_business_minutes"]
        assert found == (pytest.approx(calendar), pytest.approx(business)), duration


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(warehouse: Warehouse, name: str) -> None:
    row = row_of(warehouse, name)
    assert {column: row[column] for column in COLUMNS[name]} == COLUMNS[name]


@pytest.mark.parametrize(("name", "metric"), LEVELS)
def test_service_level(warehouse: Warehouse, name: str, metric: str) -> None:
    [level] = warehouse.rows(
        "select state, priority, due_at, breached_at, met_by from fct_ticket_slas "
        f"where ticket_id = '{name}' and metric = '{metric}'"
    )
    state, priority, due_at, breached_at, met_by = LEVELS[name, metric]
    due, breached = (at and datetime.fromisoformat(at) for at in (due_at, breached_at))
    assert level == (state, priority if state != "not_applicable" else level[1], due, breached, met_by)
    row = row_of(warehouse, name)
    columns = ("sla_state", "sla_due_at", "sla_breached_at")
    assert tuple(row[f"{metric}_{column}"] for column in columns) == (state, due, breached)


def test_every_case_is_read(warehouse: Warehouse) -> None:
    """Merged and deleted tickets are no tickets, nor is an event whose ticket nobody has told of."""
    published = {name for (name,) in warehouse.rows("select ticket_id from fct_tickets")}
    gone = {"merged", "deleted afterwards", "merged afterwards"}
    assert published == {row["ticket_id"] for row in TICKETS} - gone
    for table in ("fct_ticket_slas", "fct_ticket_replies"):
        assert {name for (name,) in warehouse.rows(f"select ticket_id from {table}")} <= published
    stray = "select disposition from int_ticket_events_versions where event_id = 'stray'"
    assert warehouse.value(stray) == "published"
    assert {*SEEN_MINUTES, *COLUMNS, *(name for name, _ in LEVELS)} == published


def test_open_tickets_end_where_the_data_do(warehouse: Warehouse) -> None:
    """As_of is the end of the last event's day, and no unfinished duration goes beyond it."""
    assert warehouse.value("select as_of from int_as_of") == datetime(2024, 12, 31)
    beyond = warehouse.rows(
        "select ticket_id from fct_tickets "
        "where requester_wait_calendar_minutes + agent_wait_calendar_minutes "
        "> date_diff('second', created_at, timestamp '2024-12-31') / 60.0"
    )
    assert beyond == []
    elapsed = warehouse.value(
        "select elapsed_minutes from fct_ticket_slas "
        "where ticket_id = 'the last tickets there are' and metric = 'first_response'"
    )
    assert elapsed == 420
