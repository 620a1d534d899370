"""Reads what the page shows from the published file, read-only.  Only aggregates leave the file.

What enters: the file's path and a grain.  What leaves: `PageData`; tables that an earlier version did not
publish are named in it and left empty.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cx_pipeline.scorecard.model import WHERE, Figure, Scorecard
from cx_pipeline.scorecard.page.model import (
    BacklogDay,
    Broken,
    CohortCell,
    Finding,
    Histogram,
    Kpi,
    PageData,
    chosen_findings,
)
from cx_pipeline.scorecard.read import COLUMNS, FIGURES, open_published, read_from, tables

if TYPE_CHECKING:
    import duckdb

NEWER_TABLES = ("dim_kpis", "signals")
"""What files of an earlier version may lack."""
NEWEST_FINDINGS, STANDING_FINDINGS, EARLIER_FINDINGS = 6, 12, 40
"""As many findings as a page has room for: newest by dimension, lasting, earlier; the rest is counted."""
BINS_A_DECADE = 6
BACKLOG_DAYS = 400
DURATIONS = {
    # metric: table, the date whose period an answer counts in
    "first_response": ("fct_tickets", "first_responded_date"),
    "next_response": ("fct_ticket_replies", "turn_ended_date"),
    "resolution": ("fct_tickets", "resolved_date"),
}
"""The durations whose distribution is shown."""

_TARGETED = f"""
    select {COLUMNS}
    from figures
    where
        target is not null and is_complete and value is not null
        and dimension not in ('all', 'agent')
    qualify period_start = max(period_start) over (partition by kpi)
    order by kpi, dimension, dimension_value
"""
_FINDINGS = """
    select
        kind, kpi, grain, period_start, dimension, dimension_value, found_in, effect, value, expected_value,
        difference, n, q_value, deviation, is_latest, story_id, is_lead
    from marts.signals
    where dimension <> 'agent'
    order by rank
    limit 4000
"""
_BINS = """
    select floor({bins} * log10(greatest({minutes}, 0.1)) + 1e-9)::integer as bin, count(*) as n
    from marts.{table}
    where {minutes} is not null and {day} >= $first and {day} < $end
    group by bin
    order by bin
"""


def read_page(
    published_file: Path, grain: str = "month", min_n: int = 5, memory: str | None = None
) -> PageData:
    """What the page of `grain` shows; NothingPublished where there is no file."""
    with open_published(published_file, memory) as connection:
        there = tables(connection) - _outdated(connection)
        scorecard = read_from(connection, grain)
        wanted = {
            "kpis": [line.headline.kpi for line in scorecard.lines],
            "dimensions": list(WHERE),
            "periods": sorted({line.figure.period_start for line in scorecard.lines if line.figure}),
        }
        groups = connection.execute(
            FIGURES
            + "dimension in (select unnest($dimensions::text[]))"
            + " and period_start in (select unnest($periods::date[]))"
            + " order by kpi, dimension, dimension_value",
            wanted,
        ).fetchall()
        findings, left_off = _findings(connection) if "signals" in there else ((), 0)
        return PageData(
            scorecard=scorecard,
            groups=tuple(Figure(*row) for row in groups),
            targeted_groups=_targeted_groups(connection),
            kpis=_kpis(connection) if "dim_kpis" in there else {},
            findings=findings,
            findings_left_off=left_off,
            histograms=_histograms(connection, scorecard, there),
            cohorts=_cohorts(connection) if "retention_cohorts" in there else (),
            backlog=_backlog(connection) if "ticket_backlog_daily" in there else (),
            broken=_broken(connection) if "quarantine" in there else (),
            min_n=min_n,
            missing=tuple(name for name in NEWER_TABLES if name not in there),
        )


def _outdated(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables that an earlier version published without a column that is read here."""
    columns = connection.execute(
        "select column_name from information_schema.columns"
        " where table_schema = 'marts' and table_name = 'signals'"
    ).fetchall()
    return set() if ("story_id",) in columns else {"signals"}


def _targeted_groups(connection: duckdb.DuckDBPyConnection) -> tuple[Figure, ...]:
    return tuple(Figure(*row) for row in connection.execute(_TARGETED).fetchall())


def _kpis(connection: duckdb.DuckDBPyConnection) -> dict[str, Kpi]:
    rows = connection.execute(
        "select kpi, unit, definition, better from marts.dim_kpis order by kpi"
    ).fetchall()
    return {row[0]: Kpi(*row) for row in rows}


