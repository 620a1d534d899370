"""One row a ticket: the rows of its story that matter, counts, and sums of waits.

A ticket's clock never runs back, so the first of anything has the least reading of it.  A wait is the sum of
what the clock read whenever it ended less whenever it began.  Called by `tickets` and `ticket_answers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.in_pandas.arrays import starts_of, totals
from benchmarks.in_pandas.landed import NEVER, Array
from benchmarks.in_pandas.marks import Marks, is_on_hold, is_unassigned, is_waiting
from benchmarks.in_pandas.spine import BOT, CLOSED, CUSTOMER, PENDING, SOLVED, Kind, Spine


@dataclass(frozen=True)
class Moments:
    """By ticket: rows of the spine (-1 where there is none), flags, counts, and waits in microseconds."""

    first_touch: Array
    row_response: Array
    first_contact: Array
    first_bot_reply: Array
    handover: Array
    touch_after_handover: Array
    first_solve: Array
    last_solve: Array
    first_reopen: Array
    last_satisfaction: Array
    has_history: Array
    has_messages: Array
    has_assignments: Array
    is_offered: Array
    counts: dict[str, Array]
    waits: dict[str, tuple[Array, Array]]
    """By name: on the calendar, and on the ticket's clock."""


@dataclass(frozen=True)
class Turns:
    """The customer's turns: the first message of each, how many, and the row that ends it (-1: none)."""

    number: Array
    asked: Array
    messages: Array
    ended: Array


def moments_of(spine: Spine, marks: Marks, as_of: int) -> Moments:
    """Find them all."""
    tickets = len(spine.first)

    def first(which: Array) -> Array:
        rows = np.flatnonzero(which)[::-1]
        return _placed(rows, spine.ticket[rows], tickets)

    def last(which: Array) -> Array:
        rows = np.flatnonzero(which)
        return _placed(rows, spine.ticket[rows], tickets)

    def count(which: Array) -> Array:
        return totals(spine.ticket[which], tickets)

    kind, author = spine.kind, spine.author
    is_reply, is_row_solve = kind == Kind.REPLY, kind == Kind.ROW_SOLVE
    solved, closed = (marks.is_transition & (spine.value == status) for status in (SOLVED, CLOSED))
    handover = first(kind == Kind.HANDOVER)
    touches = np.append(np.flatnonzero(marks.is_touch), len(kind))
    after = touches[np.searchsorted(touches, handover, side="right")]
    is_own = (handover >= 0) & (after < spine.end)
    who = {"agent": is_reply & (author == 2), "customer": is_reply & (author == CUSTOMER)}
    return Moments(
        first_touch=first(marks.is_touch),
        row_response=first(kind == Kind.ROW_RESPONSE),
        first_contact=first(spine.is_contact),
        first_bot_reply=first(is_reply & (author == BOT)),
        handover=handover,
        touch_after_handover=np.where(is_own, after, -1),
        first_solve=_first_known(first(solved), first(closed), first(is_row_solve)),
        last_solve=_first_known(last(solved), last(closed), last(is_row_solve)),
        first_reopen=first(marks.is_reopen),
        last_satisfaction=last(kind == Kind.SATISFACTION),
        has_history=count(spine.is_kind(Kind.CREATED, Kind.STATUS)) > 0,
        has_messages=count(spine.is_kind(Kind.REPLY, Kind.CALL)) > 0,
        has_assignments=count(kind == Kind.ASSIGNMENT) > 0,
        is_offered=count(kind == Kind.OFFERED) > 0,
        counts={
            "touch": count(marks.is_touch),
            "agent_reply": count(who["agent"]),
            "customer_reply": count(who["customer"]),
            "bot_reply": count(is_reply & (author == BOT)),
            "note": count(kind == Kind.NOTE),
            "call": count(kind == Kind.CALL),
            "handoff": count(marks.is_handoff),
            "transfer": count(marks.is_transfer),
            "reopen": count(marks.is_reopen),
            "event": count(spine.is_event),
        },
        waits=_waits(spine, as_of),
    )


def _placed(rows: Array, ticket: Array, tickets: int) -> Array:
    """By ticket: the last of the rows given."""
    placed = np.full(tickets, -1)
    placed[ticket] = rows
    return placed


def _first_known(*rows: Array) -> Array:
    known = rows[-1]
    for one in rows[-2::-1]:
        known = np.where(one >= 0, one, known)
    return known


def _waits(spine: Spine, as_of: int) -> dict[str, tuple[Array, Array]]:
    """How long each state lasted in all, up to as_of where it lasts."""
    assignee, before = spine.assignee, spine.before(spine.assignee)
    states = {
        "requester_wait": (is_waiting(spine.status_before), is_waiting(spine.status)),
        "agent_wait": (spine.status_before == PENDING, spine.status == PENDING),
        "on_hold": (is_on_hold(spine.status_before), is_on_hold(spine.status)),
        "unassigned": (is_unassigned(spine.status_before, before), is_unassigned(spine.status, assignee)),
    }
    waits = {}
    for name, (was, stands) in states.items():
        rows = np.flatnonzero(was != stands)
        change = was[rows].astype(np.int64) - stands[rows]
        ticket = spine.ticket[rows]
        sums = []
        for ends, now in ((spine.moment, as_of), (spine.clock_us, spine.as_of_us)):
            # a state that lasts has begun once more than it ended
            total = np.zeros(len(spine.first), np.int64)
            lasts = -_summed(change, ticket, total)
            sums.append(_summed(ends[rows] * change, ticket, total) + lasts * now)
        waits[name] = sums[0], sums[1]
    return waits


def _summed(values: Array, ticket: Array, zeros: Array) -> Array:
    """Whole numbers added up by ticket, exactly."""
    result = zeros.copy()
    if len(values):
        at = np.flatnonzero(starts_of(ticket))
        result[ticket[at]] = np.add.reduceat(values, at)
    return result


def turns_of(spine: Spine, marks: Marks, moments: Moments) -> Turns:
    """The stretches of the customer's messages after the first touch, up to the next touch or solve."""
    touched = moments.first_touch[spine.ticket]
    rows = np.flatnonzero(marks.is_waiting_contact & (touched >= 0))
    rows = rows[rows > touched[rows]]
    ticket, turn = spine.ticket[rows], marks.turn[rows]
    at = np.flatnonzero(starts_of(ticket, turn))
    ends = np.append(np.flatnonzero(marks.is_touch | marks.is_done_now), len(spine.ticket))
    asked = rows[at]
    ended = ends[np.searchsorted(ends, asked, side="right")]
    ended = np.where(ended < spine.end[ticket[at]], ended, -1)
    return Turns(turn[at], asked, np.diff(np.append(at, len(rows))), ended)


def at(values: Array, rows: Array, none: int = NEVER) -> Array:
    """The values of rows of the spine, `none` where there is no row."""
    return np.where(rows >= 0, values[rows], none)
