"""The visits, purchase steps, calls and bot sessions of one block, with their outcomes.

What enters: `People`, `Orders`, `Tickets`, how support went, the window and a random stream.  What
leaves: `Steps`, by time, and the rows of `touchpoints`.  In the app the payment step fails far more
often than on the web: the sample's friction point.  Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import Window, offsets
from cx_pipeline.sample.draw import (
    Floats,
    Ints,
    Rng,
    chance,
    ids,
    instants,
    lookup,
    numbers,
    pick,
    spread,
    words,
)
from cx_pipeline.sample.orders import ORDER, Orders
from cx_pipeline.sample.people import People
from cx_pipeline.sample.support import Tickets, Told

STORE, CALL, BOT, FIRST_PAID = 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class Steps:
    """One array position a touchpoint; `person` and `session` are -1 where there is none."""

    person: Ints
    session: Ints
    at: Ints
    channel: Ints  # position in TOUCH_CHANNELS
    touchpoint: Ints  # position in JOURNEY
    outcome: Ints
    duration: Floats
    campaign: Ints
    product: Ints

    def __len__(self) -> int:
        return len(self.person)


class _Collector:
    """Collects the parts of `Steps`."""

    def __init__(self) -> None:
        self.parts: list[dict[str, Any]] = []

    def add(self, person: Ints, at: Ints, touchpoint: int, **given: Any) -> None:
        """Steps of `person` at `at`; what is not given is empty."""
        row = {"session": -1, "campaign": -1, "product": -1, "duration": np.nan, "outcome": co.NO_OUTCOME}
        full = row | given | {"touchpoint": touchpoint}
        columns = {name: np.broadcast_to(np.asarray(value), len(person)) for name, value in full.items()}
        self.parts.append({"person": person, "at": at, **columns})

    def steps(self, window: Window) -> Steps:
        """The steps within the window, by time."""
        columns = {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}
        inside = np.flatnonzero((columns["at"] < window.closes) & (columns["at"] >= window.opens))
        inside = inside[np.argsort(columns["at"][inside], kind="stable")]
        return Steps(**{name: columns[name][inside] for name in Steps.__dataclass_fields__})


def _anywhen(rng: Rng, people: People, person: Ints, window: Window) -> Ints:
    """Some instant at which each person is a customer."""
    begins = np.maximum(people.signed_up[person], window.opens)
    at: Ints = begins + (rng.random(len(person)) * (window.closes - begins)).astype(np.int64)
    return at


class _Sessions:
    """The visits of a block: some end in an order, some might have, some are of visitors nobody knows."""

    def __init__(self, rng: Rng, people: People, orders: Orders, window: Window, into: _Collector) -> None:
        bought = np.flatnonzero((orders.kind == ORDER) & ~orders.is_plan & (orders.channel < STORE))
        bought = bought[chance(rng, 0.45, len(bought))]
        looks = np.repeat(np.arange(len(people)), rng.poisson(1.1, len(people)))
        unknown = np.full(len(people) // 5, -1)
        length = window.closes - window.opens
        self.into, self.rng = into, rng
        self.person = np.concatenate([orders.person[bought], looks, unknown])
        self.size = size = len(self.person)
        self.buys = np.arange(size) < len(bought)
        others = size - len(bought)
        self.channel = np.concatenate([orders.channel[bought], pick(rng, (0.5, 0.5), others)])
        self.product = np.concatenate([orders.product[bought], pick(rng, co.PRODUCT_SHARES, others)])
        self.now = np.concatenate(
            [
                orders.at[bought] - 600,
                _anywhen(rng, people, looks, window),
                window.opens + (rng.random(len(unknown)) * length).astype(np.int64),
            ]
        )

    def step(self, rows: Ints, touchpoint: int, **more: Any) -> None:
        """The sessions at `rows` go on to `touchpoint`."""
        seconds = self.rng.integers(8, 120, len(rows))
        self.now[rows] += seconds
        about_product = touchpoint in (co.PRODUCT_PAGE, co.CART, co.PAYMENT)
        row = {
            "channel": self.channel[rows],
            "session": rows,
            "product": self.product[rows] if about_product else -1,
            "duration": seconds.astype(np.float64),
        }
        self.into.add(self.person[rows], self.now[rows].copy(), touchpoint, **(row | more))

    def walk(self) -> None:
        """From the visit to the order confirmation, as far as each session gets."""
        rng, size, buys = self.rng, self.size, self.buys
        paid = (self.person < 0) & chance(rng, 0.6, size)
        came_by = np.where(
            paid, FIRST_PAID + rng.integers(0, len(co.TOUCH_CHANNELS) - FIRST_PAID, size), self.channel
        )
        campaign = np.where(paid, rng.integers(0, len(co.CAMPAIGNS), size), -1)
        self.step(np.arange(size), co.VISIT, channel=came_by, campaign=campaign)
        rows = np.flatnonzero(chance(rng, 0.45, size))
        self.step(rows, co.SEARCH, outcome=np.where(chance(rng, 0.09, len(rows)), co.FAILURE, co.SUCCESS))
        self.step(np.flatnonzero(buys | chance(rng, 0.7, size)), co.PRODUCT_PAGE)
        fills = buys | (chance(rng, 0.28, size) & (self.person >= 0))
        drops = fills & ~buys & chance(rng, 0.6, size)
        rows = np.flatnonzero(fills)
        self.step(rows, co.CART, outcome=np.where(drops[rows], co.ABANDONED, co.SUCCESS))
        # Who did not buy failed to pay or changed his mind; who did buy tried again after a failure.
        rows = np.flatnonzero(fills & ~drops)
        fails = chance(rng, lookup(co.PAYMENT_FAILURE, self.channel[rows]), len(rows))
        otherwise = np.where(buys[rows], co.SUCCESS, co.ABANDONED)
        self.step(rows, co.PAYMENT, outcome=np.where(fails, co.FAILURE, otherwise))
        self.step(rows[fails & buys[rows]], co.PAYMENT, outcome=co.SUCCESS)
        self.step(np.flatnonzero(buys), co.CONFIRMATION, outcome=co.SUCCESS)


def make_steps(
    rng: Rng, *, people: People, orders: Orders, tickets: Tickets, support: Told, window: Window
) -> Steps:
    """The block's touchpoints in order of time."""
    into = _Collector()
    _Sessions(rng, people, orders, window, into).walk()
    rows = np.flatnonzero(tickets.is_served & (tickets.channel == co.PHONE))
    into.add(
        tickets.person[rows],
        tickets.created[rows],
        co.SUPPORT_CALL,
        channel=CALL,
        outcome=np.where(support.turns[rows] > 0, co.ESCALATED, co.SUCCESS),
        duration=np.rint(spread(rng, 280, 0.6, len(rows))),
    )
    rows = np.flatnonzero(support.had_bot)
    into.add(
        tickets.person[rows],
        tickets.created[rows] + 5,
        co.BOT_SESSION,
        channel=BOT,
        outcome=np.where(support.bot_contained[rows], co.SUCCESS, co.ESCALATED),
        duration=np.rint(spread(rng, 90, 0.5, len(rows))),
    )
    person = np.flatnonzero(chance(rng, 0.25, len(people)))
    outcome = np.where(chance(rng, 0.7, len(person)), co.SUCCESS, co.NO_OUTCOME)
    into.add(person, _anywhen(rng, people, person, window), co.STORE_VISIT, channel=STORE, outcome=outcome)
    return into.steps(window)


def step_rows(steps: Steps, people: People, first: int, first_session: int) -> Any:
    """The `touchpoints` table; ids count from `first`, sessions from `first_session`."""
    known = steps.person >= 0
    zone = np.where(known, people.zone[np.maximum(steps.person, 0)] if len(people) else 0, 0)
    return pa.table(
        {
            "touchpoint_id": ids("J", first + np.arange(len(steps))),
            "customer_id": ids("C", np.where(known, people.number[np.maximum(steps.person, 0)], -1)),
            "session_id": ids("V", np.where(steps.session < 0, -1, first_session + steps.session)),
            "occurred_at": instants(steps.at, offsets(zone, steps.at)),
            "channel": words(co.TOUCH_CHANNELS, steps.channel),
            "touchpoint": words([name for name, _ in co.JOURNEY], steps.touchpoint),
            "journey_stage": words([stage for _, stage in co.JOURNEY], steps.touchpoint),
            "outcome": words(co.OUTCOMES, steps.outcome),
            "duration_seconds": numbers(steps.duration),
            "campaign": words(co.CAMPAIGNS, steps.campaign),
            "product": words(co.PRODUCTS, steps.product),
        }
    )
