"""How often signals tell something of a company in which nothing happens, and how soon they find a shift.

What enters: a seed and how many companies.  What leaves: the rates, printed, and a failure where one is above
the stated one (docs/kpis.md).  The models' own SQL is run, on made-up histories: `flagged_changes` renders
int_kpi_changes and int_kpi_tests, `flagged_anomalies` and `shifts_found` int_kpi_anomalies.  Companies share
one run: each has periods (changes) or families of tests (anomalies) of its own.

    python -m benchmarks.signals [--companies 1000] [--seed 1]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.kpi_macros import PROJECT, kpi_environment, macros

if TYPE_CHECKING:
    import duckdb

Columns = Mapping[str, Any]

CHANGE_RATE = 0.05
ANOMALY_RATE = 0.01
CHANNELS = ("web", "app", "email", "chat", "phone")
SHIFT = 3.0
"""The planted shift, in standard deviations of the days' values."""
FOUND_WITHIN = 7
"""Days within which a shift of that size is found."""


def rendered(model: str, **context: Any) -> str:
    """The SQL of a model, `ref` as bare names; `context` is what else dbt would tell it."""
    [path] = (PROJECT / "models").rglob(f"{model}.sql")
    environment = kpi_environment()
    return environment.from_string(path.read_text(encoding="utf-8")).render(config=lambda **_: "", **context)


def connect() -> duckdb.DuckDBPyConnection:
    """An empty database in memory."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return connection


def load(connection: duckdb.DuckDBPyConnection, table: str, columns: Columns) -> None:
    """A table of numpy columns and Python lists."""
    import pyarrow as pa

    connection.register("loading", pa.table(dict(columns)))
    connection.execute(f"create or replace table {table} as select * from loading")
    connection.unregister("loading")


Draw = Callable[[np.random.Generator, int], dict[str, float]]


def _rate(share: float) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, float]:
        hits = int(random.binomial(n, share))
        return {"": 100.0 * hits / n, "_numerator": hits}

    return draw


def _nps(promoters: float, detractors: float) -> Draw:
    def draw(random: np.random.Generator, n: int) -> dict[str, float]:
        up, _, down = random.multinomial(n, [promoters, 1 - promoters - detractors, detractors])
        return {"": 100.0 * (up - down) / n, "_numerator": up - down, "_positive": up, "_negative": down}

    return draw


def _effort(random: np.random.Generator, n: int) -> dict[str, float]:
    scores = random.choice(7, n, p=[0.3, 0.25, 0.15, 0.1, 0.1, 0.06, 0.04]) + 1.0
    return {"": scores.mean(), "_mean": scores.mean(), "_variance": scores.var(ddof=1)}


def _minutes(random: np.random.Generator, n: int) -> dict[str, float]:
    logs = np.log1p(random.lognormal(3.0, 1.3, n))
    return {"": np.expm1(logs.mean()), "_mean": logs.mean(), "_variance": logs.var(ddof=1)}


STATIONARY: dict[str, tuple[str, Draw]] = {
    "nps": ("nps", _nps(0.45, 0.25)),
    "csat": ("csat", _rate(0.8)),
    "ces": ("ces", _effort),
    "ces_low_effort_rate": ("ces", _rate(0.55)),
    "response_rate": ("feedback", _rate(0.4)),
    "fcr_rate": ("response_time", _rate(0.62)),
    "reopen_rate": ("response_time", _rate(0.07)),
    "sla_attainment_rate": ("response_time", _rate(0.95)),
    "first_response_calendar_minutes_avg": ("response_time", _minutes),
    "failure_rate": ("journey", _rate(0.04)),
}
"""KPI -> its family, and what it is in a period in which nothing happens, of n units."""


def _family_rows(random: np.random.Generator, companies: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of int_kpi_<family>: of each company two weeks, all together and by channel."""
    rows: dict[str, list[dict[str, Any]]] = {family: [] for family in macros()["kpi_families"]()}
    for company in range(companies):
        size = float(random.lognormal(6.0, 0.8))
        for week in (2 * company, 2 * company + 1):
            for channel in ("all", *CHANNELS):
                share = 1.0 if channel == "all" else 0.2
                keys = {
                    "grain": "week",
                    "period_start": _week(week),
                    "slot": "current",
                    "dimension": "all" if channel == "all" else "channel",
                    "dimension_value": channel,
                }
                by_family: dict[str, dict[str, Any]] = {}
                for kpi, (family, draw) in STATIONARY.items():
                    n = int(random.poisson(size * share))
                    if n > 1:
                        row = by_family.setdefault(family, dict(keys))
                        row |= {f"{kpi}{end}": float(value) for end, value in draw(random, n).items()}
                        row |= {f"{kpi}_n": n, f"{kpi}_is_suppressed": n < 5}
                for family, row in by_family.items():
                    rows[family].append(row)
    return rows


