"""Who was a customer when, and what they paid: spans of days, purchases and sums, by customer.

What enters: transactions, customers.  What leaves: `People`, which `customer_kpis` and `cohorts` count.
Called by `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import rounded, running, starts_of
from benchmarks.in_pandas.customers import Customers
from benchmarks.in_pandas.landed import FOREVER, NEVER, NO_DAY, Array, instants, is_one_of, local_days
from benchmarks.in_pandas.periods import first_of_month, month_number
from benchmarks.in_pandas.transactions import MINUTE, Rates

CHURN_AFTER = 90
NOT_YET = 2**31
"""A day after all others, where the first of some is asked for."""


@dataclass(frozen=True)
class Spans:
    """Customers by number, and days from which to before which something holds of them, in order."""

    customer: Array
    from_day: Array
    to_day: Array


@dataclass(frozen=True)
class People:
    """By customer: contractual or not, days of note (NOT_YET where none); what they bought, in spans."""

    is_contractual: Array
    signed_up: Array
    first_day: Array
    first_order: Array
    known_from: Array
    cost: Array
    live: Spans
    first_live: Array
    """Of each span of `live`: when its customer's first one began."""
    recurring: Spans
    monthly: Array
    """Of each span of `recurring`: its amount a month; NaN where it has no rate."""
    money: pd.DataFrame
    """By customer and day of a transaction: revenue, margin, and what is known to date."""


def people_of(rows: pd.DataFrame, customers: Customers, rates: Rates) -> People:
    """Everything about customers that their KPIs ask for."""
    count = len(customers.keys)
    last = customers.end - 1
    has_profile = customers.end > customers.first
    profile = customers.rows.iloc[np.where(has_profile, last, 0)]

    def day_of(name: str, later: int = 0) -> Array:
        moment = instants(profile[name])
        return local_days(np.where(has_profile & (moment != NEVER), moment + later, NEVER))

    is_contractual = has_profile & is_one_of(profile["relationship"], "contractual")
    signed_up, ended = day_of("signed_up_at"), day_of("ended_at", MINUTE)
    signed_up = np.where(signed_up == NO_DAY, NOT_YET, signed_up)
    customer, day = rows["customer"].to_numpy(), rows["day"].to_numpy()
    first_day, first_order = np.full(count, NOT_YET), np.full(count, NOT_YET)
    np.minimum.at(first_day, customer, day)
    is_order = rows["is_order"].to_numpy()
    np.minimum.at(first_order, customer[is_order], day[is_order])
    known_from = np.minimum(signed_up, first_day)
    bought_at = np.where(signed_up == NOT_YET, known_from, signed_up)
    rate = np.where(has_profile, rates.on(profile["currency"].reset_index(drop=True), bought_at), np.nan)
    cost = profile["acquisition_cost"].to_numpy(float) * rate
    purchases = rows[is_order & (rows["amount"].to_numpy() > 0)]
    live, first_live = _live(purchases, is_contractual, signed_up, ended)
    recurring, monthly = _recurring(purchases)
    return People(
        is_contractual,
        signed_up,
        first_day,
        first_order,
        known_from,
        cost,
        live,
        first_live,
        recurring,
        monthly,
        _money(rows),
    )


def _has_span(purchases: pd.DataFrame) -> Array:
    from_day, to_day = purchases["from_day"].to_numpy(), purchases["to_day"].to_numpy()
    return np.asarray((from_day != NO_DAY) & (to_day != NO_DAY) & (from_day < to_day))


def _live(
    purchases: pd.DataFrame, is_contractual: Array, signed_up: Array, ended: Array
) -> tuple[Spans, Array]:
    """The spans in which each is a customer; those that overlap or touch are one."""
    customer = purchases["customer"].to_numpy()
    is_paid = is_contractual[customer] & _has_span(purchases)
    is_bought = ~is_contractual[customer]
    pays = np.zeros(len(is_contractual), bool)
    pays[customer[is_paid]] = True
    until = np.where(ended == NO_DAY, FOREVER, ended)
    told = np.flatnonzero(is_contractual & ~pays & (signed_up < until))
    bought = purchases["day"].to_numpy()[is_bought]
    who = np.concatenate((customer[is_paid], told, customer[is_bought]))
    from_day = np.concatenate((purchases["from_day"].to_numpy()[is_paid], signed_up[told], bought))
    to_day = np.concatenate((purchases["to_day"].to_numpy()[is_paid], until[told], bought + CHURN_AFTER))
    order = np.lexsort((to_day, from_day, who))
    who, from_day, to_day = who[order], from_day[order], to_day[order]
    # how far a customer's spans have reached: a running maximum, lifted above those of the customers before
    lift = who * (2 * FOREVER)
    reached = np.maximum.accumulate(to_day + lift) - lift
    is_new = starts_of(who)
    is_new[1:] |= from_day[1:] > reached[:-1]
    at = np.flatnonzero(is_new)
    ends = np.append(at[1:], len(who)) - 1
    spans = Spans(who[at], from_day[at], reached[ends])
    is_first = starts_of(spans.customer)
    return spans, spans.from_day[is_first][np.cumsum(is_first) - 1]


def _recurring(purchases: pd.DataFrame) -> tuple[Spans, Array]:
    """Amounts a month: whole months, and the rest as a share of the month it lies in."""
    some = purchases[_has_span(purchases)]
    from_day, to_day = some["from_day"].to_numpy(), some["to_day"].to_numpy()
    months = month_number(to_day) - month_number(from_day)
    months = months - (_months_on(from_day, months) > to_day)
    begun, done = _months_on(from_day, months), _months_on(from_day, months + 1)
    length = months + (to_day - begun) / (done - begun)
    monthly = rounded(some["reporting_amount"].to_numpy() / length)
    return Spans(some["customer"].to_numpy(), from_day, to_day), monthly


def _months_on(day: Array, months: Array) -> Array:
    """The same day of the month some months later, or that month's last."""
    month = month_number(day) + months
    wanted = first_of_month(month) + day - first_of_month(month_number(day))
    return np.asarray(np.minimum(wanted, first_of_month(month + 1) - 1))


def _money(rows: pd.DataFrame) -> pd.DataFrame:
    amount, margin = (
        rounded(rows["reporting_amount"].to_numpy()),
        rounded(rows["reporting_margin"].to_numpy()),
    )
    has_margin = ~np.isnan(margin)
    daily = (
        pd.DataFrame(
            {
                "customer": rows["customer"],
                "day": rows["day"],
                "revenue": np.nan_to_num(amount),
                "margin": np.nan_to_num(margin),
                "margined_revenue": np.where(has_margin, amount, 0.0),
                "margined": has_margin.astype(np.int64),
                "unmargined": (~has_margin & (np.nan_to_num(rows["amount"].to_numpy(float)) != 0)).astype(
                    np.int64
                ),
            }
        )
        .groupby(["customer", "day"])
        .sum()
        .reset_index()
    )
    is_start = starts_of(daily["customer"].to_numpy())
    daily["next_day"] = next_days(daily["customer"].to_numpy(), daily["day"].to_numpy())
    for name in ("margin", "margined", "unmargined"):
        daily[f"{name}_to_date"] = running(daily[name].to_numpy(), is_start)
    return daily


def next_days(customer: Array, day: Array) -> Array:
    """The next day of the same customer, of customers and days in order; never, after the last."""
    following = np.append(day[1:], FOREVER)
    following[:-1][customer[1:] != customer[:-1]] = FOREVER
    return following
