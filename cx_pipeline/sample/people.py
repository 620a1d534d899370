"""The customers of one block: who they are and how the company won them.

What enters: the window, a random stream and the block's first customer number.  What leaves:
`People`, one array position a customer, and the rows of `customers`.  Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import DAY, Window, daytime, offsets, to_utc
from cx_pipeline.sample.draw import (
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
    words,
)

LANGUAGES = ("ko", "en", "ja", "de")
RELATIONSHIPS = ("non_contractual", "contractual")


@dataclass(frozen=True, slots=True)
class People:
    """Codes are positions in the tuples of `company`; instants are seconds since 1970."""

    number: Ints
    country: Ints
    zone: Ints
    site: Ints
    language: Ints  # position in LANGUAGES
    writes: Ints  # 0 Korean, 1 English: what surveys and tickets are written in
    won: Floats  # 1.0 where amounts are in KRW
    segment: Ints
    brand: Ints
    acquisition: Ints
    cost: Floats
    contractual: Flags
    signed_up: Ints
    warmth: Floats  # how well disposed, in standard deviations
    promoted_at: Ints  # when a consumer became a small business; NO_INSTANT for nearly all

    def __len__(self) -> int:
        return len(self.number)


def make_people(rng: Rng, window: Window, first: int, size: int) -> People:
    """`size` customers numbered from `first`; six in ten were there before the window opens."""
    country = pick(rng, [c.share for c in co.COUNTRIES], size)
    zone = np.array([c.zone for c in co.COUNTRIES], dtype=np.int64)[country]
    home = np.array([LANGUAGES.index(c.language) for c in co.COUNTRIES], dtype=np.int64)[country]
    language = np.where((home == 0) & chance(rng, 0.05, size), 1, home)
    segment = pick(rng, co.SEGMENT_SHARES, size)
    acquisition = pick(rng, [a.share for a in co.ACQUISITION], size)
    in_won = np.array([c.currency == "KRW" for c in co.COUNTRIES])[country]
    cost = spread(rng, 1.0, 0.35, size) * lookup([a.cost_usd for a in co.ACQUISITION], acquisition)
    old = chance(rng, 0.6, size)
    span = window.closes - window.opens
    days_old = (1 + rng.random(size) ** 1.6 * 1100 * DAY).astype(np.int64)
    near = np.where(old, window.opens - days_old, window.opens + (rng.random(size) * span).astype(np.int64))
    # The day of the month stays below 29, so that a monthly plan renews on the same day every month.
    late = (near + 9 * 3600).astype("datetime64[s]").astype("datetime64[D]")
    late = (late - late.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    day = (near + 9 * 3600) // DAY - np.maximum(late - 27, 0)
    signed_up = to_utc(zone, day * DAY + daytime(rng, size))
    signed_up = np.where(old, signed_up, np.clip(signed_up, window.opens, window.closes - 1))
    promoted = (segment == 0) & chance(rng, 0.02, size)
    promoted_at = np.maximum(window.opens, signed_up) + (rng.random(size) * span).astype(np.int64)
    promoted &= promoted_at < window.closes
    return People(
        number=np.arange(first, first + size, dtype=np.int64),
        country=country,
        zone=zone,
        site=np.array([c.team_site for c in co.COUNTRIES], dtype=np.int64)[country],
        language=language,
        writes=(language != 0).astype(np.int64),
        won=in_won.astype(np.float64),
        segment=segment,
        brand=pick(rng, co.BRAND_SHARES, size),
        acquisition=acquisition,
        cost=money(cost, in_won.astype(np.float64)),
        contractual=rng.random(size) < lookup(co.SEGMENT_CONTRACTUAL, segment),
        signed_up=signed_up,
        warmth=rng.standard_normal(size) + lookup([a.warmth for a in co.ACQUISITION], acquisition),
        promoted_at=np.where(promoted, promoted_at, NO_INSTANT),
    )


def money(usd: Floats, won: Floats) -> Floats:
    """An amount in the customer's currency: KRW to 100 won, USD to the cent."""
    return np.where(won > 0, np.rint(usd * co.KRW_PER_USD / 100) * 100, np.rint(usd * 100) / 100)


def customer_rows(people: People, ended: Ints) -> tuple[Any, int]:
    """The `customers` table, and how many of its rows are superseded by a later version."""
    again = np.flatnonzero(people.promoted_at != NO_INSTANT)
    order = np.concatenate([np.arange(len(people)), again])
    second = np.arange(len(order)) >= len(people)
    ahead = offsets(people.zone, people.signed_up)[order]
    account = np.where((people.segment == 2)[order], people.number[order] // 3, -1)
    table = pa.table(
        {
            "customer_id": ids("C", people.number[order]),
            "account_id": ids("ACC", account),
            "relationship": words(RELATIONSHIPS, people.contractual[order].astype(np.int64)),
            "signed_up_at": instants(people.signed_up[order], ahead),
            "ended_at": instants(ended[order], ahead),
            "segment": words(co.SEGMENTS, np.where(second, 1, people.segment[order])),
            "country": words([c.code for c in co.COUNTRIES], people.country[order]),
            "language": words(LANGUAGES, people.language[order]),
            "acquisition_channel": words([a.code for a in co.ACQUISITION], people.acquisition[order]),
            "acquisition_cost": numbers(people.cost[order]),
            "currency": words(("USD", "KRW"), people.won[order].astype(np.int64)),
            "brand": words(co.BRANDS, people.brand[order]),
            "updated_at": instants(
                np.where(second, people.promoted_at[order], people.signed_up[order]), ahead
            ),
            "is_deleted": flags(np.zeros(len(order), dtype=np.bool_)),
        }
    )
    return table, len(again)