def _week(number: int) -> date:
    return date(1970, 1, 5) + timedelta(weeks=number)


def flagged_changes(companies: int, seed: int) -> dict[str, float]:
    """The share of stationary companies with any change called significant, in `all` and dimension rows."""
    random = np.random.default_rng(seed)
    call = macros()
    with connect() as connection:
        for family, rows in _family_rows(random, companies).items():
            keys = ["grain", "period_start", "slot", "dimension", "dimension_value"]
            types = dict.fromkeys(keys, "varchar") | {"period_start": "date"}
            for kpi, entry in call["entries_of_family"](family).items():
                types |= {
                    call["wide_column"](kpi, measure): "double" for measure in call["kpi_columns"](entry)
                }
                if not entry.get("counted_with"):
                    types |= {f"{kpi}_n": "bigint", f"{kpi}_is_suppressed": "boolean"}
            columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
            connection.execute(f"create table int_kpi_{family} ({columns})")
            if rows:
                names = list(dict.fromkeys(name for row in rows for name in row))
                load(connection, "drawn", {name: [row.get(name) for row in rows] for name in names})
                connection.execute(f"insert into int_kpi_{family} by name select * from drawn")
        numbers = range(2 * companies)
        load(
            connection,
            "int_periods",
            {
                "grain": ["week" for _ in numbers],
                "period_start": [_week(number) for number in numbers],
                "period_end": [_week(number + 1) for number in numbers],
                # Companies are no neighbours: the first week of each has none before it.
                "previous_period_start": [_week(number - 1) if number % 2 else None for number in numbers],
                "yoy_period_start": [None if number else _week(0) for number in numbers],
                "is_ended": [True for _ in numbers],
            },
        )
        load(
            connection,
            "int_kpi_watermarks",
            {"kpi": ["nps"], "watermark_at": [np.datetime64("2900-01-01", "us")]},
        )
        load(
            connection,
            "int_as_of",
            {"as_of": [np.datetime64("2900-01-01", "us")], "as_of_date": [date(2900, 1, 1)]},
        )
        for model in ("int_kpi_changes", "int_kpi_tests"):
            connection.execute(f"create table {model} as {rendered(model)}")
        found = connection.execute(
            f"""
            select
                count(distinct period_start) filter (dimension = 'all'),
                count(distinct period_start) filter (dimension <> 'all'),
            from int_kpi_tests where q_value < {CHANGE_RATE}
            """
        ).fetchall()
    return {"all": found[0][0] / companies, "dimensions": found[0][1] / companies}


@dataclass(frozen=True)
class Series:
    """Histories of many series, arrays of series x periods: values (NaN: none), n, variance of one unit."""

    measure: np.ndarray
    n: np.ndarray
    unit_variance: np.ndarray


