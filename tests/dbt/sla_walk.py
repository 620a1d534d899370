"""What becomes of a ticket's service levels: the independent judge of `fct_ticket_slas`.

What enters: a walked `Story` with its `TicketClock`, and the text of the seed `sla_targets.csv`.  What
leaves: a `Verdict` per metric and turn.  The clock of a target is run from its start, stretch of status by
stretch of status and open hour by open hour, until the target is reached; nothing is inverted.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from tests.dbt.business_tickets import MINUTE_MICROS, TicketClock, in_force
from tests.dbt.business_walk import UnknownTime, at_micros, business_micros, micros
from tests.dbt.ticket_walk import Moment, Story, is_done

REQUESTER_WAITS = ("new", "open", "on_hold")
FOREVER = 2**62


@dataclass(frozen=True)
class Target:
    """One row of the seed; its minutes in microseconds."""

    metric: str
    priority: str | None
    allowed: int
    clock: str
    pauses_on: frozenset[str]
    valid_from: date
    valid_to: date


class Targets:
    """The seed, and the zone in which its days are meant."""

    def __init__(self, sla_targets: str, zone: ZoneInfo) -> None:
        self._zone = zone
        self._rows = [
            Target(
                row["metric"],
                row["priority"] or None,
                round(float(row["target_minutes"]) * MINUTE_MICROS),
                row["clock"],
                frozenset(row["pauses_on"].split()),
                date.fromisoformat(row["valid_from"] or "0001-01-01"),
                date.fromisoformat(row["valid_to"] or "9999-12-31"),
            )
            for row in csv.DictReader(io.StringIO(sla_targets))
        ]
        self._found: dict[tuple[str, str | None, date], Target | None] = {}

    def day_of(self, instant: datetime) -> date:
        return instant.replace(tzinfo=UTC).astimezone(self._zone).date()

    def find(self, metric: str, priority: str | None, day: date) -> Target | None:
        """The target of a priority on a day, else that of any priority."""
        key = (metric, priority, day)
        if key not in self._found:
            valid = [r for r in self._rows if r.metric == metric and r.valid_from <= day < r.valid_to]
            own = [r for r in valid if priority is not None and r.priority == priority]
            common = [r for r in valid if r.priority is None]
            self._found[key] = next(iter(own or common), None)
        return self._found[key]


@dataclass(frozen=True)
class Run:
    """One clock a target is held against: from its start to its fulfilment, if any."""

    metric: str
    started_at: datetime | None
    fulfilled: Moment | None = None
    met_by: str | None = None
    is_exact: bool = True

    @property
    def fulfilled_at(self) -> datetime | None:
        return self.fulfilled.at if self.fulfilled else None


@dataclass
class Verdict:
    """A row of `fct_ticket_slas`; instants naive UTC."""

    run: Run
    state: str
    reason: str | None = None
    due_at: datetime | None = None
    breached_at: datetime | None = None
    elapsed_minutes: float | None = None
    priority: str | None = None
    target: Target | None = None


def runs_of(story: Story) -> Iterator[Run]:
    """The clocks of a ticket, in no particular order."""
    started = story.columns["clock_started_at"]

    def run(metric: str, ended: Moment | None, met_by: str) -> Run:
        is_exact = story.exact_clock and (ended is None or ended.exact)
        return Run(metric, started, ended, met_by if ended else None, is_exact)

    touch = story.moments["first_response"]
    solves = [moment for kind, moment in story.flows if kind == "solved"]
    solve = next((moment for moment in solves if started is not None and moment.at >= started), None)
    if solve is not None and (touch is None or solve.at < touch.at):
        yield run("first_response", solve, "solve")
    else:
        yield run("first_response", touch, "reply")
    for metric in ("full_resolution", "requester_wait"):
        yield run(metric, story.moments["lasting_solve"], "solve")
    for turn in story.turns:
        began, ended = turn["started"], turn["ended"]
        met_by = {"replied": "reply", "solved": "solve"}.get(turn["outcome"])
        yield Run("next_response", began.at, ended, met_by, began.exact and (not ended or ended.exact))


@dataclass
class Walk:
    """The clock of one target over one run, up to its end."""

    elapsed: int = 0
    reached_at: int | None = None
    unknown: str | None = None


class Judge:
    """Judges the runs of one ticket."""

    def __init__(self, story: Story, clock: TicketClock, targets: Targets, as_of: datetime) -> None:
        self._clock, self._targets, self._as_of = clock, targets, micros(as_of)
        self._statuses = [(micros(s.start), micros(s.end), s.status) for s in story.spans]
        self._priorities = in_force(story, "priority")
        self._recorded = bool(story.columns["has_event_history"])
        self._exact_statuses = story.exact_statuses
        self._status = story.columns["status"]

    def verdict(self, run: Run) -> Verdict:
        """What became of it; of a ticket whose row alone speaks nothing a target with pauses could tell."""
        verdict = self._verdict(run)
        if verdict.target is not None and verdict.target.pauses_on:
            if not self._recorded:
                return Verdict(run, "not_applicable", "no_events")
            if not self._exact_statuses:
                return Verdict(run, "not_applicable", "inexact_time")
        return verdict

    def _verdict(self, run: Run) -> Verdict:
        reason = self._no_clock(run)
        if reason is not None or run.started_at is None:
            return Verdict(run, "not_applicable", reason)
        start = micros(run.started_at)
        end = self._as_of if run.fulfilled_at is None else micros(run.fulfilled_at)
        day = self._targets.day_of(run.started_at)
        starts, values = self._priorities
        place = max(bisect_right(starts, start) - 1, 0)
        while True:
            since = max(starts[place], start)
            is_last = place + 1 == len(starts) or starts[place + 1] > end
            until = end if is_last else starts[place + 1]
            target = self._targets.find(run.metric, values[place], day)
            walk = Walk()
            if target is not None and (since < until or is_last):
                walk = self._walk(target, start, until)
            if walk.reached_at is not None and target is not None:
                breach = max(walk.reached_at, since)
                if breach < until or (is_last and walk.reached_at < end):
                    found = Verdict(run, "breached", None, at_micros(walk.reached_at), at_micros(breach))
                    return self._told(found, self._walk(target, start, end), target, values[place])
            elif walk.unknown is not None:  # it may have been breached by then, and nobody knows
                return Verdict(run, "not_applicable", walk.unknown)
            if is_last:
                break
            place += 1
        if target is None:
            return Verdict(run, "not_applicable", "no_target")
        if run.fulfilled_at is None and self._stands(target, self._status):
            return self._told(Verdict(run, "paused"), walk, target, values[place])
        state = "pending" if run.fulfilled_at is None else "met"
        due = walk.reached_at
        if due is None:
            due = self._later(target, end, target.allowed - walk.elapsed)
        found = Verdict(run, state, due_at=None if due is None else at_micros(due))
        return self._told(found, walk, target, values[place])

    def _no_clock(self, run: Run) -> str | None:
        """Why nothing can be held against a target: no start, an end before it, no word of statuses."""
        if run.started_at is None or (run.fulfilled_at is not None and run.fulfilled_at < run.started_at):
            return "no_clock"
        if not run.is_exact:
            return "inexact_time"
        done_at_no_known_instant = run.fulfilled_at is None and is_done(self._status)
        if not self._recorded and (run.metric == "requester_wait" or done_at_no_known_instant):
            return "no_events"
        if run.metric == "requester_wait" and not self._exact_statuses:
            return "inexact_time"
        return None

    def _told(self, verdict: Verdict, walk: Walk, target: Target | None, priority: str | None) -> Verdict:
        verdict.elapsed_minutes = None if walk.unknown else walk.elapsed / MINUTE_MICROS
        verdict.target, verdict.priority = target, priority
        return verdict

    @staticmethod
    def _stands(target: Target, status: str | None) -> bool:
        waits = target.metric != "requester_wait" or status in REQUESTER_WAITS
        return status in target.pauses_on or not waits

    def _walk(self, target: Target, start: int, end: int) -> Walk:
        walk = Walk()
        try:
            for since, until, status in self._statuses:
                a, b = max(since, start), min(until, end)
                if a >= b or self._stands(target, status):
                    continue
                if target.clock == "calendar":
                    counted = b - a
                else:
                    counted = business_micros(self._clock.calendar, self._clock.regime, a, b)
                left = target.allowed - walk.elapsed
                if walk.reached_at is None and counted >= left:
                    walk.reached_at = self._within(target, a, b, left)
                walk.elapsed += counted
        except UnknownTime as unknown:
            walk.unknown = unknown.reason
            if walk.reached_at is None:
                walk.reached_at = self._before_the_unknown(target, a, b, target.allowed - walk.elapsed)
        return walk

    def _within(self, target: Target, a: int, b: int, left: int) -> int | None:
        """The instant of [a, b] at which `left` has been counted since `a`."""
        if target.clock == "calendar":
            return a + left
        for name, low, high in self._clock.regime.pieces(a, b):
            for since, until in self._clock.calendar.schedule(name).spans_after(low):
                if since >= high:
                    break
                if min(until, high) - since >= left:
                    return since + left
                left -= min(until, high) - since
        return None

    def _before_the_unknown(self, target: Target, a: int, b: int, left: int) -> int | None:
        try:
            return self._within(target, a, b, left)
        except UnknownTime:
            return None

    def _later(self, target: Target, end: int, left: int) -> int | None:
        """Where it would be due, did the clock run on from `end` under the schedule in force there."""
        if target.clock == "calendar":
            return end + left
        try:
            schedule = self._clock.calendar.schedule(self._clock.regime.at(end))
        except UnknownTime:
            return None
        for since, until in schedule.spans_after(end):
            if until - since >= left:
                return since + left
            left -= until - since
        return None
