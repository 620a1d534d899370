"""The customers' KPIs: who is live, bought, paid and came back, by period and by what they were like then.

What enters: `People`, history as numbers of kinds, the days of visits.  What leaves: rows of `kpi_answers`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.customers import People, in_periods
from benchmarks.in_polars.feedback import DESCRIBED
from benchmarks.in_polars.intervals import over
from benchmarks.in_polars.kpis import Kpi, KpiTable, average, share
from benchmarks.in_polars.landed import FOREVER, as_of

_FIRST, _LAST = pl.col("first_day"), pl.col("last_day")
_FROM, _TO, _DAY = pl.col("from_day"), pl.col("to_day"), pl.col("day")
_TRAILING_DAYS = 365


def _by_kind(rows: pl.LazyFrame, kinds: pl.DataFrame, sums: list[pl.Expr]) -> pl.DataFrame:
    """Rows of a customer and a period, added up by the period and the kind of customer then."""
    found = rows.collect()
    kind = as_of(found, pl.col("described_at"), kinds, by="customer_key", since="valid_from")
    return found.hstack(kind).group_by("p", "d").agg(sums)


def _standing(people: People, periods: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """Who is live at the start, at the end and between, and what they pay."""
    grains, key = ("month", "quarter"), ["customer_key", "p"]
    living = (
        in_periods(people.live.lazy(), periods, grains, _FROM, _TO)
        .filter((_FROM <= _LAST) & (_TO >= _FIRST))
        .group_by(key)
        .agg(
            pl.col("described_at").first(),
            (_FROM < _FIRST).any().alias("is_start"),
            (_TO > _LAST).any().alias("is_end"),
            (_TO > _FIRST).any().alias("is_live"),
            (pl.col("first_live") >= _FIRST).any().alias("is_new"),
        )
    )
    money = ("revenue", "margin", "margined_revenue")
    spent = (
        in_periods(people.money_days.lazy(), periods, grains, _DAY, _DAY)
        .group_by(key)
        .agg(pl.col(name).sum() for name in money)
    )
    mrr = pl.col("mrr")
    is_there = (_FROM < _FIRST) | (_TO > _LAST)
    paid = (
        in_periods(people.recurring.lazy(), periods, grains, _FROM, _TO)
        .filter((_FROM <= _LAST) & (_TO >= _FIRST))
        .group_by(key)
        .agg(
            mrr.filter(_FROM < _FIRST).sum().alias("mrr_start"),
            mrr.filter(_TO > _LAST).sum().alias("mrr_end"),
            (mrr.is_null() & is_there).any().alias("is_unknown"),
        )
    )
    start, end, live, new = (pl.col(name) for name in ("is_start", "is_end", "is_live", "is_new"))
    person = (
        living.join(spent, on=key, how="left")
        .join(paid, on=key, how="left")
        .with_columns(
            (start & ~pl.col("is_unknown").fill_null(False)).alias("has_mrr"),
            pl.when(live).then(pl.col("revenue").fill_null(0)).alias("revenue"),
            *(pl.when(live).then(pl.col(name)).alias(name) for name in money[1:]),
            pl.col("mrr_start", "mrr_end").fill_null(0),
        )
    )
    has_mrr, revenue = pl.col("has_mrr"), pl.col("revenue")
    mrr_start, mrr_end = pl.col("mrr_start"), pl.col("mrr_end")
    counts = {
        "seen": start | live,
        "at_start": start,
        "at_end": end,
        "retained": start & end,
        "fresh": new & end,
        "gone": new & ~end,
        "back": ~start & ~new & end,
        "live": live,
        "mrr_known": has_mrr,
    }
    return _by_kind(
        person,
        kinds,
        [
            *(condition.sum().cast(pl.Int64).alias(name) for name, condition in counts.items()),
            *(pl.col(name).sum() for name in money),
            (revenue * revenue).sum().alias("revenue_squared"),
            mrr_start.filter(has_mrr).sum(),
            mrr_end.filter(has_mrr).sum(),
            pl.min_horizontal("mrr_start", "mrr_end").filter(has_mrr).sum().alias("mrr_kept"),
        ],
    )


def _buyers(people: People, periods: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """Who has bought by the end of a period, and again; in the year before it."""
    last_order, next_day = pl.col("last_order_day"), pl.col("next_day")
    days = people.order_days.lazy().join(
        people.customers.lazy().select("customer_key", "known_from"), on="customer_key"
    )
    then = in_periods(days, periods, ("month", "quarter", "all"), _DAY, next_day).filter(
        (_DAY <= _LAST) & (next_day > _LAST) & (pl.col("known_from") <= _LAST)
    )
    is_all, since = pl.col("grain") == "all", _LAST - pl.duration(days=_TRAILING_DAYS)
    counts = {
        "buyers": pl.lit(True),
        "repeaters": last_order.is_not_null(),
        "late_buyers": is_all | _DAY.gt(since),
        "late_repeaters": last_order.is_not_null() & (is_all | (last_order > since)),
    }
    flagged = then.select(
        "customer_key", "p", "described_at", *(flag.alias(name) for name, flag in counts.items())
    )
    return _by_kind(flagged, kinds, [pl.col(name).sum().cast(pl.Int64) for name in counts])


def _margins(people: People, periods: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """What customers have brought by the end of a period; before the first transaction that is 0."""
    totals = ("margin_to_date", "margined_to_date", "unmargined_to_date")
    costs = people.customers.lazy().select("customer_key", "cost", "known_from")
    first = people.money_days.lazy().group_by("customer_key").agg(_DAY.min().alias("next_day"))
    before = (
        costs.join(first, on="customer_key", how="left")
        .with_columns(pl.col("next_day").fill_null(FOREVER))
        .filter(pl.col("next_day") > pl.col("known_from"))
        .select(
            "customer_key",
            "cost",
            pl.col("known_from").alias("day"),
            "next_day",
            pl.lit(0.0).alias(totals[0]),
            *(pl.lit(0, pl.Int64).alias(name) for name in totals[1:]),
        )
    )
    since = (
        people.money_days.lazy()
        .join(costs, on="customer_key")
        .select("customer_key", "cost", "day", "next_day", *totals)
    )
    standing = in_periods(
        pl.concat([before, since]), periods, ("month", "quarter", "all"), _DAY, pl.col("next_day")
    ).filter((_DAY <= _LAST) & (pl.col("next_day") > _LAST))
    margin, cost = pl.col("margin_to_date"), pl.col("cost")
    is_whole = pl.col("unmargined_to_date") == 0
    is_margined = is_whole & (pl.col("margined_to_date") > 0)
    is_costed = is_whole & cost.is_not_null()
    return _by_kind(
        standing.select("customer_key", "p", "described_at", "cost", *totals),
        kinds,
        [
            is_margined.sum().cast(pl.Int64).alias("margined"),
            margin.filter(is_margined).sum().alias("lifetime_margin"),
            (margin * margin).filter(is_margined).sum().alias("lifetime_margin_squared"),
            is_costed.sum().cast(pl.Int64).alias("costed"),
            margin.filter(is_costed).sum().alias("costed_margin"),
            cost.round(6, mode="half_away_from_zero").filter(is_whole).sum().alias("cost"),
        ],
    )


def _returning(days: pl.DataFrame, periods: pl.DataFrame, kinds: pl.DataFrame) -> pl.DataFrame:
    """Who did something in a period, and had done so before it."""
    first = days.lazy().with_columns(_DAY.min().over("customer_key").alias("first_active"))
    active = (
        in_periods(first, periods, ("week", "month", "quarter"), _DAY, _DAY)
        .group_by("customer_key", "p")
        .agg(pl.col("described_at").first(), (pl.col("first_active") < _FIRST).first().alias("is_returning"))
    )
    counts = [
        pl.len().cast(pl.Int64).alias("people"),
        pl.col("is_returning").sum().cast(pl.Int64).alias("returning_people"),
    ]
    return _by_kind(active, kinds, counts)


def _standing_kpis() -> list[Kpi]:
    names = [
        "seen",
        "at_start",
        "at_end",
        "retained",
        "fresh",
        "gone",
        "back",
        "live",
        "revenue",
        "revenue_squared",
        "margin",
        "margined_revenue",
        "mrr_known",
        "mrr_start",
    ]
    (
        seen,
        start,
        end,
        retained,
        fresh,
        gone,
        back,
        live,
        revenue,
        squared,
        margin,
        margined,
        mrr_known,
        mrr_start,
    ) = (pl.col(name) for name in names)
    churn, earned = over(start - retained, start), over(over(revenue, live) * margin, margined)
    counts = {
        "customers_start": start,
        "customers_lost": start - retained,
        "customers_new": fresh,
        "customers_new_already_gone": gone,
        "customers_reactivated": back,
        "customers_end": end,
    }
    return [
        share("retention_rate", retained, start),
        share("churn_rate", start - retained, start),
        average("arpu", revenue, squared, live),
        *(
            Kpi(name, 100.0 * kept / mrr_start, mrr_known, kept, mrr_start, where=mrr_start > 0)
            for name, kept in (("grr", pl.col("mrr_kept")), ("nrr", pl.col("mrr_end")))
        ),
        Kpi("clv_expected_12m", over(earned, churn), start, earned, churn, where=margined != 0),
        *(Kpi(name, count, seen, count) for name, count in counts.items()),
    ]


def _lifetime_kpis() -> list[Kpi]:
    margin, margined, costed_margin, cost, costed = (
        pl.col(name) for name in ("lifetime_margin", "margined", "costed_margin", "cost", "costed")
    )
    return [
        share("repeat_purchase_rate", pl.col("late_repeaters"), pl.col("late_buyers")),
        share("repeat_purchase_lifetime_rate", pl.col("repeaters"), pl.col("buyers")),
        average("clv_historical", margin, pl.col("lifetime_margin_squared"), margined),
        Kpi("clv_cac_ratio", over(costed_margin, cost), costed, costed_margin, cost),
    ]


def customer_kpis(
    table: KpiTable, people: People, visits: pl.DataFrame, periods: pl.DataFrame, history: pl.DataFrame
) -> None:
    """All KPIs of customers, a dimension at a time; `visits` has the days on which customers came."""
    kinds = history.select(DESCRIBED).unique().with_row_index("d")
    numbers = history.join(kinds, on=DESCRIBED, nulls_equal=True, how="left", maintain_order="left")
    numbered = numbers.select("customer_key", "valid_from", "d")
    returning = [pl.col("returning_people"), pl.col("people")]
    sets: list[tuple[pl.DataFrame, list[Kpi]]] = [
        (_standing(people, periods, numbered), _standing_kpis()),
        (
            pl.concat(
                [_buyers(people, periods, numbered), _margins(people, periods, numbered)], how="diagonal"
            ),
            _lifetime_kpis(),
        ),
        (_returning(people.order_days, periods, numbered), [share("returning_customer_rate", *returning)]),
        (_returning(visits, periods, numbered), [share("revisit_rate", *returning)]),
    ]
    for cells, kpis in sets:
        told = cells.join(periods.select("p", "grain", "period_start"), on="p").join(
            kinds, on="d", how="left"
        )
        sums = [pl.col(name).sum() for name in cells.columns if name not in ("p", "d")]
        for dimension in ("all", *DESCRIBED):
            place = (
                pl.lit("all") if dimension == "all" else pl.col(dimension).cast(pl.String).fill_null("(none)")
            )
            table.add(
                dimension,
                told.group_by("grain", "period_start", place.cast(pl.Categorical).alias("place")).agg(sums),
                kpis,
            )
