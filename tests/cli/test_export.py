"""`cx export`: whole files of one night, in types every reader knows, again and again."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from click.testing import Result

from cx_pipeline.warehouse.export import MANIFEST, export_marts

Cx = Callable[..., Result]


def _marts(published: Path) -> set[str]:
    names = _rows(published, "select table_name from information_schema.tables where table_schema = 'marts'")
    return {str(name) for (name,) in names}


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _rows(published: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(published), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_mart_is_a_file_and_the_view_too(cx: Cx, published: Path, tmp_path: Path) -> None:
    result = cx("export", str(tmp_path / "new" / "share"))
    assert result.exit_code == 0, result.output
    folder = tmp_path / "new" / "share"
    marts = _marts(published)
    assert {"kpis", "nights", "odd", "reconciliation"} <= marts
    assert _names(folder) == {f"{mart}.parquet" for mart in marts} | {MANIFEST}
    assert f"{len(marts)} marts of the night of 2026-11-21 are in" in result.stdout
    for mart in marts:
        ((expected,),) = _rows(published, f"select count(*) from marts.{mart}")
        assert pq.read_metadata(folder / f"{mart}.parquet").num_rows == expected


def test_types_are_those_readers_know(cx: Cx, environment: Path, tmp_path: Path) -> None:
    """Instants are UTC instants, an enum is text, a long integer stays exact, money is a decimal."""
    path = environment / "published" / "cx.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create schema marts;
            create table marts.typed as select
                1 as id, 'vip'::enum ('vip', 'new') as segment, timestamp '2026-11-01 23:30:00.123456' as at,
                12.30::decimal(18, 2) as amount, 170141183460469231731687303715884105::hugeint as long,
                date '2026-11-01' as day, true as flag, map {'역할': '팀장'} as attributes,
                '0b6b7a3e-7d5b-4b4e-9f5c-000000000001'::uuid as token, 1.5::double as rate
            """
        )
    assert cx("export", str(tmp_path / "out")).exit_code == 0
    types = {field.name: str(field.type) for field in pq.read_schema(tmp_path / "out" / "typed.parquet")}
    assert types == {
        "id": "int32",
        "segment": "string",
        "at": "timestamp[us, tz=UTC]",
        "amount": "decimal128(18, 2)",
        "long": "decimal128(38, 0)",
        "day": "date32[day]",
        "flag": "bool",
        "attributes": "map<string, string ('attributes')>",
        "token": "string",
        "rate": "double",
    }
    frame = pd.read_parquet(tmp_path / "out" / "typed.parquet")
    assert frame["at"].iloc[0] == pd.Timestamp("2026-11-01T23:30:00.123456Z")
    assert str(frame["amount"].iloc[0]) == "12.30"
    assert int(frame["long"].iloc[0]) == 170141183460469231731687303715884105
    assert dict(frame["attributes"].iloc[0]) == {"역할": "팀장"}


