"""What is told of the cells of a family of survey units: values and intervals.

Called by `surveys`, `pillars` and `customer_kpis`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from benchmarks.in_pandas import intervals
from benchmarks.in_pandas.landed import Array
from benchmarks.in_pandas.written import Kpi

Sums = dict[str, Array]


def divided(numerator: Array, denominator: Array) -> Array:
    """A quotient; NaN where there is nothing to divide by."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator == 0, np.nan, numerator / denominator)


def rate(name: str, successes: Array, n: Array) -> Kpi:
    """A share in percent, with Wilson's interval."""
    flat, size = successes.ravel(), n.ravel()
    return Kpi(
        name,
        n,
        100.0 * divided(successes, n),
        successes.astype(float),
        n.astype(float),
        lambda at: intervals.wilson(flat[at], size[at]),
    )


def scale_mean(name: str, total: Array, squares: Array, n: Array, scale: tuple[float, float]) -> Kpi:
    """A mean on a scale with two ends."""
    lowest, highest = (np.array(end) for end in scale)
    flat, flat_squares, size = total.ravel(), squares.ravel(), n.ravel()
    return Kpi(
        name,
        n,
        divided(total, n),
        total,
        n.astype(float),
        lambda at: intervals.scale_mean(flat[at], flat_squares[at], size[at], lowest, highest),
    )


def free_mean(name: str, total: Array, squares: Array, n: Array) -> Kpi:
    """A mean on a scale without ends."""
    flat, flat_squares, size = total.ravel(), squares.ravel(), n.ravel()
    return Kpi(
        name,
        n,
        divided(total, n),
        total,
        n.astype(float),
        lambda at: intervals.mean(flat[at], flat_squares[at], size[at], size[at] - 1.0),
    )


def _nps(sums: Sums) -> Iterator[Kpi]:
    n, a, b = sums["n"], sums["a"], sums["b"]
    score = a - b

    def ends(at: Array) -> intervals.Ends:
        return intervals.nps(a.ravel()[at], b.ravel()[at], n.ravel()[at])

    yield Kpi("nps", n, 100.0 * divided(score, n), score, n.astype(float), ends)
    yield rate("promoter_rate", a, n)
    yield rate("passive_rate", n - a - b, n)
    yield rate("detractor_rate", b, n)


def _csat(sums: Sums) -> Iterator[Kpi]:
    yield rate("csat", sums["a"], sums["n"])
    yield rate("dsat", sums["n"] - sums["a"], sums["n"])


def _ces(sums: Sums) -> Iterator[Kpi]:
    n, x, xx = sums["n"], sums["x"], sums["xx"]
    yield scale_mean("ces", x, xx, n, (1, 7))
    yield scale_mean("ces_ease", 8 * n - x, 64 * n - 16 * x + xx, n, (1, 7))
    yield rate("ces_low_effort_rate", sums["a"], n)


def _pillar(name: str) -> Callable[[Sums], Iterator[Kpi]]:
    return lambda sums: iter([scale_mean(f"cx_{name}", sums["x"], sums["xx"], sums["n"], (0, 100))])


FAMILIES: dict[str, Callable[[Sums], Iterator[Kpi]]] = {
    "nps": _nps,
    "csat": _csat,
    "ces": _ces,
    "rating": lambda sums: iter([scale_mean("rating_avg", sums["x"], sums["xx"], sums["n"], (1, 5))]),
    "useful": _pillar("useful"),
    "usable": _pillar("usable"),
    "enjoyable": _pillar("enjoyable"),
    "invitation": lambda sums: iter([rate("response_rate", sums["a"], sums["n"])]),
    "form": lambda sums: iter([rate("comment_rate", sums["a"], sums["n"])]),
}


def gaps(family: str, expected: tuple[list[str], Sums], answered: tuple[list[str], Sums]) -> Kpi:
    """What employees expect less what customers answer, in the places that employees speak of."""
    at_place = pd.Index(answered[0]).get_indexer(pd.Index(expected[0]))
    e = expected[1]
    c = {key: np.where((at_place >= 0)[:, None], values[at_place], 0) for key, values in answered[1].items()}
    n = np.minimum(e["n"], c["n"])
    flat = {f"e{key}": e[key].ravel() for key in ("n", "a", "b")} | {
        f"c{key}": c[key].ravel() for key in ("n", "a", "b")
    }

    def difference(at: Array) -> intervals.Ends:
        ea, eb, en, ca, cb, cn = (flat[key][at] for key in ("ea", "eb", "en", "ca", "cb", "cn"))
        if family == "csat":
            return intervals.newcombe(ea, en, ca, cn)
        return intervals.nps_difference((ea, eb, en), (ca, cb, cn))

    minus = 0 if family == "csat" else 1
    value = 100.0 * divided(e["a"] - minus * e["b"], e["n"]) - 100.0 * divided(
        c["a"] - minus * c["b"], c["n"]
    )
    return Kpi(f"perception_gap_{family}", n, value, ends=difference)
