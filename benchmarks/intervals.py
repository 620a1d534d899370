"""How often the 95 % intervals of NPS, CSAT and CES hold the true value, and NPS's beside a bootstrap's.

The intervals are the project's own SQL macros, run by DuckDB on every result that n answers can have.
Coverage is exact: each result's interval is weighed with its probability, so nothing is drawn. True values
lie on a grid of 0.05 with every class at 0.05 or above. Prints the figures of docs/kpis.md.

    python -m benchmarks.intervals [--answers 50]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tools.kpi_macros import kpi_environment

Floats = NDArray[np.float64]

_PARTS = 20  # the grid's step is 1/20
_SCALE = 7  # points of the effort scale
_ROUNDING = 1e-9
_CHUNK = 64  # distributions transformed at once: some 80 MB


@dataclass(frozen=True, slots=True)
class Coverage:
    """`share` of samples whose interval holds the true value, one for each row of `truths` (class shares)."""

    truths: Floats
    share: Floats

    def __str__(self) -> str:
        worst = " ".join(f"{part:.2f}" for part in self.truths[self.share.argmin()])
        low, mean, high = 100 * self.share.min(), 100 * self.share.mean(), 100 * self.share.max()
        return (
            f"{len(self.share):6,} points  mean {mean:.2f} %  {low:.2f} to {high:.2f} %  (least at {worst})"
        )


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The interval's width ÷ the bootstrap's − 1, at each grid point."""

    by_standard_error: Floats
    by_percentiles: Floats


def grid(classes: int) -> Floats:
    """Every way to share one whole among `classes`, in steps of 0.05 and none empty: one row each."""
    cuts = np.array(list(combinations(range(1, _PARTS), classes - 1)), dtype=float)
    ends = np.full((len(cuts), 1), float(_PARTS))
    return np.diff(np.hstack([0 * ends, cuts, ends]), axis=1) / _PARTS


def bounds(macro: str, arguments: str, **columns: Any) -> tuple[Floats, Floats]:
    """`macro`_low and `macro`_high, rendered as dbt renders them and run by DuckDB on the columns."""
    calls = ", ".join(
        f"cast({{{{ {macro}_{end}({arguments}) }}}} as double) as {end}" for end in ("low", "high")
    )
    statement = kpi_environment().from_string(f"select {calls} from given").render()
    with duckdb.connect() as connection:
        connection.register("given", {name: np.asarray(column, float) for name, column in columns.items()})
        result = connection.execute(statement).fetchnumpy()
    return np.asarray(result["low"]), np.asarray(result["high"])


def nps_bounds(promoters: Any, detractors: Any, n: Any) -> tuple[Floats, Floats]:
    """The interval of NPS, in points."""
    return bounds("nps_interval", "'p', 'd', 'n'", p=promoters, d=detractors, n=n)


def nps_coverage(n: int) -> Coverage:
    """By the trinomial distribution; truths are the shares of promoters, passives and detractors."""
    promoters, detractors = np.array([(p, d) for p in range(n + 1) for d in range(n + 1 - p)]).T
    low, high = nps_bounds(promoters, detractors, np.full(len(promoters), n))
    results = np.stack([promoters, n - promoters - detractors, detractors], axis=1)
    truths = grid(3)
    shares = [
        stats.multinomial.pmf(results, n, truth)[_holds(low, high, 100 * (truth[0] - truth[2]))].sum()
        for truth in truths
    ]
    return Coverage(truths, np.array(shares))


def csat_coverage(n: int) -> Coverage:
    """By the binomial distribution; truths are the shares of satisfied and other answers."""
    satisfied = np.arange(n + 1)
    low, high = bounds("wilson_interval", "'s', 'n'", s=satisfied, n=np.full(n + 1, n))
    truths = grid(2)
    shares = [
        stats.binom.pmf(satisfied, n, truth[0])[_holds(low, high, 100 * truth[0])].sum() for truth in truths
    ]
    return Coverage(truths, np.array(shares))


def _holds(low: Floats, high: Floats, truth: float) -> NDArray[np.bool_]:
    return (low <= truth + _ROUNDING) & (truth - _ROUNDING <= high)


