"""The survey KPIs: answers, invitations and filled-in forms as units, folded by dimension into cells.

What enters: scored answers.  What leaves: NPS, CSAT, effort, ratings, response and comment rates, the gaps of
perception, in the table of KPIs.  Called by `answers`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.cells import Dimension, dimension_of, folded, placed, whole
from benchmarks.in_pandas.landed import NO_DAY, Array, is_one_of
from benchmarks.in_pandas.periods import GRAINS, Calendar
from benchmarks.in_pandas.survey_kpis import FAMILIES, Sums, gaps
from benchmarks.in_pandas.written import KpiTable

COLUMNS = {"survey": "survey_id", "agent": "agent_key"}
DIMENSIONS = [
    "survey",
    "survey_type",
    "channel",
    "touchpoint",
    "journey_stage",
    "segment",
    "country",
    "language",
    "acquisition_channel",
    "team",
    "agent",
    "product",
    "brand",
]
EXPECTED = ("csat", "nps")
"""What employees are asked to expect of customers."""


@dataclass(frozen=True)
class Units:
    """What is counted together: the answers' rows and days; `a` and `b` are counted, `x` is added up."""

    rows: Array
    day: Array
    is_headline: Array
    a: Array
    b: Array
    x: Array

    def sums(self, cells: Array, shape: tuple[int, int], which: Array) -> Sums:
        """n, a, b, x and its squares as places × days."""
        weights = (None, self.a, self.b, self.x, self.x * self.x)
        chosen = (weight if weight is None else weight[which].astype(float) for weight in weights)
        n, a, b, x, xx = (folded(cells, shape, weight) for weight in chosen)
        return {"n": n, "a": a, "b": b, "x": x, "xx": xx}


def survey_kpis(table: KpiTable, rows: pd.DataFrame, calendar: Calendar) -> None:
    """Every family's KPIs, by each dimension."""
    families = _families(rows)
    for name in ("all", *DIMENSIONS):
        told: dict[str, tuple[list[str], Sums]] = {}
        for family, units in families.items():
            dimension = _dimension(rows, name, units.rows)
            place, places = placed(dimension, calendar.in_ended_month(units.day))
            counted = np.ones(len(place), bool) if name in ("survey", "survey_type") else units.is_headline
            which = np.flatnonzero(counted)
            cells = place[which] * calendar.days + (units.day[which] - calendar.first)
            told[family] = places, units.sums(cells, (len(places), calendar.days), which)
        grains = GRAINS[1:] if dimension.starts_at_the_week else GRAINS
        for grain in grains:
            at = {
                family: (places, {key: calendar.folded(daily, grain) for key, daily in sums.items()})
                for family, (places, sums) in told.items()
            }
            for family, (places, sums) in at.items():
                for kpi in FAMILIES.get(family, lambda _: ())(sums):
                    table.add(calendar, grain, name, places, kpi)
            for family in EXPECTED:
                expected, answered = at.get(f"expected_{family}"), at.get(family)
                if expected and answered:
                    table.add(calendar, grain, name, expected[0], gaps(family, expected, answered))


def _dimension(rows: pd.DataFrame, name: str, units: Array) -> Dimension:
    return whole(len(units)) if name == "all" else dimension_of(name, rows[COLUMNS.get(name, name)], units)


def _families(rows: pd.DataFrame) -> dict[str, Units]:
    """Units by what they are counted for."""
    by_customer, by_employee = (is_one_of(rows["respondent_type"], who) for who in ("customer", "employee"))
    is_scored = ~np.isnan(rows["oriented_score"].to_numpy())
    day, is_headline = rows["responded_day"].to_numpy(), rows["is_headline"].to_numpy()
    nps_class, position = rows["nps_class"].to_numpy(), rows["oriented_position"].to_numpy()
    families = {}
    for metric in rows["metric"].cat.categories:
        of_metric = is_scored & is_one_of(rows["metric"], metric)
        kinds = {metric: by_customer, f"expected_{metric}": by_employee & (metric in EXPECTED)}
        for family, which in kinds.items():
            at = np.flatnonzero(of_metric & which)
            if not len(at):
                continue
            a = {"nps": nps_class == 0, "csat": rows["is_satisfied"], "ces": rows["is_low_effort"]}.get(
                metric
            )
            x = {"ces": rows["effort_score"], "rating": 1 + 4 * position}.get(metric, 100 * position)
            none = np.zeros(len(at), bool)
            families[family] = Units(
                at,
                day[at],
                is_headline[at],
                none if a is None else np.asarray(a)[at],
                (nps_class == 2)[at],
                np.asarray(x)[at],
            )
    return families | _forms(rows)


def form_numbers(rows: pd.DataFrame) -> Array:
    """A number for the form each answer is part of."""
    submission = rows["submission_id"].where(rows["submission_id"].notna(), rows["response_id"])
    ids, _ = pd.factorize(submission)
    both = ids.astype(np.int64) * len(rows["source"].cat.categories) + rows["source"].cat.codes.to_numpy()
    return np.asarray(pd.factorize(both)[0])


def _forms(rows: pd.DataFrame) -> dict[str, Units]:
    """Invitations by the day they were sent, and filled-in forms; each told by its first question."""
    form = form_numbers(rows)
    question = rows["question_id"].cat
    rank = np.append(np.argsort(np.argsort(question.categories)), len(question.categories))[
        question.codes.to_numpy()
    ]
    order = np.lexsort((rank, form))
    form, rank = form[order], rank[order]
    is_start = starts_of(form)
    starts = np.flatnonzero(is_start)
    tied = np.flatnonzero((rank[1:] == rank[:-1]) & is_start[:-1] & ~is_start[1:])
    if len(tied):  # two answers to the first question: the lesser id
        some = np.isin(form, form[tied])
        again = order[some]
        ids = rows["response_id"].iloc[again].to_numpy(object).astype(str)
        order[some] = again[np.lexsort((ids, rank[some], form[some]))]
    at = order[starts]
    has_comment, is_answered = rows["has_comment"].to_numpy()[order], rows["is_answered"].to_numpy()[order]
    is_filled = is_answered | has_comment
    far = 2**31
    invited = np.where(is_one_of(rows["delivery_status"], "delivered"), rows["invited_day"], NO_DAY)[order]
    responded = np.where(is_filled, rows["responded_day"].to_numpy()[order], NO_DAY)
    invited_day, responded_day = (
        np.minimum.reduceat(np.where(days == NO_DAY, far, days), starts) for days in (invited, responded)
    )
    answered, commented = (np.logical_or.reduceat(values, starts) for values in (is_filled, has_comment))
    # a form is of the headline if one of its scores is, or if it asks for none
    is_score = is_one_of(rows["metric"], "nps", "csat", "ces")[order]
    is_one = rows["is_headline"].to_numpy()[order] & is_score
    is_headline = np.logical_or.reduceat(is_one, starts) | ~np.logical_or.reduceat(is_score, starts)
    by_customer = is_one_of(rows["respondent_type"], "customer")[at]

    def units(day: Array, a: Array) -> Units:
        which = by_customer & (day < far)
        size = int(which.sum())
        return Units(
            at[which], day[which], is_headline[which], a[which], np.zeros(size, bool), np.zeros(size)
        )

    return {"invitation": units(invited_day, answered), "form": units(responded_day, commented)}
