"""A ticket's durations on both clocks, counts and flags; its customer's turns.

What enters: the spine's moments and turns.  What leaves: `Story`, written as `ticket_answers`, and
`reply_answers`.  Called by `tickets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.in_pandas import written
from benchmarks.in_pandas.arrays import last_within, totals
from benchmarks.in_pandas.dimensions import DIMENSIONS, Values
from benchmarks.in_pandas.landed import NEVER, Array, codes_in, instants, is_one_of
from benchmarks.in_pandas.marks import is_done
from benchmarks.in_pandas.moments import Moments, Turns, at
from benchmarks.in_pandas.spine import BOT, CUSTOMER, STATUSES, SYSTEM
from benchmarks.in_pandas.ticket_rows import is_inexact

MINUTE = 60_000_000.0
WINDOW = 604_800_000_000
Pair = tuple[Array, Array]


@dataclass(frozen=True)
class Story:
    """What later steps ask of a ticket: where its clock starts, how it stands, and its durations."""

    is_inbound: Array
    is_inexact: Array
    has_history: Array
    started: Array
    """The row its clock starts at; -1 where nobody has asked."""
    started_at: Array
    started_us: Array
    status: Array
    is_solved: Array
    durations: dict[str, tuple[Array, Pair]]
    """By metric: the row that ends it, and the minutes on both clocks (NaN where there are none)."""
    flags: dict[str, Pair]
    """By name: yes or no, and whether it applies."""
    counts: dict[str, Pair]


def minutes(earlier: Array, later: Array) -> Array:
    """Minutes from one instant to another, none where it is earlier; NaN where one is not known."""
    known = (earlier != NEVER) & (later != NEVER)
    return np.where(known, np.maximum(later - earlier, 0) / MINUTE, np.nan)


def story_of(values: Values, moments: Moments, came_back: Pair) -> Story:
    """Measure every ticket."""
    tickets, spine, counted, as_of = values.tickets, values.spine, values.counted, values.as_of
    rows = tickets.rows.take(counted)
    m, has_history = moments, moments.has_history
    direction = rows["direction"]
    is_inbound = is_one_of(direction, "inbound") | direction.isna().to_numpy()
    inexact = is_inexact(tickets)
    created = instants(rows["created_at"])
    started = np.where(is_inbound, spine.first, m.first_contact)
    started_at = np.where(is_inbound, created, at(spine.moment, m.first_contact))
    started_us = np.where(is_inbound, spine.clock_us[spine.first], at(spine.clock_us, m.first_contact))
    row_status = codes_in(written.index(STATUSES), rows["status"])
    status = np.where(has_history, spine.status[spine.end - 1], row_status)
    is_solved = is_done(status)
    responded = np.where(m.row_response >= 0, m.row_response, m.first_touch)
    starts = (
        np.where(is_inbound & inexact, NEVER, started_at),
        np.where(is_inbound & inexact, NEVER, started_us),
    )

    def since_start(row: Array, applies: Array | bool = True) -> Pair:
        calendar, business = (
            np.where(applies, minutes(start, at(clock, row)), np.nan)
            for start, clock in zip(starts, (spine.moment, spine.clock_us), strict=True)
        )
        return calendar, business

    first_at, last_at = at(spine.moment, m.first_solve), at(spine.moment, m.last_solve)
    resolved = instants(rows["resolved_at"])
    told = rows["reopen_count"].to_numpy(float)
    implied = (resolved != NEVER) & (resolved <= as_of) & ~is_done(row_status)
    reopens = np.where(has_history, m.counts["reopen"], np.where(np.isnan(told) & implied, 1.0, told))
    is_first = (m.first_solve >= 0) & (first_at >= started_at) & (started_at != NEVER)
    is_first &= has_history | (np.nan_to_num(reopens) == 0)
    is_last = (m.last_solve >= 0) & (last_at >= started_at) & (started_at != NEVER) & is_solved
    after = m.touch_after_handover
    handed = tuple(
        minutes(at(clock, m.handover), at(clock, after)) for clock in (spine.moment, spine.clock_us)
    )
    lasting = np.where(is_solved, m.last_solve, -1)
    durations: dict[str, tuple[Array, Pair]] = {
        "first_response": (responded, _first_response(values, m, since_start(responded))),
        "first_bot_response": (m.first_bot_reply, since_start(m.first_bot_reply)),
        "first_response_after_handover": (after, (handed[0], handed[1])),
        "first_resolution": (m.first_solve, since_start(m.first_solve, is_first)),
        "resolution": (m.last_solve, since_start(m.last_solve, is_last)),
    }
    has_assignee = m.has_assignments | rows["agent_key"].isna().to_numpy()
    for name, waits in m.waits.items():
        applies = has_history & ~inexact & (has_assignee if name == "unassigned" else True)
        calendar, business = (np.where(applies, wait / MINUTE, np.nan) for wait in waits)
        durations[name] = lasting, (calendar, business)
    is_counted = has_history | m.has_messages
    counts = {
        f"{name}_count": (m.counts[name], has_history if name in ("handoff", "transfer") else is_counted)
        for name in (
            "touch",
            "agent_reply",
            "customer_reply",
            "bot_reply",
            "note",
            "call",
            "handoff",
            "transfer",
        )
    }
    counts["reopen_count"] = np.nan_to_num(reopens), ~np.isnan(reopens)
    counts["event_count"] = m.counts["event"], np.ones(len(rows), bool)
    has_customer = rows["customer_key"].notna().to_numpy()
    reopened_at = at(spine.moment, m.first_reopen)
    early = np.where(has_history, (reopened_at != NEVER) & (reopened_at - first_at <= WINDOW), reopens > 0)
    is_known = (
        (has_history | ~np.isnan(reopens)) & (m.first_solve >= 0) & (as_of - first_at >= WINDOW) & is_inbound
    )
    followed, contacted = ((back != NEVER) & (back - first_at <= WINDOW) for back in came_back)
    touches = m.counts["touch"]
    solver = at(spine.author, m.first_solve, -1)
    has_solve = m.first_solve >= 0
    is_alone = (touches == 0) & ((solver == CUSTOMER) | (solver == BOT))
    stays = ~early & ~followed & ~contacted
    flags = {
        "is_one_touch": (touches == 1, is_inbound & has_solve & is_counted & (touches > 0)),
        "is_first_contact_resolved": (
            (touches == 1) & stays,
            is_known & is_counted & (touches > 0) & has_customer,
        ),
        "is_reopened_or_followed_up": (early | followed, is_known),
        "is_self_served": (is_alone, is_inbound & has_solve & is_counted),
        "is_bot_contained": (
            is_alone & stays,
            is_known & is_counted & (m.counts["bot_reply"] > 0) & has_customer,
        ),
        "is_auto_solved": (solver == SYSTEM, has_solve),
    }
    return Story(
        is_inbound,
        inexact,
        has_history,
        started,
        started_at,
        started_us,
        status,
        lasting >= 0,
        durations,
        flags,
        counts,
    )


def _first_response(values: Values, m: Moments, from_start: Pair) -> Pair:
    """From the start, or where a live contact waited in a queue, from when it entered that."""
    spine, marks, counted = values.spine, values.marks, values.counted
    is_live = is_one_of(values.tickets.rows["channel"], "chat", "phone")[counted] & (m.row_response < 0)
    wait = np.where(m.first_touch >= 0, spine.wait_seconds[m.first_touch], np.nan)
    since = at(marks.waiting_since, m.first_touch)
    touched, contact = at(spine.moment, m.first_touch), at(spine.moment, m.first_contact)
    beginning = np.where(since != NEVER, since, touched)
    is_queued = is_live & ((contact == NEVER) | (contact >= beginning) & (beginning != NEVER))
    has_wait = ~np.isnan(wait)
    queue = is_queued & (has_wait | (since != NEVER))
    entered = np.where(has_wait, touched - np.round(1e6 * np.nan_to_num(wait)).astype(np.int64), since)
    some = np.flatnonzero(queue)
    looked = np.maximum(entered[some], spine.moment[spine.first[some]])
    row = last_within(spine.moment, spine.first[some], spine.end[some], looked)
    ahead = spine.clock_us[row] - spine.schedule_us[row]
    entered_us = np.full(len(wait), NEVER)
    entered_us[some] = ahead + values.clocks.reading(spine.schedule[row], entered[some])
    waited = np.where(has_wait, wait / 60, minutes(since, touched))
    business = minutes(entered_us, at(spine.clock_us, m.first_touch))
    return np.where(queue, waited, from_start[0]), np.where(queue, business, from_start[1])


def turn_minutes(values: Values, turns: Turns) -> Pair:
    """How long each turn that has ended took, on both clocks."""
    spine = values.spine
    calendar, business = (
        minutes(clock[turns.asked], at(clock, turns.ended)) for clock in (spine.moment, spine.clock_us)
    )
    return calendar, business


def write_tickets(folder: Path, values: Values, story: Story, m: Moments, turns: Turns) -> None:
    """Write `ticket_answers`."""
    spine, rows = values.spine, values.tickets.rows.take(values.counted)
    size = len(rows)
    outcome = outcomes(values, turns)
    ticket = spine.ticket[turns.asked]
    replied = outcome == 0
    replies = totals(ticket[replied], size)
    columns = {
        "source": written.texts(rows["source"]),
        "ticket_id": written.texts(rows["ticket_id"]),
        "is_inbound": written.flags(story.is_inbound),
        "status": written.names(story.status, STATUSES),
        "started_at": written.moments(story.started_at),
        "first_solved_at": written.moments(at(spine.moment, m.first_solve)),
        "responded_at": written.moments(at(spine.moment, story.durations["first_response"][0])),
        "resolved_at": written.moments(np.where(story.is_solved, at(spine.moment, m.last_solve), NEVER)),
    }
    for name, (_, (calendar, business)) in story.durations.items():
        columns[f"{name}_calendar_minutes"] = written.numbers(calendar)
        columns[f"{name}_business_minutes"] = written.numbers(business)
    for clock, spent in zip(("calendar", "business"), turn_minutes(values, turns), strict=True):
        total = totals(ticket[replied], size, spent[replied])
        with np.errstate(invalid="ignore"):
            columns[f"next_response_{clock}_minutes"] = written.numbers(
                np.where(replies > 0, total / replies, np.nan)
            )
    columns |= {name: written.counts(count, known) for name, (count, known) in story.counts.items()}
    columns |= {name: written.flags(flag, known) for name, (flag, known) in story.flags.items()}
    for number, name in enumerate(("replied", "solved", "open")):
        columns[f"{name}_turn_count"] = written.counts(totals(ticket[outcome == number], size))
    columns["is_satisfaction_offered"] = written.flags(m.is_offered)
    columns["satisfaction_value"] = written.names(
        at(spine.value, m.last_satisfaction, -1), values.names.satisfaction
    )
    written.write(folder, "ticket_answers", columns)


def outcomes(values: Values, turns: Turns) -> Array:
    """How each turn ended: 0 replied, 1 solved, 2 open."""
    return np.where(turns.ended < 0, 2, np.where(values.marks.is_touch[turns.ended], 0, 1))


def write_turns(folder: Path, values: Values, turns: Turns) -> None:
    """Write `reply_answers`."""
    spine, as_of = values.spine, values.as_of
    ticket = spine.ticket[turns.asked]
    rows = values.tickets.rows.take(values.counted[ticket])
    ended_at, ended_us = at(spine.moment, turns.ended), at(spine.clock_us, turns.ended)
    is_open = turns.ended < 0
    columns = {
        "source": written.texts(rows["source"]),
        "ticket_id": written.texts(rows["ticket_id"]),
        "turn_number": written.counts(turns.number),
        "outcome": written.names(outcomes(values, turns), ("replied", "solved", "open")),
        "turn_started_at": written.moments(spine.moment[turns.asked]),
        "turn_ended_at": written.moments(ended_at),
        "message_count": written.counts(turns.messages),
        "turn_calendar_minutes": written.numbers(
            minutes(spine.moment[turns.asked], np.where(is_open, as_of, ended_at))
        ),
        "turn_business_minutes": written.numbers(
            (np.where(is_open, spine.as_of_us[ticket], ended_us) - spine.clock_us[turns.asked]) / MINUTE
        ),
    }
    for name in DIMENSIONS:
        codes = np.where(is_open, -1, values.codes(name, np.where(is_open, 0, turns.ended)))
        columns[name] = written.names(codes, values.names_of(name))
    written.write(folder, "reply_answers", columns)