def ces_coverage(n: int, truths: Floats) -> Coverage:
    """By the exact joint distribution of the sum and the sum of squares of n answers from 1 to 7.

    Answers are counted from the scale's middle, which keeps the table small. The distribution of a sum of n
    is the n-th power of one answer's Fourier transform, and what falls on the results whose interval holds
    the truth is, by Parseval, the product of that with their transform: nothing is transformed back.
    """
    middle = (_SCALE + 1) // 2
    away = np.arange(1, _SCALE + 1) - middle
    reach = middle - 1
    sums = np.arange(-reach * n, reach * n + 1)
    squares = np.arange(reach**2 * n + 1)
    total = sums[:, None] + middle * n + 0 * squares
    total_of_squares = squares + 2 * middle * sums[:, None] + middle**2 * n
    low, high = bounds(
        "mean_interval",
        f"'t', 'q', 'n', 1, {_SCALE}",
        t=total.ravel(),
        q=total_of_squares.ravel(),
        n=np.full(total.size, n),
    )
    low, high = low.reshape(total.shape), high.reshape(total.shape)
    one = np.zeros((_SCALE, *total.shape))
    one[np.arange(_SCALE), np.arange(_SCALE), away**2] = 1.0
    basis = np.fft.rfft2(one).reshape(_SCALE, -1)
    # rfft2 leaves out the mirrored half of the last axis: those columns count twice.
    twice = np.full(basis.shape[1] // len(sums), 2.0)
    twice[0] = 1.0
    if len(squares) % 2 == 0:
        twice[-1] = 1.0
    weights = np.tile(twice, len(sums)) / total.size
    means = np.round(truths @ np.arange(1, _SCALE + 1), 9)
    share = np.empty(len(truths))
    for mean in np.unique(means):
        held = np.conj(np.fft.rfft2(_holds(low, high, mean).astype(float)).ravel()) * weights
        places = np.flatnonzero(means == mean)
        for chunk in np.array_split(places, -(-len(places) // _CHUNK)):
            share[chunk] = (_power(truths[chunk] @ basis, n) @ held).real
    return Coverage(truths, share)


def _power(base: NDArray[np.complex128], exponent: int) -> NDArray[np.complex128]:
    """By squaring: numpy's own power of complex numbers goes through logarithms."""
    result = np.ones_like(base)
    while exponent:
        if exponent % 2:
            result *= base
        exponent //= 2
        if exponent:
            base = base * base
    return result


def nps_bootstrap(n: int, resamples: int, seed: int) -> Bootstrap:
    """The width beside that of a bootstrap of n answers in the grid's shares, where |NPS| is 60 at most."""
    rng = np.random.default_rng(seed)
    truths = grid(3)
    truths = truths[np.abs(truths[:, 0] - truths[:, 2]) < 0.6 + _ROUNDING]
    low, high = nps_bounds(n * truths[:, 0], n * truths[:, 2], np.full(len(truths), n))
    spans, percentiles = np.empty(len(truths)), np.empty(len(truths))
    for place, truth in enumerate(truths):
        drawn = rng.multinomial(n, truth, resamples)
        scores = 100.0 * (drawn[:, 0] - drawn[:, 2]) / n
        spans[place] = 2 * stats.norm.ppf(0.975) * scores.std()
        percentiles[place] = np.diff(np.quantile(scores, [0.025, 0.975]))[0]
    return Bootstrap((high - low) / spans - 1, (high - low) / percentiles - 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The coverage of the intervals, exactly.")
    parser.add_argument("--answers", type=int, default=50, help="n, at which the bounds are stated for 50")
    n = parser.parse_args().answers
    print(f"coverage of 95 % intervals at n = {n}, true values on a grid of 0.05")
    print(f"NPS   {nps_coverage(n)}  (reach: mean 94-96, each 93-98)")
    print(f"CSAT  {csat_coverage(n)}  (reach: mean 94-96, each 93-98)")
    print(f"CES   {ces_coverage(n, grid(_SCALE))}  (reach: each >= 93)")
    for size in (500, 1_000, 10_000):
        found = nps_bootstrap(size, 20_000, seed=size)
        error, percentile = 100 * found.by_standard_error, 100 * found.by_percentiles
        print(
            f"NPS's width against a bootstrap, n = {size:6,}: "
            f"by its standard error {error.min():+.2f} to {error.max():+.2f} % (reach: within 2); "
            f"by its percentiles {percentile.min():+.2f} to {percentile.max():+.2f} %, "
            f"{np.sum(np.abs(percentile) > 2)} of {len(percentile)} beyond 2"
        )


if __name__ == "__main__":
    main()
