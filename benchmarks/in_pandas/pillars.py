"""KPIs of surveys that need more than sums of answers: the CX index, and effort on a survey's own scale.

What enters: scored answers.  What leaves: `cx_index` with an interval clustered by form, `ces_native`.
Called by `answers`.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd

from benchmarks.in_pandas import intervals
from benchmarks.in_pandas.cells import Dimension, dimension_of, folded, placed, whole
from benchmarks.in_pandas.landed import Array, is_one_of
from benchmarks.in_pandas.periods import GRAINS, Calendar
from benchmarks.in_pandas.survey_kpis import Sums, divided
from benchmarks.in_pandas.surveys import COLUMNS, DIMENSIONS, form_numbers
from benchmarks.in_pandas.written import Kpi, KpiTable

PILLARS = {"u": "useful", "s": "usable", "e": "enjoyable"}


def index_kpis(table: KpiTable, rows: pd.DataFrame, calendar: Calendar) -> None:
    """The CX index by each dimension; its variance is made of sums of products, which add up over days."""
    is_pillar = is_one_of(rows["metric"], *PILLARS.values()) & rows["is_answered"].to_numpy()
    some = rows[is_pillar & is_one_of(rows["respondent_type"], "customer")].reset_index(drop=True)
    if some.empty:
        return
    form = form_numbers(some)
    forms = int(form.max()) + 1
    at = np.full(forms, -1)
    at[form[::-1]] = np.arange(len(form))[::-1]
    of_form: Sums = {}
    middle = 100 * some["oriented_position"].to_numpy() - 50
    for short, metric in PILLARS.items():
        which = is_one_of(some["metric"], metric)
        of_form[short] = folded(form[which], (forms, 1), middle[which]).ravel()
        of_form[f"{short}n"] = folded(form[which], (forms, 1)).ravel().astype(float)
    products = {
        (one, other): of_form[one] * of_form[other]
        for one, other in combinations_with_replacement(of_form, 2)
    }
    day = some["responded_day"].to_numpy()[at] - calendar.first
    is_ended = calendar.in_ended_month(day + calendar.first)
    for name in ("all", *DIMENSIONS):
        dimension = whole(forms) if name == "all" else dimension_of(name, some[COLUMNS.get(name, name)], at)
        place, places = placed(dimension, is_ended)
        shape = (len(places), calendar.days)
        cells = place * calendar.days + day
        n = folded(cells, shape)
        sums = {key: folded(cells, shape, values) for key, values in of_form.items()}
        squares = {key: folded(cells, shape, values) for key, values in products.items()}
        for grain in GRAINS[1:] if dimension.starts_at_the_week else GRAINS:
            kpi = _index(
                calendar.folded(n, grain),
                {key: calendar.folded(values, grain) for key, values in sums.items()},
                {key: calendar.folded(values, grain) for key, values in squares.items()},
            )
            table.add(calendar, grain, name, places, kpi)


def _index(n: Array, sums: Sums, products: dict[tuple[str, str], Array]) -> Kpi:
    """The mean of three ratios, and of its deviation the sum of squares of what each form adds to it."""

    def product(one: str, other: str) -> Array:
        return products.get((one, other), products.get((other, one), np.zeros(0)))

    means = {pillar: divided(sums[pillar], sums[f"{pillar}n"]) for pillar in PILLARS}
    square = np.zeros(n.shape)
    for one in PILLARS:
        for other in PILLARS:
            m, o = means[one], means[other]
            apart = (
                product(one, other)
                - o * product(one, f"{other}n")
                - m * product(f"{one}n", other)
                + m * o * product(f"{one}n", f"{other}n")
            )
            square += divided(apart, sums[f"{one}n"] * sums[f"{other}n"])
    index = 50 + np.add.reduce(list(means.values())) / 3
    variance = divided(n, n - 1.0) * np.maximum(square / 9, 0)

    def ends(at: Array) -> intervals.Ends:
        value, size = index.ravel()[at], n.ravel()[at]
        reach = np.where(size > 1, intervals.t_975(size - 1.0), np.nan) * np.sqrt(variance.ravel()[at])
        return np.clip(value - reach, 0, 100), np.clip(value + reach, 0, 100)

    return Kpi("cx_index", np.where(np.isnan(index), 0, n), index, ends=ends)


def native_kpis(table: KpiTable, rows: pd.DataFrame, calendar: Calendar) -> None:
    """The mean of a survey on its own scale, where a period has one scale, read in one direction."""
    is_effort = is_one_of(rows["metric"], "ces") & ~np.isnan(rows["effort_score"].to_numpy())
    is_told = (
        is_effort & is_one_of(rows["respondent_type"], "customer") & rows["survey_id"].notna().to_numpy()
    )
    some = rows[is_told].reset_index(drop=True)
    dimension = Dimension("survey", some["survey_id"].cat.codes.to_numpy(), some["survey_id"].cat.categories)
    place, places = placed(dimension, calendar.in_ended_month(some["responded_day"].to_numpy()))
    places = places[:-2]
    which = place < len(places)
    some, place = some[which], place[which]
    shape = (len(places), calendar.days)
    cells = place * calendar.days + some["responded_day"].to_numpy() - calendar.first
    score = some["score"].to_numpy()
    n, x, xx = (folded(cells, shape, weights) for weights in (None, score, score * score))
    ranges = []
    for values in (some["scale_min"], some["scale_max"], some["direction"]):
        extent = values.groupby(cells).agg(["min", "max"])
        least, most = np.full(n.size, np.inf), np.full(n.size, -np.inf)
        least[extent.index], most[extent.index] = extent["min"], extent["max"]
        ranges.append((least.reshape(shape), most.reshape(shape)))
    for grain in GRAINS:
        ends = [
            (calendar.folded(a, grain, np.minimum), calendar.folded(b, grain, np.maximum)) for a, b in ranges
        ]
        is_one = np.logical_and.reduce([least == most for least, most in ends])
        total, squares, size = (calendar.folded(values, grain) for values in (x, xx, n))
        kpi = _native(total, squares, np.where(is_one, size, 0), ends[0][0], ends[1][1])
        table.add(calendar, grain, "survey", places, kpi)


def _native(total: Array, squares: Array, n: Array, lowest: Array, highest: Array) -> Kpi:
    def ends(at: Array) -> intervals.Ends:
        values = (values.ravel()[at] for values in (total, squares, n, lowest, highest))
        return intervals.scale_mean(*values)

    return Kpi("ces_native", n, divided(total, n), total, n.astype(float), ends)
