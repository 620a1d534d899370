"""Publishing never shows a reader half a night, and never replaces a good file by a bad one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cx_pipeline.settings import DataPaths
from cx_pipeline.warehouse.publish import PublishError, publish


def _marts(paths: DataPaths, night: int) -> None:
    paths.warehouse.mkdir(parents=True, exist_ok=True)
    file = paths.warehouse / "cx.duckdb"
    file.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach '{file}' as cx (storage_version 'v1.2.0')")
        connection.execute("create schema cx.marts")
        connection.execute(f"create table cx.marts.kpis as select {night} as night from range(1000)")
        connection.execute("create table cx.marts.nights as select 1 as run_id")


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path, None)


def test_the_published_file_is_read_only_and_counted(paths: DataPaths) -> None:
    _marts(paths, 1)
    result = publish(paths)
    assert result.rows == {"kpis": 1000, "nights": 1}
    assert paths.published_file.stat().st_mode & 0o777 == 0o444
    assert [file.name for file in paths.published.iterdir()] == ["cx.duckdb"]


def test_an_old_duckdb_can_open_it(paths: DataPaths) -> None:
    """BI drivers trail: the storage version must be one that 1.x clients read."""
    _marts(paths, 1)
    publish(paths)
    with duckdb.connect(str(paths.published_file), read_only=True) as connection:
        rows = connection.execute("select tags from duckdb_databases() where database_name = 'cx'").fetchall()
    assert rows[0][0]["storage_version"].startswith("v1.2")


def test_an_open_reader_keeps_its_night_and_a_new_one_sees_the_next(paths: DataPaths) -> None:
    _marts(paths, 1)
    publish(paths)
    program = (
        "import duckdb, sys\n"
        f"connection = duckdb.connect({str(paths.published_file)!r}, read_only=True)\n"
        "for _ in sys.stdin:\n"
        "    print(connection.execute('select distinct night from marts.kpis').fetchall(), flush=True)\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    print("ask", file=reader.stdin, flush=True)
    assert reader.stdout.readline() == "[(1,)]\n"
    _marts(paths, 2)
    publish(paths)
    print("ask", file=reader.stdin, flush=True)
    assert reader.stdout.readline() == "[(1,)]\n"
    reader.stdin.close()
    reader.wait()
    with duckdb.connect(str(paths.published_file), read_only=True) as connection:
        assert connection.execute("select distinct night from marts.kpis").fetchall() == [(2,)]


def test_a_stale_wal_of_somebody_is_refused(paths: DataPaths) -> None:
    _marts(paths, 1)
    publish(paths)
    (paths.published / "cx.duckdb.wal").write_bytes(b"x")
    before = paths.published_file.read_bytes()
    _marts(paths, 2)
    with pytest.raises(PublishError, match="for writing"):
        publish(paths)
    assert paths.published_file.read_bytes() == before


def test_too_little_room_is_said_beforehand(paths: DataPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    _marts(paths, 1)
    usage = shutil.disk_usage(paths.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(PublishError, match="make room"):
        publish(paths)
    assert not paths.published_file.exists()


def test_a_half_built_warehouse_is_not_published(paths: DataPaths) -> None:
    _marts(paths, 1)
    publish(paths)
    (paths.warehouse / "cx.duckdb").unlink()
    with duckdb.connect(str(paths.warehouse / "cx.duckdb")) as connection:
        connection.execute("create schema marts")
    with pytest.raises(PublishError, match="yesterday's file stands"):
        publish(paths)
    with duckdb.connect(str(paths.published_file), read_only=True) as connection:
        assert connection.execute("select distinct night from marts.kpis").fetchall() == [(1,)]


def test_leftovers_of_a_killed_publish_are_swept(paths: DataPaths) -> None:
    _marts(paths, 1)
    paths.published.mkdir(parents=True)
    (paths.published / ".cx.duckdb.1.tmp").write_bytes(b"half")
    publish(paths)
    assert [file.name for file in paths.published.iterdir()] == ["cx.duckdb"]
