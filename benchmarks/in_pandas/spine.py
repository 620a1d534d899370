"""What happened on each ticket, in its one order, with the values then in force and its clock's reading.

What enters: tickets, their versions and events.  What leaves: `Spine`, arrays of all happenings by ticket and
time; a value that a row sets holds until the next that sets it.  Called by all that measures tickets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.landed import Array, is_one_of
from benchmarks.in_pandas.ticket_rows import Tickets


class Kind(IntEnum):
    """What a happening is."""

    OPENED = 0
    VERSION = 1
    CREATED = 2
    TEAM = 3
    ASSIGNMENT = 4
    PRIORITY = 5
    CATEGORY = 6
    SCHEDULE = 7
    HANDOVER = 8
    REPLY = 9
    CALL = 10
    NOTE = 11
    STATUS = 12
    OFFERED = 13
    SATISFACTION = 14
    ROW_RESPONSE = 15
    ROW_SOLVE = 16
    OTHER = 17


STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed")
NEW, OPEN, PENDING, ON_HOLD, SOLVED, CLOSED = range(6)
AUTHORS = ("customer", "bot", "agent", "system")
CUSTOMER, BOT, AGENT, SYSTEM = range(4)
UNSET = -2
"""A value that nothing has set yet; -1 is one that was set to nothing."""


@dataclass(frozen=True)
class Spine:
    """All happenings, by ticket (numbered without gaps, each with at least one row) and in order.

    `value` is the code of what a row sets, by its kind: a status, team, priority, category or satisfaction.
    """

    ticket: Array
    moment: Array
    kind: Array
    author: Array
    agent: Array
    value: Array
    version: Array
    session: Array
    wait_seconds: Array
    is_event: Array
    is_live: Array
    is_contact: Array
    is_answer: Array
    status_set: Array
    schedule: Array
    schedule_us: Array
    clock_us: Array
    as_of_us: Array
    """By ticket: what its clock reads at the end of the data."""

    @cached_property
    def is_start(self) -> Array:
        """Whether a row is its ticket's first."""
        return starts_of(self.ticket)

    @cached_property
    def first(self) -> Array:
        """By ticket: its first row."""
        return np.flatnonzero(self.is_start)

    @cached_property
    def end(self) -> Array:
        """By ticket: the row after its last."""
        return np.append(self.first[1:], len(self.ticket))

    def is_kind(self, *kinds: Kind) -> Array:
        """Whether a row is of one of the kinds."""
        wanted = np.zeros(len(Kind), bool)
        wanted[list(kinds)] = True
        return np.asarray(wanted[self.kind])

    def held(self, is_set: Array, values: Array, unset: int = UNSET) -> Array:
        """At each row: the value of the last row so far that sets it."""
        return held(is_set, values, self.first[self.ticket], unset)

    def before(self, values: Array, unset: int = UNSET) -> Array:
        """At each row: what held before it."""
        earlier = np.empty_like(values)
        earlier[1:] = values[:-1]
        earlier[self.is_start] = unset
        return earlier

    def set_by(self, kind: Kind) -> Array:
        """At each row: what the rows of a kind have set."""
        return self.held(self.kind == kind, self.value)

    @cached_property
    def assignee(self) -> Array:
        """At each row: to whom it is assigned."""
        return self.held(self.kind == Kind.ASSIGNMENT, self.agent)

    @cached_property
    def team(self) -> Array:
        """At each row: the team."""
        return self.set_by(Kind.TEAM)

    @cached_property
    def priority(self) -> Array:
        """At each row: the priority."""
        return self.set_by(Kind.PRIORITY)

    @cached_property
    def category(self) -> Array:
        """At each row: the category."""
        return self.set_by(Kind.CATEGORY)

    @cached_property
    def status(self) -> Array:
        """At each row: the status; -1 where none is known."""
        return self.held(self.status_set >= 0, self.status_set, -1)

    @cached_property
    def status_before(self) -> Array:
        """Before each row: the status."""
        return self.before(self.status, -1)

    @cached_property
    def version_row(self) -> Array:
        """At each row: the version in force, as its row in the table of versions."""
        return self.held(self.version >= 0, self.version)


def held(is_set: Array, values: Array, first: Array, unset: int) -> Array:
    """The value of the last row so far that sets it, from `first` on."""
    last = np.maximum.accumulate(np.where(is_set, np.arange(len(is_set)), -1))
    return np.where(last >= first, values[last], unset)


@dataclass(frozen=True)
class Names:
    """What the codes of values stand for: those of tickets' rows and those that events set."""

    team: pd.Index[str]
    priority: pd.Index[str]
    category: pd.Index[str]
    agent: pd.Index[str]
    satisfaction: pd.Index[str]


def names_of(tickets: Tickets, events: pd.DataFrame) -> Names:
    """The values of tickets' rows and of the events of each kind, in order."""
    used: dict[str, pd.Index[str]] = {}
    values = events["value"].cat
    for name in ("team", "priority", "category", "satisfaction"):
        codes = np.unique(values.codes.to_numpy()[is_one_of(events["event_type"], name)])
        told = values.categories[codes[codes >= 0]]
        if name == "satisfaction":
            told = told.str.strip(" ").str.lower().unique()
        else:
            told = told.union(tickets.versions[name].cat.categories)
        used[name] = told[told != ""].sort_values()
    agents = events["agent_key"].cat.categories.union(tickets.versions["agent_key"].cat.categories)
    return Names(used["team"], used["priority"], used["category"], agents, used["satisfaction"])
