"""The customers' KPIs: who stays, goes and comes back, what they pay and are worth, by period and kind.

What enters: `People`, who visited.  What leaves: rows in the table of KPIs.  Called by `answers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import rounded, spelled_out, starts_of, totals
from benchmarks.in_pandas.customers import KINDS, Customers
from benchmarks.in_pandas.landed import Array, midnight
from benchmarks.in_pandas.people import NOT_YET, People, next_days
from benchmarks.in_pandas.periods import Calendar
from benchmarks.in_pandas.survey_kpis import Sums, divided, free_mean, rate
from benchmarks.in_pandas.written import Kpi, KpiTable

KindAt = Callable[[Array, Array], Array]
"""The kinds of customers as periods begin."""


@dataclass(frozen=True)
class Kinds:
    """The combinations of kinds there are (-1: nothing is known), and each customer's by version."""

    combinations: pd.DataFrame
    of_version: Array


def kinds_of(customers: Customers) -> Kinds:
    """Number the combinations of segment, country, language, acquisition channel and brand."""
    code = np.zeros(len(customers.rows), np.int64)
    for name in KINDS:
        column = customers.rows[name].cat
        code = code * (len(column.categories) + 1) + column.codes.to_numpy() + 1
    numbers, _ = pd.factorize(code)
    first = np.flatnonzero(~pd.Series(numbers).duplicated())
    return Kinds(customers.rows.iloc[first].reset_index(drop=True)[list(KINDS)], numbers)


class Cells:
    """Sums by period and kind of customer of one grain, and from them those by each dimension."""

    def __init__(self, calendar: Calendar, grain: str, kinds: Kinds) -> None:
        """None yet."""
        self.calendar, self.grain, self.kinds = calendar, grain, kinds
        self.periods = len(calendar.starts(grain))
        self.sums: Sums = {}

    def add(self, period: Array, kind: Array, **values: Array) -> None:
        """Add up values of rows of a period and kind."""
        width = len(self.kinds.combinations) + 1
        cell = (kind + 1) * self.periods + period
        for name, value in values.items():
            self.sums[name] = totals(cell, width * self.periods, value.astype(float)).reshape(
                width, self.periods
            )

    def by_dimension(self) -> Iterator[tuple[str, list[str], Sums]]:
        """Each dimension, its places, and the sums as places × periods."""
        width = len(self.kinds.combinations) + 1
        for dimension in ("all", *KINDS):
            if dimension == "all":
                place, places = np.zeros(width, np.int64), ["all"]
            else:
                column = self.kinds.combinations[dimension].cat
                places = [*column.categories, "(none)"]
                place = np.append(-1, column.codes.to_numpy())
                place = np.where(place < 0, len(places) - 1, place)
            order = np.argsort(place, kind="stable")
            at = np.flatnonzero(starts_of(place[order]))
            found = place[order][at]
            yield (
                dimension,
                [places[number] for number in found],
                {name: np.add.reduceat(sums[order], at, axis=0) for name, sums in self.sums.items()},
            )


def customer_kpis(
    table: KpiTable,
    people: People,
    customers: Customers,
    active: dict[str, pd.DataFrame],
    calendar: Calendar,
) -> None:
    """All of them; `active` are the customers' distinct days of `orders` and `visits`, in order."""
    orders = active["orders"]
    kinds = kinds_of(customers)
    for grain in ("week", "month", "quarter", "all"):
        period_start = calendar.starts(grain)
        first_day = np.array([calendar.first]) if grain == "all" else period_start
        ends = np.array([calendar.last + 1]) if grain == "all" else calendar.edges[grain][1:]
        last_day = np.minimum(ends - 1, calendar.last)
        described_at = midnight(np.array([calendar.last + 1]) if grain == "all" else period_start)

        def kind_at(who: Array, period: Array, described_at: Array = described_at) -> Array:
            version = customers.version_at(who, described_at[period])
            return np.where(version < 0, -1, kinds.of_version[version])

        cells = Cells(calendar, grain, kinds)
        if grain in ("month", "quarter"):
            _living(cells, people, first_day, last_day, kind_at)
        if grain != "week":
            _buyers(cells, people, orders, last_day, kind_at)
            _worth(cells, people, last_day, kind_at)
        if grain != "all":
            for name, days in (("returning_customer_rate", orders), ("revisit_rate", active["visits"])):
                _returning(cells, name, days, kind_at, first_day)
        for dimension, places, sums in cells.by_dimension():
            for kpi in _kpis(sums):
                table.add(calendar, grain, dimension, places, kpi)


