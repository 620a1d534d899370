"""How the spine is made: rows of tickets, versions and events put together, ordered, and read off the clocks.

What enters: tickets, events, clocks.  What leaves: `Spine`.  Called by `tickets`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.clock import Clocks
from benchmarks.in_pandas.landed import NEVER, Array, codes_in, is_one_of
from benchmarks.in_pandas.spine import (
    AGENT,
    AUTHORS,
    BOT,
    CUSTOMER,
    STATUSES,
    Kind,
    Names,
    Spine,
    held,
)
from benchmarks.in_pandas.ticket_rows import DONE, Tickets

_KINDS = {
    "created": Kind.CREATED,
    "team": Kind.TEAM,
    "assignment": Kind.ASSIGNMENT,
    "priority": Kind.PRIORITY,
    "category": Kind.CATEGORY,
    "schedule": Kind.SCHEDULE,
    "handover": Kind.HANDOVER,
    "reply": Kind.REPLY,
    "note": Kind.NOTE,
    "call": Kind.CALL,
    "status": Kind.STATUS,
    "satisfaction_offered": Kind.OFFERED,
    "satisfaction": Kind.SATISFACTION,
}
_PLACES = {
    Kind.OPENED: 0,
    Kind.VERSION: 1,
    Kind.CREATED: 2,
    Kind.TEAM: 3,
    Kind.ASSIGNMENT: 3,
    Kind.PRIORITY: 3,
    Kind.CATEGORY: 3,
    Kind.SCHEDULE: 3,
    Kind.HANDOVER: 4,
    Kind.ROW_RESPONSE: 8,
    Kind.ROW_SOLVE: 14,
    Kind.OFFERED: 20,
    Kind.SATISFACTION: 21,
}
_LAST_PLACE = 22
Columns = dict[str, Array]


def make_spine(
    tickets: Tickets, events: pd.DataFrame, clocks: Clocks, names: Names, as_of: int
) -> tuple[Spine, Array]:
    """The spine of the tickets that count, and the numbers these have among all."""
    number = np.cumsum(tickets.counts) - 1
    counted = np.flatnonzero(tickets.counts)
    parts = [_of_events(tickets, events, number, names, clocks)]
    is_told = is_one_of(events["event_type"], "created", "status")
    is_recorded = np.zeros(len(counted), bool)
    is_recorded[number[events["ticket"].to_numpy()[is_told]]] = True
    ids = events["event_id"]
    parts += _of_rows(tickets, is_recorded, clocks, as_of)
    columns = _put_together(parts)
    order = _order(columns, ids)
    columns = {name: column[order] for name, column in columns.items() if name not in ("place", "event")}
    return _read_off(columns, clocks, as_of), counted


def _of_events(
    tickets: Tickets, events: pd.DataFrame, number: Array, names: Names, clocks: Clocks
) -> Columns:
    ticket = events["ticket"].to_numpy()
    types = events["event_type"].cat
    kind = np.array([_KINDS.get(name, Kind.OTHER) for name in types.categories] + [Kind.OTHER], np.int8)[
        types.codes.to_numpy()
    ]
    is_public = events["is_public"].to_numpy(bool)
    is_reply, is_note = kind == Kind.REPLY, kind == Kind.NOTE
    kind = np.where(is_reply & ~is_public, np.int8(Kind.NOTE), kind)
    kind = np.where(is_note & is_public, np.int8(Kind.REPLY), kind)
    kind = np.where((kind == Kind.CALL) & ~is_public, np.int8(Kind.OTHER), kind)
    agent = codes_in(names.agent, events["agent_key"])
    author = codes_in(pd.Index(AUTHORS), events["actor_role"])
    author = np.where(events["actor_role"].isna().to_numpy() & (agent >= 0), AGENT, author)
    is_inbound = _is_inbound(tickets)[ticket]
    moment = np.maximum(events["occurred"].to_numpy(), tickets.moments("created_at")[ticket])
    is_said = (kind == Kind.REPLY) | (kind == Kind.CALL)
    is_contact = is_said & (author == CUSTOMER)
    first_contact = np.full(len(tickets.rows), 2**62)
    outbound = np.flatnonzero(is_contact & ~is_inbound)
    np.minimum.at(first_contact, ticket[outbound], moment[outbound])
    is_answer = (kind == Kind.REPLY) & (author == AGENT)
    is_answer |= (kind == Kind.CALL) & ((author == AGENT) | ((author == CUSTOMER) & (agent >= 0)))
    is_answer &= is_inbound | (moment >= first_contact[ticket])
    values = events["value"].cat
    plain = pd.Index(values.categories)
    folded = plain.str.strip(" ").str.lower()
    coded: Mapping[Kind, Array] = {
        Kind.TEAM: names.team.get_indexer(plain),
        Kind.PRIORITY: names.priority.get_indexer(plain),
        Kind.CATEGORY: names.category.get_indexer(plain),
        Kind.SCHEDULE: clocks.names.get_indexer(plain),
        Kind.STATUS: pd.Index(STATUSES).get_indexer(folded),
        Kind.SATISFACTION: names.satisfaction.get_indexer(folded),
    }
    value = np.full(len(events), -1, np.int64)
    for which, codes in coded.items():
        rows = np.flatnonzero(kind == which)
        value[rows] = np.append(codes, -1)[values.codes.to_numpy()[rows]]
    is_chat = is_one_of(tickets.rows["channel"], "chat")[ticket]
    session = events["session_id"].cat.codes.to_numpy().astype(np.int64)
    place = _place(kind, author, is_answer, value)
    return {
        "ticket": number[ticket],
        "moment": moment,
        "kind": kind,
        "author": author,
        "agent": agent,
        "value": value,
        "version": np.full(len(events), -1),
        "session": session,
        "wait_seconds": events["wait_seconds"].to_numpy(float),
        "is_event": np.ones(len(events), bool),
        "is_live": is_reply & ((session >= 0) | is_chat),
        "is_contact": is_contact,
        "is_answer": is_answer,
        "status_set": np.where(kind == Kind.STATUS, value, -1),
        "schedule": np.where(kind == Kind.SCHEDULE, value, -1),
        "place": place * 1000 + events["event_id"].str.len().to_numpy(np.int64),
        "event": np.arange(len(events)),
    }


def _place(kind: Array, author: Array, is_answer: Array, value: Array) -> Array:
    """Where a happening comes among those of the same moment."""
    place = np.array([_PLACES.get(Kind(number), _LAST_PLACE) for number in range(len(Kind))])[kind]
    is_said = (kind == Kind.REPLY) | (kind == Kind.CALL)
    by_author = np.select([author == CUSTOMER, author == BOT], [5, 6], 7)
    place = np.where((is_said | (kind == Kind.NOTE)) & ~is_answer, by_author, place)
    place = np.where(is_said & is_answer, 8, place)
    return np.where((kind == Kind.STATUS) & (value >= 0), 10 + value, place)


def _is_inbound(tickets: Tickets) -> Array:
    direction = tickets.rows["direction"]
    return is_one_of(direction, "inbound") | direction.isna().to_numpy()


def _of_rows(tickets: Tickets, is_recorded: Array, clocks: Clocks, as_of: int) -> list[Columns]:
    """What the tickets' own rows tell: opened, answered and solved where no event does, and versions."""
    counted, number = np.flatnonzero(tickets.counts), np.cumsum(tickets.counts) - 1
    rows = tickets.rows
    created = tickets.moments("created_at")[counted]
    responded = tickets.moments("first_responded_at")[counted]
    resolved = tickets.moments("resolved_at")[counted]
    is_done = is_one_of(rows["status"], *DONE)[counted]
    schedules = codes_in(clocks.names, tickets.versions["schedule_id"])
    schedules = np.where(schedules < 0, _default(clocks), schedules)
    is_first = starts_of(tickets.version_ticket)
    first_version = np.flatnonzero(is_first)[counted]
    opened_as = np.where(is_recorded, 0, np.where(~is_done | (resolved != NEVER), 1, -1))
    every = np.arange(len(counted))
    answered = np.flatnonzero(~is_recorded & (responded != NEVER) & (responded <= as_of))
    solved = np.flatnonzero(~is_recorded & (resolved != NEVER) & (resolved <= as_of))
    solved_as = np.where(is_done[solved], STATUSES.index("solved"), -1)
    later = ~is_first & tickets.counts[tickets.version_ticket] & (tickets.version_updated <= as_of)
    version = np.flatnonzero(later)
    of_version = number[tickets.version_ticket[version]]
    changed = np.maximum(tickets.version_updated[version], created[of_version])
    rank = version - np.flatnonzero(is_first)[tickets.version_ticket[version]] + 1
    return [
        _told(
            Kind.OPENED,
            every,
            created,
            value=opened_as,
            version=first_version,
            schedule=schedules[first_version],
            rank=1,
        ),
        _told(Kind.ROW_RESPONSE, answered, responded[answered]),
        _told(Kind.ROW_SOLVE, solved, resolved[solved], value=solved_as),
        _told(Kind.VERSION, of_version, changed, version=version, schedule=schedules[version], rank=rank),
    ]


