"""The intervals hold the true value as often as docs/kpis.md says: the project's SQL, exact probabilities.

The bounds are those the intervals were chosen for, at 50 answers and true values on a grid of 0.05 with every
class at 0.05 or above. `python -m benchmarks.intervals` has every distribution of effort, not a few.
"""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.intervals import (
    bounds,
    ces_coverage,
    csat_coverage,
    grid,
    nps_bootstrap,
    nps_bounds,
    nps_coverage,
)

ANSWERS = 50


def test_the_grid_is_whole() -> None:
    """Every composition of 20 twentieths, once: (19 choose classes − 1) of them."""
    assert [len(np.unique(grid(classes), axis=0)) for classes in (2, 3, 7)] == [19, 171, 27_132]
    assert grid(7).min() == 0.05
    assert np.allclose(grid(7).sum(axis=1), 1)


def test_nps_is_covered_as_stated() -> None:
    share = nps_coverage(ANSWERS).share
    assert len(share) == 171
    assert 0.94 <= share.mean() <= 0.96
    assert share.min() >= 0.93
    assert share.max() <= 0.98


def test_csat_is_covered_as_stated() -> None:
    share = csat_coverage(ANSWERS).share
    assert len(share) == 19
    assert 0.94 <= share.mean() <= 0.96
    assert share.min() >= 0.93
    assert share.max() <= 0.98


def test_effort_is_covered_as_stated() -> None:
    """Distributions lopsided to each point of the scale, to two at once, and others by chance."""
    truths = grid(7)
    lopsided = truths[truths.max(axis=1) >= 0.65]
    others = truths[np.random.default_rng(20261122).choice(len(truths), 40, replace=False)]
    share = ces_coverage(ANSWERS, np.vstack([lopsided, others])).share
    assert len(lopsided) >= 7
    assert share.min() >= 0.93


def test_coverage_of_effort_is_that_of_drawn_answers() -> None:
    """The exact figure, which is a product of Fourier transforms, against 40 000 samples of 9 answers."""
    truth = np.array([0.05, 0.05, 0.4, 0.05, 0.05, 0.05, 0.35])
    score = np.arange(1, 8)
    drawn = np.random.default_rng(5).multinomial(9, truth, 40_000)
    totals, squares = drawn @ score, drawn @ score**2
    low, high = bounds("mean_interval", "'t', 'q', 'n', 1, 7", t=totals, q=squares, n=np.full(len(totals), 9))
    mean = float(truth @ score)
    expected = float(((low <= mean) & (mean <= high)).mean())
    assert ces_coverage(9, truth[None, :]).share[0] == pytest.approx(expected, abs=0.004)


def test_nps_is_as_wide_as_a_bootstrap_says() -> None:
    """500 answers, |NPS| up to 60, 20 000 resamples drawn apart.

    By the bootstrap's standard error within 2 %. By its percentiles too, but for what 20 000 draws (0.6 %)
    and steps of 0.2 points (up to 3 % of the narrowest) leave open.
    """
    found = nps_bootstrap(500, 20_000, seed=500)
    assert len(found.by_standard_error) == 153
    assert np.abs(found.by_standard_error).max() < 0.02
    assert np.median(np.abs(found.by_percentiles)) < 0.01
    assert np.abs(found.by_percentiles).max() < 0.04


def test_nps_interval_is_the_published_formula() -> None:
    """Rocks (2016): N = n + 3, three quarters of an answer added at each end, the rest to the passives."""
    p, d, n = np.array([0, 1, 30, 500, 50]), np.array([0, 4, 10, 0, 0]), np.array([1, 5, 50, 500, 50])
    plus, minus = (p + 0.75) / (n + 3), (d + 0.75) / (n + 3)
    half = 196 * np.sqrt((plus + minus - (plus - minus) ** 2) / (n + 3))
    low, high = nps_bounds(p, d, n)
    assert low == pytest.approx(np.clip(100 * (plus - minus) - half, -100, 100))
    assert high == pytest.approx(np.clip(100 * (plus - minus) + half, -100, 100))
