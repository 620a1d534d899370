"""95 % intervals of counts and sums, on arrays: each returns the lower and the upper end.

Formulas: Wilson (1927), Newcombe (1998), Rocks (2016) for NPS, Student's t by Cornish and Fisher's expansion.
"""

from __future__ import annotations

import numpy as np

from benchmarks.in_pandas.landed import Array

Ends = tuple[Array, Array]
_T = np.array(
    [
        np.nan,
        12.706204736174694,
        4.302652729749462,
        3.1824463052837078,
        2.7764451051977934,
        2.5705818356363146,
        2.4469118511449786,
        2.364624251592784,
        2.306004135204166,
        2.262157162798205,
        2.228138851986274,
        2.200985160091639,
        2.1788128296672284,
        2.1603686564627913,
        2.144786687917804,
    ]
)
_Z = 1.959963984540054


def t_975(df: Array) -> Array:
    """Student's t at 97.5 %: a table to 14 degrees of freedom, then an expansion; NaN below 1."""
    table = _T[np.clip(df, 0, 14).astype(np.int64)]
    d = np.maximum(df, 1.0)
    expansion = (
        _Z
        + (2.372271230298562 + (2.8224986157396112 + (2.555849679507722 + 1.5895340533938225 / d) / d) / d)
        / d
    )
    return np.where(df < 15, table, expansion)


def wilson(successes: Array, n: Array) -> Ends:
    """Of a share, in percent."""
    middle = successes + 1.9207294103470618
    reach = _Z * np.sqrt(successes * (n - successes) / n + 0.9603647051735309)
    low, high = ((middle + sign * reach) / (n + 3.8414588206941236) for sign in (-1, 1))
    return 100 * np.clip(low, 0, 1), 100 * np.clip(high, 0, 1)


def newcombe(a: Array, n: Array, b: Array, m: Array) -> Ends:
    """Of the difference of two shares, in percent."""
    p, q = 100.0 * a / n, 100.0 * b / m
    (a_low, a_high), (b_low, b_high) = wilson(a, n), wilson(b, m)
    return p - q - np.hypot(p - a_low, q - b_high), p - q + np.hypot(p - a_high, q - b_low)


def _nps_parts(promoters: Array, detractors: Array, n: Array) -> Ends:
    score = (promoters - detractors) / (n + 3.0)
    spread = (promoters + detractors + 1.5) / (n + 3.0) - score * score
    return score, np.maximum(spread, 0) / (n + 3.0)


def nps(promoters: Array, detractors: Array, n: Array) -> Ends:
    """Of the net promoter score."""
    score, variance = _nps_parts(promoters, detractors, n)
    reach = 1.96 * np.sqrt(variance)
    return np.clip(100 * (score - reach), -100, 100), np.clip(100 * (score + reach), -100, 100)


def nps_difference(one: tuple[Array, Array, Array], other: tuple[Array, Array, Array]) -> Ends:
    """Of the difference of two net promoter scores; each is promoters, detractors, n."""
    (score, variance), (score_2, variance_2) = _nps_parts(*one), _nps_parts(*other)
    apart, reach = score - score_2, 1.96 * np.sqrt(variance + variance_2)
    return np.clip(100 * (apart - reach), -200, 200), np.clip(100 * (apart + reach), -200, 200)


def mean(total: Array, squares: Array, n: Array, df: Array) -> Ends:
    """Of a mean from the sum of the values and of their squares; NaN where df < 1."""
    usable = np.maximum(df, 1.0)
    deviation = np.sqrt(np.maximum(squares - total * total / n, 0) / usable / n)
    reach = np.where(df < 1, np.nan, t_975(df) * deviation)
    return total / n - reach, total / n + reach


def scale_mean(total: Array, squares: Array, n: Array, lowest: Array, highest: Array) -> Ends:
    """Of a mean on a scale with ends: half an answer is added at each end."""
    ends = mean(total + (lowest + highest) / 2.0, squares + (lowest**2 + highest**2) / 2.0, n + 1.0, n)
    return np.clip(ends[0], lowest, highest), np.clip(ends[1], lowest, highest)
