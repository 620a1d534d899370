"""Service levels: what a target's clock is held against, in which stretches of a ticket's life.

What enters: the spine and tickets' stories.  What leaves: `Runs`, `Spans`, which `dues` holds against the
targets.  Called by `tickets`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import spelled_out, starts_of
from benchmarks.in_pandas.dimensions import Values
from benchmarks.in_pandas.landed import BEFORE_ALL, FOREVER, NEVER, Array, day_number, local_days, seed
from benchmarks.in_pandas.marks import is_done
from benchmarks.in_pandas.moments import Moments, Turns, at
from benchmarks.in_pandas.spine import STATUSES, Kind
from benchmarks.in_pandas.ticket_answers import MINUTE, Story

METRICS = ("first_response", "full_resolution", "requester_wait", "next_response")
FIRST_RESPONSE, FULL_RESOLUTION, REQUESTER_WAIT, NEXT_RESPONSE = range(4)
BARS = ("no_clock", "inexact_time", "no_events")
NO_CLOCK, INEXACT, NO_EVENTS = range(3)
NO_STATUS = len(STATUSES)


@dataclass(frozen=True)
class Targets:
    """By number: metric and priority (-1: any), the days it is in force, how long, what pauses it."""

    metric: Array
    priority: Array
    since: Array
    until: Array
    minutes: Array
    target_us: Array
    is_business: Array
    pauses: Array
    """Targets × statuses, the last for none."""
    can_pause: Array

    def of(self, metric: Array, priority: Array, day: Array) -> Array:
        """The target in force: the priority's own, else the one for any; -1 where there is none."""
        found = np.full(len(metric), -1)
        for own in (False, True):
            for number in np.flatnonzero((self.priority >= 0) == own):
                fits = (
                    (metric == self.metric[number]) & (day >= self.since[number]) & (day < self.until[number])
                )
                if own:
                    fits &= priority == self.priority[number]
                found[fits] = number
        return found


@dataclass(frozen=True)
class Runs:
    """One row a service level: the ticket, what is promised, the rows that start and end it (-1: none)."""

    ticket: Array
    metric: Array
    turn: Array
    started: Array
    ended: Array
    started_at: Array
    started_us: Array
    by_solve: Array
    bar: Array
    """A place among BARS; -1 where nothing speaks against it."""


@dataclass(frozen=True)
class Spans:
    """The stretches of runs, by run and in order; a run that nothing can pause or change is one."""

    run: Array
    begins_at: Array
    ends_at: Array
    open_us: Array
    status: Array
    schedule: Array
    priority: Array
    is_last: Array
    target: Array


def read_targets(seeds: Path, priorities: pd.Index[Any]) -> Targets:
    """The targets, in the order of metric, priority and day."""
    rows = seed(seeds, "sla_targets")
    rows = rows.sort_values(["metric", "priority", "valid_from"], na_position="last").reset_index(drop=True)
    waits = (rows["metric"] == "requester_wait").to_numpy()
    pauses = np.array(
        [[status in text.split() for status in STATUSES] for text in rows["pauses_on"].fillna("")]
    )
    pauses[waits] |= np.isin(STATUSES, ("pending", "solved", "closed"))
    known = rows["priority"].notna().to_numpy()
    minutes = rows["target_minutes"].astype(float).to_numpy()
    return Targets(
        pd.Index(METRICS).get_indexer(pd.Index(rows["metric"])),
        np.where(known, priorities.get_indexer(pd.Index(rows["priority"])), -1),
        day_number(rows["valid_from"], BEFORE_ALL),
        day_number(rows["valid_to"], FOREVER),
        minutes,
        np.round(minutes * MINUTE).astype(np.int64),
        (rows["clock"] == "business").to_numpy(),
        np.column_stack((pauses, np.zeros(len(rows), bool))),
        np.asarray(pauses.any(axis=1)),
    )


def runs_of(values: Values, story: Story, moments: Moments, turns: Turns) -> Runs:
    """Every service level there may be."""
    spine, marks = values.spine, values.marks
    tickets = np.arange(len(spine.first))
    answered = _answer_of_turn(values, story.started)
    solved = np.where(story.is_solved, moments.last_solve, -1)
    asked = spine.ticket[turns.asked]
    ticket = np.concatenate((tickets, tickets, tickets, asked))
    metric = np.repeat(range(4), (len(tickets), len(tickets), len(tickets), len(asked)))
    started = np.concatenate((story.started, story.started, story.started, turns.asked))
    ended = np.concatenate((answered, solved, solved, turns.ended))
    asked_at, asked_us = spine.moment[turns.asked], spine.clock_us[turns.asked]
    started_at = np.concatenate((*[story.started_at] * 3, asked_at))
    started_us = np.concatenate((*[story.started_us] * 3, asked_us))
    turn = np.concatenate((np.zeros(3 * len(tickets), np.int64), turns.number))
    is_reply = (marks.is_touch | (spine.kind == Kind.ROW_RESPONSE))[ended]
    fulfilled_at = at(spine.moment, ended)
    is_run_inexact = (story.is_inbound & story.is_inexact)[ticket] & (metric != NEXT_RESPONSE)
    is_untold = (metric == REQUESTER_WAIT) | (ended < 0) & is_done(story.status)[ticket]
    bar = np.select(
        [
            (started_at == NEVER) | (ended >= 0) & (fulfilled_at < started_at),
            is_run_inexact,
            ~story.has_history[ticket] & is_untold,
            (metric == REQUESTER_WAIT) & story.is_inexact[ticket],
        ],
        [NO_CLOCK, INEXACT, NO_EVENTS, INEXACT],
        -1,
    )
    by_solve = np.where((metric == FIRST_RESPONSE) | (metric == NEXT_RESPONSE), ~is_reply, True)
    return Runs(ticket, metric, turn, started, ended, started_at, started_us, by_solve, bar)


