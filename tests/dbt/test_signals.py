"""Signals: of a company in which nothing happens no more is told than stated, and shifts are found.

The SQL of the models runs on made-up histories (`benchmarks/signals.py`; in full by `make bench`). The
deviation of an anomaly and the status against a target are computed again here in plain Python.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

from benchmarks.contrasts import FOUND, PLANTED, RATE, flagged
from benchmarks.signals import (
    ANOMALY_RATE,
    CHANGE_RATE,
    Series,
    anomalies,
    connect,
    flagged_anomalies,
    flagged_changes,
    found_rows,
    load,
    load_points,
    rendered,
    shifts_found,
    stationary,
)
from tools.kpi_macros import PROJECT, kpi_environment, macros


def _at_most(rate: float, trials: int) -> float:
    """The share that a true rate exceeds by chance once in ten thousand times."""
    return float(stats.binom.ppf(0.9999, trials, rate)) / trials


def test_of_stationary_companies_no_more_than_stated_have_a_significant_change() -> None:
    rates = flagged_changes(300, 11)
    assert max(rates.values()) <= _at_most(CHANGE_RATE, 300)
    assert rates["all"] > 0  # the rate is that of a test, not of one that never says anything


@pytest.mark.parametrize(("grain", "companies"), [("day", 8), ("week", 12), ("month", 30)])
def test_of_stationary_periods_no_more_than_stated_have_an_anomaly(grain: str, companies: int) -> None:
    rates = flagged_anomalies(companies, 12, grain)
    assert max(rates.values()) <= ANOMALY_RATE


def test_a_lasting_shift_of_three_standard_deviations_is_found_within_a_week() -> None:
    assert shifts_found(20, 13) >= 0.9


def test_of_companies_whose_groups_are_alike_no_more_than_stated_are_told_a_difference() -> None:
    """Though levels, sizes and the mix of groups drift from quarter to quarter."""
    alike = flagged(60, 14)
    assert alike["told"] <= alike["significant"] <= _at_most(RATE, 60)


def test_a_segment_that_differs_by_two_fifths_of_a_deviation_is_told() -> None:
    assert flagged(20, 15, planted=PLANTED)["found"] >= FOUND


def _one_series(values: list[float], *, n: float = 100.0, unit_variance: float = 1600.0) -> Series:
    measure = np.array([values], dtype=float)
    return Series(measure, np.full(measure.shape, n), np.full(measure.shape, unit_variance))


def _told(series: Series, grain: str = "day") -> list[tuple[str, int, int]]:
    rows = anomalies(series, grain, np.zeros(1, int), np.ones(1, bool))
    return sorted((kind, began, found) for kind, _, began, found, _ in rows)


def _noise(periods: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(70, 4, periods)


def test_one_wild_day_is_an_outlier_and_no_new_level() -> None:
    values = _noise(200)
    values[190] += 60
    assert _told(_one_series(values.tolist())) == [("outlier", 190, 190)]


def test_a_new_level_is_told_once_with_the_day_it_began() -> None:
    values = _noise(220)
    values[180:] += 14
    [(began, found)] = [
        (began, found) for kind, began, found in _told(_one_series(values.tolist())) if kind == "level_shift"
    ]
    assert 180 <= began <= 181
    assert 180 < found <= 187


def test_a_weekday_of_its_own_is_no_news() -> None:
    values = _noise(220)
    values[np.arange(220) % 7 == 6] += 40
    assert _told(_one_series(values.tolist())) == []


def test_what_was_told_stays_when_new_days_arrive() -> None:
    values = _noise(230)
    values[170] -= 50
    values[190:] += 14
    before = _told(_one_series(values[:210].tolist()))
    after = _told(_one_series(values.tolist()))
    assert before
    assert [row for row in after if row[2] < 210] == before


def _watch(connection: Any, drawn: Series, grain: str, table: str, query: str) -> None:
    """What the model leaves of what is usual, days that are dropped left out."""
    groups = len(drawn.measure)
    load_points(connection, drawn, grain, np.zeros(groups, int), np.ones(groups, bool))
    told = macros()
    connection.execute(f"delete from int_kpi_points where {told['is_too_old_a_day'](told['pointed_days']())}")
    connection.execute(query)
    connection.execute(f"delete from {table} where {told['is_too_old_a_day'](told['watched_days']())}")


@pytest.mark.parametrize(
    ("grain", "periods", "back"),
    [
        ("day", 390, 2),
        ("day", 390, 16),
        ("day", 390, 40),
        ("week", 160, 2),
        ("week", 160, 70),
        ("month", 80, 2),
    ],
)
def test_what_a_night_carries_on_is_what_is_computed_whole(grain: str, periods: int, back: int) -> None:
    """A night brings two periods and changes those before them, so many of them back."""
    drawn = stationary(np.random.default_rng(3), 12, periods, grain=grain)
    earlier = Series(*(column[:, :-2].copy() for column in (drawn.measure, drawn.n, drawn.unit_variance)))
    earlier.measure[:, -back:] += 1.0
    with connect() as connection:
        whole = "create table {} as " + rendered("int_kpi_watched")
        _watch(connection, earlier, grain, "kept", whole.format("kept"))
        _watch(connection, drawn, grain, "whole", whole.format("whole"))
        connection.execute(
            f"""
            create table stg_built as select 'the day before' as build;
            create table int_kpi_series_digests as
            select distinct 'a' as family, kpi, grain, dimension, dimension_value, build as changed_for
            from int_kpi_points, stg_built;
            create table int_touched_periods as
            select distinct 'a' as family, '{grain}' as grain, period_start
            from starts where number > {periods - 2 - back};
            create table int_touched_series as {rendered("int_touched_series")};
            create table tonight as
            {rendered("int_kpi_watched", is_incremental=lambda: True, this="kept")};
            delete from kept where period_number >= (select max(first_number) from int_touched_series)
            """
        )
        _watch(connection, drawn, grain, "kept", "insert into kept select * from tonight")
        carried, computed = (
            connection.execute(f"select * from {table} order by kpi, period_start").df()
            for table in ("kept", "whole")
        )
        [[fresh]] = connection.execute("select count(*) from tonight where run_deviation > 0").fetchall()
    assert fresh > 10
    assert_frame_equal(carried, computed, rtol=1e-9)


def test_a_day_of_few_answers_is_no_outlier_for_its_wide_interval() -> None:
    values = _noise(200)
    values[190] += 25
    sure, unsure = _one_series(values.tolist()), _one_series(values.tolist())
    unsure.n[0, 190] = 30 / 16
    assert [row[0] for row in _told(sure)] == ["outlier"]
    assert _told(unsure) == []


def test_a_short_history_tells_nothing() -> None:
    values = _noise(60)
    values[-1] += 100
    assert _told(_one_series(values.tolist())) == []


def _expected_week(series: Series, period: int) -> float:
    """The deviation of a week, by the rule of docs/kpis.md: medians and MAD over plain lists."""

    def part(at: int) -> tuple[float, float] | None:
        base = [k for k in range(max(at - 26, 0), at) if not math.isnan(series.measure[0, k])]
        if math.isnan(series.measure[0, at]) or len(base) < 8:
            return None
        usual = median(series.measure[0, k] for k in base)
        unit = max(series.unit_variance[0, at], median(series.unit_variance[0, k] for k in base))
        noise = unit / series.n[0, at]
        noise += (
            math.pi
            / 2
            / len(base)
            * float(np.mean([series.unit_variance[0, k] / series.n[0, k] for k in base]))
        )
        return float(series.measure[0, at] - usual), noise

    history = [told for k in range(period - 52, period) if (told := part(k))]
    now = part(period)
    assert now is not None and len(history) >= 12
    scale = median(abs(distance) for distance, _ in history) / stats.norm.ppf(0.75)
    beyond = max(scale**2 - median(noise for _, noise in history), 0.0)
    return now[0] / math.sqrt(now[1] + beyond)


def test_the_deviation_of_a_week_is_what_plain_python_computes() -> None:
    """Over weeks with gaps and drifting n, of rates, counts and durations."""
    drawn = stationary(np.random.default_rng(3), 6, 150, grain="week")
    for row in range(6):
        series = Series(
            drawn.measure[row : row + 1], drawn.n[row : row + 1], drawn.unit_variance[row : row + 1]
        )
        if math.isnan(series.measure[0, 140]):
            continue
        series.measure[0, 140] += 25 * math.sqrt(series.unit_variance[0, 140] / series.n[0, 140])
        [deviation] = _deviations(series, 140)
        assert deviation == pytest.approx(_expected_week(series, 140), rel=1e-9)


def _deviations(series: Series, period: int) -> list[float]:
    with connect() as connection:
        rows = found_rows(connection, series, "week", np.zeros(1, int), np.ones(1, bool))
    return [row["deviation"] for row in rows if row["kind"] == "outlier" and row["number"] == period + 1]


@pytest.mark.parametrize("direction", ["at_least", "at_most"])
def test_status_is_what_plain_python_says(direction: str) -> None:
    """A grid of values, intervals and targets, ends met exactly and no interval among them."""

    def status(value: float | None, low: float | None, high: float | None, target: float | None) -> str:
        if value is None or target is None:
            return "none"
        if low is not None and high is not None and low <= target <= high and low < high:
            return "at_risk"
        good = value >= target if direction == "at_least" else value <= target
        return "met" if good else "missed"

    cases: list[tuple[Any, ...]] = [
        (value, low, high, target)
        for value in (None, 40.0, 50.0, 60.0)
        for low, high in ((None, None), (30.0, 50.0), (50.0, 70.0), (45.0, 55.0), (50.0, 50.0), (51.0, 70.0))
        for target in (None, 49.9, 50.0, 50.1)
    ]
    expression = macros()["kpi_status"]({"kpi": "k"})
    bound = "floor" if direction == "at_least" else "ceiling"
    other = "ceiling" if direction == "at_least" else "floor"
    with connect() as connection:
        for value, low, high, target in cases:
            found = connection.execute(
                f"""
                select {expression}
                from (
                    select 40 as k_n, $value::double as k,
                        $low::double as k_ci_low, $high::double as k_ci_high
                ) as rows
                cross join (select $target::double as k_{bound}, null::double as k_{other}) as targets
                """,
                {"value": value, "low": low, "high": high, "target": target},
            ).fetchall()
            assert found == [(status(value, low, high, target),)], (value, low, high, target)


def _target(**columns: Any) -> dict[str, Any]:
    row = {"kpi": "csat", "dimension": "all", "dimension_value": "all", "grain": None, "target": 80.0}
    return row | {"direction": "at_least", "valid_from": None, "valid_to": None} | columns


@pytest.mark.parametrize(
    ("test", "rows", "broken"),
    [
        ("kpi_targets_name_kpis_of_the_catalog", [_target()], 0),
        ("kpi_targets_name_kpis_of_the_catalog", [_target(kpi="csatt")], 1),
        ("kpi_targets_name_dimensions_of_their_kpi", [_target(dimension="channel")], 0),
        ("kpi_targets_name_dimensions_of_their_kpi", [_target(dimension="category")], 1),
        ("kpi_targets_do_not_overlap", [_target(valid_to="2026-07-01"), _target(valid_from="2026-07-01")], 0),
        ("kpi_targets_do_not_overlap", [_target(valid_to="2026-07-02"), _target(valid_from="2026-07-01")], 1),
        ("kpi_targets_do_not_overlap", [_target(), _target(dimension=None, dimension_value=None)], 1),
        (
            "kpi_targets_do_not_overlap",
            [_target(), _target(grain="month"), _target(direction="at_most", kpi="ces")],
            0,
        ),
    ],
)
def test_a_target_that_cannot_be_meant_is_named(test: str, rows: list[dict[str, Any]], broken: int) -> None:
    text = (PROJECT / "tests" / f"{test}.sql").read_text(encoding="utf-8")
    columns = "kpi, dimension, dimension_value, grain, target::double as target, direction"
    with connect() as connection:
        load(connection, "told", {name: [row[name] for row in rows] for name in rows[0]})
        connection.execute(
            f"create table kpi_targets as select {columns}, valid_from::date as valid_from, "
            "valid_to::date as valid_to from told"
        )
        connection.execute(f"create table dim_kpis as {rendered('dim_kpis')}")
        found = connection.execute(kpi_environment().from_string(text).render()).fetchall()
    assert len(found) == broken
