"""A ticket told in plain Python: the walk through its events that shares no code with the models.

What enters: the versions of a ticket's row and its events.  What leaves: a `Story`, with the columns of
`fct_tickets` it must have, the moments KPIs are told by, its turns, touches and stretches of status.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.dbt.ticket_company import STATUSES

WINDOW = timedelta(days=7)

Row = dict[str, Any]


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
    values_at: Callable[[datetime], Row] = field(default=lambda _at: {})


@dataclass(frozen=True)
class Span:
    """A stretch of a ticket's life between two happenings."""

    start: datetime
    end: datetime
    status: str | None
    is_unassigned: bool


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

    def values(at: datetime, said: dict[str, Any], actor: str | None) -> Row:
        version = in_force(at)
        assignee = said["assignee"] if "assignee" in said else version["agent_key"]
        values = {
            "channel": version["channel"],
            "product": version["product"],
            "brand": version["brand"],
            "tier": version["attributes"]["tier"],
            "agent": actor or assignee,
            "segment": segment_at(row["customer_key"], at),
        }
        for name in ("team", "priority", "category"):
            values[name] = said[name] if name in said else version[name]
        return values

    def moment(at: datetime, event: Row, actor: str | None, kind: str = "") -> Moment:
        inexact = event.get("event_type", "occurred_at") in (event.get("date_only") or "") or (
            event.get("date_only") == "occurred_at"
        )
        return Moment(at, not inexact, values(at, held, actor), kind)

    def values_at(at: datetime) -> Row:
        said = [held for since, _, held in story.states if since <= at]
        return values(at, said[-1], None)

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
    story.values_at = values_at
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