def _told(
    kind: Kind,
    ticket: Array,
    moment: Array,
    *,
    value: Array | int = -1,
    version: Array | int = -1,
    schedule: Array | int = -1,
    rank: Array | int = 0,
) -> Columns:
    size = len(ticket)
    sets_status = kind in (Kind.OPENED, Kind.ROW_SOLVE)
    plain = {
        "kind": kind,
        "author": -1,
        "agent": -1,
        "value": value,
        "version": version,
        "session": -1,
        "schedule": schedule,
    }
    plain |= {"status_set": value if sets_status else -1, "place": _PLACES[kind] * 1000 + rank, "event": -1}
    columns = {name: np.broadcast_to(np.asarray(what), size) for name, what in plain.items()}
    columns |= {name: np.zeros(size, bool) for name in ("is_event", "is_live", "is_contact", "is_answer")}
    return columns | {"ticket": ticket, "moment": moment, "wait_seconds": np.full(size, np.nan)}


def _put_together(parts: list[Columns]) -> Columns:
    small = {"kind": np.int8, "author": np.int8, "status_set": np.int8, "schedule": np.int8}
    return {
        name: np.concatenate([part[name] for part in parts]).astype(
            small.get(
                name,
                parts[0][name].dtype if parts[0][name].dtype != np.int64 or name == "moment" else np.int32,
            )
        )
        for name in parts[0]
    }


