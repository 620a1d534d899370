"""`cx query`: what it prints in each format, what it refuses, and that it never disturbs a night."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from cx_pipeline.cli.query import csv_lines, json_lines, table_lines

Cx = Callable[..., Result]
ODD = "select * from marts.odd order by id"


def test_csv_keeps_null_empty_quotes_maps_and_korean(cx: Cx, published: Path) -> None:
    result = cx("query", ODD, "--format", "csv")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1] == (
        '1,가나다,2026-11-01 10:00:00,2026-11-01,"{""역할"": ""vip""}",1.5,"[1, 2]",true,12.50'
    )
    assert lines[2] == "2,,,,,,,,"
    assert lines[4].startswith('4,"",1969-12-31 23:59:59,9999-12-31')
    assert list(csv.reader(io.StringIO(result.stdout)))[3][1] == 'a,"b"'


def test_json_is_one_array_of_typed_values(cx: Cx, published: Path) -> None:
    rows = json.loads(cx("query", ODD, "--format", "json").stdout)
    assert rows[0]["attributes"] == {"역할": "vip"}
    assert rows[0]["moment"] == "2026-11-01T10:00:00"
    assert rows[0]["flag"] is True
    assert rows[1]["text"] is None
    assert rows[2]["number"] is None, "NaN has no JSON"
    assert rows[3]["amount"] == 3


def test_json_of_no_row_is_an_empty_array(cx: Cx, published: Path) -> None:
    assert json.loads(cx("query", "from marts.odd where false", "--format", "json").stdout) == []


def test_parquet_keeps_the_types(cx: Cx, published: Path, tmp_path: Path) -> None:
    target = tmp_path / "odd.parquet"
    assert cx("query", ODD, "--format", "parquet", "--output", str(target)).exit_code == 0
    table = pq.read_table(target)
    assert table.num_rows == 4
    assert str(table.schema.field("moment").type) == "timestamp[us]"
    assert [path.name for path in tmp_path.glob(".*")] == [], "no temporary file is left"


def test_parquet_goes_through_a_pipe(published: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cx_pipeline", "query", ODD, "--format", "parquet"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    content = subprocess.run(command, env=env, check=True, capture_output=True).stdout
    assert pq.read_table(io.BytesIO(content)).num_rows == 4


def test_a_failed_query_leaves_the_file_as_it_was(cx: Cx, published: Path, tmp_path: Path) -> None:
    target = tmp_path / "kept.csv"
    target.write_text("kept")
    assert cx("query", "select no_such", "--format", "csv", "-o", str(target)).exit_code == 1
    assert target.read_text() == "kept"


def test_a_table_is_whole_where_it_is_piped(cx: Cx, published: Path) -> None:
    result = cx("query", "select range as n, repeat('가', 60) as 긴것 from range(500)")
    assert len(result.stdout.splitlines()) == 502
    assert "가" * 60 in result.stdout


def test_a_table_aligns_korean_and_marks_null() -> None:
    header, rule, korean, latin = table_lines(["이름", "n"], [("홍길동", 1), (None, 22.5)], None)
    assert korean == "홍길동     1\n"
    assert latin == "NULL    22.5\n"
    assert rule == "──────  ────\n"
    assert header == "이름       n\n"


def test_a_table_is_cut_to_the_terminal() -> None:
    rows = [(i, "x" * 100, "last") for i in range(100)]
    lines = list(table_lines(["id", "long", "hidden"], rows, os.terminal_size((50, 24))))
    assert all(len(line.rstrip("\n")) <= 50 for line in lines[:-1])
    assert "100 rows, the first 19 shown" in lines[-1]
    assert "not shown: hidden" in lines[-1]


def test_a_control_character_does_not_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(table_lines(["t"], [("\x1b[31mred",)], None))


def test_writers_stream() -> None:
    def endless() -> Iterator[tuple[int]]:
        while True:
            yield (1,)

    for write in (csv_lines, json_lines):
        lines = write(["x"], endless())
        assert [next(lines) for _ in range(3)]


@pytest.mark.parametrize(
    "sql",
    [
        "copy (select 1) to 'stolen.csv'",
        "explain analyze copy (select 1) to 'stolen.csv'",
        "create table x as select 1",
        "create table x as pivot marts.kpis on kpi using count(*)",
        "attach 'other.duckdb'",
        "install httpfs",
        "set threads = 1",
        "delete from marts.kpis",
    ],
)
def test_only_reading_is_allowed(cx: Cx, published: Path, tmp_path: Path, sql: str) -> None:
    result = cx("query", sql)
    assert result.exit_code == 1
    assert "is refused: the published warehouse is only read" in result.stderr
    assert not list(tmp_path.glob("stolen*"))


@pytest.mark.parametrize(
    "sql",
    [
        "describe marts.kpis",
        "from kpis",
        "summarize kpis",
        "explain select 1",
        "explain analyze select 1",
        "with a as (select 1) select * from a",
        "pivot kpis on kpi using count(*) group by grain",
        "values (1)",
    ],
)
def test_every_way_of_reading_is_allowed(cx: Cx, published: Path, sql: str) -> None:
    assert cx("query", sql).exit_code == 0


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("selec 1", "syntax error"),
        ("select valu from marts.kpis", 'Candidate bindings: "value"'),
        ("select 'x'::int", "Could not convert string 'x'"),
        ("select 1; select 2", "give one statement, not 2"),
        ("", "give one statement, not 0"),
    ],
)
def test_a_wrong_statement_is_one_line(cx: Cx, published: Path, sql: str, says: str) -> None:
    result = cx("query", sql)
    assert result.exit_code == 1
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "Traceback" not in result.output


def test_nothing_published_says_what_to_do(cx: Cx, environment: Path) -> None:
    result = cx("query", "select 1")
    assert result.exit_code == 1
    assert "nothing is published yet" in result.stderr
    assert "cx nightly" in result.stderr


def test_a_session_that_writes_is_named(cx: Cx, published: Path) -> None:
    """Somebody's read-write session keeps every reader out: the message says so, not DuckDB's pages."""
    published.chmod(0o644)
    code = (
        f"import duckdb, sys; c = duckdb.connect({str(published)!r}); print(1, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.readline()
        result = cx("query", "select 1")
        writer.stdin.close()
    assert result.exit_code == 1
    assert "cannot be opened" in result.stderr


def test_a_query_reads_while_the_file_is_swapped(cx: Cx, published: Path) -> None:
    """A reader that holds the old file keeps it; the next query sees the new one."""
    with duckdb.connect(str(published), read_only=True) as reader:
        new = published.with_name("new")
        with duckdb.connect(str(new)) as connection:
            connection.execute("create schema marts; create table marts.kpis as select 'new' as kpi")
        new.replace(published)
        assert reader.execute("select count(*) from marts.kpis").fetchall()[0][0] > 1
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "cx_pipeline", "query", "select kpi from kpis", "--format", "csv"]
    assert subprocess.run(command, env=env, check=True, capture_output=True).stdout == b"kpi\nnew\n"


def test_a_closed_pipe_is_quiet(published: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    script = (
        f"set -o pipefail; {sys.executable} -m cx_pipeline query 'select * from range(2000000)' --format csv"
        " | head -n 1"
    )
    result = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
    assert result.stdout == "range\n"
    assert result.stderr == ""
    assert result.returncode == 141


def test_sql_from_stdin(published: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "cx_pipeline", "query", "-", "--format", "csv"]
    result = subprocess.run(command, env=env, input=b"select 1 as x", check=True, capture_output=True)
    assert result.stdout == b"x\n1\n"
