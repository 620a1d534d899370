"""When each service level is due, and whether it was kept: held against every target that governs it.

What enters: runs, their spans, targets.  What leaves: `Decided`, written as `sla_answers`.
Called by `tickets`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from benchmarks.in_pandas import written
from benchmarks.in_pandas.arrays import running, starts_of
from benchmarks.in_pandas.clock import Clocks
from benchmarks.in_pandas.dimensions import Values
from benchmarks.in_pandas.landed import NEVER, Array, local_days
from benchmarks.in_pandas.moments import at
from benchmarks.in_pandas.service_levels import BARS, INEXACT, METRICS, NO_EVENTS, Runs, Spans, Targets
from benchmarks.in_pandas.ticket_answers import MINUTE, Story

_LATE = 2**62
STATES = ("not_applicable", "breached", "met", "paused", "pending")
NOT_APPLICABLE, BREACHED, MET, PAUSED, PENDING = range(5)
REASONS = (*BARS, "no_target")


@dataclass(frozen=True)
class Due:
    """A run held against a target."""

    run: Array
    target: Array
    elapsed_us: Array
    due_at: Array
    breached_at: Array
    """_LATE where it was not."""
    schedule: Array
    priority: Array
    is_in_force: Array
    is_paused: Array


@dataclass(frozen=True)
class Decided:
    """By run: its state and why it has none (-1: it has), the target that decided it (-1: none), and when."""

    state: Array
    reason: Array
    target: Array
    schedule: Array
    priority: Array
    elapsed_us: Array
    due_at: Array
    breached_at: Array
    day: Array


def _last_of(starts: Array, which: Array, values: Array, none: int) -> Array:
    """By run: the value of its one row that is chosen, `none` where there is none."""
    chosen = np.maximum.reduceat(np.where(which, np.arange(len(which)), -1), starts)
    return np.where(chosen >= 0, values[chosen], none)


def _held(spans: Spans, rows: Array, number: int, targets: Targets, clocks: Clocks) -> Due:
    """The runs of `rows` (spans, all of each run) held against one target."""
    run = spans.run[rows]
    is_start = starts_of(run)
    starts = np.flatnonzero(is_start)
    begins, ends, is_last = spans.begins_at[rows], spans.ends_at[rows], spans.is_last[rows]
    schedule, priority = spans.schedule[rows], spans.priority[rows]
    target_us = int(targets.target_us[number])
    is_business = bool(targets.is_business[number])
    is_paused = targets.pauses[number][spans.status[rows]]
    is_governing = spans.target[rows] == number
    counted = np.where(is_paused, 0, spans.open_us[rows] if is_business else ends - begins)
    after = running(counted, is_start)
    is_reaching = (after >= target_us) & (after - counted < target_us)
    elapsed = np.add.reduceat(counted, starts)
    ended_at = _last_of(starts, is_last, ends, NEVER)
    last_schedule = _last_of(starts, is_last, schedule, -1)
    due_from = _last_of(starts, is_reaching, begins, NEVER)
    is_reached = due_from != NEVER
    due_schedule = np.where(is_reached, _last_of(starts, is_reaching, schedule, -1), last_schedule)
    due_from = np.where(is_reached, due_from, ended_at)
    left = _last_of(starts, is_reaching, target_us - after + counted, 0)
    due_after = np.where(is_reached, left, target_us - elapsed)
    if is_business:
        due_at = clocks.instant(due_schedule, due_after + clocks.reading(due_schedule, due_from))
    else:
        due_at = due_from + due_after
    # the first two stretches it governs in or after which it is reached; of no length only the last governs
    is_over = is_governing & (after >= target_us) & ((begins < ends) | is_last)
    place = np.arange(len(rows))
    first = np.minimum.reduceat(np.where(is_over, place, len(rows)), starts)
    is_second = is_over & (place > np.repeat(first, np.diff(np.append(starts, len(rows)))))
    second = np.minimum.reduceat(np.where(is_second, place, len(rows)), starts)
    begins_or, ends_or = np.append(begins, _LATE), np.append(ends, _LATE)
    in_first = (np.maximum(due_at, begins_or[first]) < ends_or[first]) | (ends_or[first] == ended_at)
    breach = np.where((first < len(rows)) & in_first, first, second)
    breach = np.where(due_at >= ended_at, len(rows), breach)
    is_breached = breach < len(rows)
    return Due(
        run[starts],
        np.full(len(starts), number),
        elapsed,
        due_at,
        np.where(is_breached, np.maximum(due_at, begins_or[breach]), _LATE),
        np.where(is_breached, due_schedule, last_schedule),
        np.where(is_breached, np.append(priority, -1)[breach], _last_of(starts, is_last, priority, -1)),
        np.logical_or.reduceat(is_last & is_governing, starts),
        np.logical_or.reduceat(is_last & is_paused, starts),
    )


def dues_of(spans: Spans, targets: Targets, clocks: Clocks) -> Due:
    """The target that decides each run: the one that was broken first, else the one in force at its end."""
    held = []
    starts = starts_of(spans.run)
    number_of_run = np.cumsum(starts) - 1
    for number in range(len(targets.metric)):
        governs = np.zeros(int(starts.sum()), bool)
        governs[number_of_run[spans.target == number]] = True
        rows = np.flatnonzero(governs[number_of_run])
        if len(rows):
            held.append(_held(spans, rows, number, targets, clocks))
    columns = {
        field.name: np.concatenate([getattr(due, field.name) for due in held]) for field in fields(Due)
    }
    counts = (columns["breached_at"] < _LATE) | columns["is_in_force"]
    columns = {name: column[counts] for name, column in columns.items()}
    order = np.lexsort((columns["target"], ~columns["is_in_force"], columns["breached_at"], columns["run"]))
    order = order[starts_of(columns["run"][order])]
    return Due(**{name: column[order] for name, column in columns.items()})


def decide(values: Values, story: Story, runs: Runs, due: Due, targets: Targets) -> Decided:
    """Say of each run whether it was kept."""
    place = np.full(len(runs.ticket), -1)
    place[due.run] = np.arange(len(due.run))
    has_due = place >= 0

    def of_due(column: Array, none: int) -> Array:
        return np.where(has_due, column[place], none)

    target = of_due(due.target, -1)
    can_pause = has_due & targets.can_pause[target]
    reason = np.select(
        [
            runs.bar >= 0,
            ~has_due,
            can_pause & ~story.has_history[runs.ticket],
            can_pause & story.is_inexact[runs.ticket],
        ],
        [runs.bar, len(BARS), NO_EVENTS, INEXACT],
        -1,
    )
    applies = reason < 0
    breached_at = np.where(applies, of_due(due.breached_at, _LATE), _LATE)
    is_breached, is_fulfilled = breached_at < _LATE, runs.ended >= 0
    is_paused = has_due & due.is_paused[place]
    state = np.select(
        [~applies, is_breached, is_fulfilled, is_paused], [NOT_APPLICABLE, BREACHED, MET, PAUSED], PENDING
    )
    breached_at = np.where(is_breached, breached_at, NEVER)
    decided_at = np.where(is_breached, breached_at, at(values.spine.moment, runs.ended))
    stands = applies & ~(is_paused & ~is_fulfilled)
    return Decided(
        state,
        reason,
        target,
        of_due(due.schedule, -1),
        of_due(due.priority, -1),
        of_due(due.elapsed_us, 0),
        np.where(stands, of_due(due.due_at, NEVER), NEVER),
        breached_at,
        local_days(np.where(applies, decided_at, NEVER)),
    )


def write_service_levels(
    folder: Path, values: Values, runs: Runs, decided: Decided, targets: Targets
) -> None:
    """Write `sla_answers`."""
    rows = values.tickets.rows
    ticket = values.counted[runs.ticket]
    has_target, applies = decided.target >= 0, decided.reason < 0
    by = np.where(runs.ended >= 0, runs.by_solve.astype(np.int64), -1)
    clock = np.where(has_target, targets.is_business[decided.target], -1)
    columns = {
        "source": written.texts(rows["source"].take(ticket)),
        "ticket_id": written.texts(rows["ticket_id"].take(ticket)),
        "metric": written.names(runs.metric, METRICS),
        "turn_number": written.counts(runs.turn),
        "started_at": written.moments(runs.started_at),
        "fulfilled_at": written.moments(at(values.spine.moment, runs.ended)),
        "met_by": written.names(by, ("reply", "solve")),
        "target_minutes": written.numbers(np.where(has_target, targets.minutes[decided.target], np.nan)),
        "clock": written.names(clock, ("calendar", "business")),
        "schedule_id": written.names(decided.schedule, values.clocks.names),
        "priority": written.names(decided.priority, values.names.priority),
        "reason": written.names(decided.reason, REASONS),
        "state": written.names(decided.state, STATES),
        "due_at": written.moments(decided.due_at),
        "breached_at": written.moments(decided.breached_at),
        "elapsed_minutes": written.numbers(np.where(applies, decided.elapsed_us / MINUTE, np.nan)),
        "decided_date": written.dates(decided.day),
    }
    written.write(folder, "sla_answers", columns)
