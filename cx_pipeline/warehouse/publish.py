"""Publish: the marts file is copied beside the published one, checked, and swapped in by one rename.

What enters: the working file `warehouse/cx.duckdb`, closed by its writer.  What leaves:
`published/cx.duckdb`, read-only, whole.  A reader that has the old file open keeps its snapshot; one
that opens after the rename sees the new night.  Called once a night, after dbt and its tests.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from cx_pipeline.database import connect
from cx_pipeline.files import fsync_file, put_in_place, temporary_beside
from cx_pipeline.settings import DataPaths

_SPARE_BYTES = 64 * 1024 * 1024
"""Kept free beyond the copy itself, for the state files of the night."""


class PublishError(Exception):
    """The night cannot be published; the text says why and what to do.  The old file stands."""


@dataclass(frozen=True, slots=True)
class Published:
    """What was swapped in: its size in bytes and the rows of each table in schema `marts`."""

    path: Path
    size_bytes: int
    rows: dict[str, int]


def working_file(paths: DataPaths) -> Path:
    """The marts' working file, whose copy is published."""
    return paths.warehouse / "cx.duckdb"


def publish(paths: DataPaths, memory: str | None = None) -> Published:
    """Swap tonight's marts in, with DuckDB's `memory`; PublishError where that cannot be done safely."""
    source, target = working_file(paths), paths.published_file
    if not source.exists():
        raise PublishError(f"{source} does not exist: run a night, so that dbt builds it")
    refuse_foreign_wal(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    for leftover in target.parent.glob(f".{target.name}.*.tmp*"):
        leftover.unlink()
    _require_space(source, target.parent)
    temporary = temporary_beside(target)
    _checkpoint(source, memory)
    shutil.copyfile(source, temporary)
    rows = _check(temporary, memory)
    temporary.chmod(0o444)
    refuse_foreign_wal(target)
    put_in_place(temporary, target)
    return Published(target, target.stat().st_size, rows)


def refuse_foreign_wal(target: Path) -> None:
    """PublishError where somebody's read-write session left a write-ahead log beside the published file.

    DuckDB would try to replay that log into the new file, and every reader would fail.
    """
    log = target.with_name(f"{target.name}.wal")
    if log.exists():
        raise PublishError(
            f"{log} lies beside the published file: somebody opened {target.name} for writing. "
            "Close that session, delete the .wal file and run the night again; readers must open it read-only"
        )


def _require_space(source: Path, folder: Path) -> None:
    needed = source.stat().st_size + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise PublishError(
            f"{folder} has {free / 1e6:,.0f} MB free and publishing needs {needed / 1e6:,.0f} MB: make room "
            "and run the night again; yesterday's file stands"
        )


def _checkpoint(source: Path, memory: str | None) -> None:
    """Fold what a killed writer left in the log into the working file, then close it."""
    with connect(source, memory=memory) as connection:
        connection.execute("checkpoint")
    fsync_file(source)


def _check(copy: Path, memory: str | None) -> dict[str, int]:
    """Open the copy as a reader would and count every table and view of `marts`."""
    import duckdb

    try:
        with connect(copy, memory=memory, read_only=True) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
                ).fetchall()
            ]
            rows = {
                name: _count(connection.execute(f'select count(*) from marts."{name}"').fetchall())
                for name in names
            }
    except duckdb.Error as error:
        copy.unlink()
        raise PublishError(
            f"the copy of {copy.parent} does not read back ({error}); yesterday's file stands"
        ) from error
    if "kpis" not in rows:
        copy.unlink()
        raise PublishError(
            "the marts hold no table `kpis`: the dbt run is not complete; yesterday's file stands"
        )
    return rows


def _count(result: list[tuple[int]]) -> int:
    return int(result[0][0])