def stationary(random: np.random.Generator, series: int, periods: int, *, grain: str) -> Series:
    """Rates, counts and durations by turns, with weekdays, gaps, drifting n, and in half more than chance."""
    kind = np.arange(series) % 3
    days = np.arange(periods)
    size = random.uniform(60, 600, (series, 1)) * np.exp(random.uniform(-0.002, 0.002, (series, 1)) * days)
    weekday = (
        np.exp(random.normal(0, 0.3, (series, 7)))[:, days % 7]
        if grain == "day"
        else np.ones((series, periods))
    )
    n = np.maximum(random.poisson(size * weekday), 30).astype(float)
    beyond = np.where(np.arange(series) % 2, 0.0, 1.0)[:, None] * random.normal(size=(series, periods))
    # Rates: 3 to 97 %, by weekday; half of them vary beyond what n answers do, by half as much again.
    share = np.clip(
        random.uniform(0.05, 0.95, (series, 1))
        + (random.normal(0, 0.03, (series, 7))[:, days % 7] if grain == "day" else 0.0),
        0.03,
        0.97,
    )
    share = np.clip(share + 0.5 * beyond * np.sqrt(share * (1 - share) / n), 0.01, 0.99)
    hits = random.binomial(n.astype(int), share)
    adjusted = (hits + 1.92) / (n + 3.84)
    rate, rate_variance = 100.0 * hits / n, 1e4 * n * adjusted * (1 - adjusted) / (n + 3.84)
    # Counts: the n themselves, varying beyond Poisson by 10 %.
    level = 300.0 * weekday
    count = random.poisson(level * np.exp(0.1 * beyond))
    # Durations: means of skewed minutes' logarithms.
    spread = 1.2
    minutes = 3.0 + 0.2 * np.log(weekday) + 0.05 * beyond + random.normal(size=n.shape) * spread / np.sqrt(n)
    measure = np.select([kind[:, None] == 0, kind[:, None] == 1], [rate, np.log1p(count)], minutes)
    unit_variance = np.select(
        [kind[:, None] == 0, kind[:, None] == 1],
        [rate_variance, n / (1.0 + count)],
        np.full(n.shape, spread**2),
    )
    measure = np.where(random.random(n.shape) < 0.05, np.nan, measure)
    return Series(measure, n, unit_variance)


def load_points(
    connection: duckdb.DuckDBPyConnection,
    drawn: Series,
    grain: str,
    company_of: np.ndarray,
    is_overall: np.ndarray,
) -> None:
    """Series as int_kpi_points, `starts` (number from 1, period_start) and int_as_of, the last of them."""
    _, periods = drawn.measure.shape
    where, period = np.nonzero(~np.isnan(drawn.measure))
    starts = _starts(grain, periods)
    numbers = np.arange(periods) + 1
    load(connection, "starts", {"number": numbers, "period_start": starts})
    load(
        connection,
        "drawn",
        {
            "series": where,
            "company": company_of[where],
            "is_overall": is_overall[where],
            "number": numbers[period],
            "measure": drawn.measure[where, period],
            "unit_variance": drawn.unit_variance[where, period],
            "n": drawn.n[where, period],
        },
    )
    number = macros()["period_number"](f"'{grain}'", "period_start")
    connection.execute(
        f"""
        create or replace table int_kpi_points as
        select
            cast(series as varchar) as kpi, '{grain}' as grain, period_start,
            case when is_overall then 'all' else 'channel' end as dimension, 'x' as dimension_value,
            {number} as period_number, measure as value, n, measure as ci_low, measure as ci_high,
            measure, unit_variance, false as is_log, true as is_watched, company as window_days,
        from drawn join starts using (number)
        """
    )
    load(connection, "int_as_of", {"as_of_date": [starts[-1]]})


def found_rows(
    connection: duckdb.DuckDBPyConnection,
    drawn: Series,
    grain: str,
    company_of: np.ndarray,
    is_overall: np.ndarray,
) -> list[dict[str, Any]]:
    """What int_kpi_anomalies finds in series: its rows, `began` and `number` the periods from 1."""
    load_points(connection, drawn, grain, company_of, is_overall)
    connection.execute(f"create table int_kpi_watched as {rendered('int_kpi_watched')}")
    cursor = connection.execute(
        f"""
        with found as ({rendered("int_kpi_anomalies")})
        select found.*, began.number as began, told.number as number
        from found
        join starts as began using (period_start)
        join starts as told on found.found_in = told.period_start
        """
    )
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def anomalies(
    drawn: Series, grain: str, company_of: np.ndarray, is_overall: np.ndarray
) -> list[tuple[str, int, int, int, bool]]:
    """Every anomaly told: kind, series, period, period found in, whether of an `all` row."""
    with connect() as connection:
        rows = found_rows(connection, drawn, grain, company_of, is_overall)
    return [
        (
            str(row["kind"]),
            int(row["kpi"]),
            int(row["began"]) - 1,
            int(row["number"]) - 1,
            row["dimension"] == "all",
        )
        for row in rows
    ]


