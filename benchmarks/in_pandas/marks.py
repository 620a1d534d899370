"""Which happenings count as what: touches, solves, reopenings, and turns between answers.

What enters: the spine.  What leaves: `Marks`, flags and running counts of its rows.  Called by `tickets`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.in_pandas.arrays import running, starts_of
from benchmarks.in_pandas.landed import NEVER, Array
from benchmarks.in_pandas.spine import BOT, ON_HOLD, PENDING, SOLVED, Kind, Spine

SESSION_GAP = 1_800_000_000


@dataclass(frozen=True)
class Marks:
    """Flags of the spine's rows; `turn` counts the answers before a row."""

    is_touch: Array
    is_waiting_contact: Array
    waiting_since: Array
    is_transition: Array
    is_done_now: Array
    is_reopen: Array
    is_handoff: Array
    is_transfer: Array
    is_valued: Array
    """Whether a row is one of those that KPIs and service levels speak of."""
    turn: Array


def is_done(status: Array) -> Array:
    """Whether a status is solved or closed."""
    return np.asarray(status >= SOLVED)


def is_waiting(status: Array) -> Array:
    """Whether somebody waits for the company."""
    return np.asarray((status >= 0) & (status < SOLVED) & (status != PENDING))


def is_unassigned(status: Array, assignee: Array) -> Array:
    """Whether a ticket is unsolved and nobody's."""
    return np.asarray((status >= 0) & ~is_done(status) & (assignee < 0))


def marks_of(spine: Spine) -> Marks:
    """Tell of each row what it counts as."""
    is_answered, waiting_since = _sessions(spine)
    is_touch = spine.is_answer & ~is_answered
    is_waiting_contact = spine.is_contact & ~spine.is_answer & ~is_answered
    before = spine.status_before
    sets = (spine.kind == Kind.STATUS) & (spine.value >= 0)
    is_transition = sets & (spine.value != np.where(before < 0, 0, before))
    is_done_now = (spine.kind == Kind.ROW_SOLVE) & (spine.value >= 0)
    is_done_now |= sets & is_done(spine.value) & ~is_done(before)
    is_reopen = sets & is_done(before) & ~is_done(spine.value)
    is_assignment, is_team = spine.kind == Kind.ASSIGNMENT, spine.kind == Kind.TEAM
    last_agent = spine.before(spine.held(is_assignment & (spine.agent >= 0), spine.agent, -1), -1)
    last_team = spine.before(spine.held(is_team & (spine.value >= 0), spine.value, -1), -1)
    is_handoff = is_assignment & (spine.agent >= 0) & (last_agent >= 0) & (spine.agent != last_agent)
    is_transfer = is_team & (spine.value >= 0) & (last_team >= 0) & (spine.value != last_team)
    is_bot_reply = (spine.kind == Kind.REPLY) & (spine.author == BOT)
    is_one = is_touch | is_done_now | spine.is_contact | is_reopen | is_bot_reply
    is_one |= is_transition & is_done(spine.value)
    is_one |= spine.is_kind(Kind.OPENED, Kind.ROW_RESPONSE, Kind.ROW_SOLVE)
    is_end = is_touch | is_done_now
    turn = running(is_end.astype(np.int32), spine.is_start) - is_end
    return Marks(
        is_touch,
        is_waiting_contact,
        waiting_since,
        is_transition,
        is_done_now,
        is_reopen,
        is_handoff,
        is_transfer,
        is_one & (~is_waiting_contact | is_touch),
        turn,
    )


def _sessions(spine: Spine) -> tuple[Array, Array]:
    """Of live messages: whether the session was answered before, and since when its customer waits.

    A session is the messages of one id, else those without a gap of more than 30 minutes.
    """
    rows = np.flatnonzero(spine.is_live & (spine.kind == Kind.REPLY))
    is_answered = np.zeros(len(spine.ticket), bool)
    waiting_since = np.full(len(spine.ticket), NEVER)
    if not len(rows):
        return is_answered, waiting_since
    rows = rows[np.lexsort((rows, spine.session[rows], spine.ticket[rows]))]
    session, moment = spine.session[rows], spine.moment[rows]
    is_start = starts_of(spine.ticket[rows], session)
    gap = np.diff(moment, prepend=moment[:1])
    is_start |= (session < 0) & (gap > SESSION_GAP)
    answers = spine.is_answer[rows].astype(np.int32)
    is_answered[rows] = running(answers, is_start) - answers > 0
    place = np.where(spine.is_contact[rows], np.arange(len(rows)), len(rows))
    first = np.minimum.reduceat(place, np.flatnonzero(is_start))[np.cumsum(is_start) - 1]
    waits = first < np.arange(len(rows))
    waiting_since[rows[waits]] = moment[first[waits]]
    return is_answered, waiting_since


def is_on_hold(status: Array) -> Array:
    """Whether a ticket waits for somebody else."""
    return np.asarray(status == ON_HOLD)