def _order(columns: Columns, ids: pd.Series[str]) -> Array:
    """By ticket, moment and place, and then by the events' ids."""
    order = np.lexsort((columns["place"], columns["moment"], columns["ticket"]))
    is_new = starts_of(*(columns[name][order] for name in ("ticket", "moment", "place")))
    tied = np.flatnonzero(~is_new)
    if len(tied):
        some = np.unique(np.concatenate((tied, tied - 1)))
        rows = order[some]
        text = ids.iloc[columns["event"][rows]].to_numpy(object).astype(str)
        group = np.cumsum(is_new)[some]
        order[some] = rows[np.lexsort((text, group))]
    return order


def _read_off(columns: Columns, clocks: Clocks, as_of: int) -> Spine:
    """With schedules and what tickets' clocks read: the sum of stretches where schedules changed."""
    ticket, moment, kind = columns["ticket"], columns["moment"], columns["kind"]
    is_start = starts_of(ticket)
    first = np.flatnonzero(is_start)
    own = first[ticket]
    default = _default(clocks)
    is_said = kind == Kind.SCHEDULE
    said = held(is_said, columns["schedule"], own, -2)
    of_row = held(columns["version"] >= 0, columns["schedule"], own, -1)
    schedule = np.where(said == -2, of_row, said)
    schedule = np.where(schedule < 0, default, schedule).astype(np.int8)
    reading = clocks.reading(schedule, moment)
    clock = reading.copy()
    last = np.append(first[1:], len(ticket)) - 1
    as_of_us = clocks.reading(schedule[last], np.full(len(last), as_of))
    least, most = np.minimum.reduceat(schedule, first), np.maximum.reduceat(schedule, first)
    rows = np.flatnonzero((least != most)[ticket])
    if len(rows):
        ends = np.append(moment[1:], as_of)
        ends[last] = as_of
        lasted = clocks.reading(schedule[rows], ends[rows]) - reading[rows]
        sums = np.cumsum(lasted)
        is_first = is_start[rows]
        base = (sums - lasted)[is_first][np.cumsum(is_first) - 1]
        clock[rows] = sums - lasted - base
        is_last = np.append(is_first[1:], True)
        as_of_us[ticket[rows[is_last]]] = (sums - base)[is_last]
    columns = {name: column for name, column in columns.items() if name != "schedule"}
    return Spine(**columns, schedule=schedule, schedule_us=reading, clock_us=clock, as_of_us=as_of_us)


def _default(clocks: Clocks) -> int:
    """The schedule of tickets that name none."""
    return int(np.flatnonzero(clocks.names == "default")[0])
