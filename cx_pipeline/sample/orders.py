"""What the customers of one block buy, renew, return and cancel.

Buyers without a contract follow the BG/NBD story: each orders as a Poisson process at a rate of his own
(gamma over customers) and after every order drops out for good with his channel's chance.  Subscribers
pay whole months or years until they stop.  What enters: `People`, the window, a random stream and, for
the final rows, when a customer walks out in anger.  What leaves: `Orders` and the rows of
`transactions`.  Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import DAY, Window, daytime, offsets, to_utc
from cx_pipeline.sample.draw import (
    NEVER,
    NO_INSTANT,
    Flags,
    Floats,
    Ints,
    Rng,
    chance,
    ids,
    instants,
    lookup,
    numbers,
    pick,
    ranks,
    spread,
    whole,
    words,
)
from cx_pipeline.sample.people import People, money

KINDS = ("order", "renewal", "refund", "cancellation")
ORDER, RENEWAL, REFUND, CANCELLATION = range(4)
_SEOUL_AHEAD = 9 * 3600


@dataclass(frozen=True, slots=True)
class Orders:
    """One array position a transaction; `person` is a position in the block's `People`."""

    person: Ints
    at: Ints
    kind: Ints
    amount: Floats
    margin: Floats
    product: Ints
    channel: Ints
    service_start: Ints
    service_end: Ints
    parent: Ints  # position of the refunded order, before numbering; -1 without
    is_plan: Flags

    def __len__(self) -> int:
        return len(self.person)

    def take(self, chosen: Ints) -> Orders:
        """The transactions at `chosen`, refunds pointing to their orders' new positions."""
        places = np.full(len(self) + 1, -1, dtype=np.int64)
        places[chosen] = np.arange(len(chosen))
        return Orders(
            self.person[chosen],
            self.at[chosen],
            self.kind[chosen],
            self.amount[chosen],
            self.margin[chosen],
            self.product[chosen],
            self.channel[chosen],
            self.service_start[chosen],
            self.service_end[chosen],
            places[self.parent[chosen]],
            self.is_plan[chosen],
        )


def _shop_orders(rng: Rng, people: People, window: Window) -> tuple[Ints, Ints]:
    """(person, instant) of the orders of customers without a contract, grouped by person."""
    n = len(people)
    new = people.signed_up >= window.opens
    there = ~people.contractual & (new | chance(rng, 0.72, n))
    begins = np.maximum(people.signed_up, window.opens)
    months = (window.closes - begins) / (30 * DAY)
    rate = rng.gamma(1.3, 0.8 / 1.3, n) * lookup(co.SEGMENT_ORDER_RATE, people.segment)
    rate *= lookup([a.order_rate for a in co.ACQUISITION], people.acquisition)
    wanted = np.where(there, rng.poisson(rate * months), 0)
    # The order after which the customer drops out; a new customer's first order is the first of them.
    # Who thinks well of the company stays longer.
    drop_out = lookup([a.drop_out for a in co.ACQUISITION], people.acquisition) * np.exp(
        -0.35 * people.warmth
    )
    lasts = rng.geometric(np.clip(drop_out, 0.005, 0.9)).astype(np.int64)
    kept_of = np.where(new, lasts - 1, lasts)
    person = np.repeat(np.arange(n), wanted)
    when = np.sort(person + rng.random(len(person))) - person
    kept = ranks(wanted) < kept_of[person]
    person, when = person[kept], when[kept]
    near = begins[person] + (when * (window.closes - begins[person])).astype(np.int64)
    at = _daily(rng, people.zone[person], near)
    first = np.flatnonzero(there & new & chance(rng, 0.93, n))
    first_at = people.signed_up[first] + rng.integers(120, 3600, len(first))
    person, at = np.concatenate([first, person]), np.concatenate([first_at, at])
    fits = (at >= people.signed_up[person]) & (at >= window.opens) & (at < window.closes)
    return person[fits], at[fits]


