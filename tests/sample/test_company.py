"""The company is believable: lives of tickets, several clocks, agents who leave, customers who stay or go."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cx_pipeline.contract.entities import EVENT_TYPES
from cx_pipeline.sample import SampleReport
from cx_pipeline.sample.company import TEAMS
from tests.sample.drops import Row, instant


def events_by_ticket(clean: dict[str, list[Row]]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for event in clean["ticket_events"]:
        found[event["ticket_id"]].append(event)
    return found


def test_every_ticket_begins_with_its_creation_and_ends_in_its_state(clean: dict[str, list[Row]]) -> None:
    histories = events_by_ticket(clean)
    for ticket in clean["tickets"]:
        events = histories[ticket["ticket_id"]]
        assert events[0]["event_type"] == "created"
        assert events[0]["occurred_at"] == instant(ticket["created_at"])
        assert [e["occurred_at"] for e in events] == sorted(e["occurred_at"] for e in events)
        states = [e["value"] for e in events if e["event_type"] == "status"]
        assert ticket["status"] == states[-1]
        teams = [e["value"] for e in events if e["event_type"] == "team"]
        assert not teams or ticket["team"] == teams[-1]
        holders = [e.get("agent_id") for e in events if e["event_type"] == "assignment"]
        assert ticket.get("agent_id") == (holders[-1] if holders else None)


def test_all_kinds_of_tickets_and_events_occur(clean: dict[str, list[Row]]) -> None:
    kinds = {event["event_type"] for event in clean["ticket_events"]}
    assert kinds == set(EVENT_TYPES) - {"category", "schedule", "other"}
    statuses = Counter(ticket["status"] for ticket in clean["tickets"])
    assert set(statuses) >= {"open", "pending", "solved", "closed", "merged", "spam"}
    assert sum(statuses[s] for s in ("new", "open", "pending")) > 10  # the backlog
    assert any(ticket["is_test"] == "true" for ticket in clean["tickets"])
    assert any("parent_ticket_id" in ticket for ticket in clean["tickets"])
    assert {ticket["channel"] for ticket in clean["tickets"]} == {"email", "chat", "phone", "web", "app"}
    assert {ticket["direction"] for ticket in clean["tickets"]} == {"inbound", "outbound"}
    reopened = sum(
        any(a["value"] == "solved" and b["value"] == "open" for a, b in pairwise(states))
        for states in (
            [e for e in events if e["event_type"] == "status"] for events in events_by_ticket(clean).values()
        )
    )
    assert 0.03 < reopened / len(clean["tickets"]) < 0.12


def test_timestamps_carry_the_offsets_of_several_zones_and_of_daylight_saving(
    clean: dict[str, list[Row]],
) -> None:
    by_site = defaultdict(set)
    for ticket in clean["tickets"]:
        by_site[ticket["schedule_id"]].add(ticket["created_at"][-6:])
    assert by_site == {"seoul": {"+09:00"}, "new_york": {"-05:00", "-04:00"}, "london": {"+00:00", "+01:00"}}


def test_chat_and_telephone_are_answered_while_the_site_is_open(clean: dict[str, list[Row]]) -> None:
    for ticket in clean["tickets"]:
        if ticket["channel"] in ("chat", "phone"):
            local = datetime.fromisoformat(ticket["created_at"])
            assert local.weekday() < 5
            assert 9 <= local.hour <= 17


def test_some_agents_leave_for_good(clean: dict[str, list[Row]], report: SampleReport) -> None:
    latest: dict[str, datetime] = {}
    for event in clean["ticket_events"]:
        if "agent_id" in event:
            latest[event["agent_id"]] = event["occurred_at"]
    gone = [a for a, at in latest.items() if (report.end - at.date()).days > 60]
    assert 0 < len(gone) < len(latest) / 2


def test_satisfaction_events_are_the_survey_answers(clean: dict[str, list[Row]]) -> None:
    rated = {
        (e["ticket_id"], e["value"]) for e in clean["ticket_events"] if e["event_type"] == "satisfaction"
    }
    answers = {
        (row["ticket_id"], row["score"])
        for row in clean["feedback"]
        if row["survey_id"] == "csat_support" and "score" in row
    }
    assert rated == answers


def test_surveys_have_unanswered_and_bounced_invitations(clean: dict[str, list[Row]]) -> None:
    invited = [row for row in clean["feedback"] if "invited_at" in row]
    answered = sum("score" in row for row in invited) / len(invited)
    assert 0.25 < answered < 0.6
    assert {row["delivery_status"] for row in invited} == {"delivered", "bounced", "blocked"}
    assert all("score" not in row for row in invited if row["delivery_status"] != "delivered")
    assert {row["metric"] for row in clean["feedback"]} == {
        *("nps", "csat", "ces", "rating", "useful", "usable", "enjoyable", "comment", "idea")
    }
    pillars = Counter(row["submission_id"] for row in clean["feedback"] if row["survey_id"] == "pillars")
    assert pillars
    assert set(pillars.values()) == {3}


def test_contracts_are_paid_without_a_gap_until_they_end(clean: dict[str, list[Row]]) -> None:
    paid = defaultdict(list)
    for row in clean["transactions"]:
        if "service_start" in row:
            paid[row["customer_id"]].append((instant(row["service_start"]), instant(row["service_end"])))
    contractual = {r["customer_id"]: r for r in clean["customers"] if r["relationship"] == "contractual"}
    assert paid.keys() <= contractual.keys()
    for customer, intervals in paid.items():
        intervals.sort()
        assert all(a[1] == b[0] for a, b in pairwise(intervals))
        if "ended_at" in contractual[customer]:
            assert instant(contractual[customer]["ended_at"]) == intervals[-1][1]
    assert any("ended_at" in row for row in contractual.values())


def test_refunds_point_to_a_dearer_order_of_the_same_customer(clean: dict[str, list[Row]]) -> None:
    orders = {row["transaction_id"]: row for row in clean["transactions"]}
    refunds = [row for row in clean["transactions"] if row["kind"] == "refund"]
    assert refunds
    for refund in refunds:
        order = orders[refund["parent_transaction_id"]]
        assert order["customer_id"] == refund["customer_id"]
        assert order["currency"] == refund["currency"]
        assert 0 < -float(refund["amount"]) <= float(order["amount"])
        assert instant(order["occurred_at"]) < instant(refund["occurred_at"])


def test_buyers_drop_out_at_different_rates(clean: dict[str, list[Row]]) -> None:
    """Retention is heterogeneous: many buy once, a few very often."""
    orders = Counter(row["customer_id"] for row in clean["transactions"] if "service_start" not in row)
    counts = sorted(orders.values())
    assert counts[len(counts) // 4] <= 2
    assert counts[-len(counts) // 20] >= 12


def test_comments_are_natural_in_two_languages(clean: dict[str, list[Row]]) -> None:
    comments = [row for row in clean["feedback"] if "comment" in row]
    assert len({row["comment"] for row in comments}) > 400
    for row in comments:
        hangul = any("가" <= letter <= "힣" for letter in row["comment"])
        assert hangul == (row["language"] == "ko")


def test_its_teams_have_tiers_and_its_callers_wait(clean: dict[str, list[Row]]) -> None:
    """What escalations and abandonment are reckoned from; who is called back waits in no queue."""
    seeds = Path(__file__).resolve().parents[2] / "dbt_project" / "seeds"
    tiers = {row["team"]: row["tier"] for row in csv.DictReader((seeds / "teams.csv").open(encoding="utf-8"))}
    assert tiers.keys() == set(TEAMS)
    assert len(set(tiers.values())) == 2
    calls = [event for event in clean["ticket_events"] if event["event_type"] == "call"]
    missed = [call for call in calls if not call.get("agent_id")]
    called_back = {call["ticket_id"] for call in missed} & {
        call["ticket_id"] for call in calls if call.get("agent_id")
    }
    assert missed
    assert called_back
    for call in calls:
        is_call_back = call["ticket_id"] in called_back and call.get("agent_id")
        assert (call.get("wait_seconds") in (None, "")) == bool(is_call_back)
