"""Reads the rows of a scorecard from the published file, read-only.

What enters: the file's path and a grain.  What leaves: a `Scorecard`, or `NothingPublished`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.database import connect
from cx_pipeline.scorecard.model import (
    WHERE,
    Figure,
    Night,
    Reconciliation,
    Scorecard,
    Unit,
    build_scorecard,
    headlines_of,
)

if TYPE_CHECKING:
    import duckdb


class NothingPublished(Exception):
    """There is no published file yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"nothing is published yet ({path} does not exist): run `cx nightly` first")


COLUMNS = """
    kpi, period_start, dimension, dimension_value, n, value, ci_low, ci_high, previous_value, change,
    is_significant, is_complete, is_small_sample, is_suppressed, target, status
"""
"""What a `Figure` is made of."""
_SHOWN = COLUMNS.replace(" value,", " case when not coalesce(is_suppressed, false) then value end as value,")
FIGURES = f"select {COLUMNS} from figures where kpi in (select unnest($kpis::text[])) and "
"""Figures of some KPIs, of those set aside; another condition follows."""
_SET_ASIDE = f"""
    create or replace temp table figures as
    select {_SHOWN}
    from marts.kpis
    where
        grain = $grain
        and (dimension in ('all', '{"', '".join(WHERE)}') or is_significant or target is not null)
"""
"""`kpis` is a view over every wide mart and dear to ask: this asks once, for all that is shown of a grain."""


def open_published(
    published_file: Path, memory: str | None = None, **options: str
) -> duckdb.DuckDBPyConnection:
    """The published file, read-only; NothingPublished where there is none.

    `memory` bounds what DuckDB takes (`Settings.performance.duckdb_memory`).
    """
    if not published_file.exists():
        raise NothingPublished(published_file)
    return connect(published_file, memory=memory, read_only=True, **options)


def read_scorecard(published_file: Path, grain: str = "month", memory: str | None = None) -> Scorecard:
    """The scorecard of `grain`; NothingPublished where there is no file."""
    with open_published(published_file, memory) as connection:
        return read_from(connection, grain)


def read_from(connection: duckdb.DuckDBPyConnection, grain: str) -> Scorecard:
    """The scorecard of `grain`, from the published file that is open; sets its figures aside as `figures`."""
    connection.execute(_SET_ASIDE, {"grain": grain})
    headlines = headlines_of(_targeted(connection))
    wanted = {"kpis": [headline.kpi for headline in headlines]}
    totals = connection.execute(FIGURES + "dimension = 'all'", wanted).fetchall()
    movers = connection.execute(FIGURES + "dimension <> 'all' and is_significant", wanted).fetchall()
    return build_scorecard(
        grain,
        (Figure(*row) for row in totals),
        (Figure(*row) for row in movers),
        _last_night(connection),
        _reconciliation(connection),
        better=good_directions(connection),
        headlines=headlines,
    )


def tables(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables and views of `marts`: a file published by an earlier version lacks the newer ones."""
    rows = connection.execute(
        "select table_name from information_schema.tables where table_schema = 'marts'"
    ).fetchall()
    return {name for (name,) in rows}


def _targeted(connection: duckdb.DuckDBPyConnection) -> dict[str, Unit]:
    """The KPIs with a target for all, and their units."""
    if "dim_kpis" not in tables(connection):
        return {}
    rows = connection.execute(
        """
        select distinct kpi, unit
        from figures
        inner join marts.dim_kpis using (kpi)
        where dimension = 'all' and target is not null
        """
    ).fetchall()
    return {kpi: Unit.named(unit) for kpi, unit in rows}


def good_directions(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """KPI -> `higher`, `lower` or `neither`; empty where the file was published without `dim_kpis`."""
    if "dim_kpis" not in tables(connection):
        return {}
    return dict(connection.execute("select kpi, better from marts.dim_kpis").fetchall())


def _last_night(connection: duckdb.DuckDBPyConnection) -> Night | None:
    rows = connection.execute(
        """
        select night, ended_at, outcome, batches, landed, rejected, quarantined, held, stale_sources
        from marts.nights
        order by started_at desc, run_id desc
        limit 1
        """
    ).fetchall()
    if not rows:
        return None
    values = list(rows[0])
    values[-1] = tuple(name for name in (values[-1] or "").split(", ") if name)
    return Night(*values)


def _reconciliation(connection: duckdb.DuckDBPyConnection) -> list[Reconciliation]:
    rows: list[tuple[Any, ...]] = connection.execute(
        """
        select source, entity, read, landed, rejected, quarantined, held, published, excluded
        from marts.reconciliation
        order by source, entity
        """
    ).fetchall()
    return [Reconciliation(*row) for row in rows]
