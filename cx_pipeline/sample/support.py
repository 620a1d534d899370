"""The tickets of one block and everything that happened on them.

First `make_tickets` decides who writes when, about what and where; then `play_out` runs every ticket
through its life, one *step* of all tickets at a time, and writes what happens into an event log.  In
the window's bad week response times multiply; who is hit by it is less satisfied and may walk out.
What enters: `People`, `Orders`, `Agents`, the window and random streams.  What leaves: `Tickets`,
`Told`, `Latest` and the rows of `tickets` and `ticket_events`.  Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import DAY, WEEK, Window, daytime, offsets, to_utc, work_on
from cx_pipeline.sample.draw import (
    NEVER,
    NO_INSTANT,
    Flags,
    Floats,
    Ints,
    Rng,
    chance,
    flags,
    ids,
    instants,
    lookup,
    numbers,
    pick,
    spread,
    stream,
    whole,
    words,
)
from cx_pipeline.sample.orders import ORDER, Orders
from cx_pipeline.sample.people import People

HOUR, MINUTE = 3600, 60
BAD_PACE = 16.0
"""How many times slower teams answer tickets opened in the bad week."""
WALK_OUT = 0.5
"""Chance that a customer served in the bad week leaves for good."""
_AGENT_PART = 2**20  # a block number no block has: agents are the same whatever the blocks


@dataclass(frozen=True, slots=True)
class Agents:
    """The desks of each team: who sits there first, when he leaves, and how good each holder is."""

    first_desk: Ints  # by team
    desks: Ints  # by team
    leaves_at: Ints  # by desk; NEVER where the first holder stays
    skill: Floats  # by agent: desk * 2, and desk * 2 + 1 for the successor

    def at(self, team: Ints, choice: Floats, when: Ints) -> Ints:
        """The agent at the desk `choice` (0 to 1) of each team at each instant."""
        desk = self.first_desk[team] + (choice * self.desks[team]).astype(np.int64)
        return desk * 2 + (when >= self.leaves_at[desk])


def make_agents(seed: int, window: Window, customers: int) -> Agents:
    """About one desk for every 120 customers; a third of the first holders leave on the way."""
    rng = stream(seed, _AGENT_PART, 0)
    weights = np.asarray(co.TEAM_WEIGHTS)
    desks = np.clip(np.rint(customers / 120 * weights), 2, 400).astype(np.int64)
    total = int(desks.sum())
    leaving = window.opens + (rng.random(total) * (window.closes - window.opens)).astype(np.int64)
    return Agents(
        np.cumsum(desks) - desks,
        desks,
        np.where(chance(rng, 0.33, total), leaving, NEVER),
        rng.standard_normal(total * 2),
    )


@dataclass(frozen=True, slots=True)
class Tickets:
    """One array position a ticket, by creation; `person` is -1 for spam and tests."""

    person: Ints
    created: Ints
    channel: Ints
    category: Ints
    product: Ints
    priority: Ints
    team: Ints
    order: Ints  # position in the block's orders of the order it is about; -1 without
    is_outbound: Flags
    is_spam: Flags
    is_test: Flags
    merged_into: Ints  # position of the ticket that takes it over; -1
    follows: Ints  # position of the closed ticket it follows up; -1

    def __len__(self) -> int:
        return len(self.person)

    @property
    def is_served(self) -> Flags:
        """Whether it goes through the normal life of a ticket."""
        return ~self.is_spam & ~self.is_test & (self.merged_into < 0)


@dataclass(frozen=True, slots=True)
class _Draft:
    """Tickets on the way to being `Tickets`; `origin` is the position of the ticket it repeats, or -1."""

    person: Ints
    created: Ints
    channel: Ints
    category: Ints
    order: Ints
    origin: Ints
    kind: Ints  # 0 usual, 1 spam, 2 test

    def take(self, rows: Ints) -> _Draft:
        return _Draft(*(getattr(self, name)[rows] for name in _Draft.__dataclass_fields__))

    @staticmethod
    def of(**columns: Ints | int) -> _Draft:
        """A draft of these columns; a single value holds for every ticket."""
        size = next(len(c) for c in columns.values() if isinstance(c, np.ndarray))
        full = {"origin": -1, "kind": 0} | columns
        return _Draft(
            **{name: np.broadcast_to(np.asarray(c, dtype=np.int64), size) for name, c in full.items()}
        )

    def and_then(self, *others: _Draft) -> _Draft:
        every = (self, *others)
        names = _Draft.__dataclass_fields__
        return _Draft(*(np.concatenate([getattr(draft, name) for draft in every]) for name in names))


def make_tickets(rng: Rng, people: People, orders: Orders, window: Window) -> tuple[Tickets, Ints]:
    """The block's tickets, and when each customer walks out because of the bad week (NEVER)."""
    draft = _requests(rng, people, orders, window)
    leaves = np.full(len(people), NEVER)
    hit = (draft.created >= window.bad_from) & (draft.created < window.bad_until)
    walks = hit & chance(rng, WALK_OUT, len(hit))
    np.minimum.at(leaves, draft.person[walks], draft.created[walks] + 3 * DAY)
    draft = draft.take(np.flatnonzero(draft.created <= leaves[draft.person]))
    return _described(rng, people, orders, _with_odd_ones(rng, draft, window)), leaves


