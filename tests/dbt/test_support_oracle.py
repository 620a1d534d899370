"""Calls, chats, volume and effort of support against the walk of `support_walk`: every ticket, every KPI."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.dbt.harness import Warehouse, build_warehouse
from tests.dbt.support_walk import (
    CHURN_DAYS,
    DIMENSIONS,
    DONE,
    MIN_N,
    SERVICE_LEVEL,
    TIERS,
    ZONE,
    Row,
    Ticket,
    Unit,
    author_of,
    local,
    random_company,
)


@dataclass
class Trial:
    warehouse: Warehouse
    rows: dict[str, list[Row]]
    tickets: dict[tuple[str, str], Ticket]
    attribute_at: Callable[..., Any]
    as_of: datetime


def aware(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {
        name: [
            {k: v.replace(tzinfo=UTC) if isinstance(v, datetime) else v for k, v in row.items()}
            for row in entity_rows
        ]
        for name, entity_rows in rows.items()
    }


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    rows = random_company(seed=20240115, tickets=900)
    variables = {
        "time_zone": str(ZONE),
        "attributes": {"tickets": ["tier"]},
        "service_level_seconds": SERVICE_LEVEL,
        "churn_after_days": CHURN_DAYS,
        "min_n": MIN_N,
    }
    seeds = {"teams": "team,tier\n" + "".join(f"{team},{tier}\n" for team, tier in TIERS.items())}
    select = ["+fct_tickets", "+kpi_support", "+ticket_backlog_daily"]
    with build_warehouse(
        tmp_path_factory.mktemp("support"), aware(rows), select=select, variables=variables, seeds=seeds
    ) as warehouse:
        as_of = warehouse.value("select as_of from int_as_of")
        versions: dict[str, list[Row]] = defaultdict(list)
        for row in rows["customers"]:
            versions[row["customer_key"]].append(row)

        def attribute_at(customer: str | None, at: datetime, column: str = "segment") -> Any:
            known = sorted(versions.get(customer or "", []), key=lambda v: v["updated_at"])
            in_force = [v for v in known if v["updated_at"] <= at] or known[:1]
            return in_force[-1][column] if in_force else None

        events: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in rows["ticket_events"]:
            events[row["source"], row["ticket_id"]].append(row)
        tickets = {
            key: Ticket(row, events[key], attribute_at, as_of)
            for row in rows["tickets"]
            if row["status"] != "merged" and (key := (row["source"], row["ticket_id"]))
        }
        yield Trial(warehouse, rows, tickets, attribute_at, as_of)


def assert_alike(found: Row, expected: Row, where: object) -> None:
    wrong = {
        name: (found[name], value)
        for name, value in expected.items()
        if found[name] != (pytest.approx(value, rel=1e-9) if isinstance(value, float) else value)
    }
    assert not wrong, (where, wrong)


def test_every_live_contact(trial: Trial) -> None:
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in trial.warehouse.dicts("select * from int_ticket_live_contacts order by contact_number"):
        found[row["source"], row["ticket_id"]].append(row)
    reached = set()
    for key, ticket in trial.tickets.items():
        assert len(found[key]) == len(ticket.contacts), key
        for row, contact in zip(found[key], ticket.contacts, strict=True):
            assert_alike(row, {k: v for k, v in contact.items() if k != "began"}, key)
            if row["wait_seconds"] is not None and row["is_answered"]:
                waited = timedelta(seconds=row["wait_seconds"])
                assert row["queued_at"] == row["answered_at"] - waited
            reached.add(
                (
                    contact["contact_kind"],
                    contact["is_offered"],
                    contact["is_abandoned"],
                    contact["is_within_service_level"],
                )
            )
    # offered and answered in time, late, with unknown wait; abandoned; not offered
    assert len(reached) == 10, reached


def test_every_ticket_adds_up(trial: Trial) -> None:
    found = {(r["source"], r["ticket_id"]): r for r in trial.warehouse.dicts("select * from fct_tickets")}
    assert found.keys() == trial.tickets.keys()
    for key, ticket in trial.tickets.items():
        known = ticket.has_history or ticket.has_messages
        offered = [c for c in ticket.contacts if c["is_offered"] and c["is_answered"]]
        waits = [c["wait_seconds"] for c in offered if c["wait_seconds"] is not None]
        handled = [c["handle_minutes"] for c in ticket.contacts if c["handle_minutes"] is not None]
        solved = [flow for flow in ticket.flows if flow[0] == "solved"]
        touches = ticket.touches()
        expected: Row = {
            "call_count": sum(c["contact_kind"] == "call" for c in ticket.contacts) if known else None,
            "live_session_count": sum(c["contact_kind"] == "chat" for c in ticket.contacts)
            if known
            else None,
            "abandoned_contact_count": sum(c["is_abandoned"] is True for c in ticket.contacts)
            if known
            else None,
            "speed_of_answer_seconds": waits[0] if waits else None,
            "handle_minutes": sum(handled) if handled else None,
            "escalation_count": ticket.escalations() if ticket.has_history else None,
            "handoff_count": ticket.moves("assignment", "agent_key") if ticket.has_history else None,
            "transfer_count": ticket.moves("team", "value") if ticket.has_history else None,
            "resolution_count": len(solved) if ticket.has_history else None,
            "touch_count": touches if known else None,
            "is_unreplied": touches == 0 if ticket.inbound else None,
            "is_zero_touch": touches == 0 if ticket.inbound and ticket.solves() else None,
            "is_handed_over": any(e["event_type"] == "handover" for e in ticket.events),
        }
        assert_alike(found[key], expected, key)
    assert any(row["escalation_count"] for row in found.values())
    assert {row["is_zero_touch"] for row in found.values()} == {True, False, None}


def contact_units(trial: Trial) -> list[Unit]:
    """Inbound tickets as they were opened, merged ones included."""
    units = []
    for row in trial.rows["tickets"]:
        if row["direction"] == "outbound" or row["created_at"] > trial.as_of:
            continue
        values = {name: row[name] for name in ("channel", "priority", "team", "category", "product", "brand")}
        values |= {
            "agent": row["agent_key"],
            "tier": row["attributes"]["tier"],
            "segment": trial.attribute_at(row["customer_key"], row["created_at"]),
        }
        who = row["customer_key"] or f"{row['source']}:{row['ticket_id']}"
        units.append(Unit(local(row["created_at"]), who, values, {"key": (row["source"], row["ticket_id"])}))
    return units


def test_every_contact(trial: Trial) -> None:
    found = {
        (r["source"], r["ticket_id"]): r for r in trial.warehouse.dicts("select * from int_ticket_contacts")
    }
    expected = {unit.measured["key"]: unit for unit in contact_units(trial)}
    assert found.keys() == expected.keys()
    for key, unit in expected.items():
        assert_alike(
            found[key], unit.values | {"event_date": unit.day, "respondent_key": unit.respondent}, key
        )
    assert any(row["is_merged"] for row in found.values())


def answer_units(trial: Trial) -> Iterator[Unit]:
    """CSAT answers that name a ticket, with the values in force at the solve."""
    for row in trial.rows["feedback"]:
        relational = row["survey_id"] == "nps_relationship"  # whatever it asks
        if (
            row["metric"] != "csat"
            or not row["ticket_id"]
            or row["respondent_type"] != "customer"
            or relational
        ):
            continue
        at = row["responded_at"]
        named = [key for key in trial.tickets if key[1] == row["ticket_id"]]
        own = [key for key in named if key[0] == row["source"]]
        meant = own or (named if len(named) == 1 else [])
        key = meant[0] if meant else None
        values: Row = dict.fromkeys(DIMENSIONS) | {"team": row["team"], "agent": row["agent_key"]}
        if key is not None:
            ticket = trial.tickets[key]
            solved = [when for flow, when, _, _ in ticket.flows if flow == "solved"]
            before = [when for when in solved if when <= at]
            values = ticket.values_at((before[-1:] or solved[:1] or [max(at, ticket.row["created_at"])])[0])
        values["segment"] = trial.attribute_at(row["customer_key"], at)
        who = row["customer_key"] or f"{row['source']}:{row['response_id']}"
        satisfied = row["score"] >= 4
        yield Unit(local(at), who, values, {"id": row["response_id"], "satisfied": satisfied, "ticket": key})


def test_every_csat_answer_is_credited_at_the_solve(trial: Trial) -> None:
    found = {r["response_id"]: r for r in trial.warehouse.dicts("select * from int_ticket_csat_answers")}
    expected = {unit.measured["id"]: unit for unit in answer_units(trial)}
    assert found.keys() == expected.keys()
    for key, unit in expected.items():
        own = {"brand": found[key]["brand"]} if unit.measured["ticket"] is None else {}
        columns = {"event_date": unit.day, "is_satisfied": unit.measured["satisfied"]}
        columns |= {"is_ticket_known": unit.measured["ticket"] is not None}
        assert_alike(found[key], unit.values | own | columns, key)
    assert {row["is_ticket_known"] for row in found.values()} == {True, False}


# --- the KPIs ----------------------------------------------------------------------------------------

Key = tuple[str, date, str, str]


def periods_of(day: date, dimension: str) -> Iterator[tuple[str, date]]:
    if dimension != "agent":
        yield "day", day
    yield "week", day - timedelta(days=day.weekday())
    yield "month", day.replace(day=1)
    yield "quarter", day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    yield "all", date(1900, 1, 1)


def grouped(units: list[Unit]) -> dict[Key, list[Unit]]:
    groups: dict[Key, list[Unit]] = defaultdict(list)
    for unit in units:
        for dimension in ("all", *DIMENSIONS):
            name = "all" if dimension == "all" else unit.values[dimension] or "(none)"
            for grain, start in periods_of(unit.day, dimension):
                groups[grain, start, dimension, name].append(unit)
    return groups


def found_rows(trial: Trial, kpi: str) -> dict[Key, Row]:
    """The rows of `kpis` of one KPI."""
    rows = trial.warehouse.dicts(f"select * from kpi_support where {kpi}_n is not null")
    return {
        (r["grain"], r["period_start"], r["dimension"], r["dimension_value"]): {
            name.removeprefix(kpi).removeprefix("_") or "value": value
            for name, value in r.items()
            if name == kpi or name.startswith(f"{kpi}_")
        }
        for r in rows
    }


def is_few(group: list[Unit]) -> bool:
    return len({unit.respondent for unit in group}) < MIN_N


def live_units(trial: Trial, measure: str) -> list[Unit]:
    """Live contacts of inbound tickets in which something is known."""
    units = []
    for ticket in trial.tickets.values():
        for contact in ticket.contacts if ticket.inbound else ():
            value = contact[measure]
            if measure == "wait_seconds" and not (contact["is_offered"] and contact["is_answered"]):
                value = None
            if value is not None:
                units.append(Unit(contact["event_date"], ticket.respondent, contact, {"value": value}))
    return units


@pytest.mark.parametrize(
    ("kpi", "measure"), [("speed_of_answer_seconds", "wait_seconds"), ("handle_minutes", "handle_minutes")]
)
def test_live_durations(trial: Trial, kpi: str, measure: str) -> None:
    expected = grouped(live_units(trial, measure))
    statistics: dict[str, Callable[[Any], float]] = {
        "avg": np.mean,
        "median": np.median,
        "p90": lambda values: float(np.percentile(values, 90)),
        "p95": lambda values: float(np.percentile(values, 95)),
    }
    for suffix, statistic in statistics.items():
        found = found_rows(trial, f"{kpi}_{suffix}")
        assert found.keys() == expected.keys()
        for key, group in expected.items():
            values = [unit.measured["value"] for unit in group]
            assert found[key]["n"] == len(values)
            assert found[key]["is_suppressed"] == is_few(group)
            shown = None if is_few(group) else pytest.approx(statistic(values), rel=1e-9, abs=1e-9)
            assert found[key]["value"] == shown, (key, suffix)


def check_rates(trial: Trial, kpi: str, units: list[Unit]) -> None:
    """Every row of a rate, against units whose measured value is whether they succeed."""
    expected, found = grouped(units), found_rows(trial, kpi)
    assert found.keys() == expected.keys()
    assert {unit.measured["value"] for unit in units} == {True, False}
    for key, group in expected.items():
        row, successes = found[key], sum(unit.measured["value"] for unit in group)
        interval = stats.binomtest(successes, len(group)).proportion_ci(method="wilson")
        assert (row["numerator"], row["denominator"], row["n"]) == (successes, len(group), len(group)), key
        assert row["is_suppressed"] == is_few(group)
        if not is_few(group):
            assert row["value"] == pytest.approx(100 * successes / len(group))
            assert row["ci_low"] == pytest.approx(100 * interval.low, abs=1e-9)
            assert row["ci_high"] == pytest.approx(100 * interval.high, abs=1e-9)


@pytest.mark.parametrize(
    ("kpi", "measure"),
    [("service_level_rate", "is_within_service_level"), ("contact_abandonment_rate", "is_abandoned")],
)
def test_live_rates(trial: Trial, kpi: str, measure: str) -> None:
    check_rates(trial, kpi, live_units(trial, measure))


def test_ticket_csat(trial: Trial) -> None:
    units = list(answer_units(trial))
    own_brands = dict(trial.warehouse.rows("select response_id, brand from int_feedback_answers"))
    for unit in units:
        unit.measured["value"] = unit.measured["satisfied"]
        if unit.measured["ticket"] is None:
            unit.values["brand"] = own_brands[unit.measured["id"]]
    check_rates(trial, "ticket_csat", units)


def test_auto_solved_rate(trial: Trial) -> None:
    units = []
    for ticket in trial.tickets.values():
        if ticket.inbound and (solves := ticket.solves()):
            at, author = solves[0]["occurred_at"], author_of(solves[0])
            actor = solves[0].get("agent_key") if author == "agent" else None
            values, measured = ticket.values_at(at, actor), {"value": author == "system"}
            units.append(Unit(local(at), ticket.respondent, values, measured))
    check_rates(trial, "auto_solved_rate", units)


def resolution_units(trial: Trial) -> list[Unit]:
    """Inbound tickets solved now, at their last solve, with what it took."""
    units = []
    for ticket in trial.tickets.values():
        solves = ticket.solves()
        if not ticket.inbound or not solves or ticket.status not in DONE:
            continue
        at = solves[-1]["occurred_at"]
        actor = solves[-1].get("agent_key") if author_of(solves[-1]) == "agent" else None
        replies = [e for e in ticket.events if e["event_type"] == "reply" and author_of(e) == "agent"]
        measured = {
            "replies_per_resolution": len(replies),
            "touches_per_resolution": ticket.touches(),
            "handoffs_per_ticket": ticket.moves("assignment", "agent_key"),
            "transfers_per_ticket": ticket.moves("team", "value"),
            "escalations_per_ticket": ticket.escalations(),
        }
        units.append(Unit(local(at), ticket.respondent, ticket.values_at(at, actor), measured))
    return units


@pytest.mark.parametrize(
    "kpi",
    [
        "replies_per_resolution",
        "touches_per_resolution",
        "handoffs_per_ticket",
        "transfers_per_ticket",
        "escalations_per_ticket",
    ],
)
def test_what_a_resolution_takes(trial: Trial, kpi: str) -> None:
    expected, found = grouped(resolution_units(trial)), found_rows(trial, kpi)
    assert found.keys() == expected.keys()
    for key, group in expected.items():
        values = np.array([float(unit.measured[kpi]) for unit in group])
        row = found[key]
        assert (row["numerator"], row["denominator"], row["n"]) == (values.sum(), len(values), len(values))
        assert row["is_suppressed"] == is_few(group)
        if not is_few(group):
            assert row["value"] == pytest.approx(values.mean())
            half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
            assert row["ci_high"] - row["value"] == pytest.approx(half, rel=1e-5, abs=1e-9)


def test_ticket_escalation_rate(trial: Trial) -> None:
    units = resolution_units(trial)
    for unit in units:
        unit.measured["value"] = unit.measured["escalations_per_ticket"] > 0
    check_rates(trial, "ticket_escalation_rate", units)


def test_the_volume_adds_up_to_the_backlog(trial: Trial) -> None:
    """All published tickets, outbound ones too; counts of small groups are shown."""
    units = []
    for ticket in trial.tickets.values():
        if not ticket.has_history and ticket.row["status"] in DONE:
            continue
        for flow, at, agent, _ in ticket.flows:
            unit = Unit(local(at), ticket.respondent, ticket.values_at(at, agent), {"flow": flow})
            if flow == "opened":
                unit.values |= {"team": ticket.row["team"], "priority": ticket.row["priority"]}
                unit.values["agent"] = ticket.row["agent_key"]
            units.append(unit)
    expected = grouped(units)
    found = {kpi: found_rows(trial, f"tickets_{kpi}") for kpi in ("opened", "solved", "reopened", "net")}
    for key, group in expected.items():
        flows = [unit.measured["flow"] for unit in group]
        counts = {flow: flows.count(flow) for flow in ("opened", "solved", "reopened")}
        counts["net"] = counts["opened"] + counts["reopened"] - counts["solved"]
        for kpi, count in counts.items():
            row = found[kpi][key]
            assert (row["value"], row["numerator"], row["n"]) == (count, count, len(group)), (key, kpi)
            assert not row["is_suppressed"]
    assert all(rows.keys() == expected.keys() for rows in found.values())
    backlog = trial.warehouse.rows(
        "select date_day, sum(opened), sum(solved), sum(reopened), sum(net) from ticket_backlog_daily "
        "where dimension = 'all' group by date_day"
    )
    for day, *counts_of_day in backlog:
        key = ("day", day, "all", "all")
        volume = [found[kpi][key]["value"] if key in found[kpi] else 0 for kpi in found]
        assert counts_of_day == volume, day


def live_days(trial: Trial) -> dict[date, list[str]]:
    """The customers live on each day: those with an order or renewal within the last CHURN_DAYS days."""
    days: dict[date, set[str]] = defaultdict(set)
    for row in trial.rows["transactions"]:
        if row["kind"] in ("order", "renewal"):
            for later in range(CHURN_DAYS):
                days[local(row["occurred_at"]) + timedelta(days=later)].add(row["customer_key"])
    return {day: sorted(customers) for day, customers in days.items()}


def evening(day: date) -> datetime:
    """The last microsecond of a local day, UTC."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE)
    return midnight.astimezone(UTC).replace(tzinfo=None) - timedelta(microseconds=1)


