"""The benchmarks of whole builds tell every answer that differs from a script's, and none that does not."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import duckdb
import pytest

from benchmarks.beside import differences, show_answers

KPI = "kpi varchar, grain varchar, n bigint, value double, ci_low double, is_suppressed boolean"


def compared(
    rows_by_hand: str, rows_of_the_warehouse: str, columns: str = "id int, n int, minutes double"
) -> int:
    name = "kpi_answers" if columns == KPI else "answers"
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as by_hand; attach ':memory:' as cx; create schema cx.marts")
        for table, rows in ((f"by_hand.{name}", rows_by_hand), ("cx.marts.facts", rows_of_the_warehouse)):
            connection.execute(f"create table {table} ({columns}); insert into {table} values {rows}")
        connection.execute(f"alter table by_hand.{name} drop column if exists is_suppressed")
        return differences(connection, name, "marts.facts", ("kpi", "grain") if columns == KPI else ("id",))


@pytest.mark.parametrize(
    ("warehouse", "differing"),
    [
        ("(1, 2, 0.1), (2, null, null)", 0),
        ("(1, 2, 0.1 + 1e-11), (2, null, null)", 0),
        ("(1, 2, 0.1 + 1e-8), (2, null, null)", 1),
        ("(1, 3, 0.2), (2, null, null)", 2),
        ("(1, 2, 0.1), (2, 0, 0.0)", 2),
        ("(1, 2, 0.1)", 1),
        ("(1, 2, 0.1), (2, null, null), (3, null, null)", 1),
    ],
)
def test_what_differs_is_counted(warehouse: str, differing: int) -> None:
    assert compared("(1, 2, 0.1), (2, null, null)", warehouse) == differing


def test_small_groups_show_their_count_alone() -> None:
    by_hand = "('fcr_rate', 'day', 3, 50.0, 10.0, null)"
    assert compared(by_hand, "('fcr_rate', 'day', 3, null, null, true)", KPI) == 0
    assert compared(by_hand, "('fcr_rate', 'day', 4, null, null, true)", KPI) == 1
    assert compared(by_hand, "('fcr_rate', 'day', 3, null, 10.0, false)", KPI) == 1


def test_answers_are_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    """What a script leaves in a DuckDB file another program may leave as Parquet, a file a table."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with duckdb.connect(str(tmp_path / "file.duckdb")) as connection:
        connection.execute("create table answers as select 42 as n")
        connection.execute(f"copy answers to '{folder / 'answers.parquet'}'")
    for answers in (folder, tmp_path / "file.duckdb"):
        with duckdb.connect() as connection:
            show_answers(connection, answers)
            assert connection.execute("select n from by_hand.answers").fetchall() == [(42,)]


@pytest.mark.parametrize("script", ["tickets_by_hand", "answers_by_hand"])
def test_the_data_folder_goes_with_the_run(tmp_path: Path, script: str) -> None:
    """The script names no folder of its own, and no statement still waits for what it is run for."""
    given = list(importlib.import_module(f"benchmarks.{script}").statements(tmp_path))
    assert any(f"{tmp_path}/landing/customers/" in statement for statement in given)
    assert not any(re.search(r"\{[a-z]+\}", statement) for statement in given)