def _requests(rng: Rng, people: People, orders: Orders, window: Window) -> _Draft:
    """Who writes when, where and about what: after an order, or just so as long as he is a customer."""
    about = np.flatnonzero((orders.kind == ORDER) & chance(rng, 0.38, len(orders)))
    after = orders.at[about] + whole(spread(rng, 1.6 * DAY, 1.0, len(about)))
    begins = np.maximum(people.signed_up, window.opens)
    last = np.maximum(begins, np.where(people.contractual, window.closes, 0))
    np.maximum.at(last, orders.person, orders.at)
    stays = np.minimum(last + 30 * DAY, window.closes) - begins
    some = rng.poisson(0.016 * np.maximum(stays, 0) / DAY)
    asks = np.repeat(np.arange(len(people)), some)
    asked = begins[asks] + (rng.random(len(asks)) * stays[asks]).astype(np.int64)

    person = np.concatenate([orders.person[about], asks])
    near = np.concatenate([after, asked])
    n = len(person)
    # More people write in the bad week: some of its neighbours' tickets come then instead.
    week = (near - window.bad_from) // WEEK
    near = near - np.where(chance(rng, 0.15, n) & (np.abs(week) <= 4), week * WEEK, 0)
    created = to_utc(people.zone[person], near // DAY * DAY + daytime(rng, n, mostly_office=True))
    channel = pick(rng, co.TICKET_CHANNEL_SHARES, n)
    # Chat and telephone are open when the team works.
    live = (channel == co.CHAT) | (channel == co.PHONE)
    open_at = work_on(people.site[person], created, rng.integers(0, HOUR, n)) + rng.integers(0, MINUTE, n)
    created = np.where(live, open_at, created)
    shares = (co.ORDER_CATEGORY_SHARES, len(about)), (co.GENERAL_CATEGORY_SHARES, len(asks))
    draft = _Draft.of(
        person=person,
        created=created,
        channel=channel,
        category=np.concatenate([pick(rng, share, size) for share, size in shares]),
        order=np.concatenate([about, np.full(len(asks), -1)]),
    )
    earliest = begins[person]
    earliest[: len(about)] = orders.at[about]
    weekday = ((created + 9 * HOUR) // DAY + 3) % 7
    keep = (created > earliest) & (created < window.closes) & ((weekday < 5) | chance(rng, 0.2, n))
    return draft.take(np.flatnonzero(keep))


def _with_odd_ones(rng: Rng, draft: _Draft, window: Window) -> _Draft:
    """Duplicates of some tickets, spam and tests among them, by creation."""
    n = len(draft.person)
    twice = np.flatnonzero(chance(rng, 0.03, n) & (draft.channel != co.PHONE))
    later = draft.created[twice] + rng.integers(5 * MINUTE, 4 * HOUR, len(twice))
    again = replace(draft.take(twice), created=later, channel=np.full(len(twice), co.EMAIL), origin=twice)
    kind = np.repeat((1, 2), (rng.binomial(n, 0.02), rng.binomial(n, 0.004)))
    seconds = max(window.closes - window.opens - DAY, 1)
    odd = _Draft.of(
        person=-1,
        created=window.opens + (rng.random(len(kind)) * seconds).astype(np.int64),
        channel=co.EMAIL,
        category=pick(rng, co.GENERAL_CATEGORY_SHARES, len(kind)),
        order=-1,
        kind=kind,
    )
    every = draft.and_then(again, odd)
    inside = np.flatnonzero(every.created < window.closes)
    by_time = inside[np.argsort(every.created[inside], kind="stable")]
    places = np.full(len(every.person) + 1, -1, dtype=np.int64)
    places[by_time] = np.arange(len(by_time))
    sorted_draft = every.take(by_time)
    return replace(sorted_draft, origin=places[sorted_draft.origin])


def _previous(person: Ints) -> Ints:
    """The position of the same person's ticket before, or -1; tickets are in order of creation."""
    grouped = np.argsort(person, kind="stable")
    same = (person[grouped][1:] == person[grouped][:-1]) & (person[grouped][1:] >= 0)
    previous = np.full(len(person), -1, dtype=np.int64)
    previous[grouped[1:][same]] = grouped[:-1][same]
    return previous


def _described(rng: Rng, people: People, orders: Orders, draft: _Draft) -> Tickets:
    """Teams, products and priorities; some tickets are outbound, some follow up an earlier one."""
    n = len(draft.person)
    known = draft.person >= 0
    site = np.where(known, people.site[draft.person], 0)
    technical = (site == 0) & ((draft.category == co.TECHNICAL) | chance(rng, 0.08, n))
    product = pick(rng, co.PRODUCT_SHARES, n)
    ordered = draft.order >= 0
    product[ordered] = orders.product[draft.order[ordered]]
    product[draft.category == co.SUBSCRIPTION_CATEGORY] = co.SUBSCRIPTION
    product[(draft.category == co.ACCOUNT_CATEGORY) | ~known] = -1
    usual = (draft.origin < 0) & known
    outbound = usual & (draft.channel == co.EMAIL) & chance(rng, 0.05, n)
    previous = _previous(draft.person)
    gap = draft.created - draft.created[previous]
    follows = usual & ~outbound & (previous >= 0) & usual[previous]
    follows &= (gap > 4 * DAY) & (gap < 14 * DAY) & chance(rng, 0.3, n)
    return Tickets(
        person=draft.person,
        created=draft.created,
        channel=draft.channel,
        category=np.where(follows, draft.category[previous], draft.category),
        product=product,
        priority=pick(rng, co.PRIORITY_SHARES, n),
        team=np.where(technical, 1, np.array((0, 2, 3))[site]),
        order=draft.order,
        is_outbound=outbound,
        is_spam=draft.kind == 1,
        is_test=draft.kind == 2,
        merged_into=draft.origin,
        follows=np.where(follows, previous, -1),
    )


@dataclass(slots=True)
class EventLog:
    """The events of a block, step by step; `seal` puts them in order."""

    parts: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        ticket: Ints,
        at: Ints,
        event: int,
        actor: int | Ints,
        *,
        agent: Ints | int = -1,
        value: Ints | int = -1,
        other: Ints | int = -1,
        session: Ints | int = -1,
        duration: Floats | float = np.nan,
        wait: Floats | float = np.nan,
    ) -> None:
        n = len(ticket)

        def full(given: Any, kind: type) -> Any:
            return np.broadcast_to(np.asarray(given, dtype=kind), n)

        self.parts.append(
            {
                "ticket": ticket,
                "at": at,
                "event": full(event, np.int8),
                "actor": full(actor, np.int8),
                "agent": full(agent, np.int32),
                "value": full(value, np.int16),
                "other": full(other, np.int32),
                "session": full(session, np.int32),
                "duration": full(duration, np.float64),
                "wait": full(wait, np.float64),
            }
        )

    def add_survey(self, ticket: Ints, offered: Ints, responded: Ints, score: Ints) -> None:
        """The satisfaction survey as events of the tickets; `responded` is NO_INSTANT without an answer."""
        self.add(ticket, offered, co.OFFERED, co.SYSTEM)
        given = responded != NO_INSTANT
        value = co.SCORE_VALUE + score[given]
        self.add(ticket[given], responded[given], co.SATISFACTION, co.CUSTOMER, value=value)

    def seal(self, closes: int) -> dict[str, Any]:
        """The events before `closes`, by ticket, then time, then the step that wrote them."""
        columns = {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}
        rows = np.flatnonzero(columns["at"] < closes)
        first = int(columns["at"].min()) if len(columns["at"]) else 0
        # One stable sort of (ticket, second): parts were added in the order of the steps.
        keys = columns["ticket"][rows] * 2**40 + (columns["at"][rows] - first)
        rows = rows[np.argsort(keys, kind="stable")]
        return {name: column[rows] for name, column in columns.items()}


@dataclass(frozen=True, slots=True)
class Told:
    """How the block's tickets went, as other parts need to know; instants may lie after the window."""

    first_touch: Ints  # first public human answer or call; NO_INSTANT
    first_solved: Ints  # NO_INSTANT
    solved_by: Ints  # agent; -1
    solver_team: Ints
    slowness: Floats  # the log of how many times slower than usual it was answered
    reopened: Flags
    turns: Ints  # further rounds after the first answer
    bot_contained: Flags
    had_bot: Flags


class _Life:
    """The tickets of a block on their way: each method is a step that some of them take.

    `last` is when the latest thing happened on a ticket, `holder` the agent in charge of it, `team`
    the team; each step reads and moves them on, and writes what happens into `log`.
    """

    def __init__(self, rng: Rng, tickets: Tickets, agents: Agents, window: Window) -> None:
        n = len(tickets)
        self.rng, self.tickets, self.agents, self.n = rng, tickets, agents, n
        self.log = EventLog()
        self.site = np.asarray(co.TEAM_SITES, dtype=np.int64)[tickets.team]
        self.bad = (tickets.created >= window.bad_from) & (tickets.created < window.bad_until)
        self.desk = rng.random(n)
        self.team = tickets.team.copy()
        self.last = tickets.created.copy()
        self.holder = agents.at(tickets.team, self.desk, tickets.created)
        served = tickets.is_served
        self.phone, self.chat = (served & (tickets.channel == c) for c in (co.PHONE, co.CHAT))
        self.live = self.phone | self.chat
        self.inbound = served & ~tickets.is_outbound

    def open(self) -> Ints:
        """Every ticket is created, new and with a team; some are raised to high.  The final priority."""
        t, created = self.tickets, self.tickets.created
        every = np.arange(self.n, dtype=np.int64)
        actor = np.where(t.is_outbound, co.AGENT, co.CUSTOMER)
        agent = np.where(t.is_outbound, self.holder, -1)
        self.log.add(every, created, co.CREATED, actor, agent=agent)
        self.log.add(every, created, co.STATUS, co.SYSTEM, value=co.NEW)
        self.log.add(every, created + 2, co.TEAM, co.SYSTEM, value=co.TEAM_VALUE + t.team)
        raised = chance(self.rng, 0.05, self.n) & t.is_served & (t.priority < 2)
        rows = np.flatnonzero(raised)
        self.log.add(rows, created[rows] + 3, co.PRIORITY, co.SYSTEM, value=co.PRIORITY_VALUE + 2)
        return np.where(raised, 2, t.priority)

    def meet_bot(self) -> tuple[Flags, Flags, Ints]:
        """The bot answers first on web, app and chat: (met it, needed no more, in the queue from)."""
        rng, created = self.rng, self.tickets.created
        met = self.inbound & ~self.phone & (self.tickets.channel != co.EMAIL) & chance(rng, 0.45, self.n)
        contained = met & chance(rng, 0.28, self.n)
        answered = created + rng.integers(4, 20, self.n)
        queued = np.where(met, answered + rng.integers(30, 200, self.n), created)
        rows = np.flatnonzero(met)
        self.log.add(rows, answered[rows], co.REPLY, co.BOT)
        rows = np.flatnonzero(contained)
        self.log.add(rows, queued[rows], co.REPLY, co.CUSTOMER)
        self.log.add(rows, queued[rows] + 30, co.STATUS, co.BOT, value=co.SOLVED)
        rows = np.flatnonzero(met & ~contained)
        self.log.add(rows, queued[rows], co.HANDOVER, co.BOT)
        return met, contained, queued

    def first_answer(self, worked: Flags, queued: Ints, priority: Ints) -> tuple[Ints, Floats]:
        """A human answers, calls or is called: (when, how slowly)."""
        rng, n, t = self.rng, self.n, self.tickets
        pace = np.where(self.bad, BAD_PACE, 1.0) * lookup(co.PRIORITY_PACE, priority)
        draw = 0.85 * rng.standard_normal(n)
        usual = np.where(t.channel == co.PHONE, 70, 45)
        wait = np.rint(np.clip(usual * np.exp(draw) * pace, 3, 3 * HOUR))
        at = work_on(self.site, queued, 40 * MINUTE * np.exp(draw) * pace)
        at = np.where(self.live, queued + wait.astype(np.int64), at)
        at = np.where(t.is_outbound, t.created, at)
        # Who hangs up while waiting is called back.
        hung_up = worked & self.phone & chance(rng, np.where(self.bad, 0.3, 0.05), n)
        rows = np.flatnonzero(hung_up)
        self.log.add(rows, at[rows], co.CALL, co.CUSTOMER, duration=0.0, wait=wait[rows])
        back = work_on(self.site[rows], at[rows], 40 * MINUTE + rng.integers(0, 90 * MINUTE, len(rows)))
        at[rows], wait[rows] = back, np.nan  # nobody waits in a queue to be called back
        self.holder = self.agents.at(t.team, self.desk, at)
        early = np.where(self.live, 0, rng.integers(60, 30 * MINUTE, n))
        taken = np.where(t.is_outbound, t.created, np.maximum(queued, at - early))
        rows = np.flatnonzero(worked)
        self.log.add(rows, taken[rows], co.ASSIGNMENT, co.SYSTEM, agent=self.holder[rows])
        self.log.add(rows, taken[rows], co.STATUS, co.SYSTEM, value=co.OPEN)
        self.last = at.copy()
        self._call(np.flatnonzero(worked & self.phone), wait)
        self._chat(np.flatnonzero(worked & self.chat), wait)
        rows = np.flatnonzero(worked & ~self.live)
        self.log.add(rows, at[rows], co.REPLY, co.AGENT, agent=self.holder[rows])
        rows = np.flatnonzero(worked & chance(rng, 0.16, n))
        self.log.add(rows, at[rows] + 20, co.NOTE, co.AGENT, agent=self.holder[rows])
        return at, draw + np.log(pace)

    def _call(self, rows: Ints, wait: Floats) -> None:
        talk = np.rint(spread(self.rng, 280, 0.6, len(rows)))
        agent = self.holder[rows]
        self.log.add(rows, self.last[rows], co.CALL, co.AGENT, agent=agent, duration=talk, wait=wait[rows])
        self.last[rows] += talk.astype(np.int64)

    def _chat(self, rows: Ints, wait: Floats) -> None:
        """One live session: the agent's greeting, then one to four rounds."""
        rounds = self.rng.integers(1, 5, len(rows))
        steps = self.rng.integers(15, 110, (4, 2, len(rows)))
        length = np.where(np.arange(4)[:, None] < rounds, steps.sum(axis=1), 0).sum(axis=0)
        self.log.add(
            rows,
            self.last[rows],
            co.REPLY,
            co.AGENT,
            agent=self.holder[rows],
            session=rows,
            duration=length.astype(np.float64),
            wait=wait[rows],
        )
        for k in range(4):
            goes_on = rounds > k
            here = rows[goes_on]
            self.last[here] += steps[k, 0, goes_on]
            self.log.add(here, self.last[here], co.REPLY, co.CUSTOMER, session=here)
            self.last[here] += steps[k, 1, goes_on]
            self.log.add(here, self.last[here], co.REPLY, co.AGENT, agent=self.holder[here], session=here)

    def move_up(self, rows: Ints) -> None:
        """The second tier takes over."""
        self.last[rows] += self.rng.integers(2 * MINUTE, 20 * MINUTE, len(rows))
        self.team[rows] = co.TIER_2
        value = co.TEAM_VALUE + co.TIER_2
        self.log.add(rows, self.last[rows], co.TEAM, co.AGENT, agent=self.holder[rows], value=value)

    def turn(self, rows: Ints) -> None:
        """The customer writes again and is answered; most tickets are pending in between."""
        log, rng = self.log, self.rng
        pending = chance(rng, 0.6, len(rows))
        waiting = rows[pending]
        log.add(
            waiting, self.last[waiting] + 1, co.STATUS, co.AGENT, agent=self.holder[waiting], value=co.PENDING
        )
        asked = self.last[rows] + MINUTE + whole(spread(rng, 4 * HOUR, 1.0, len(rows)))
        log.add(rows, asked, co.REPLY, co.CUSTOMER)
        log.add(waiting, asked[pending], co.STATUS, co.SYSTEM, value=co.OPEN)
        self._answer(rows, asked, 75 * MINUTE)

    def _answer(self, rows: Ints, asked: Ints, median: float) -> None:
        """The agent in charge answers in writing; a new one is assigned where he changed."""
        seconds = spread(self.rng, median, 0.8, len(rows)) * np.where(self.bad[rows], 3.0, 1.0)
        at = work_on(self.site[rows], asked, seconds)
        now = self.agents.at(self.team[rows], self.desk[rows], at)
        changed = now != self.holder[rows]
        self.log.add(rows[changed], at[changed] - 45, co.ASSIGNMENT, co.SYSTEM, agent=now[changed])
        self.log.add(rows, at, co.REPLY, co.AGENT, agent=now)
        self.holder[rows], self.last[rows] = now, at

    def solve(self, rows: Ints) -> Ints:
        """Solved by the agent with the last answer, or by a timer three days after it; when."""
        by_timer = ~self.live[rows] & chance(self.rng, 0.12, len(rows))
        waiting = rows[by_timer]
        self.log.add(
            waiting, self.last[waiting] + 1, co.STATUS, co.AGENT, agent=self.holder[waiting], value=co.PENDING
        )
        at = self.last[rows] + np.where(by_timer, 3 * DAY, self.rng.integers(5, 90, len(rows)))
        actor = np.where(by_timer, co.SYSTEM, co.AGENT)
        agent = np.where(by_timer, -1, self.holder[rows])
        self.log.add(rows, at, co.STATUS, actor, agent=agent, value=co.SOLVED)
        self.last[rows] = at
        return at

    def reopen(self, rows: Ints) -> None:
        """The customer comes back within days; answered and solved again."""
        back = (
            self.last[rows] + HOUR + np.minimum(whole(spread(self.rng, 18 * HOUR, 0.8, len(rows))), 5 * DAY)
        )
        self.log.add(rows, back, co.REPLY, co.CUSTOMER)
        self.log.add(rows, back, co.STATUS, co.SYSTEM, value=co.OPEN)
        self._answer(rows, back, 60 * MINUTE)
        self.last[rows] += 20
        self.log.add(rows, self.last[rows], co.STATUS, co.AGENT, agent=self.holder[rows], value=co.SOLVED)

    def set_aside(self) -> None:
        """Duplicates are merged, spam is marked, tests are answered and solved."""
        t, rng = self.tickets, self.rng

        def handled(chosen: Flags, shortest: int, longest: int) -> tuple[Ints, Ints, Ints]:
            rows = np.flatnonzero(chosen)
            at = t.created[rows] + rng.integers(shortest, longest, len(rows))
            return rows, at, self.agents.at(t.team[rows], self.desk[rows], at)

        rows, at, who = handled(t.merged_into >= 0, 10 * MINUTE, 5 * HOUR)
        self.log.add(rows, at, co.MERGED, co.AGENT, agent=who, other=t.merged_into[rows])
        self.log.add(rows, at, co.STATUS, co.AGENT, agent=who, value=co.MERGED_STATUS)
        rows, at, who = handled(t.is_spam, MINUTE, 6 * HOUR)
        self.log.add(rows, at, co.STATUS, co.AGENT, agent=who, value=co.SPAM)
        rows, at, who = handled(t.is_test, MINUTE, 2 * MINUTE)
        self.log.add(rows, at, co.REPLY, co.AGENT, agent=who)
        self.log.add(rows, at + 30, co.STATUS, co.AGENT, agent=who, value=co.SOLVED)


def play_out(rng: Rng, tickets: Tickets, agents: Agents, window: Window) -> tuple[EventLog, Told]:
    """The events of every ticket but for surveys, and what other parts need to know of them."""
    life = _Life(rng, tickets, agents, window)
    n = len(tickets)
    priority = life.open()
    met_bot, contained, queued = life.meet_bot()
    ignored = life.inbound & ~life.live & chance(rng, 0.012, n)
    worked = tickets.is_served & ~contained & ~ignored
    answered, slowness = life.first_answer(worked, queued, priority)
    inbound = worked & life.inbound
    moved = inbound & chance(rng, 0.07, n)
    life.move_up(np.flatnonzero(moved))
    more = np.where(life.live, chance(rng, 0.15, n), rng.geometric(0.62, n) - 1)
    turns = np.where(inbound, np.clip(more, moved, 4), 0)
    for k in range(4):
        life.turn(np.flatnonzero(turns > k))
    solves = worked & ~(~life.live & chance(rng, 0.015, n))
    rows = np.flatnonzero(solves)
    first_solved = np.where(contained, queued + 30, NO_INSTANT)
    first_solved[rows] = life.solve(rows)
    life.last[contained] = first_solved[contained]
    solved_by = np.where(solves, life.holder, -1)
    reopened = solves & life.inbound & chance(rng, np.where(life.bad, 0.18, 0.06), n)
    life.reopen(np.flatnonzero(reopened))
    rows = np.flatnonzero((solves | contained) & chance(rng, 0.98, n))
    life.log.add(rows, life.last[rows] + 6 * DAY, co.STATUS, co.SYSTEM, value=co.CLOSED)
    life.set_aside()
    return life.log, Told(
        first_touch=np.where(inbound, answered, NO_INSTANT),
        first_solved=first_solved,
        solved_by=solved_by,
        solver_team=life.team,
        slowness=slowness,
        reopened=reopened,
        turns=turns,
        bot_contained=contained,
        had_bot=met_bot,
    )


@dataclass(frozen=True, slots=True)
class Latest:
    """The tickets when the window closes, and their events in order."""

    status: Ints
    team: Ints
    agent: Ints
    priority: Ints
    last_event: Ints
    events: dict[str, Any]


def settle(log: EventLog, tickets: Tickets, window: Window) -> Latest:
    """The state of every ticket when the window closes, from its events alone."""
    events = log.seal(window.closes)
    n = len(tickets)
    status, team, agent = np.full(n, co.NEW), tickets.team.copy(), np.full(n, -1)
    priority, last_event = tickets.priority.copy(), tickets.created.copy()

    def keep_last(kind: int, target: Ints, value: Ints) -> None:
        """Of several events of a ticket the last assigned stays: numpy assigns in order."""
        rows = np.flatnonzero(events["event"] == kind)
        target[events["ticket"][rows]] = value[rows]

    keep_last(co.STATUS, status, events["value"].astype(np.int64))
    keep_last(co.TEAM, team, events["value"].astype(np.int64) - co.TEAM_VALUE)
    keep_last(co.ASSIGNMENT, agent, events["agent"].astype(np.int64))
    keep_last(co.PRIORITY, priority, events["value"].astype(np.int64) - co.PRIORITY_VALUE)
    last_event[events["ticket"]] = events["at"]
    return Latest(status, team, agent, priority, last_event, events)


def ticket_rows(tickets: Tickets, told: Told, latest: Latest, people: People, first: int) -> Any:
    """The `tickets` table; ids count from `first`."""
    known = tickets.person >= 0
    person = np.maximum(tickets.person, 0)
    site = np.asarray(co.TEAM_SITES)[tickets.team]
    ahead = offsets(np.asarray(co.SITE_ZONES)[site], tickets.created)
    writes = np.where(known, people.writes[person], 0)
    subject = tickets.category + writes * len(co.CATEGORIES)
    subject = np.where(tickets.is_spam, 2 * len(co.CATEGORIES), subject)
    subject = np.where(tickets.is_test, 2 * len(co.CATEGORIES) + 1, subject)
    subjects = (*co.SUBJECTS["ko"], *co.SUBJECTS["en"], co.SPAM_SUBJECT, co.TEST_SUBJECT)
    merged = np.where(latest.status == co.MERGED_STATUS, tickets.merged_into, -1)
    return pa.table(
        {
            "ticket_id": ids("T", first + np.arange(len(tickets))),
            "customer_id": ids("C", np.where(known, people.number[person], -1)),
            "channel": words(co.TICKET_CHANNELS, tickets.channel),
            "direction": words(("inbound", "outbound"), tickets.is_outbound.astype(np.int64)),
            "category": words(co.CATEGORIES, tickets.category),
            "product": words(co.PRODUCTS, tickets.product),
            "priority": words(co.PRIORITIES, latest.priority),
            "status": words(co.STATUSES, latest.status),
            "team": words(co.TEAMS, latest.team),
            "agent_id": ids("A", latest.agent),
            "schedule_id": words(co.SITES, site),
            "subject": words(subjects, subject),
            "language": words(("ko", "en"), writes),
            "parent_ticket_id": ids("T", np.where(tickets.follows < 0, -1, first + tickets.follows)),
            "merged_into_ticket_id": ids("T", np.where(merged < 0, -1, first + merged)),
            "created_at": instants(tickets.created, ahead),
            "source_sla_met": flags(told.slowness < np.log(3.0), told.first_touch != NO_INSTANT),
            "updated_at": instants(latest.last_event, ahead),
            "is_test": flags(tickets.is_test),
            "brand": words(co.BRANDS, np.where(known, people.brand[person], -1)),
        }
    )


EVENT_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("ticket_id", pa.string()),
        ("occurred_at", pa.timestamp("us", tz="UTC")),
        ("event_type", pa.string()),
        ("actor_role", pa.string()),
        ("agent_id", pa.string()),
        ("is_public", pa.bool_()),
        ("value", pa.string()),
        ("session_id", pa.string()),
        ("duration_seconds", pa.float64()),
        ("wait_seconds", pa.float64()),
    ]
)


