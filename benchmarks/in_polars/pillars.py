"""The index of the three pillars, its variance clustered by form, and surveys' means on their own scales.

What enters: `feedback_answers`.  What leaves: rows of `kpi_answers`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.intervals import t_975
from benchmarks.in_polars.kpis import Kpi, KpiTable, average
from benchmarks.in_polars.periods import GRAINS, by_period, grains_of, kept_places, placed
from benchmarks.in_polars.surveys import DIMENSIONS, PILLARS, dimensions

_LETTERS = ("u", "s", "e")
_COLUMNS = (*_LETTERS, *(f"{letter}n" for letter in _LETTERS))
_PRODUCTS = {f"{one}*{other}": (one, other) for at, one in enumerate(_COLUMNS) for other in _COLUMNS[at:]}


def _index() -> Kpi:
    """The KPI of a cell with the sums and the sums of products; middles are 50 apart to lose no digits."""
    n = pl.col("n")
    product = {frozenset(pair): pl.col(name) for name, pair in _PRODUCTS.items()}
    known = {letter: pl.when(pl.col(f"{letter}n") > 0).then(pl.col(f"{letter}n")) for letter in _LETTERS}
    middle = {letter: pl.col(letter) / known[letter] for letter in _LETTERS}

    def covariance(one: str, other: str) -> pl.Expr:
        m, k = middle[one], middle[other]
        crossed = (
            product[frozenset((one, other))]
            - k * product[frozenset((one, f"{other}n"))]
            - m * product[frozenset((other, f"{one}n"))]
            + m * k * product[frozenset((f"{one}n", f"{other}n"))]
        )
        return crossed / (known[one] * known[other])

    own = sum((covariance(letter, letter) for letter in _LETTERS), pl.lit(0.0))
    crossed = sum((covariance(*pair) for pair in (("u", "s"), ("u", "e"), ("s", "e"))), pl.lit(0.0))
    variance = n / pl.when(n > 1).then(n - 1) * ((own + 2 * crossed) / 9).clip(lower_bound=0)
    value = 50 + (middle["u"] + middle["s"] + middle["e"]) / 3
    reach = t_975(n - 1) * variance.sqrt()
    ends = ((value - reach).clip(0, 100), (value + reach).clip(0, 100))
    return Kpi("cx_index", value, n, ends=ends, where=value.is_not_null())


def index_kpis(table: KpiTable, answers: pl.DataFrame) -> None:
    """The index of each dimension."""
    position = 100 * pl.col("oriented_position") - 50
    measured = [
        made
        for letter, pillar in zip(_LETTERS, PILLARS, strict=True)
        for made in (
            position.filter(pl.col("metric") == pillar).sum().alias(letter),
            (pl.col("metric") == pillar).sum().cast(pl.Float64).alias(f"{letter}n"),
        )
    ]
    names = ("all", *DIMENSIONS)
    units = (
        answers.lazy()
        .filter(
            pl.col("metric").is_in(PILLARS)
            & pl.col("is_answered")
            & (pl.col("respondent_type") == "customer")
        )
        .with_columns(*dimensions(answers), pl.col("responded_date").alias("day"))
        .group_by("source", "submission_id")
        .agg(*(pl.col(name).first() for name in ("day", *names)), *measured)
        .collect()
    )
    sums = [pl.col(column).sum() for column in ("n", *_COLUMNS, *_PRODUCTS)]
    products = [(pl.col(one) * pl.col(other)).sum().alias(name) for name, (one, other) in _PRODUCTS.items()]
    for name in names:
        daily = (
            units.lazy()
            .group_by("day", name)
            .agg(
                pl.len().cast(pl.Int64).alias("n"), *(pl.col(column).sum() for column in _COLUMNS), *products
            )
            .collect()
        )
        daily = placed(daily, name, kept_places(units, name, table.last_day))
        table.add(name, by_period(daily, grains_of(name), ("place",), sums), [_index()])


def native_kpis(table: KpiTable, answers: pl.DataFrame) -> None:
    """The mean of each survey of effort on its own scale, where it has one and is read in one direction."""
    score, ends = pl.col("score"), ("scale_min", "scale_max")
    is_effort = (pl.col("metric") == "ces") & pl.col("effort_score").is_not_null()
    units = (
        answers.lazy()
        .filter(is_effort & (pl.col("respondent_type") == "customer") & pl.col("survey_id").is_not_null())
        .collect()
    )
    extremes = [
        extreme
        for name in (*ends, "scale_direction")
        for extreme in (pl.col(name).min().alias(f"{name}_least"), pl.col(name).max().alias(f"{name}_most"))
    ]
    daily = (
        units.lazy()
        .join(kept_places(units, "survey_id", table.last_day, day="responded_date").lazy(), on="survey_id")
        .with_columns(pl.col("place").cast(pl.Categorical))
        .group_by("place", pl.col("responded_date").alias("day"))
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            score.sum().alias("x"),
            (score * score).sum().alias("xx"),
            *extremes,
        )
        .collect()
    )
    both = [
        extreme
        for name in (*ends, "scale_direction")
        for extreme in (pl.col(f"{name}_least").min(), pl.col(f"{name}_most").max())
    ]
    n, x, xx, low, high = (pl.col(name) for name in ("n", "x", "xx", "scale_min_least", "scale_max_most"))
    is_one = (
        (low == pl.col("scale_min_most"))
        & (high == pl.col("scale_max_least"))
        & (pl.col("scale_direction_least") == pl.col("scale_direction_most"))
    )
    cells = by_period(daily, GRAINS, ("place",), [n.sum(), x.sum(), xx.sum(), *both])
    table.add("survey", cells.lazy().filter(is_one).collect(), [average("ces_native", x, xx, n, (low, high))])