def _daily(rng: Rng, zones: Ints, near: Ints) -> Ints:
    """An hour of the day at which people buy, on the local day of `near`."""
    return to_utc(zones, (near + offsets(zones, near)) // DAY * DAY + daytime(rng, len(near)))


def _plan_intervals(rng: Rng, people: People, window: Window) -> tuple[Ints, Ints, Ints, Ints, Flags, Ints]:
    """(person, occurred, service start, service end, is first, cancelled at) of every paid interval.

    `cancelled at` stands on a plan's last interval where it is not renewed, else NO_INSTANT.
    """
    who = np.flatnonzero(people.contractual)
    yearly = chance(rng, 0.3, len(who))
    months = np.where(yearly, 12, 1)
    local = people.signed_up[who] + _SEOUL_AHEAD
    month = local.astype("datetime64[s]").astype("datetime64[M]")
    day = local // DAY - month.astype("datetime64[D]").astype(np.int64)
    month = month.astype(np.int64)

    def starts(index: Ints, rows: Ints | slice = slice(None)) -> Ints:
        first = (month[rows] + index * months[rows]).astype("datetime64[M]").astype("datetime64[D]")
        return (first.astype(np.int64) + day[rows]) * DAY - _SEOUL_AHEAD

    opens = np.datetime64(window.start, "M").astype(np.int64)
    closes = np.datetime64(window.end, "M").astype(np.int64)
    begin = np.maximum((opens - month) // months, 0)
    begin += (begin > 0) & (starts(begin) < window.opens)
    begin += (begin > 0) & (starts(begin) < window.opens)
    begin = np.where((begin == 0) & (people.signed_up[who] < window.opens), 1, begin)
    end = np.maximum((closes - month) // months + 1, begin)
    end -= (end > begin) & (starts(end - 1) >= window.closes)
    ease = lookup([a.drop_out for a in co.ACQUISITION], people.acquisition[who])
    stops = rng.geometric(np.clip(ease * np.where(yearly, 1.2, 0.22), 0.004, 0.9)).astype(np.int64)
    paid = np.minimum(end - begin, stops)
    row = np.repeat(np.arange(len(who)), paid)
    rank = ranks(paid)
    index = begin[row] + rank
    start, stop = starts(index, row), starts(index + 1, row)
    first = index == 0
    at = np.where(first, people.signed_up[who][row], start + rng.integers(60, 6 * 3600, len(row)))
    leaves = (rank == paid[row] - 1) & (stops[row] <= (end - begin)[row])
    gone = at + ((stop - at) * (0.1 + 0.85 * rng.random(len(row)))).astype(np.int64)
    gone = np.where(leaves & (gone < window.closes), gone, NO_INSTANT)
    fits = at < window.closes
    return who[row][fits], at[fits], start[fits], stop[fits], first[fits], gone[fits]


def make_orders(rng: Rng, people: People, window: Window) -> Orders:
    """Everything the block's customers would buy if nothing angered them."""
    shopper, shop_at = _shop_orders(rng, people, window)
    member, plan_at, start, stop, first, gone = _plan_intervals(rng, people, window)
    n, m = len(shopper), len(member)
    product = pick(rng, co.PRODUCT_SHARES, n)
    usd = lookup(co.PRODUCT_PRICE_USD, product) * spread(rng, 1.0, 0.25, n)
    usd *= np.where(people.segment[shopper] > 0, rng.integers(1, 6, n), 1)
    amount = money(usd, people.won[shopper])
    price = money(lookup(co.SEGMENT_PLAN_USD, people.segment[member]), people.won[member])
    price = price * np.where(stop - start > 40 * DAY, 10, 1)  # a year for the price of ten months
    share = 0.25 + 0.2 * rng.random(n)
    nothing = np.full(n, NO_INSTANT)
    sales = pick(rng, co.SALES_CHANNEL_SHARES, n)

    refunded = np.flatnonzero(chance(rng, 0.045, n))
    refund_at = shop_at[refunded] + whole(spread(rng, 5 * DAY, 0.7, len(refunded)))
    part = np.where(chance(rng, 0.7, len(refunded)), 1.0, 0.4)
    back = money(-amount[refunded] * part, np.zeros(len(refunded)))
    ended = np.flatnonzero(gone != NO_INSTANT)
    k = len(refunded)
    none = np.full(k, NO_INSTANT)
    orders = Orders(
        person=np.concatenate([shopper, member, shopper[refunded], member[ended]]),
        at=np.concatenate([shop_at, plan_at, refund_at, gone[ended]]),
        kind=np.concatenate(
            [
                np.full(n, ORDER),
                np.where(first, ORDER, RENEWAL),
                np.full(k, REFUND),
                np.full(len(ended), CANCELLATION),
            ]
        ),
        amount=np.concatenate([amount, price, back, np.zeros(len(ended))]),
        margin=np.concatenate(
            [
                np.rint(amount * share * 100) / 100,
                np.rint(price * 70) / 100,
                np.rint(back * share[refunded] * 100) / 100,
                np.zeros(len(ended)),
            ]
        ),
        product=np.concatenate(
            [product, np.full(m, co.SUBSCRIPTION), product[refunded], np.full(len(ended), co.SUBSCRIPTION)]
        ),
        channel=np.concatenate([sales, np.full(m, 1), sales[refunded], np.full(len(ended), 1)]),
        service_start=np.concatenate([nothing, start, none, np.full(len(ended), NO_INSTANT)]),
        service_end=np.concatenate([nothing, stop, none, stop[ended]]),
        parent=np.concatenate([np.full(n + m, -1), refunded, np.full(len(ended), -1)]),
        is_plan=np.concatenate(
            [np.zeros(n, bool), np.ones(m, bool), np.zeros(k, bool), np.ones(len(ended), bool)]
        ),
    )
    return orders.take(np.flatnonzero(orders.at < window.closes))


def after_walkouts(orders: Orders, people: People, leaves: Ints) -> tuple[Orders, Ints, Ints]:
    """The transactions that take place, by time; when each contract ended (NO_INSTANT: it runs); and
    where each of `orders` went (-1: it does not take place; so does the last, additional entry).

    `leaves` is when each customer walks out (NEVER for most); what comes later does not happen, and a
    subscriber cancels on the spot.
    """
    happens = orders.at <= leaves[orders.person]
    is_paid = orders.is_plan & (orders.kind != CANCELLATION) & happens
    paid_until = np.full(len(people), NO_INSTANT)
    np.maximum.at(paid_until, orders.person[is_paid], orders.service_end[is_paid])
    said = orders.kind == CANCELLATION
    ended = np.full(len(people), NO_INSTANT)
    ended[orders.person[said & happens]] = orders.service_end[said & happens]
    done = np.zeros(len(people), bool)
    done[orders.person[said & happens]] = True
    angry = np.flatnonzero((leaves < NEVER) & people.contractual & ~done)
    stop = np.where(paid_until[angry] > leaves[angry], paid_until[angry], leaves[angry] + DAY)
    ended[angry] = stop
    k = len(angry)
    rows = np.flatnonzero(happens)
    kept = orders.take(rows)
    every = Orders(
        np.concatenate([kept.person, angry]),
        np.concatenate([kept.at, leaves[angry]]),
        np.concatenate([kept.kind, np.full(k, CANCELLATION)]),
        np.concatenate([kept.amount, np.zeros(k)]),
        np.concatenate([kept.margin, np.zeros(k)]),
        np.concatenate([kept.product, np.full(k, co.SUBSCRIPTION)]),
        np.concatenate([kept.channel, np.full(k, 1)]),
        np.concatenate([kept.service_start, np.full(k, NO_INSTANT)]),
        np.concatenate([kept.service_end, stop]),
        np.concatenate([kept.parent, np.full(k, -1)]),
        np.concatenate([kept.is_plan, np.ones(k, bool)]),
    )
    by_time = np.argsort(every.at, kind="stable")
    moved = np.empty(len(by_time), dtype=np.int64)
    moved[by_time] = np.arange(len(by_time))
    places = np.full(len(orders) + 1, -1, dtype=np.int64)
    places[rows] = moved[: len(rows)]
    return every.take(by_time), ended, places


def order_rows(orders: Orders, people: People, first: int) -> Any:
    """The `transactions` table; ids count from `first`."""
    ahead = offsets(people.zone[orders.person], orders.at)
    seoul = np.full(len(orders), _SEOUL_AHEAD)
    is_paid = (orders.kind == ORDER) | (orders.kind == RENEWAL)
    service_end = np.where(is_paid, orders.service_end, NO_INSTANT)
    return pa.table(
        {
            "transaction_id": ids("O", first + np.arange(len(orders))),
            "parent_transaction_id": ids("O", np.where(orders.parent < 0, -1, first + orders.parent)),
            "customer_id": ids("C", people.number[orders.person]),
            "kind": words(KINDS, orders.kind),
            "amount": numbers(orders.amount),
            "margin": numbers(orders.margin),
            "currency": words(("USD", "KRW"), people.won[orders.person].astype(np.int64)),
            "product": words(co.PRODUCTS, orders.product),
            "channel": words(co.SALES_CHANNELS, orders.channel),
            "occurred_at": instants(orders.at, ahead),
            "service_start": instants(orders.service_start, seoul),
            "service_end": instants(service_end, seoul),
            "brand": words(co.BRANDS, people.brand[orders.person]),
        }
    )
