"""How often signals call groups different that are alike, and whether they find one that is not.

What enters: a seed and how many companies.  What leaves: the rates, printed, and a failure where one is above
the stated one (docs/kpis.md).  The models' own SQL is run, intervals and int_kpi_contrasts, on made-up
answers: of each company four quarters whose level, size and mix of groups drift, while within a quarter all
groups are alike.  Companies share one run, each with quarters of its own.

    python -m benchmarks.contrasts [--companies 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.signals import connect, load, rendered
from tools.kpi_macros import kpi_environment, macros

if TYPE_CHECKING:
    import duckdb

Counts = NDArray[np.int64]

RATE = 0.01
PLANTED = 0.8
"""The share of the dissatisfied who are satisfied in a segment that differs: 16 points of CSAT."""
FOUND = 0.9
"""The share of companies, of some 400 answers a quarter, in which it is found."""
QUARTERS = 4
DIMENSIONS = {"segment": 3, "channel": 5, "team": 8, "touchpoint": 12}
"""Dimension -> its values, in uneven shares."""
KPIS: dict[str, tuple[str, tuple[float, ...]]] = {
    "nps": ("nps", (0.25, 0.3, 0.45)),
    "csat": ("rate", (0.2, 0.8)),
    "ces": ("mean", (0.3, 0.25, 0.15, 0.1, 0.1, 0.06, 0.04)),
    "response_rate": ("rate", (0.6, 0.4)),
    "failure_rate": ("rate", (0.96, 0.04)),
    "abandonment_rate": ("rate", (0.9, 0.1)),
    "escalation_rate": ("rate", (0.99, 0.01)),
    "retention_rate": ("rate", (0.3, 0.7)),
    "repeat_purchase_rate": ("rate", (0.5, 0.5)),
}
"""KPI -> how it is computed, and how likely each class of answer is."""


def _split(random: np.random.Generator, counts: Counts, shares: NDArray[np.float64]) -> Counts:
    """Answers dealt to groups blindly: counts (…, class) and shares (…, group) -> (…, group, class)."""
    total = counts.sum(-1)
    sizes = random.multinomial(total, shares)
    dealt = np.zeros((*sizes.shape, counts.shape[-1]), dtype=np.int64)
    left = counts.copy()
    for group in range(sizes.shape[-1]):
        wanted = sizes[..., group].copy()
        for kind in range(counts.shape[-1]):
            others = left[..., kind + 1 :].sum(-1)
            taken = random.hypergeometric(left[..., kind], others, wanted)
            dealt[..., group, kind] = taken
            wanted -= taken
        left -= dealt[..., group, :]
    return dealt


def _drawn(random: np.random.Generator, companies: int, likely: Sequence[float]) -> Counts:
    """The answers of each company and quarter by class: (company, quarter, class)."""
    size = random.lognormal(6.0, 0.8, (companies, 1)) * random.uniform(0.5, 1.5, (companies, QUARTERS))
    level = np.log(likely) + random.normal(0, 0.3, (companies, QUARTERS, len(likely)))
    share = np.exp(level) / np.exp(level).sum(-1, keepdims=True)
    return random.multinomial(random.poisson(size), share)


def _expressions(kind: str, classes: int) -> tuple[str, str, str]:
    """The value and the ends of its interval, over the columns k0, k1, … and n."""
    if kind == "nps":
        value, how, given = "100.0 * (k2 - k0) / n", "nps", "'k2', 'k0', 'n'"
    elif kind == "rate":
        value, how, given = "100.0 * k1 / n", "wilson", "'k1', 'n'"
    else:
        total = " + ".join(f"{k + 1} * k{k}" for k in range(classes))
        squares = " + ".join(f"{(k + 1) ** 2} * k{k}" for k in range(classes))
        value, how, given = f"({total}) / n", "mean", f"'({total})', '({squares})', 'n', 1, {classes}"
    environment = kpi_environment()
    low, high = (
        environment.from_string(f"{{{{ {how}_interval_{end}({given}) }}}}").render()
        for end in ("low", "high")
    )
    return value, low, high


def _quarter(number: int) -> date:
    return date(1970 + number // 4, 3 * (number % 4) + 1, 1)


def _add(connection: duckdb.DuckDBPyConnection, kpi: str, dimension: str, name: str, counts: Counts) -> None:
    """The points of a KPI and group: counts (company, quarter, class)."""
    kind, likely = KPIS[kpi]
    flat = counts.reshape(-1, len(likely))
    columns: dict[str, Any] = {f"k{k}": flat[:, k] for k in range(len(likely))}
    load(connection, "counted", columns | {"quarter": np.arange(len(flat)), "n": flat.sum(-1)})
    value, low, high = _expressions(kind, len(likely))
    number = macros()["period_number"]("'quarter'", "period_start")
    connection.execute(
        f"""
        insert into int_kpi_points by name
        with valued as (
            select {value} as value, {low} as ci_low, {high} as ci_high, n, quarters.period_start
            from counted join quarters using (quarter)
            where n >= 5
        )
        select
            '{kpi}' as kpi, 'quarter' as grain, period_start, '{dimension}' as dimension,
            '{name}' as dimension_value, {number} as period_number, value, ci_low, ci_high, n,
            value as measure, n * ((ci_high - ci_low) / 3.92) ** 2 as unit_variance
        from valued
        """
    )


def flagged(companies: int, seed: int, *, planted: float = 0.0) -> dict[str, float]:
    """The share of companies with any difference among groups that are alike, and any that is told.

    `significant` by q alone, `told` by its size too.  With `planted`, 0 to 1, that share of the dissatisfied
    in one segment are satisfied instead: `found` is the share of companies where its CSAT is told;
    it is not counted in the others.
    """
    random = np.random.default_rng(seed)
    with connect() as connection:
        numbers = range(QUARTERS * companies)
        load(
            connection,
            "quarters",
            {"quarter": list(numbers), "period_start": [_quarter(n) for n in numbers]},
        )
        connection.execute(
            "create table int_kpi_points (kpi varchar, grain varchar, period_start date, dimension varchar, "
            "dimension_value varchar, period_number integer, value double, ci_low double, ci_high double, "
            "n bigint, measure double, unit_variance double)"
        )
        connection.execute(
            "create table int_kpi_latest_periods (kpi varchar, grain varchar, period_start date)"
        )
        for kpi, (_, likely) in KPIS.items():
            whole = _drawn(random, companies, likely)
            for dimension, values in DIMENSIONS.items():
                mix = random.dirichlet(np.full(values, 2.0), (companies, QUARTERS))
                groups = _split(random, whole, mix)
                if kpi == "csat" and dimension == "segment":
                    moved = random.binomial(groups[:, :, 0, 0], planted)
                    groups[:, :, 0, :] += np.stack([-moved, moved], axis=-1)
                    whole = groups.sum(2)
                for value in range(values):
                    _add(connection, kpi, dimension, f"{dimension}_{value}", groups[:, :, value, :])
            _add(connection, kpi, "all", "all", whole)
            connection.execute(
                f"insert into int_kpi_latest_periods select '{kpi}', 'quarter', period_start from quarters "
                f"where quarter % {QUARTERS} = {QUARTERS - 1}"
            )
        model = rendered("int_kpi_contrasts")
        tested = model.removesuffix("select * from final") + "select * from corrected"
        is_planted = f"({planted} > 0 and kpi = 'csat' and dimension = 'segment')"
        significant, told, found = (
            connection.execute(
                f"with found as ({sql}) select count(distinct found_in) from found where {where}"
            ).fetchall()[0][0]
            for sql, where in (
                (tested, f"q_value < {RATE} and not {is_planted}"),
                (model, f"not {is_planted}"),
                (model, f"{is_planted} and dimension_value = 'segment_0'"),
            )
        )
    return {
        "significant": significant / companies,
        "told": told / companies,
        "found": found / companies,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    alike = flagged(asked.companies, asked.seed)
    print(
        f"companies whose groups are alike with any difference between them, {asked.companies}: "
        f"significant {100 * alike['significant']:.2f} %, told {100 * alike['told']:.2f} %; "
        f"stated {100 * RATE:g} %"
    )
    found = flagged(asked.companies // 5, asked.seed, planted=PLANTED)["found"]
    print(
        f"a segment in which {100 * PLANTED:g} % of the dissatisfied are satisfied: found {100 * found:.1f} %"
    )
    if alike["significant"] > RATE * 1.6 or found < FOUND:  # 1.6: what chance does to a thousand companies
        raise SystemExit("not as stated")


if __name__ == "__main__":
    main()
