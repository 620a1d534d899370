"""The KPI macros against scipy and small tables: statistics, intervals, percentiles, grouping.

The macros are rendered as dbt renders them, without starting dbt, and run on an in-memory database.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy import stats

from tools.kpi_macros import kpi_environment
from tools.kpi_marts import kpi_mart_files

Expression = Callable[[str], str]


@pytest.fixture(scope="module")
def sql() -> Expression:
    """A function that renders text with the project's KPI macros for DuckDB."""
    return lambda template: kpi_environment().from_string(template).render()


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _column(db: duckdb.DuckDBPyConnection, expression: str, **columns: Any) -> np.ndarray[Any, Any]:
    """`expression` over a table of the given columns, NULL as NaN."""
    arrays = [np.asarray(column, dtype=float) for column in columns.values()]
    db.register("given", dict(zip(columns, arrays, strict=True)))
    db.execute("create or replace temp table grid as select * from given")
    result = db.execute(f"select cast({expression} as double) as y from grid").fetchnumpy()["y"]
    return np.ma.filled(result, math.nan)


def test_t_quantile_is_within_its_stated_error(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    df = np.r_[1:200, 1000, 1e6]
    error = _column(db, sql("{{ t_975('df') }}"), df=df) - stats.t.ppf(0.975, df)
    assert np.abs(error).max() < 1.1e-6


def test_normal_tail_is_within_its_stated_relative_error(
    sql: Expression, db: duckdb.DuckDBPyConnection
) -> None:
    z = np.linspace(-30, 30, 6001)
    exact = 2 * stats.norm.sf(np.abs(z))
    assert np.abs(_column(db, sql("{{ normal_p('z') }}"), z=z) / exact - 1).max() < 1.2e-7


def test_chi_square_tail_is_within_its_stated_relative_error(
    sql: Expression, db: duckdb.DuckDBPyConnection
) -> None:
    x = np.linspace(0, 200, 2001)
    assert np.abs(_column(db, sql("{{ chi_square_1_p('x') }}"), x=x) / stats.chi2.sf(x, 1) - 1).max() < 1.2e-7


@pytest.mark.parametrize(
    ("df", "stated"),
    [
        (1, 0.03),
        (2, 4.2e-4),
        (3, 2.3e-5),
        (3.7, 2.3e-5),
        (5, 4.1e-7),
        (6.5, 4.1e-7),
        (29, 4.1e-7),
        (1e4, 4.1e-7),
    ],
)
def test_t_tail_is_within_its_stated_error(
    sql: Expression, db: duckdb.DuckDBPyConnection, df: float, stated: float
) -> None:
    t = np.linspace(-40, 40, 8001)
    deviates = _column(db, sql("{{ t_as_normal('t', 'df') }}"), t=t, df=np.full_like(t, df))
    error = _column(db, sql("{{ normal_p('z') }}"), z=deviates) - 2 * stats.t.sf(np.abs(t), df)
    assert np.abs(error).max() < stated


def test_nps_interval_is_rocks_and_clamped(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    """Worked example 1, and everyone alike."""
    columns = {"p": [3, 10, 0], "d": [2, 0, 10], "n": [7, 10, 10]}
    low = _column(db, sql("{{ nps_interval_low('p', 'd', 'n') }}"), **columns)
    high = _column(db, sql("{{ nps_interval_high('p', 'd', 'n') }}"), **columns)
    assert low[0] == pytest.approx(-39.58, abs=0.005)
    assert high[0] == pytest.approx(59.58, abs=0.005)
    assert (high[1], low[2]) == (100, -100)


def test_wilson_interval_matches_scipy(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    grid = [(s, n) for n in (1, 2, 4, 5, 29, 1000) for s in {0, 1, n // 2, n}]
    s, n = zip(*grid, strict=True)
    low = _column(db, sql("{{ wilson_interval_low('s', 'n') }}"), s=s, n=n)
    high = _column(db, sql("{{ wilson_interval_high('s', 'n') }}"), s=s, n=n)
    for (successes, trials), a, b in zip(grid, low, high, strict=True):
        exact = stats.binomtest(successes, trials).proportion_ci(method="wilson")
        assert (a, b) == pytest.approx((100 * exact.low, 100 * exact.high), abs=1e-9)


def test_mean_interval_adds_one_answer_on_a_scale(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    """Half an answer at each end: the interval of the t distribution over those N = n + 1, clamped."""
    answers = [1.0, 2.0, 3.0, 2.0]
    weights = np.array([1, 1, 1, 1, 0.5, 0.5])
    values = np.array([*answers, 1.0, 5.0])
    mean = np.average(values, weights=weights)
    deviation = math.sqrt((weights * (values - mean) ** 2).sum() / 4)
    half = stats.t.ppf(0.975, 4) * deviation / math.sqrt(5)
    columns = {"total": [8.0], "squares": [18.0], "n": [4]}
    low = _column(db, sql("{{ mean_interval_low('total', 'squares', 'n', 1, 5) }}"), **columns)
    high = _column(db, sql("{{ mean_interval_high('total', 'squares', 'n', 1, 5) }}"), **columns)
    assert low[0] == pytest.approx(max(mean - half, 1), abs=1e-9)
    assert high[0] == pytest.approx(mean + half, abs=1e-9)
    one = _column(
        db, sql("{{ mean_interval_high('total', 'squares', 'n', 1, 5) }}"), total=[5], squares=[25], n=[1]
    )
    assert one[0] == 5


def test_mean_interval_without_a_scale_is_plain_t(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    values = np.array([3.0, 8.0, 9.5, 1.0])
    exact = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    columns = {"total": [values.sum(), 3.0], "squares": [(values**2).sum(), 9.0], "n": [4, 1]}
    low = _column(db, sql("{{ mean_interval_low('total', 'squares', 'n') }}"), **columns)
    high = _column(db, sql("{{ mean_interval_high('total', 'squares', 'n') }}"), **columns)
    assert (low[0], high[0]) == pytest.approx(exact, abs=1e-5)
    assert math.isnan(low[1])


def test_newcombe_interval_matches_the_published_example(
    sql: Expression, db: duckdb.DuckDBPyConnection
) -> None:
    """Newcombe (1998), table II, method 10: 56/70 − 48/80 is 0.20 (0.0524, 0.3339)."""
    columns = {"a": [56], "m": [70], "b": [48], "n": [80]}
    low = _column(db, sql("{{ newcombe_interval_low('a', 'm', 'b', 'n') }}"), **columns)
    high = _column(db, sql("{{ newcombe_interval_high('a', 'm', 'b', 'n') }}"), **columns)
    assert (low[0], high[0]) == pytest.approx((5.24, 33.39), abs=0.005)


def test_percentiles_interpolate_linearly(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    values = np.array([1.0, 7.0, 2.5, 40.0, 3.0])
    db.register("given", {"x": values})
    query = sql("select {{ percentiles('x', [0.5, 0.9, 0.95]) }} as q from given")
    for place, share in ((1, 50), (2, 90), (3, 95)):
        (value,) = db.execute(sql(f"select {{{{ nth('q', {place}) }}}} from ({query})")).fetchall()[0]
        assert value == pytest.approx(np.percentile(values, share))


PERIOD_DAYS = """
create table int_period_days as
select date '2026-03-02' as date_day, 'day' as grain, date '2026-03-02' as period_start, 'current' as slot,
    true as is_month_ended
union all select date '2026-03-02', 'week', date '2026-03-02', 'current', true
union all select date '2026-03-02', 'week', date '2026-03-09', 'elapsed', true
union all select date '2026-04-01', 'day', date '2026-04-01', 'current', false
"""


def test_units_are_grouped_by_period_slot_and_dimension(
    sql: Expression, db: duckdb.DuckDBPyConnection
) -> None:
    """Every unit counts once in `all` and once in each dimension; agents start at the week."""
    db.execute(PERIOD_DAYS)
    db.execute(
        """
        create table units as
        select date '2026-03-02' as event_date, 'kim' as agent, cast(null as varchar) as brand
        """
    )
    grouped = sql("{{ grouped_units('units', 'event_date', ['all', 'agent', 'brand']) }}")
    rows = db.execute(
        f"select grain, cast(period_start as varchar), slot, dimension, dimension_value from ({grouped})"
    ).fetchall()
    places = [
        ("day", "2026-03-02", "current"),
        ("week", "2026-03-02", "current"),
        ("week", "2026-03-09", "elapsed"),
    ]
    values = [("all", "all"), ("agent", "kim"), ("brand", "(none)")]
    assert sorted(rows) == sorted(
        (*place, *value) for place in places for value in values if (place[0], value[0]) != ("day", "agent")
    )


def test_the_201st_value_and_on_are_other(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    """The 200 values with most units of ended months stay, ties by name, whatever the open month brought.

    A missing value takes no place among them.
    """
    db.execute(PERIOD_DAYS)
    db.execute(
        """
        create table units as
        select date '2026-03-02' as event_date, 'p' || lpad(cast(i as varchar), 3, '0') as product
        from range(202) as r(i)
        union all select date '2026-03-02', 'p201'
        union all select date '2026-03-02', null from range(9)
        union all select date '2026-04-01', 'p198' from range(2)
        union all select date '2026-04-01', 'p200'
        union all select date '2026-04-01', 'p202' from range(9)
        """
    )
    grouped = sql("{{ grouped_units('units', 'event_date', ['product']) }}")
    counts = dict(
        db.execute(
            f"""select dimension_value, count(*) from ({grouped})
            where grain = 'day' and dimension = 'product' group by all"""
        ).fetchall()
    )
    assert len(counts) == 202
    assert (counts["p201"], counts["p198"], counts["(other)"], counts["(none)"]) == (2, 1 + 2, 1 + 2 + 9, 9)
    assert not {"p199", "p200", "p202"} & set(counts)


def test_the_open_month_has_the_places_left(sql: Expression, db: duckdb.DuckDBPyConnection) -> None:
    """199 values of ended months leave one place, for the largest of those that have no others."""
    db.execute(PERIOD_DAYS)
    db.execute(
        """
        create table units as
        select date '2026-03-02' as event_date, 'p' || lpad(cast(i as varchar), 3, '0') as product
        from range(199) as r(i)
        union all select date '2026-04-01', 'a new one' from range(2)
        union all select date '2026-04-01', 'the larger new one' from range(3)
        """
    )
    kept = db.execute(sql("{{ kept_values('units', 'event_date', ['product']) }}")).fetchall()
    places = {value: place for _, value, place in kept}
    assert len(places) == 200
    assert places["the larger new one"] == 200


def test_the_contracts_of_the_kpi_marts_are_current() -> None:
    """The YAML beside each wide mart is what `python -m tools.kpi_marts` writes."""
    for path, text in kpi_mart_files().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.name} is stale: run python -m tools.kpi_marts"
        )