def event_rows(events: dict[str, Any], first: int, first_ticket: int) -> Any:
    """The `ticket_events` table; ids count from `first`, tickets from `first_ticket`."""
    event = events["event"]
    public = (event == co.REPLY) | (event == co.CALL)
    other, session = events["other"].astype(np.int64), events["session"].astype(np.int64)
    value = words(co.VALUES, events["value"].astype(np.int64))
    return pa.table(
        {
            "event_id": ids("E", first + np.arange(len(event))),
            "ticket_id": ids("T", first_ticket + events["ticket"]),
            "occurred_at": pa.array(events["at"] * 1_000_000).cast(pa.timestamp("us", tz="UTC")),
            "event_type": words(co.EVENTS, event.astype(np.int64)),
            "actor_role": words(co.ACTORS, events["actor"].astype(np.int64)),
            "agent_id": ids("A", events["agent"].astype(np.int64)),
            "is_public": flags(public, public | (event == co.NOTE)),
            "value": pc.coalesce(value, ids("T", np.where(other < 0, -1, first_ticket + other))),
            "session_id": ids("S", np.where(session < 0, -1, first_ticket + session)),
            "duration_seconds": numbers(events["duration"]),
            "wait_seconds": numbers(events["wait"]),
        },
        schema=EVENT_SCHEMA,
    )