def _starts(grain: str, periods: int) -> list[date]:
    first = date(2020, 1, 6)
    if grain == "month":
        return [date(2020 + number // 12, 1 + number % 12, 1) for number in range(periods)]
    return [first + timedelta(days=number * {"day": 1, "week": 7}[grain]) for number in range(periods)]


LENGTHS = {"day": 320, "week": 156, "month": 60}
"""Periods of history drawn, those in which findings are told included."""
TOLD = {"day": 60, "week": 53, "month": 24}
"""The newest of them, in which they are counted."""


def flagged_anomalies(
    companies: int, seed: int, grain: str, *, kpis: int = 12, groups: int = 24
) -> dict[str, float]:
    """The share of (stationary company, period) in which any anomaly is told, by `all` and `dimensions`."""
    random = np.random.default_rng(seed)
    series = companies * (kpis + groups)
    drawn = stationary(random, series, LENGTHS[grain], grain=grain)
    company_of = np.arange(series) // (kpis + groups)
    is_overall = np.arange(series) % (kpis + groups) < kpis
    first = LENGTHS[grain] - TOLD[grain]
    found: dict[bool, set[tuple[int, int]]] = {True: set(), False: set()}
    for _, kpi, _, told, overall in anomalies(drawn, grain, company_of, is_overall):
        if told >= first:
            found[overall].add((int(company_of[kpi]), told))
    total = companies * TOLD[grain]
    return {"all": len(found[True]) / total, "dimensions": len(found[False]) / total}


def shifts_found(companies: int, seed: int, *, size: float = SHIFT, kpis: int = 12) -> float:
    """The share of lasting shifts, one of `size` in each company's days, told within FOUND_WITHIN days."""
    random = np.random.default_rng(seed)
    series = companies * kpis
    drawn = stationary(random, series, LENGTHS["day"], grain="day")
    planted = LENGTHS["day"] - 30
    shifted = np.arange(companies) * kpis + random.integers(0, kpis, companies)
    # The spread of a day about its weekday, as the days before tell.
    for row in shifted:
        before = drawn.measure[row, :planted]
        apart = np.concatenate([part - np.nanmean(part) for part in (before[day::7] for day in range(7))])
        drawn.measure[row, planted:] += random.choice([-1, 1]) * size * np.nanstd(apart)
    company_of = np.arange(series) // kpis
    told = anomalies(drawn, "day", company_of, np.ones(series, bool))
    wanted = set(shifted.tolist())
    hits = {
        kpi
        for kind, kpi, _, found_in, _ in told
        if kind == "level_shift" and kpi in wanted and planted <= found_in < planted + FOUND_WITHIN
    }
    return len(hits) / companies


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    changes = flagged_changes(asked.companies, asked.seed)
    _tell(
        f"stationary companies with any significant change of a week, {asked.companies}", changes, CHANGE_RATE
    )
    for grain, companies in {
        "day": asked.companies // 5,
        "week": asked.companies // 5,
        "month": asked.companies,
    }.items():
        rates = flagged_anomalies(companies, asked.seed, grain)
        _tell(
            f"stationary {grain}s with any anomaly, {companies} companies x {TOLD[grain]}",
            rates,
            ANOMALY_RATE,
        )
    share = shifts_found(asked.companies // 5, asked.seed)
    print(f"shifts of {SHIFT:g} standard deviations found within {FOUND_WITHIN} days: {100 * share:.1f} %")
    if share < 0.9:
        raise SystemExit("fewer than stated")


def _tell(what: str, rates: dict[str, float], stated: float) -> None:
    told = ", ".join(f"{rows} {100 * rate:.2f} %" for rows, rate in rates.items())
    print(f"{what}: {told}; stated {100 * stated:g} %")
    if max(rates.values()) > stated * 1.3:  # what chance does to the simulation
        raise SystemExit("more often than stated")


if __name__ == "__main__":
    main()
