"""The ticket models against a walk through the same events in plain Python that shares no code with them.

Some thousand random tickets hold what real exports hold: ties, repeats, events out of order, before the
opening or without a ticket, chats with and without session ids, calls taken and missed, tickets without
events, rows that changed, dates without times, outbound tickets, follow-ups, and customers who come back.
"""

from __future__ import annotations

import math
import random
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import stats

from tests.dbt.harness import Warehouse, build_warehouse

ZONE = ZoneInfo("Asia/Seoul")
# Groups of fewer respondents are not shown: few enough to see most values, enough to need counting at times.
MIN_N = 2
START = datetime(2024, 1, 15, 3, 0)
STATUSES = ["new", "open", "pending", "on_hold", "solved", "closed"]
DIMENSIONS = ["channel", "priority", "team", "agent", "category", "segment", "product", "brand", "tier"]
WINDOW = timedelta(days=7)
BANDS = [(0, "0"), (1, "1-2"), (3, "3-6"), (7, "7-29"), (30, "30-89"), (90, "90+")]

Row = dict[str, Any]


# --- the random company ---------------------------------------------------------------------------


def random_company(  # noqa: PLR0912, PLR0915 (one ticket after the other)
    seed: int, tickets: int
) -> dict[str, list[Row]]:
    """Rows per entity; the events come in random order."""
    rng = random.Random(seed)
    rows: dict[str, list[Row]] = {"customers": [], "tickets": [], "ticket_events": []}
    customers = [f"c{n}" for n in range(tickets // 4)]
    for customer in customers:
        for version in range(rng.choice([1, 1, 2])):
            rows["customers"].append(
                {
                    "customer_key": customer,
                    "segment": rng.choice(["smb", "enterprise", None]) if version else "smb",
                    "updated_at": START + timedelta(days=30 * version),
                }
            )
    event_number = 0
    for number in range(tickets):
        ticket_id = f"t{number}"
        created = START + timedelta(days=rng.choice([0] * 9 + [40]), minutes=rng.randrange(60 * 24 * 50))
        base: Row = {
            "ticket_id": ticket_id,
            "source": rng.choice(["desk", "desk", "chatbox"]),
            "customer_key": rng.choice([rng.choice(customers)] * 6 + [None, customers[0]]),
            "channel": rng.choice(["email", "chat", "phone", "web", None]),
            "direction": rng.choice(["inbound"] * 5 + ["outbound"]),
            "category": rng.choice(["billing", "bug", "how-to", None]),
            "product": rng.choice(["app", None]),
            "priority": rng.choice(["low", "normal", "high", None]),
            "team": rng.choice(["tier1", "tier2", None]),
            "agent_key": rng.choice(["a1", "a2", None]),
            "brand": rng.choice(["x", "y"]),
            "attributes": {"tier": rng.choice(["gold", "tin"])},
            "status": rng.choice([*STATUSES, "solved", "closed"]),
            "created_at": created,
            "is_test": rng.random() < 0.02,
            "is_deleted": rng.random() < 0.02,
        }
        if rng.random() < 0.03:
            base["status"] = rng.choice(["merged", "spam"])
        if number and rng.random() < 0.1:
            base["parent_ticket_id"] = f"t{rng.randrange(number)}"
        if rng.random() < 0.03:
            base["date_only"] = "created_at"
        bare = rng.random() < 0.15
        if bare or rng.random() < 0.2:
            if rng.random() < 0.8:
                base["first_responded_at"] = created + timedelta(minutes=rng.randrange(2000))
            if rng.random() < 0.8:
                base["resolved_at"] = created + timedelta(minutes=rng.randrange(20000))
            base["reopen_count"] = rng.choice([0, 0, 1, 2, None])
            if rng.random() < 0.1:
                base["date_only"] = rng.choice(["resolved_at", "first_responded_at"])
        versions = rng.choice([1, 1, 1, 2, 3])
        for version in range(versions):
            row = dict(base, batch_sequence=version + 1)
            if versions > 1:
                row["updated_at"] = created + timedelta(hours=30 * version, minutes=1)
                row["team"] = rng.choice(["tier1", "tier2", None])
                row["category"] = rng.choice(["billing", "bug", None])
                row["agent_key"] = rng.choice(["a1", "a2", "a3"])
            rows["tickets"].append(row)
        if bare and rng.random() < 0.7:
            continue
        events: list[Row] = []
        if not bare:
            events.append({"event_type": "created", "actor_role": "customer", "occurred_at": created})
        instant = created
        for _ in range(rng.choice([0, 2, 5, 9, 16])):
            step = rng.choice([0, 0, 1, 7, 25, 31, 300, 3000, 12000])
            instant += timedelta(minutes=step, seconds=rng.choice([0, 0, 2, 30]))
            if instant > START + timedelta(days=100):
                break
            event = random_event(rng, bare)
            event["occurred_at"] = instant - timedelta(minutes=rng.choice([0] * 12 + [200]))
            if rng.random() < 0.01:
                event["date_only"] = "occurred_at"
            events.append(event)
            if rng.random() < 0.03:
                events.append(dict(event))
        for event in events:
            event_number += 1
            event |= {"event_id": f"e{event_number}", "ticket_id": ticket_id, "source": base["source"]}
        rows["ticket_events"].extend(events)
    rows["ticket_events"].append(
        {
            "event_id": "orphan",
            "ticket_id": "nowhere",
            "source": "desk",
            "occurred_at": START,
            "event_type": "reply",
            "actor_role": "agent",
        }
    )
    rng.shuffle(rows["ticket_events"])
    for position, row in enumerate(rows["tickets"]):
        row["position"] = position
    for entity_rows in rows.values():
        for row in entity_rows:
            for name, value in row.items():
                if isinstance(value, datetime):
                    row[name] = value.replace(tzinfo=UTC)
    return rows


def random_event(rng: random.Random, bare: bool) -> Row:
    kind = rng.choice(
        ["reply"] * 8
        + ["note", "call", "assignment", "team", "priority", "category", "handover"]
        + ["satisfaction_offered", "satisfaction", "other"]
        + ([] if bare else ["status"] * 5)
    )
    role = rng.choice(["customer", "customer", "agent", "agent", "agent", "bot", "system", None])
    event: Row = {"event_type": kind, "actor_role": role}
    if role == "agent" or rng.random() < 0.15:
        event["agent_key"] = rng.choice(["a1", "a2", "a3"])
    if rng.random() < 0.1:
        event["is_public"] = rng.random() < 0.5
    if kind == "status":
        event["value"] = rng.choice([*STATUSES, "solved", "open", " Solved", "archived"])
    elif kind == "team":
        event["value"] = rng.choice(["tier1", "tier2", None])
    elif kind == "priority":
        event["value"] = rng.choice(["low", "urgent"])
    elif kind == "category":
        event["value"] = rng.choice(["billing", "refund"])
    elif kind == "satisfaction":
        event["value"] = rng.choice(["good", "bad"])
    elif kind == "assignment":
        event["agent_key"] = rng.choice(["a1", "a2", "a3", None])
    elif kind in ("reply", "call"):
        if rng.random() < 0.2:
            event["session_id"] = rng.choice(["s1", "s2"])
        if rng.random() < 0.3:
            event["wait_seconds"] = float(rng.randrange(600))
    return event


# --- the walk ---------------------------------------------------------------------------------------


@dataclass
class Moment:
    """Something a KPI is told by, with the values in force."""

    at: datetime
    exact: bool
    values: Row
    kind: str = ""


@dataclass
class Story:
    """What the walk finds of one ticket."""

    row: Row
    columns: Row = field(default_factory=dict)
    moments: dict[str, Moment | None] = field(default_factory=dict)
    turns: list[Row] = field(default_factory=list)
    flows: list[tuple[str, Moment]] = field(default_factory=list)
    states: list[tuple[datetime, bool, Row]] = field(
        default_factory=list
    )  # from, unsolved, values events set
    versions: list[Row] = field(default_factory=list)
    changes: list[tuple[datetime, str, Any]] = field(
        default_factory=list
    )  # at, field, the value an event set
    spans: list[Span] = field(default_factory=list)
    waits: dict[str, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    touches: list[Moment] = field(default_factory=list)
    exact_clock: bool = True
    exact_statuses: bool = True


@dataclass(frozen=True)
class Span:
    """A stretch of a ticket's life between two happenings."""

    start: datetime
    end: datetime
    status: str | None
    is_unassigned: bool


def local(instant: datetime) -> date:
    return instant.replace(tzinfo=UTC).astimezone(ZONE).date()


def minutes(earlier: datetime | None, later: datetime | None, exact: bool = True) -> float | None:
    if earlier is None or later is None or not exact:
        return None
    return max((later - earlier).total_seconds() / 60, 0.0)


def span(earlier: datetime | None, later: Moment | None, exact: bool) -> float | None:
    return minutes(earlier, later.at, exact and later.exact) if later else None


def naive(row: Row) -> Row:
    return {k: v.replace(tzinfo=None) if isinstance(v, datetime) else v for k, v in row.items()}


def is_done(status: str | None) -> bool:
    return status in ("solved", "closed")


def without_repeats(events: list[Row]) -> list[Row]:
    content = ("occurred_at", "event_type", "actor_role", "agent_key", "value", "session_id")
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for event in sorted(events, key=lambda e: (len(e["event_id"]), e["event_id"])):
        key = (public_kind(event), *(event.get(name) for name in content))
        if "date_only" not in event and key in seen:
            continue
        if "date_only" not in event:
            seen.add(key)
        kept.append(event)
    return kept


def public_kind(event: Row) -> str:
    kind, public = event["event_type"], event.get("is_public")
    if kind == "reply":
        return "note" if public is False else "reply"
    if kind == "note":
        return "reply" if public else "note"
    if kind == "call":
        return "hidden call" if public is False else "call"
    return str(kind)


def author_of(event: Row) -> str | None:
    return event.get("actor_role") or ("agent" if event.get("agent_key") else None)


def tell(  # noqa: PLR0912, PLR0915 (one walk, told in order)
    versions: list[Row],
    events: list[Row],
    segment_at: Callable[[str | None, datetime], str | None],
    as_of: datetime,
) -> Story:
    """Walk through one ticket's events in order."""
    row = versions[-1]
    story = Story(row)
    created, inbound, channel = row["created_at"], row["direction"] == "inbound", row["channel"]
    repeats = len(events)
    events = without_repeats(events)
    repeats -= len(events)
    events = [e for e in events if e["occurred_at"] <= as_of]
    recorded = any(e["event_type"] in ("created", "status") for e in events)
    spoke = min(
        (
            max(e["occurred_at"], created)
            for e in events
            if public_kind(e) in ("reply", "call") and author_of(e) == "customer"
        ),
        default=None,
    )

    def answers(event: Row) -> bool:
        kind, author = public_kind(event), author_of(event)
        human = (kind == "reply" and author == "agent") or (
            kind == "call" and (author == "agent" or (author == "customer" and bool(event.get("agent_key"))))
        )
        return human and (inbound or (spoke is not None and max(event["occurred_at"], created) >= spoke))

    def rank(event: Row) -> int:
        kind = public_kind(event)
        if kind in ("reply", "call", "note"):
            if answers(event):
                return 50
            return {"customer": 30, "bot": 35}.get(author_of(event) or "", 40)
        if kind == "status":
            value = (event.get("value") or "").strip().lower()
            return 60 + STATUSES.index(value) if value in STATUSES else 95
        places = {"created": 10, "handover": 25, "satisfaction_offered": 80, "satisfaction": 90}
        if kind in ("team", "assignment", "priority", "category", "schedule"):
            return 20
        return places.get(kind, 95)

    steps: list[tuple[datetime, int, int, str, Row]] = [
        (max(e["occurred_at"], created), rank(e), len(e["event_id"]), e["event_id"], e) for e in events
    ]
    if not recorded:
        for name, place in (("first_responded_at", 50), ("resolved_at", 64)):
            if row.get(name) and row[name] <= as_of:
                steps.append(
                    (row[name], place, 0, "", {"event_type": name, "date_only": row.get("date_only")})
                )
    steps.sort(key=lambda step: step[:4])
    as_row_says = row["status"]

    status: str | None = "new"
    if not recorded:
        gone = is_done(as_row_says) and not row.get("resolved_at")
        status = None if gone else "open"
    started_date_only = "created_at" in (row.get("date_only") or "")
    held: dict[str, Any] = {}
    clock_of: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    touches: list[tuple[Moment, Row, datetime | None]] = []
    done_moments: list[tuple[str, Moment, Row]] = []
    reopened: list[datetime] = []
    sessions: dict[Any, Row] = {}
    last_loose: datetime | None = None
    loose = 0
    ratings: list[str] = []
    handover: Moment | None = None
    after_handover: Moment | None = None
    bot: Moment | None = None
    turn: Row | None = None
    first_contact: Moment | None = None
    inexact_status, inexact_assignment = started_date_only, False
    previous_assignee = previous_team = None
    now = created

    def in_force(at: datetime) -> Row:
        known = [v for v in versions if v.get("updated_at") is None or v["updated_at"] <= at]
        return known[-1] if known else versions[0]

    def moment(at: datetime, event: Row, actor: str | None, kind: str = "") -> Moment:
        version = in_force(at)
        assignee = held["assignee"] if "assignee" in held else version["agent_key"]
        values = {
            "channel": version["channel"],
            "product": version["product"],
            "brand": version["brand"],
            "tier": version["attributes"]["tier"],
            "agent": actor or assignee,
            "segment": segment_at(row["customer_key"], at),
        }
        for name in ("team", "priority", "category"):
            values[name] = held[name] if name in held else version[name]
        inexact = event.get("event_type", "occurred_at") in (event.get("date_only") or "") or (
            event.get("date_only") == "occurred_at"
        )
        return Moment(at, not inexact, values, kind)

    def pass_time(until: datetime) -> None:
        unassigned = status is not None and not is_done(status) and not held.get("assignee")
        span = (until - now).total_seconds() / 60
        clock_of[str(status)] += span
        clock_of["unassigned"] += span if unassigned else 0
        if until > now:
            story.spans.append(Span(now, until, status, unassigned))

    opening = moment(created, {}, None, "opened")
    if status is not None:
        story.flows.append(("opened", opening))
    story.states.append((created, status is not None, {}))
    row_response: Moment | None = None
    row_solve: Moment | None = None

    for at, _, _, _, event in steps:
        pass_time(at)
        now = at
        kind = public_kind(event)
        author = author_of(event)
        actor = event.get("agent_key") if author == "agent" else None
        if kind in ("team", "priority", "category", "schedule"):
            story.changes.append((at, kind, event.get("value")))
        if kind in ("team", "priority", "category", "assignment"):
            value = event.get("agent_key") if kind == "assignment" else event.get("value")
            if kind == "assignment":
                count["handoffs"] += bool(value and previous_assignee and value != previous_assignee)
                previous_assignee = value or previous_assignee
                inexact_assignment |= "date_only" in event
                held["assignee"] = value
            else:
                if kind == "team":
                    count["transfers"] += bool(value and previous_team and value != previous_team)
                    previous_team = value or previous_team
                held[kind] = value
        elif kind == "first_responded_at":
            row_response = moment(at, event, None)
        elif kind == "resolved_at":
            row_solve = moment(at, event, None, "solved")
            if is_done(as_row_says):
                status = "solved"
                story.flows.append(("solved", row_solve))
                if turn:
                    turn |= {"outcome": "solved", "ended": row_solve}
                    story.turns.append(turn)
                    turn = None
        elif kind == "handover":
            handover = handover or moment(at, event, None)
        elif kind == "satisfaction_offered":
            count["offered"] += 1
        elif kind == "satisfaction":
            ratings.append(event["value"])
        elif kind == "note":
            count["notes"] += 1
        elif kind in ("reply", "call"):
            human = answers(event)
            contact = author == "customer"
            count[f"{kind} {author}"] += 1
            count["messages"] += 1
            if contact and first_contact is None:
                first_contact = moment(at, event, None)
            if kind == "reply" and author == "bot":
                bot = bot or moment(at, event, None)
            waiting_since = None
            in_answered_session = False
            if (
                event["event_type"] == "reply"
                and kind == "reply"
                and (event.get("session_id") or channel == "chat")
            ):
                key: Any = event.get("session_id")
                if not key:
                    if last_loose is not None and (at - last_loose).total_seconds() > 1800:
                        loose += 1
                    last_loose = at
                    key = loose
                session = sessions.setdefault(key, {"answered": False, "waiting": None})
                waiting_since = session["waiting"]
                in_answered_session = session["answered"]
                session["answered"] |= human
                if contact and session["waiting"] is None:
                    session["waiting"] = at
            if human and not in_answered_session:
                who = event.get("agent_key")
                touch = moment(at, event, who)
                touches.append((touch, event, waiting_since))
                if handover:
                    after_handover = after_handover or touch
                if turn:
                    turn |= {"outcome": "replied", "ended": touch}
                    story.turns.append(turn)
                    turn = None
            elif contact and not human and not in_answered_session and touches:
                if turn is None:
                    turn = {"started": moment(at, event, None), "messages": 0}
                turn["messages"] += 1
        elif kind == "status":
            value = (event.get("value") or "").strip().lower()
            if value in STATUSES and value != status:
                was, status = status, value
                inexact_status |= "date_only" in event
                change = moment(at, event, actor, value)
                done_moments.append((value, change, event))
                if is_done(value) and not is_done(was):
                    story.flows.append(("solved", change))
                    if turn:
                        turn |= {"outcome": "solved", "ended": change}
                        story.turns.append(turn)
                        turn = None
                if is_done(was) and not is_done(value):
                    reopened.append(at)
                    story.flows.append(("reopened", change))
        story.states.append((at, status is not None and not is_done(status), dict(held)))
    pass_time(as_of)
    story.versions = versions
    if turn:
        story.turns.append(turn | {"outcome": "open", "ended": None})

    solves = [(m, e) for value, m, e in done_moments if value == "solved"] or [
        (m, e) for value, m, e in done_moments if value == "closed"
    ]
    if row_solve:
        solves = [(row_solve, {})]
    first_solve = solves[0][0] if solves else None
    last_solve = solves[-1][0] if solves else None
    solver = author_of(solves[0][1]) if solves else None
    final_status = status if recorded else as_row_says
    first_touch, touch_event, waited_from = touches[0] if touches else (None, {}, None)
    response = row_response or first_touch
    clock = created if inbound else spoke
    contact_exact = first_contact is None or first_contact.exact
    clock_exact = not started_date_only if inbound else contact_exact
    known = recorded or count["messages"] > 0
    reopens: int | None = len(reopened)
    if not recorded:
        reopens = row.get("reopen_count")
        if (
            reopens is None
            and row.get("resolved_at")
            and row["resolved_at"] <= as_of
            and not is_done(as_row_says)
        ):
            reopens = 1

    first_response = None
    since = clock
    if response:
        live = (
            row_response is None
            and channel in ("chat", "phone")
            and (spoke is None or spoke >= (waited_from or response.at))
        )
        if live and touch_event.get("wait_seconds") is not None:
            first_response = touch_event["wait_seconds"] / 60
            since = response.at - timedelta(seconds=touch_event["wait_seconds"])
        elif live and waited_from:
            first_response = minutes(waited_from, response.at, response.exact and contact_exact)
            since = waited_from
        else:
            first_response = minutes(clock, response.at, response.exact and clock_exact)

    def resolution(solve: Moment | None) -> float | None:
        if solve is None or clock is None or solve.at < clock:
            return None
        return minutes(clock, solve.at, solve.exact and clock_exact)

    replied = [t["minutes"] for t in timed(story.turns, as_of) if t["outcome"] == "replied"]
    replied = [value for value in replied if value is not None]
    resolved = is_done(final_status)
    times = recorded and not inexact_status
    unassigned_known = times and not inexact_assignment and ("assignee" in held or not row["agent_key"])
    story.moments = {
        "first_response": response,
        "first_bot_reply": bot,
        "touch_after_handover": after_handover,
        "first_solve": first_solve,
        "last_solve": last_solve,
        "lasting_solve": last_solve if resolved else None,
    }
    story.touches = [touch for touch, _, _ in touches]
    story.exact_clock, story.exact_statuses = clock_exact, not inexact_status
    ends = {
        "first_response": (since, response),
        "first_bot_response": (clock, bot),
        "first_response_after_handover": (handover and handover.at, after_handover),
        "first_resolution": (clock, first_solve),
        "resolution": (clock, last_solve),
    }
    story.waits = {name: [(start, end.at)] for name, (start, end) in ends.items() if start and end}
    waiting = {
        "requester_wait": ("new", "open", "on_hold"),
        "agent_wait": ("pending",),
        "on_hold": ("on_hold",),
    }
    for name, among in waiting.items():
        story.waits[name] = [(span.start, span.end) for span in story.spans if span.status in among]
    story.waits["unassigned"] = [(span.start, span.end) for span in story.spans if span.is_unassigned]
    story.columns = {
        "status": final_status,
        "has_event_history": recorded,
        "has_status_mismatch": recorded and final_status != as_row_says,
        "clock_started_at": clock,
        "first_responded_at": response and response.at,
        "first_solved_at": first_solve and first_solve.at,
        "resolved_at": last_solve.at if last_solve and resolved else None,
        "first_reopened_at": reopened[0] if reopened else None,
        "first_bot_reply_at": bot and bot.at,
        "handover_at": handover and handover.at,
        "first_response_calendar_minutes": first_response,
        "first_bot_response_calendar_minutes": span(clock, bot, clock_exact),
        "first_response_after_handover_calendar_minutes": span(
            handover.at if handover else None, after_handover, handover is None or handover.exact
        ),
        "next_response_calendar_minutes": statistics.fmean(replied) if replied else None,
        "first_resolution_calendar_minutes": None
        if not recorded and (reopens or 0) > 0
        else resolution(first_solve),
        "resolution_calendar_minutes": resolution(last_solve) if resolved else None,
        "requester_wait_calendar_minutes": clock_of["new"] + clock_of["open"] + clock_of["on_hold"]
        if times
        else None,
        "agent_wait_calendar_minutes": clock_of["pending"] if times else None,
        "on_hold_calendar_minutes": clock_of["on_hold"] if times else None,
        "unassigned_calendar_minutes": clock_of["unassigned"] if unassigned_known else None,
        "touch_count": len(touches) if known else None,
        "agent_reply_count": count["reply agent"] if known else None,
        "customer_reply_count": count["reply customer"] if known else None,
        "bot_reply_count": count["reply bot"] if known else None,
        "automatic_reply_count": count["reply system"] if known else None,
        "note_count": count["notes"] if known else None,
        "call_count": sum(n for name, n in count.items() if name.startswith("call")) if known else None,
        "handoff_count": count["handoffs"] if recorded else None,
        "transfer_count": count["transfers"] if recorded else None,
        "reopen_count": reopens,
        "event_count": len(events),
        "duplicate_event_count": repeats,
        "replied_turn_count": sum(t["outcome"] == "replied" for t in story.turns),
        "solved_turn_count": sum(t["outcome"] == "solved" for t in story.turns),
        "open_turn_count": sum(t["outcome"] == "open" for t in story.turns),
        "is_reopened": None if reopens is None else reopens > 0,
        "is_auto_solved": solver == "system" if first_solve else None,
        "is_satisfaction_offered": count["offered"] > 0,
        "is_satisfaction_answered": bool(ratings),
        "is_satisfaction_changed": bool(ratings) and ratings[0] != ratings[-1],
        "satisfaction_value": ratings[-1] if ratings else None,
        "solver": solver,
        "known": known,
        "reopened_early": (
            bool(reopened) and first_solve is not None and reopened[0] - first_solve.at <= WINDOW
            if recorded
            else (None if reopens is None else reopens > 0)
        ),
    }
    return story


def timed(turns: list[Row], as_of: datetime) -> Iterator[Row]:
    for turn in turns:
        end = turn["ended"]
        exact = turn["started"].exact and (end is None or end.exact)
        yield turn | {"minutes": minutes(turn["started"].at, end.at if end else as_of, exact)}


def judge(stories: list[Story], contacts: list[Row], as_of: datetime) -> None:
    """The flags that need other tickets: follow-ups and customers who come back."""
    for story in stories:
        columns, row = story.columns, story.row
        solve = story.moments["first_solve"]
        inbound = row["direction"] == "inbound"
        counted = inbound and solve is not None
        touches, known = columns["touch_count"], columns["known"]
        passed = solve is not None and solve.at + WINDOW <= as_of

        def near(contact: Row, solve: Moment | None = solve) -> bool:
            return solve is not None and solve.at < contact["created_at"] <= solve.at + WINDOW

        followed = any(
            near(c) and c["source"] == row["source"] and c.get("parent_ticket_id") == row["ticket_id"]
            for c in contacts
        )
        category = solve.values["category"] if solve else None
        back = row["customer_key"] is not None and any(
            near(c)
            and c["direction"] == "inbound"
            and c["customer_key"] == row["customer_key"]
            and (category is None or c["category"] is None or c["category"] == category)
            for c in contacts
        )
        early = columns["reopened_early"]
        self_served = touches == 0 and columns["solver"] in ("customer", "bot")
        columns["is_one_touch"] = touches == 1 if counted and known and touches > 0 else None
        judged = counted and known and passed and row["customer_key"] is not None and early is not None
        clean = not early and not followed and not back
        columns["is_first_contact_resolved"] = touches == 1 and clean if judged and touches > 0 else None
        columns["is_reopened_or_followed_up"] = (
            (early or followed) if counted and passed and early is not None else None
        )
        columns["is_self_served"] = self_served if counted and known else None
        columns["is_bot_contained"] = (
            self_served and clean if judged and columns["bot_reply_count"] > 0 else None
        )
        reasons = [
            ("outbound", not inbound),
            ("not_solved", solve is None),
            ("touches_unknown", not known),
            ("no_touch", touches == 0),
            ("no_customer", row["customer_key"] is None),
            ("reopens_unknown", early is None),
            ("window_open", not passed),
        ]
        columns["fcr_exclusion"] = next((reason for reason, holds in reasons if holds), None)


# --- the tests --------------------------------------------------------------------------------------


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
    with build_warehouse(
        tmp_path_factory.mktemp("oracle"), rows, select=select, variables=variables
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
    rows = trial.warehouse.dicts(
        f"select grain, period_start, dimension, dimension_value, {kpi} as value, "
        f"columns('{kpi}_(.*)') as '\\1' "
        f"from int_kpi_response_time where {kpi}_n is not null and slot = 'current'"
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
