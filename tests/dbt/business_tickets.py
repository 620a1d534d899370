"""What a ticket's durations are in business minutes, told from its walked story.

What enters: a `Story` (the walk through the ticket's events, test_ticket_oracle) and a `BusinessCalendar`
(the walk through the local days).  What leaves: the `…_business_minutes` columns of `fct_tickets` and
`fct_ticket_replies`.  Only tests call it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.dbt.business_walk import BusinessCalendar, Regime, UnknownTime, business_micros, micros
from tests.dbt.ticket_walk import Story, timed

DEFAULT_SCHEDULE = "default"
MINUTE_MICROS = 60_000_000
DURATIONS = (
    *(
        "first_response",
        "first_bot_response",
        "first_response_after_handover",
        "first_resolution",
        "resolution",
    ),
    *("requester_wait", "agent_wait", "on_hold", "unassigned"),
)

Minutes = float | None
Stretches = Iterable[tuple[datetime, datetime]]


def in_force(story: Story, name: str, column: str | None = None) -> tuple[list[int], list[Any]]:
    """Every value of a field and the instant (microseconds) from which it rules.

    Before the first event that sets it the version of the row then in force speaks, the earliest known one
    for all time before; from the first event on the events alone.
    """
    column = column or name
    told = [(micros(at), value) for at, kind, value in story.changes if kind == name]
    first_event = told[0][0] if told else None
    starts, values = [micros(datetime(1, 1, 1))], [story.versions[0].get(column)]
    for version in story.versions:
        since = version.get("updated_at")
        if since is None or (first_event is not None and micros(since) >= first_event):
            continue
        starts.append(micros(since))
        values.append(version.get(column))
    for at, value in told:
        starts.append(at)
        values.append(value)
    return starts, values


def schedules_of(story: Story) -> Regime:
    starts, values = in_force(story, "schedule", "schedule_id")
    return Regime(starts, [value or DEFAULT_SCHEDULE for value in values])


class TicketClock:
    """The business time of one ticket; remembers why it did not know."""

    def __init__(self, story: Story, calendar: BusinessCalendar) -> None:
        self.regime = schedules_of(story)
        self.calendar = calendar
        named_by_rows = {row.get("schedule_id") or DEFAULT_SCHEDULE for row in story.versions}
        self._named = named_by_rows | set(self.regime.schedule_ids)
        self.gaps: list[str] = []
        self._known: dict[tuple[datetime, datetime], int] = {}

    def unknown_hours(self) -> set[str]:
        """Why hours of the ticket are not known, whether a duration meets them or not."""
        reasons = set()
        for name in self._named:
            try:
                self.calendar.schedule(name)
            except UnknownTime as unknown:
                reasons.add(unknown.reason)
        return reasons

    def _open(self, start: datetime, end: datetime) -> int:
        if (start, end) not in self._known:
            a, b = micros(start), micros(end)
            self._known[start, end] = business_micros(self.calendar, self.regime, a, b)
        return self._known[start, end]

    def minutes(self, stretches: Stretches) -> Minutes:
        """Open minutes of all the stretches together; None where any of it lies under an unknown schedule."""
        try:
            return sum(self._open(start, end) for start, end in stretches) / MINUTE_MICROS
        except UnknownTime as unknown:
            self.gaps.append(unknown.reason)
            return None


def business_columns(story: Story, clock: TicketClock, as_of: datetime) -> dict[str, Minutes]:
    """The `…_business_minutes` of a ticket; None where the calendar twin is, or under unknown hours."""
    columns: dict[str, Minutes] = {}
    for name in DURATIONS:
        is_told = story.columns[f"{name}_calendar_minutes"] is not None
        columns[f"{name}_business_minutes"] = clock.minutes(story.waits[name]) if is_told else None
    turns = [turn for turn in business_turns(story, clock, as_of) if turn["outcome"] == "replied"]
    answers = [turn["business"] for turn in turns if turn["minutes"] is not None]
    known = bool(answers) and None not in answers
    columns["next_response_business_minutes"] = sum(answers) / len(answers) if known else None
    return columns


def business_turns(story: Story, clock: TicketClock, as_of: datetime) -> list[dict[str, Any]]:
    """The turns of the walk, each with its `business` minutes."""
    return [
        turn
        | {
            "business": clock.minutes([(turn["started"].at, turn["ended"].at if turn["ended"] else as_of)])
            if turn["minutes"] is not None
            else None
        }
        for turn in timed(story.turns, as_of)
    ]
