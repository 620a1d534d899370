"""Cohorts: the month of the first order or of the sign-up, and who of them is there k months on.

What enters: transactions, `People`.  What leaves: `cohort_answers`.  Called by `answers`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.in_pandas import intervals, written
from benchmarks.in_pandas.arrays import spelled_out, totals
from benchmarks.in_pandas.people import NOT_YET, People
from benchmarks.in_pandas.periods import Calendar, first_of_month, month_number
from benchmarks.in_pandas.survey_kpis import divided


def write_cohorts(folder: Path, rows: pd.DataFrame, people: People, calendar: Calendar) -> None:
    """Write `cohort_answers`: a row a cohort and month from its own to the last."""
    first_live = np.full(len(people.is_contractual), NOT_YET)
    first_live[people.live.customer] = people.first_live
    signed_up = people.signed_up
    entered = np.where(signed_up < NOT_YET, signed_up, first_live)
    begun = np.where(people.is_contractual, entered, people.first_order)
    known = begun < NOT_YET
    data_start = people.first_day.min()
    second_month = first_of_month(month_number(np.array([data_start])) + 1)[0]
    is_cut = np.where(
        people.is_contractual,
        begun < data_start,
        np.where(signed_up < NOT_YET, signed_up < data_start, begun < second_month),
    )
    month = month_number(np.where(known, begun, 0))
    first, last = int(month[known].min()), int(month_number(np.array([calendar.last]))[0])
    months = last - first + 1
    cohort = month - first
    in_range = known & (cohort < months)
    size = totals(cohort[in_range], months)
    cut = totals(cohort[in_range & is_cut], months)

    customer = rows["customer"].to_numpy()
    is_active = rows["is_order"].to_numpy() & known[customer] & ~people.is_contractual[customer]
    who, when = customer[is_active], month_number(rows["day"].to_numpy()[is_active]) - first
    pairs = np.unique(who * months + when)
    active = totals(cohort[pairs // months] * months + pairs % months, months * months)

    live = people.live
    first_days = first_of_month(np.arange(first, last + 2))
    last_days = np.minimum(first_days[1:] - 1, calendar.last)
    of_contract = people.is_contractual[live.customer] & in_range[live.customer]
    row, period = spelled_out(
        np.searchsorted(last_days, live.from_day), np.searchsorted(last_days, live.to_day)
    )
    chosen = of_contract[row] & (period >= month_number(np.array([calendar.first]))[0] - first)
    active = active + totals(cohort[live.customer[row[chosen]]] * months + period[chosen], months * months)

    start, at = np.divmod(np.arange(months * months), months)
    begins = month_number(np.array([calendar.first]))[0] - first
    keep = (size[start] > 0) & (at >= start) & (at >= begins)
    start, at, active = start[keep], at[keep], active[keep]
    n = size[start]
    is_whole = first_days[at + 1] <= calendar.data_day + 1
    is_told = is_whole & (n >= 5)
    low, high = intervals.wilson(active, n)
    columns = {
        "cohort_month": written.dates(first_days[start]),
        "month_number": written.counts(at - start),
        "month_start": written.dates(first_days[at]),
        "cohort_size": written.counts(n),
        "is_complete": written.flags(is_whole),
        "is_suppressed": written.flags(n < 5),
        "active_customers": written.counts(active, is_whole),
        "retention_rate": written.numbers(np.where(is_told, 100.0 * divided(active, n), np.nan)),
        "ci_low": written.numbers(np.where(is_told, low, np.nan)),
        "ci_high": written.numbers(np.where(is_told, high, np.nan)),
        "is_small_sample": written.flags(n < 30),
        "is_left_truncated": written.flags(cut[start] > 0),
        "left_truncated_customers": written.counts(cut[start]),
    }
    written.write(folder, "cohort_answers", columns)