def test_rows_have_one_order(cx: Cx, environment: Path, tmp_path: Path) -> None:
    """What happened by its day; a ranked table as its model ranks it; a view, and all folders, by the key."""
    path = environment / "published" / "cx.duckdb"
    path.parent.mkdir(parents=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create schema marts;
            create table marts.facts as
                select i as id, date '2026-01-01' + ((i * 7919) % 300)::int as occurred_date
                from range(200000) as r(i);
            create table marts.ranked as
                select ((i * 7919) % 1000)::int as id, 'day' as grain, date '2026-01-01' as period_start
                from range(1000) as r(i);
            create view marts.seen as select id, grain, period_start from marts.ranked
            """
        )
    folder = tmp_path / "out"
    assert cx("export", str(folder)).exit_code == 0
    assert pq.read_metadata(folder / "facts.parquet").row_group(0).column(0).compression == "ZSTD"
    facts = pd.read_parquet(folder / "facts.parquet")
    assert facts.equals(facts.sort_values(["occurred_date", "id"], ignore_index=True))
    ranked = pd.read_parquet(folder / "ranked.parquet")["id"].tolist()
    assert ranked == [i * 7919 % 1000 for i in range(1000)]
    assert pd.read_parquet(folder / "seen.parquet")["id"].tolist() == sorted(ranked)
    assert cx("export", str(folder), "--partition-by", "month").exit_code == 0
    month = pd.read_parquet(folder / "facts" / "year=2026" / "month=3")
    assert month.equals(month.sort_values(["occurred_date", "id"], ignore_index=True))
    files = list((folder / "ranked").rglob("*.parquet"))
    assert pd.concat(map(pd.read_parquet, files))["id"].tolist() == sorted(ranked)


def test_folders_by_period_hold_every_row_once(cx: Cx, published: Path, tmp_path: Path) -> None:
    """KPIs by grain, then the period; what has no period stays a file."""
    folder = tmp_path / "out"
    assert cx("export", str(folder), "--partition-by", "month").exit_code == 0
    assert {"kpis", "nights", "odd.parquet", "reconciliation.parquet", MANIFEST} <= _names(folder)
    assert not {"kpis.parquet", "nights.parquet", "odd"} & _names(folder)
    assert (folder / "kpis" / "grain=month" / "year=2026" / "month=9").is_dir()
    read = ds.dataset(folder / "kpis", partitioning="hive").to_table()
    assert read.num_rows == _rows(published, "select count(*) from marts.kpis")[0][0]
    months = {(start.year, start.month) for start in read["period_start"].to_pylist()}
    assert months == set(zip(read["year"].to_pylist(), read["month"].to_pylist(), strict=True))
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["kpis"]["partitioned_by"] == ["grain", "year", "month"]
    assert manifest["odd"]["path"] == "odd.parquet"


def test_a_mart_without_rows_keeps_its_columns(cx: Cx, published: Path, tmp_path: Path) -> None:
    published.chmod(0o644)
    with duckdb.connect(str(published)) as connection:
        connection.execute("delete from marts.kpis")
    for options in ((), ("--partition-by", "year")):
        assert cx("export", str(tmp_path / "out"), "--tables", "kpis", *options).exit_code == 0
        (file,) = (tmp_path / "out").rglob("*.parquet")
        assert pq.read_metadata(file).num_rows == 0
        assert "dimension_value" in pq.read_schema(file).names


def test_again_gives_the_same_bytes_and_changing_the_form_leaves_one(
    cx: Cx, published: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"

    def content() -> dict[str, bytes]:
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }

    assert cx("export", str(folder)).exit_code == 0
    first = content()
    assert cx("export", str(folder)).exit_code == 0
    assert content() == first
    assert cx("export", str(folder), "--partition-by", "year").exit_code == 0
    partitioned = content()
    assert "kpis.parquet" not in partitioned
    assert cx("export", str(folder), "--partition-by", "year").exit_code == 0
    assert content() == partitioned
    assert cx("export", str(folder)).exit_code == 0
    assert content() == first


def test_what_a_killed_export_left_goes(cx: Cx, published: Path, tmp_path: Path) -> None:
    """A file begun, a folder begun, and a folder renamed away whose successor never came."""
    folder = tmp_path / "out"
    assert cx("export", str(folder), "--partition-by", "year").exit_code == 0
    (folder / ".kpis.parquet.999.tmp").write_text("half")
    (folder / ".nights.999.tmp").mkdir()
    (folder / "kpis").rename(folder / ".kpis.old.tmp")
    assert cx("export", str(folder), "--tables", "odd").exit_code == 0
    assert not [name for name in _names(folder) if name.endswith(".tmp")]
    assert (folder / "kpis" / "grain=month").is_dir()


def test_a_folder_that_is_no_export_is_not_deleted(cx: Cx, published: Path, tmp_path: Path) -> None:
    photo = tmp_path / "out" / "nights" / "photo.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"!")
    result = cx("export", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "photo.jpg is no part of an export" in result.stderr
    assert _names(tmp_path / "out") == {"nights"}


def test_all_marts_are_of_the_night_that_was_opened(published: Path, tmp_path: Path) -> None:
    """A night published in the middle of an export blocks nobody and mixes nothing."""

    def publish_another(stage: str, done: int, total: int | None) -> None:
        if done == 1:
            new = published.with_name("new")
            with duckdb.connect(str(new)) as connection:
                connection.execute("create schema marts; create table marts.reconciliation as select 1 as x")
            new.replace(published)

    marts = _marts(published)
    with duckdb.connect(str(published), read_only=True) as connection:
        done = export_marts(connection, tmp_path / "out", report=publish_another)
    assert set(done) == marts
    assert {mart.night for mart in done.values()} == {"2026-11-21"}
    assert "landed" in pq.read_schema(tmp_path / "out" / "reconciliation.parquet").names
    assert _rows(published, "select x from marts.reconciliation") == [(1,)]


def test_a_full_disk_is_one_line_and_leaves_what_stood(published: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the system refuses the write just so."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "odd.parquet").write_bytes(b"yesterday")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)); "
        "from cx_pipeline.cli import main; sys.argv = ['cx', 'export', sys.argv[1]]; main()"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    result = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    line = result.stderr.splitlines()[-1]
    assert "cannot be written" in line
    assert os.strerror(27) in line
    assert "Traceback" not in result.stderr
    assert (folder / "odd.parquet").read_bytes() == b"yesterday"
    assert not [name for name in _names(folder) if name.endswith(".tmp")]


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("taken",), (1, "taken is a file: name a folder to write to")),
        (("taken/below",), (1, "cannot be made (Not a directory)")),
        (("out", "--tables", "kpis,nope"), (1, "there is no mart nope; there are ")),
        (("out", "--partition-by", "day"), (2, "'day' is not one of 'year', 'month'")),
    ],
)
def test_what_is_wrong_is_one_line(
    cx: Cx, published: Path, tmp_path: Path, arguments: tuple[str, ...], answer: tuple[int, str]
) -> None:
    (tmp_path / "taken").write_text("")
    result = cx("export", *arguments)
    assert (result.exit_code, answer[1] in result.stderr) == (answer[0], True), result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_nothing_published_says_what_to_do(cx: Cx, environment: Path, tmp_path: Path) -> None:
    result = cx("export", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "nothing is published yet" in result.stderr
    assert not (tmp_path / "out").exists()


def test_two_exports_do_not_write_to_one_folder(cx: Cx, published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    descriptor = os.open(folder, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        result = cx("export", str(folder))
    finally:
        os.close(descriptor)
    assert result.exit_code == 1
    assert "another export is writing to" in result.stderr
    assert _names(folder) == set()
