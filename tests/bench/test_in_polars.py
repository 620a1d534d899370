"""The program in polars gives every answer that the scripts by hand give, on a small company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from benchmarks import answers_by_hand, tickets_by_hand
from benchmarks.answers import ANSWERS
from benchmarks.beside import Part, differences, show_answers
from benchmarks.by_hand import answer
from benchmarks.company import make_company
from benchmarks.in_polars import answers as answers_in_polars
from benchmarks.in_polars import tickets as tickets_in_polars
from benchmarks.in_polars.periods import kept_places
from benchmarks.tickets import TICKETS

SCALE = 100


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company of some hundred tickets and answers."""
    folder = tmp_path_factory.mktemp("company")
    make_company(folder, SCALE)
    return folder


@pytest.mark.parametrize(
    ("part", "statements", "program"),
    [
        pytest.param(ANSWERS, answers_by_hand.statements, answers_in_polars.answer, id="answers"),
        pytest.param(TICKETS, tickets_by_hand.statements, tickets_in_polars.answer, id="tickets"),
    ],
)
def test_every_answer_is_the_scripts(
    company: Path,
    tmp_path: Path,
    part: Part,
    statements: Callable[[Path], Iterator[str]],
    program: Callable[[Path, Path], None],
) -> None:
    """Every table and every KPI is there, and no value differs."""
    scripted, folder = tmp_path / "script.duckdb", tmp_path / part.name
    answer(statements(company), scripted)
    folder.mkdir()
    program(company / "landing", folder)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        show_answers(connection, folder)
        connection.execute(f"attach '{scripted}' as script (read_only)")
        connection.execute("attach ':memory:' as cx; create schema cx.marts")
        named = [
            connection.execute(
                f"select list(distinct kpi order by kpi) from {answers}.kpi_answers"
            ).fetchall()
            for answers in ("by_hand", "script")
        ]
        assert named[0] == named[1]
        for ours, (theirs, key) in part.compared.items():
            flags = ", false as is_suppressed, true as is_complete" if ours == "kpi_answers" else ""
            connection.execute(f"create view cx.{theirs} as select *{flags} from script.{ours}")
            assert differences(connection, ours, theirs, key) == 0, ours


def test_units_of_ended_months_tell_what_keeps_its_name() -> None:
    """Most units in the open month are worth a place that the ended months leave free, and no other."""
    first, last = date(2026, 9, 30), date(2026, 10, 14)
    units = pl.DataFrame(
        {
            "team": [f"v{number:03}" for number in range(200)] + ["new"] * 3,
            "day": [first] * 200 + [last] * 3,
        }
    )
    assert "new" not in kept_places(units, "team", last)["team"]
    assert "new" in kept_places(units[1:], "team", last)["team"]
    assert kept_places(units, "team", date(2026, 10, 31))["team"][0] == "new"