def _living(cells: Cells, people: People, first_day: Array, last_day: Array, kind_at: KindAt) -> None:
    """Customers at the start, at the end and in between, with what they spent and paid by the month."""
    live, periods = people.live, cells.periods
    low, high = (
        np.searchsorted(last_day, live.from_day),
        np.searchsorted(first_day, live.to_day, side="right"),
    )
    span, period = spelled_out(low, high)
    key = live.customer[span] * periods + period
    at = np.flatnonzero(starts_of(key))
    flags = (
        live.from_day[span] < first_day[period],
        live.to_day[span] > last_day[period],
        live.to_day[span] > first_day[period],
        people.first_live[span] >= first_day[period],
    )
    is_start, is_end, is_live, is_new = (np.logical_or.reduceat(flag, at) for flag in flags)
    key = key[at]

    def summed(who: Array, when: Array, values: Array) -> Array:
        """The sums of values of customers and periods, where these are among the living."""
        other = who * periods + when
        place = np.minimum(np.searchsorted(key, other), len(key) - 1)
        is_there = key[place] == other
        return totals(place[is_there], len(key), values[is_there].astype(float))

    money = people.money
    who, when = money["customer"].to_numpy(), cells.calendar.period_of(cells.grain, money["day"].to_numpy())
    revenue, margin, margined_revenue = (
        summed(who, when, money[name].to_numpy()) * is_live
        for name in ("revenue", "margin", "margined_revenue")
    )
    paid = people.recurring
    low, high = (
        np.searchsorted(last_day, paid.from_day),
        np.searchsorted(first_day, paid.to_day, side="right"),
    )
    row, when = spelled_out(low, high)
    monthly, who = people.monthly[row], paid.customer[row]
    at_start, at_end = paid.from_day[row] < first_day[when], paid.to_day[row] > last_day[when]
    unknown = summed(who, when, np.isnan(monthly) & (at_start | at_end)) > 0
    known = np.nan_to_num(monthly)
    mrr_start, mrr_end = summed(who, when, known * at_start), summed(who, when, known * at_end)
    has_mrr = is_start & ~unknown
    customer, period = key // periods, key % periods
    cells.add(
        period,
        kind_at(customer, period),
        seen=is_start | is_live,
        at_start=is_start,
        at_end=is_end,
        retained=is_start & is_end,
        fresh=is_new & is_end,
        gone=is_new & ~is_end,
        back=~is_start & ~is_new & is_end,
        live=is_live,
        revenue=revenue,
        revenue_squared=revenue * revenue,
        margin=margin,
        margined_revenue=margined_revenue,
        mrr_known=has_mrr,
        mrr_start=mrr_start * has_mrr,
        mrr_end=mrr_end * has_mrr,
        mrr_kept=np.minimum(mrr_start, mrr_end) * has_mrr,
    )


def _buyers(cells: Cells, people: People, orders: pd.DataFrame, last_day: Array, kind_at: KindAt) -> None:
    """Buyers up to a period's end, and those with a second day of orders, also of the last year alone."""
    who, day = orders["customer"].to_numpy(), orders["day"].to_numpy()
    earlier = np.where(starts_of(who), -NOT_YET, np.append(0, day[:-1]))
    known = np.maximum(day, people.known_from[who])
    row, period = spelled_out(
        np.searchsorted(last_day, known), np.searchsorted(last_day, next_days(who, day))
    )
    since = np.array([-NOT_YET]) if cells.grain == "all" else last_day - 365
    is_repeater = earlier[row] > -NOT_YET
    cells.add(
        period,
        kind_at(who[row], period),
        buyers=np.ones(len(row)),
        repeaters=is_repeater,
        late_buyers=day[row] > since[period],
        late_repeaters=is_repeater & (earlier[row] > since[period]),
    )