def customers_of_periods(trial: Trial) -> tuple[dict[Key, float], date]:
    """The mean of the customers live on each day, as each day ended; and the first day there is one."""
    [(first, last)] = trial.warehouse.rows("select first_event_date, as_of_date from int_as_of")
    live = live_days(trial)
    amounts: dict[Key, float] = defaultdict(float)
    lengths: dict[tuple[str, date], int] = defaultdict(int)
    day = max(first, min(live))
    while day <= last:
        for grain, start in periods_of(day, "all"):
            lengths[grain, start] += 1
            for customer in live.get(day, []):
                amounts[grain, start, "all", "all"] += 1
                for dimension in ("segment", "brand"):
                    value = trial.attribute_at(customer, evening(day), dimension)
                    amounts[grain, start, dimension, value or "(none)"] += 1
        day += timedelta(days=1)
    return {key: amount / lengths[key[0], key[1]] for key, amount in amounts.items()}, min(live)


def orders_of_periods(trial: Trial) -> tuple[dict[Key, float], date]:
    """The orders of each period, and the day of the first."""
    orders = [row for row in trial.rows["transactions"] if row["kind"] == "order"]
    amounts: dict[Key, float] = defaultdict(float)
    for row in orders:
        at, customer = row["occurred_at"], row["customer_key"]
        values = {
            "all": "all",
            "product": row["product"],
            "segment": trial.attribute_at(customer, at),
            "brand": row["brand"] or trial.attribute_at(customer, at, "brand"),
        }
        for grain, start in periods_of(local(at), "all"):
            for dimension, value in values.items():
                amounts[grain, start, dimension, value or "(none)"] += 1
    return amounts, min(local(row["occurred_at"]) for row in orders)


@pytest.mark.parametrize(
    ("base", "amounts_of", "split"),
    [
        ("customers", customers_of_periods, {"segment", "brand"}),
        ("orders", orders_of_periods, {"segment", "brand", "product"}),
    ],
)
def test_contacts_per_base(
    trial: Trial, base: str, amounts_of: Callable[[Trial], tuple[dict[Key, float], date]], split: set[str]
) -> None:
    """Of the same segment, brand or product; by any other dimension against all."""
    amounts, known_from = amounts_of(trial)
    expected = {}
    for key, group in grouped([unit for unit in contact_units(trial) if unit.day >= known_from]).items():
        held_against = key if key[2] in split else (key[0], key[1], "all", "all")
        if amounts.get(held_against):
            expected[key] = (group, amounts[held_against])
    found = found_rows(trial, f"contacts_per_100_{base}")
    assert found.keys() == expected.keys()
    for key, (group, amount) in expected.items():
        row, n = found[key], len(group)
        assert (row["numerator"], row["n"], row["is_suppressed"]) == (n, n, is_few(group)), key
        assert row["denominator"] == pytest.approx(amount)
        if not is_few(group):
            assert row["value"] == pytest.approx(100 * n / amount)
