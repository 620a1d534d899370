"""95 % intervals of counts and sums, as expressions: each returns the lower and the upper end.

Formulas: Wilson (1927), Newcombe (1998), Rocks (2016) for NPS, Student's t by Cornish and Fisher's expansion.
"""

from __future__ import annotations

import polars as pl

Ends = tuple[pl.Expr, pl.Expr]
_T = (
    12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
    2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
    2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804,
)  # fmt: skip
_Z = 1.959963984540054


def over(numerator: pl.Expr, divisor: pl.Expr) -> pl.Expr:
    """A quotient, unknown where the divisor is 0."""
    return numerator / pl.when(divisor != 0).then(divisor)


def t_975(df: pl.Expr) -> pl.Expr:
    """Student's t at 97.5 %: a table to 14 degrees of freedom, then an expansion; unknown below 1."""
    table = dict(enumerate(_T, start=1))
    d = df.cast(pl.Float64)
    slopes = 2.8224986157396112 + (2.555849679507722 + 1.5895340533938225 / d) / d
    expansion = _Z + (2.372271230298562 + slopes / d) / d
    few = df.cast(pl.Int64).replace_strict(table, default=None, return_dtype=pl.Float64)
    return pl.when(df < 15).then(few).otherwise(expansion)


def wilson(successes: pl.Expr, n: pl.Expr) -> Ends:
    """Of a share, in percent."""
    middle = successes + 1.9207294103470618
    reach = _Z * (successes * (n - successes) / n + 0.9603647051735309).sqrt()
    return (
        100 * ((middle - reach) / (n + 3.8414588206941236)).clip(0, 1),
        100 * ((middle + reach) / (n + 3.8414588206941236)).clip(0, 1),
    )


def newcombe(a: pl.Expr, n: pl.Expr, b: pl.Expr, m: pl.Expr) -> Ends:
    """Of the difference of two shares, in percent."""
    p, q = 100.0 * a / n, 100.0 * b / m
    (a_low, a_high), (b_low, b_high) = wilson(a, n), wilson(b, m)
    below = ((p - a_low) ** 2 + (q - b_high) ** 2).sqrt()
    above = ((p - a_high) ** 2 + (q - b_low) ** 2).sqrt()
    return p - q - below, p - q + above


def _nps_parts(promoters: pl.Expr, detractors: pl.Expr, n: pl.Expr) -> Ends:
    score = (promoters - detractors) / (n + 3.0)
    variance = ((promoters + detractors + 1.5) / (n + 3.0) - score * score).clip(lower_bound=0) / (n + 3.0)
    return score, variance


def nps(promoters: pl.Expr, detractors: pl.Expr, n: pl.Expr) -> Ends:
    """Of the net promoter score; counts are signed."""
    score, variance = _nps_parts(promoters, detractors, n)
    reach = 1.96 * variance.sqrt()
    return (100 * (score - reach)).clip(-100, 100), (100 * (score + reach)).clip(-100, 100)


def nps_difference(one: tuple[pl.Expr, ...], other: tuple[pl.Expr, ...]) -> Ends:
    """Of the difference of two net promoter scores; each is promoters, detractors, n."""
    (score, variance), (score_2, variance_2) = _nps_parts(*one), _nps_parts(*other)
    apart, reach = score - score_2, 1.96 * (variance + variance_2).sqrt()
    return (100 * (apart - reach)).clip(-200, 200), (100 * (apart + reach)).clip(-200, 200)


def mean(total: pl.Expr, squares: pl.Expr, n: pl.Expr, df: pl.Expr) -> Ends:
    """Of a mean from the sum of the values and of their squares; unknown where df < 1."""
    known = pl.when(df >= 1).then(df)
    deviation = ((squares - total * total / n).clip(lower_bound=0) / known / n).sqrt()
    reach = t_975(known) * deviation
    return total / n - reach, total / n + reach


def scale_mean(total: pl.Expr, squares: pl.Expr, n: pl.Expr, lowest: pl.Expr, highest: pl.Expr) -> Ends:
    """Of a mean on a scale with ends: half an answer is added at each end."""
    low, high = mean(
        total + (lowest + highest) / 2.0, squares + (lowest * lowest + highest * highest) / 2.0, n + 1.0, n
    )
    return low.clip(lowest, highest), high.clip(lowest, highest)