def _findings(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[Finding, ...], int]:
    rows = connection.execute(_FINDINGS).fetchall()
    chosen = chosen_findings(
        (Finding(*row) for row in rows), NEWEST_FINDINGS, STANDING_FINDINGS, EARLIER_FINDINGS
    )
    ((of_all,),) = connection.execute(
        "select count(*) from marts.signals where dimension <> 'agent' and is_lead"
    ).fetchall()
    return chosen, of_all - len(chosen)


def _histograms(
    connection: duckdb.DuckDBPyConnection, scorecard: Scorecard, there: set[str]
) -> tuple[Histogram, ...]:
    """The distributions of the period their KPI is shown for, and of the one before."""
    found = []
    for metric, (table, day) in DURATIONS.items():
        kpi = f"{metric}_calendar_minutes"
        rows = connection.execute(
            """
            select kpi, period_start, value, target, is_suppressed
            from figures
            where kpi in ($median, $p90) and dimension = 'all' and is_complete
            order by period_start desc, kpi
            limit 2
            """,
            {"median": f"{kpi}_median", "p90": f"{kpi}_p90"},
        ).fetchall()
        if not rows or table not in there or scorecard.grain == "all":
            continue
        by_kpi = {row[0]: row for row in rows if row[1] == rows[0][1]}
        median = by_kpi.get(f"{kpi}_median")
        first = rows[0][1]
        query = _BINS.format(bins=BINS_A_DECADE, minutes=kpi, table=table, day=day)
        bins, before = (
            _edges(connection.execute(query, {"first": start, "end": end}).fetchall())
            for start, end in (
                (first, next_period(scorecard.grain, first)),
                (previous_period(scorecard.grain, first), first),
            )
        )
        found.append(
            Histogram(
                metric=metric,
                n=sum(count for _, _, count in bins),
                bins=bins,
                before=before,
                median=median[2] if median else None,
                p90=by_kpi[f"{kpi}_p90"][2] if f"{kpi}_p90" in by_kpi else None,
                target=median[3] if median else None,
                is_suppressed=any(row[4] for row in by_kpi.values()),
            )
        )
    return tuple(found)


def _edges(rows: list[tuple[int, int]]) -> tuple[tuple[float, float, int], ...]:
    """Bins by their number -> (from, to, count) in minutes, the empty ones between them included."""
    counts = dict(rows)
    numbers = range(min(counts), max(counts) + 1) if counts else ()
    return tuple(
        (10 ** (n / BINS_A_DECADE), 10 ** ((n + 1) / BINS_A_DECADE), counts.get(n, 0)) for n in numbers
    )


def next_period(grain: str, start: date) -> date:
    """The first day after the period of `grain` that begins on `start`."""
    if grain in ("day", "week"):
        return start + timedelta(days=1 if grain == "day" else 7)
    months = start.month - 1 + (1 if grain == "month" else 3)
    return date(start.year + months // 12, months % 12 + 1, 1)


def previous_period(grain: str, start: date) -> date:
    """The first day of the comparable period: of a day the same weekday before, else the one before."""
    if grain in ("day", "week"):
        return start - timedelta(days=7)
    months = start.year * 12 + start.month - 1 - (1 if grain == "month" else 3)
    return date(months // 12, months % 12 + 1, 1)


def _cohorts(connection: duckdb.DuckDBPyConnection) -> tuple[CohortCell, ...]:
    rows = connection.execute(
        """
        select
            cohort_month, month_number, cohort_size, case when not is_suppressed then retention_rate end,
            is_suppressed, is_left_truncated
        from marts.retention_cohorts
        where is_complete
        order by cohort_month, month_number
        """
    ).fetchall()
    return tuple(CohortCell(*row) for row in rows)


def _backlog(connection: duckdb.DuckDBPyConnection) -> tuple[BacklogDay, ...]:
    rows = connection.execute(
        """
        select date_day, age_band_days, unsolved
        from marts.ticket_backlog_daily
        where
            dimension = 'all'
            and date_day > (select max(date_day) from marts.ticket_backlog_daily) - $days::integer
        order by date_day, age_band_days
        """,
        {"days": BACKLOG_DAYS},
    ).fetchall()
    days: dict[date, dict[str, int]] = {}
    for day, band, unsolved in rows:
        days.setdefault(day, {})[band] = unsolved
    return tuple(BacklogDay(day, bands) for day, bands in days.items())


def _broken(connection: duckdb.DuckDBPyConnection) -> tuple[Broken, ...]:
    rows = connection.execute(
        """
        select source, entity, rules, count(*) as n
        from marts.quarantine
        group by source, entity, rules
        order by n desc, source, entity, rules
        limit 20
        """
    ).fetchall()
    return tuple(Broken(*row) for row in rows)
