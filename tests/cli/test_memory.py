"""`performance.memory` reaches every connection to DuckDB that is not dbt's (whose profile has it)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import Result

import cx_pipeline

PACKAGE = Path(cx_pipeline.__file__).parent
DUCKDB_PART = "2000MB"  # of 3GB, as `Performance.duckdb_memory` has it


@pytest.fixture
def limits(environment: Path, monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The limits of the connections opened, in order, where the settings allow 3 GB."""
    monkeypatch.setenv("CX_PERFORMANCE__MEMORY", "3GB")
    seen: list[str | None] = []
    connect = duckdb.connect

    def watched(*given: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        seen.append(options.get("config", {}).get("memory_limit"))
        return connect(*given, **options)

    monkeypatch.setattr(duckdb, "connect", watched)
    return seen


def test_one_place_opens_connections() -> None:
    """What opens one elsewhere would not know of the limit."""
    own = [
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\bduckdb\.connect\(|from duckdb import", path.read_text(encoding="utf-8"))
    ]
    assert own == ["database.py"]


@pytest.mark.parametrize(
    "command",
    [
        ("query", "select current_setting('memory_limit') as held", "--format", "csv"),
        ("scorecard",),
        ("scorecard", "--json"),
        ("scorecard", "--html", "page.html"),
        ("export", "marts"),
    ],
)
def test_commands_keep_to_it(
    published: Path, cx: Callable[..., Result], limits: list[str | None], command: tuple[str, ...]
) -> None:
    result = cx(*command)
    assert limits == [DUCKDB_PART], result.output
    if command[0] == "query":
        assert result.stdout.splitlines()[1] == "1.8 GiB"


def test_the_lineage_of_columns_keeps_to_it(environment: Path, limits: list[str | None]) -> None:
    from cx_pipeline.settings import load_settings
    from cx_pipeline.warehouse.lineage import _columns_in

    (environment / "warehouse").mkdir(parents=True)
    for name in ("working", "cx"):
        with duckdb.connect(str(environment / "warehouse" / f"{name}.duckdb")) as connection:
            connection.execute("create table t as select 1 as a")
    limits.clear()
    assert _columns_in(load_settings())["cx.main.t"] == {"a": "INTEGER"}
    assert limits == [DUCKDB_PART]


def test_checks_and_alerts_keep_to_it(published: Path, limits: list[str | None]) -> None:
    """Both ask for the standing in the published file, as this does."""
    from datetime import UTC, datetime

    from cx_pipeline.alerts.judge import judge_published
    from cx_pipeline.settings import load_settings

    with pytest.raises(duckdb.Error):  # this file is of other columns
        judge_published(load_settings(), datetime(2026, 11, 22, tzinfo=UTC))
    assert limits == [DUCKDB_PART]


def test_without_a_setting_the_engine_decides(
    published: Path, cx: Callable[..., Result], limits: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CX_PERFORMANCE__MEMORY")
    assert cx("query", "select 1").exit_code == 0
    assert limits == [None]
