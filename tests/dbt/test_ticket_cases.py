"""The awkward tickets, each told by hand and read from the published tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.dbt.harness import Warehouse, build_warehouse

Row = dict[str, Any]

TICKETS: list[Row] = []
EVENTS: list[Row] = []


def ticket(name: str, created: str, *events: tuple[Any, ...], **row: Any) -> None:
    """A ticket and its events: (instant, type, role, further columns); unless `bare` a created event too."""
    bare = row.pop("bare", False)
    TICKETS.append({"ticket_id": name, "created_at": created, "status": "open", "customer_key": name} | row)
    told = events if bare else ((created, "created", "customer"), *events)
    for instant, kind, role, *rest in told:
        EVENTS.append(
            {
                "event_id": f"e{len(EVENTS)}",
                "ticket_id": name,
                "occurred_at": instant,
                "event_type": kind,
                "actor_role": role,
            }
            | (rest[0] if rest else {})
        )


SOLVED, OPEN = {"value": "solved"}, {"value": "open"}

ticket(
    "reopened, not solved again",
    "2024-01-01 10:00",
    ("2024-01-01 11:00", "reply", "agent"),
    ("2024-01-01 12:00", "status", "agent", SOLVED),
    ("2024-01-02 12:00", "status", "customer", OPEN),
)
ticket(
    "solved without a reply",
    "2024-01-01 10:00",
    ("2024-01-01 12:00", "status", "agent", SOLVED),
    status="solved",
)
ticket(
    "two seconds",
    "2024-01-01 10:00:00",
    ("2024-01-01 10:00:02", "status", "agent", SOLVED),
    ("2024-01-01 10:00:02", "reply", "agent"),
    status="solved",
)
ticket(
    "we opened it",
    "2024-01-01 10:00",
    ("2024-01-01 10:00", "reply", "agent"),
    ("2024-01-02 10:00", "reply", "customer"),
    ("2024-01-02 10:05", "reply", "agent"),
    ("2024-01-02 11:00", "status", "agent", SOLVED),
    status="solved",
    direction="outbound",
)
ticket(
    "nobody knows who",
    "2024-01-01 10:00",
    ("2024-01-01 11:00", "reply", "agent"),
    ("2024-01-01 12:00", "status", "agent", SOLVED),
    status="solved",
    customer_key=None,
)
ticket(
    "bot first",
    "2024-01-01 10:00",
    ("2024-01-01 10:01", "reply", "bot"),
    ("2024-01-01 10:10", "handover", "bot"),
    ("2024-01-01 10:30", "reply", "agent"),
)
ticket("asked, never answered", "2024-01-01 10:00", ("2024-01-01 11:00", "satisfaction_offered", "system"))
ticket(
    "good, then bad",
    "2024-01-01 10:00",
    ("2024-01-01 11:00", "satisfaction_offered", "system"),
    ("2024-01-01 12:00", "satisfaction", "customer", {"value": "good"}),
    ("2024-01-01 13:00", "satisfaction", "customer", {"value": "bad"}),
)
ticket("merged away", "2024-01-01 10:00", status="merged", merged_into_ticket_id="bot first")
ticket(
    "replied after the solve",
    "2024-01-01 10:00",
    ("2024-01-01 12:00", "status", "agent", SOLVED),
    ("2024-01-01 13:00", "reply", "agent"),
    status="solved",
)
ticket(
    "open for 60 weeks",
    "2022-12-01 10:00",
    ("2022-12-01 10:30", "reply", "agent"),
)
ticket(
    "answered in a chat",
    "2024-01-01 10:00",
    ("2024-01-01 10:02", "reply", "customer"),
    ("2024-01-01 10:05", "reply", "agent"),
    ("2024-01-01 10:06", "reply", "customer"),
    ("2024-01-01 10:20", "reply", "agent"),
    ("2024-01-01 12:00", "reply", "customer"),
    ("2024-01-01 12:03", "reply", "agent"),
    channel="chat",
)
ticket(
    "events late and out of order",
    "2024-01-01 10:00",
    ("2024-01-01 12:00", "status", "agent", SOLVED),
    ("2024-01-01 11:00", "reply", "agent"),
    ("2024-01-01 11:00", "reply", "agent"),
    ("2024-01-01 10:30", "status", "agent", OPEN),
    status="solved",
)
ticket(
    "told by its row",
    "2024-01-01 10:00",
    bare=True,
    status="closed",
    first_responded_at="2024-01-01 11:00",
    resolved_at="2024-01-01 12:00",
    reopen_count=0,
    source_sla_met=True,
)
ticket(
    "worked example 4",
    "2024-03-08 16:30-05:00",
    ("2024-03-11 09:15-04:00", "reply", "agent"),
)
EVENTS.append(
    {
        "event_id": "stray",
        "ticket_id": "no such ticket",
        "occurred_at": "2024-01-01",
        "event_type": "reply",
        "actor_role": "agent",
    }
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    rows = {"tickets": TICKETS, "ticket_events": EVENTS}
    select = ["+fct_tickets", "+fct_ticket_replies", "+ticket_backlog_daily", "+first_response_by_created"]
    with build_warehouse(tmp_path_factory.mktemp("cases"), rows, select=select) as warehouse:
        yield warehouse


CASES: dict[str, Row] = {
    "reopened, not solved again": {
        "first_resolution_calendar_minutes": 120.0,
        "resolution_calendar_minutes": None,
        "resolved_at": None,
        "reopen_count": 1,
        "is_reopened": True,
        "is_first_contact_resolved": False,
        "status": "open",
    },
    "solved without a reply": {
        "first_response_calendar_minutes": None,
        "resolution_calendar_minutes": 120.0,
        "touch_count": 0,
        "is_one_touch": None,
        "is_self_served": False,
        "fcr_exclusion": "no_touch",
    },
    "two seconds": {
        "first_response_calendar_minutes": pytest.approx(2 / 60),
        "resolution_calendar_minutes": pytest.approx(2 / 60),
        "is_one_touch": True,
    },
    "we opened it": {
        "first_response_calendar_minutes": 5.0,
        "resolution_calendar_minutes": 60.0,
        "touch_count": 1,
        "is_one_touch": None,
        "fcr_exclusion": "outbound",
    },
    "nobody knows who": {
        "is_one_touch": True,
        "is_first_contact_resolved": None,
        "fcr_exclusion": "no_customer",
    },
    "bot first": {
        "first_bot_response_calendar_minutes": 1.0,
        "first_response_calendar_minutes": 30.0,
        "first_response_after_handover_calendar_minutes": 20.0,
        "touch_count": 1,
        "bot_reply_count": 1,
    },
    "asked, never answered": {"is_satisfaction_offered": True, "is_satisfaction_answered": False},
    "good, then bad": {"is_satisfaction_changed": True, "satisfaction_value": "bad"},
    "replied after the solve": {
        "first_response_calendar_minutes": 180.0,
        "resolution_calendar_minutes": 120.0,
        "is_one_touch": True,
    },
    "open for 60 weeks": {"resolution_calendar_minutes": None, "agent_wait_calendar_minutes": 0.0},
    "answered in a chat": {
        "first_response_calendar_minutes": 3.0,
        "next_response_calendar_minutes": 3.0,
        "touch_count": 2,
        "agent_reply_count": 3,
        "replied_turn_count": 1,
    },
    "events late and out of order": {
        "first_response_calendar_minutes": 60.0,
        "resolution_calendar_minutes": 120.0,
        "touch_count": 1,
        "duplicate_event_count": 1,
    },
    "told by its row": {
        "first_response_calendar_minutes": 60.0,
        "resolution_calendar_minutes": 120.0,
        "has_event_history": False,
        "touch_count": None,
        "requester_wait_calendar_minutes": None,
        "source_sla_met": True,
    },
    "worked example 4": {"first_response_calendar_minutes": 3825.0},
}


@pytest.mark.parametrize("name", CASES)
def test_case(warehouse: Warehouse, name: str) -> None:
    [row] = warehouse.dicts(f"select * from fct_tickets where ticket_id = '{name}'")
    assert {column: row[column] for column in CASES[name]} == CASES[name]


def test_a_merged_ticket_and_a_stray_event_are_no_tickets(warehouse: Warehouse) -> None:
    names = {name for (name,) in warehouse.rows("select ticket_id from fct_tickets")}
    assert names == {row["ticket_id"] for row in TICKETS} - {"merged away"}
    stray = "select disposition from int_ticket_events_versions where event_id = 'stray'"
    assert warehouse.value(stray) == "published"


def test_60_weeks_wait_until_as_of_and_stand_in_the_oldest_band(warehouse: Warehouse) -> None:
    waited = warehouse.value(
        "select requester_wait_calendar_minutes from fct_tickets where ticket_id = 'open for 60 weeks'"
    )
    [(as_of,)] = warehouse.rows("select as_of from int_as_of")
    [(created,)] = warehouse.rows("select created_at from fct_tickets where ticket_id = 'open for 60 weeks'")
    assert waited == (as_of - created).total_seconds() / 60
    oldest = warehouse.rows(
        "select distinct unsolved from ticket_backlog_daily "
        "where dimension = 'all' and age_band_days = '90+' and date_day between '2023-03-01' and '2024-03-01'"
    )
    assert oldest == [(1,)]


def test_the_unanswered_show_by_the_day_they_were_created(warehouse: Warehouse) -> None:
    [row] = warehouse.dicts(
        "select * from first_response_by_created "
        "where grain = 'day' and period_start = '2024-01-01' and dimension = 'all'"
    )
    inbound = [
        name
        for name, values in CASES.items()
        if name not in ("we opened it", "open for 60 weeks", "worked example 4")
    ]
    assert row["n_created"] == len(inbound)
    assert row["n_unreplied"] == 3  # solved without a reply, and the two with satisfaction events alone
    assert row["n_replied"] == len(inbound) - 3