def _worth(cells: Cells, people: People, last_day: Array, kind_at: KindAt) -> None:
    """The margin of a lifetime so far; there is none, and none unknown, until the first transaction."""
    money = people.money
    quiet = np.flatnonzero((people.known_from < NOT_YET) & (people.known_from < people.first_day))
    zeros = np.zeros(len(quiet))
    who = np.concatenate((quiet, money["customer"]))
    day = np.concatenate((people.known_from[quiet], money["day"]))
    next_day = np.concatenate((people.first_day[quiet], money["next_day"]))
    margin, margined, unmargined = (
        np.concatenate((zeros, money[f"{name}_to_date"])) for name in ("margin", "margined", "unmargined")
    )
    row, period = spelled_out(np.searchsorted(last_day, day), np.searchsorted(last_day, next_day))
    is_known = unmargined[row] == 0
    is_margined = is_known & (margined[row] > 0)
    cost = people.cost[who[row]]
    is_costed = is_known & ~np.isnan(cost)
    cells.add(
        period,
        kind_at(who[row], period),
        margined=is_margined,
        lifetime_margin=margin[row] * is_margined,
        lifetime_margin_squared=margin[row] ** 2 * is_margined,
        costed=is_costed,
        costed_margin=margin[row] * is_costed,
        cost=rounded(np.nan_to_num(cost)) * is_known,
    )


def _returning(cells: Cells, name: str, days: pd.DataFrame, kind_at: KindAt, first_day: Array) -> None:
    """Who was active in a period, and who of them had been before."""
    who, day = days["customer"].to_numpy(), days["day"].to_numpy()
    is_first = starts_of(who)
    first_active = day[is_first][np.cumsum(is_first) - 1]
    period = cells.calendar.period_of(cells.grain, day)
    at = np.flatnonzero(starts_of(who, period))
    who, period = who[at], period[at]
    cells.add(
        period,
        kind_at(who, period),
        **{name: np.ones(len(at)), f"{name}_again": first_active[at] < first_day[period]},
    )


def _kpis(sums: Sums) -> Iterator[Kpi]:
    for name in ("returning_customer_rate", "revisit_rate"):
        if name in sums:
            yield rate(name, sums[f"{name}_again"], sums[name])
    if "buyers" in sums:
        yield rate("repeat_purchase_rate", sums["late_repeaters"], sums["late_buyers"])
        yield rate("repeat_purchase_lifetime_rate", sums["repeaters"], sums["buyers"])
        yield free_mean(
            "clv_historical", sums["lifetime_margin"], sums["lifetime_margin_squared"], sums["margined"]
        )
        margin, cost = sums["costed_margin"], sums["cost"]
        yield Kpi("clv_cac_ratio", sums["costed"], divided(margin, cost), margin, cost)
    if "seen" in sums:
        yield from _of_the_living(sums)


def _of_the_living(sums: Sums) -> Iterator[Kpi]:
    at_start, retained, live, revenue = sums["at_start"], sums["retained"], sums["live"], sums["revenue"]
    lost = at_start - retained
    yield rate("retention_rate", retained, at_start)
    yield rate("churn_rate", lost, at_start)
    yield free_mean("arpu", revenue, sums["revenue_squared"], live)
    start = sums["mrr_start"]
    for name, kept in (("grr", sums["mrr_kept"]), ("nrr", sums["mrr_end"])):
        yield Kpi(name, np.where(start > 0, sums["mrr_known"], 0), 100.0 * divided(kept, start), kept, start)
    margined = divided(divided(revenue, live) * sums["margin"], sums["margined_revenue"])
    churn = divided(lost, at_start)
    yield Kpi(
        "clv_expected_12m",
        np.where(sums["margined_revenue"] != 0, at_start, 0),
        divided(margined, churn),
        margined,
        churn,
    )
    for name, count in {
        "customers_start": at_start,
        "customers_lost": lost,
        "customers_new": sums["fresh"],
        "customers_new_already_gone": sums["gone"],
        "customers_reactivated": sums["back"],
        "customers_end": sums["at_end"],
    }.items():
        yield Kpi(name, sums["seen"], count, count)
