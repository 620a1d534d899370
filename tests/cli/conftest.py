"""A small published file made by hand, and a `cx` that runs on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

KPIS = """
    create table marts.kpis as
    with months as (
        select unnest(range(date '2026-01-01', date '2026-12-01', interval 1 month))::date as period_start
    ), figures as (
        select 'nps' as kpi, (30.0 + 2 * month(period_start))::double as value, period_start from months
        union all select 'csat', 84.0 - month(period_start) / 2.0, period_start from months
        union all select 'ces', 2.5, period_start from months
        union all select 'response_rate', 31.25, period_start from months where period_start < '2026-10-01'
        union all select 'first_response_calendar_minutes_median', 45.0 * month(period_start), period_start
        from months
        union all select 'retention_rate', null, period_start from months
    ), valued as (
        select
            kpi, 'month' as grain, period_start,
            'all' as dimension, 'all' as dimension_value, 250::bigint as n,
            value, value - 5 as ci_low, value + 5 as ci_high,
            lag(value) over (partition by kpi order by period_start) as previous_value,
            period_start < date '2026-11-01' and kpi <> 'fcr_rate' as is_complete,
            kpi = 'retention_rate' as is_suppressed
        from figures
    )
    select
        *, value - previous_value as change, false as is_small_sample,
        kpi in ('nps', 'csat', 'first_response_calendar_minutes_median') as is_significant,
        0.01::double as q_value,
        case when kpi = 'csat' then 80.0::double end as target,
        case when kpi = 'csat' then 'missed' end as status
    from valued
    union all by name
    select
        'csat' as kpi, 'month' as grain, date '2026-10-01' as period_start, 'channel' as dimension,
        '전화 "상담"' as dimension_value, 60 as n, 61.0::double as value,
        50.0::double as ci_low, 72.0::double as ci_high,
        75.0::double as previous_value, true as is_complete, false as is_suppressed,
        (-14.0)::double as change,
        false as is_small_sample, true as is_significant, 0.01::double as q_value,
        null::double as target, null as status
"""
OTHERS = """
    create table marts.dim_kpis as
    select * from (values
        ('nps', 'points from -100 to 100', 'promoters - detractors', 'higher'),
        ('csat', 'percent', 'share of satisfied answers', 'higher'),
        ('ces', 'points of the scale of the setting ces_scale', 'mean effort', 'lower'),
        ('response_rate', 'percent', 'share answered', 'higher'),
        ('first_response_calendar_minutes_median', 'calendar minutes', 'median of created to reply', 'lower'),
        ('retention_rate', 'percent', 'share who stay', 'higher')
    ) as t (kpi, unit, definition, better);
    create table marts.nights as
    select
        'run-2' as run_id, date '2026-11-21' as night, timestamp '2026-11-21 17:00:00' as started_at,
        timestamp '2026-11-21 17:05:00' as ended_at, 'published' as outcome, 12::bigint as batches,
        120345::bigint as landed, 12::bigint as rejected, 34::bigint as quarantined, 0::bigint as held,
        'shop' as stale_sources, false as full_refresh;
    create table marts.reconciliation as
    select
        'desk' as source, 'tickets' as entity, 1000::bigint as read, 990::bigint as landed,
        10::bigint as rejected,
        34::bigint as quarantined, 0::bigint as held, 956::bigint as passed, 900::bigint as published,
        56::bigint as excluded;
    create table marts.odd as
    select * from (values
        (1, '가나다', timestamp '2026-11-01 10:00:00', date '2026-11-01', map {'역할': 'vip'}, 1.5::double,
         [1, 2], true, 12.50::decimal(9, 2)),
        (2, null, null, null, null, null, null, null, null),
        (3, 'a,"b"', timestamp '2026-11-01 10:00:00.123456', date '1900-01-01', map {}, 'nan'::double, [],
         false, -0.01::decimal(9, 2)),
        (4, '', timestamp '1969-12-31 23:59:59', date '9999-12-31', map {'a': null}, 1e300, null, null, 3)
    ) as t (id, text, moment, day, attributes, number, items, flag, amount)
"""


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own data directory and no settings file; returns the data directory."""
    for name in tuple(os.environ):
        if name.startswith("CX_") or name in ("DAGSTER_HOME", "COLUMNS", "FORCE_COLOR", "NO_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CX_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CX_PRIVACY__KEY", "k" * 64)
    return tmp_path / "data"


@pytest.fixture
def published(environment: Path) -> Path:
    """The published file, read-only as the pipeline leaves it."""
    path = environment / "published" / "cx.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute(KPIS)
        connection.execute(OTHERS)
    path.chmod(0o444)
    return path


@pytest.fixture
def cx(environment: Path) -> Callable[..., Result]:
    """Run the command line in this process."""
    from cx_pipeline.cli import cli

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, list(arguments))

    return run