def _answer_of_turn(values: Values, started: Array) -> Array:
    """The first row that answers or solves in the turn that each row is in; -1 where there is none."""
    spine, marks = values.spine, values.marks
    rows = np.flatnonzero(marks.is_touch | marks.is_done_now | (spine.kind == Kind.ROW_RESPONSE))
    most = int(marks.turn.max(initial=0)) + 1
    key = spine.ticket[rows].astype(np.int64) * most + marks.turn[rows]
    is_first = starts_of(key)
    key, rows = key[is_first], rows[is_first]
    wanted = np.arange(len(started)) * most + marks.turn[started]
    place = np.minimum(np.searchsorted(key, wanted), len(key) - 1)
    return np.where((started >= 0) & (key[place] == wanted), rows[place], -1)


def spans_of(values: Values, runs: Runs, targets: Targets) -> Spans:
    """The stretches of all runs that nothing speaks against."""
    spine, as_of = values.spine, values.as_of
    is_cut = spine.is_kind(
        Kind.OPENED, Kind.VERSION, Kind.STATUS, Kind.ROW_SOLVE, Kind.PRIORITY, Kind.SCHEDULE
    )
    is_cut[spine.end - 1] = True
    cuts = np.flatnonzero(is_cut)
    ticket = spine.ticket[cuts]
    first = np.flatnonzero(starts_of(ticket))
    end = np.append(first[1:], len(cuts))
    is_last = np.zeros(len(cuts), bool)
    is_last[end - 1] = True
    priority, schedule = values.codes("priority", cuts), spine.schedule[cuts]
    next_row = np.append(cuts[1:], len(spine.ticket))
    ends_at, ends_us = (
        np.where(is_last, last, np.append(clock[cuts[1:]], 0))
        for clock, last in ((spine.moment, as_of), (spine.clock_us, spine.as_of_us[ticket]))
    )
    is_same = (np.minimum.reduceat(schedule, first) == np.maximum.reduceat(schedule, first)) & (
        np.minimum.reduceat(priority, first) == np.maximum.reduceat(priority, first)
    )

    day = local_days(runs.started_at)
    run = np.flatnonzero(runs.bar < 0)
    of = runs.ticket[run]
    target = targets.of(runs.metric[run], priority[first[of]], day[run])
    is_one = is_same[of] & (target >= 0) & ~targets.can_pause[target]
    ended_at = np.where(runs.ended < 0, as_of, at(spine.moment, runs.ended))
    ended_us = np.where(runs.ended < 0, spine.as_of_us[runs.ticket], at(spine.clock_us, runs.ended))
    one, many = run[is_one], run[~is_one]
    whole = Spans(
        one,
        runs.started_at[one],
        ended_at[one],
        ended_us[one] - runs.started_us[one],
        np.full(len(one), NO_STATUS),
        schedule[first[runs.ticket[one]]],
        priority[first[runs.ticket[one]]],
        np.ones(len(one), bool),
        target[is_one],
    )
    # the cut a run starts in, to the last that does not come after its end
    low = np.searchsorted(next_row, runs.started[many], side="right")
    stop = np.where(runs.ended[many] < 0, len(spine.ticket), runs.ended[many])
    high = np.minimum(np.searchsorted(cuts, stop, side="right"), end[runs.ticket[many]])
    place, cut = spelled_out(low, high)
    part = many[place]
    is_end = is_last[cut] | ((runs.ended[part] >= 0) & (next_row[cut] > runs.ended[part]))
    open_us = np.minimum(ends_us[cut], ended_us[part]) - np.maximum(
        spine.clock_us[cuts[cut]], runs.started_us[part]
    )
    status = spine.status[cuts[cut]]
    parts = Spans(
        part,
        np.maximum(spine.moment[cuts[cut]], runs.started_at[part]),
        np.minimum(ends_at[cut], ended_at[part]),
        open_us,
        np.where(status < 0, NO_STATUS, status),
        schedule[cut],
        priority[cut],
        is_end,
        targets.of(runs.metric[part], priority[cut], day[part]),
    )
    order = np.argsort(np.concatenate((one, part)), kind="stable")
    return Spans(
        *(
            np.concatenate(both)[order]
            for both in zip(vars(whole).values(), vars(parts).values(), strict=True)
        )
    )
