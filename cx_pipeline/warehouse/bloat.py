"""Working files that shrink again: a DuckDB file keeps the room of what was deleted in it.

What enters: a working file that nobody has open.  What leaves: how much of it is free, and where that is
most of it, the same database in a smaller file.  Called after publishing, under the night's lock.

The copy is written beside the file, counted against it and renamed in; killed before that, the old file
stands and the next run removes the copy.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cx_pipeline.database import LITTLE, connect
from cx_pipeline.files import put_in_place, temporary_beside

if TYPE_CHECKING:
    import duckdb

FREE_SHARE = 0.5
"""From this share of free blocks on a file is bloated: copying it costs less than half of its size."""
FREE_BYTES = 128 * 1024 * 1024
"""Less free room than this is not worth a copy."""
DAYS_BETWEEN = 7
"""A file that bloats anew every night is copied once a week: its free room is used each night."""
_SPARE_BYTES = 256 * 1024 * 1024


class BloatError(Exception):
    """A file cannot be copied; the text says why and what to do.  The file stands as it was."""


@dataclass(frozen=True, slots=True)
class Room:
    """The size of a database file and how much of it holds nothing."""

    size_bytes: int
    free_bytes: int

    @property
    def is_bloated(self) -> bool:
        return self.free_bytes >= max(FREE_BYTES, self.size_bytes * FREE_SHARE)


def room_of(path: Path) -> Room:
    """How full `path` is; duckdb.Error where it cannot be opened."""
    with connect(path, memory=LITTLE, read_only=True) as connection:
        [(block, total, free)] = connection.execute(
            "select block_size, total_blocks, free_blocks from pragma_database_size() "
            "where database_name = current_database()"
        ).fetchall()
    return Room(int(block) * int(total), int(block) * int(free))


def shrink(path: Path, memory: str | None = None) -> Room:
    """Put a copy without free room in the place of `path`, in the same storage version; the new room.

    `memory` bounds what DuckDB takes (`8000MB`), by default 80 % of the machine's.

    BloatError where the disk has no room for the copy or the copy is not the same; duckdb.Error.
    """
    import duckdb

    before = room_of(path)
    remove_copies(path)
    needed = before.size_bytes - before.free_bytes + _SPARE_BYTES
    if (free := shutil.disk_usage(path.parent).free) < needed:
        raise BloatError(
            f"{path} holds {before.free_bytes / 1e6:,.0f} MB of nothing, but {free / 1e6:,.0f} MB free on "
            f"its disk are too few for a copy of {needed / 1e6:,.0f} MB: make room"
        )
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        raise BloatError(f"{log} lies beside it: somebody has {path.name} open; it is copied another night")
    copy = temporary_beside(path)
    try:
        with connect(memory=memory, temp_directory=str(path.parent / "tmp")) as connection:
            connection.execute("attach $path as old (read_only)", {"path": str(path)})
            version = _storage_version(connection)
            connection.execute(
                f"attach $path as new (storage_version '{version}')",
                {"path": str(copy)},
            )
            connection.execute("copy from database old to new")
            connection.execute("checkpoint new")
            if _counts(connection, "old") != _counts(connection, "new"):
                raise BloatError(f"a copy of {path} has other rows: please report it; it stands as it was")
    except (duckdb.Error, OSError, BloatError):
        remove_copies(path)
        raise
    put_in_place(copy, path)
    return room_of(path)


def remove_copies(path: Path) -> None:
    """Clear the copies of runs that were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp*"):
        leftover.unlink()


def _storage_version(connection: duckdb.DuckDBPyConnection) -> str:
    """The version the attached `old` is written in, as ATTACH takes it: `v1.2.0` of `v1.2.0+`."""
    query = "select tags['storage_version'] from duckdb_databases() where database_name = 'old'"
    [(version,)] = connection.execute(query).fetchall()
    return str(version).removesuffix("+")


def _counts(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], int]:
    """The rows of every table, and 0 of every view: that it is there."""
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = $name", {"name": database}
    ).fetchall()
    views = connection.execute(
        "select schema_name, view_name from duckdb_views() where database_name = $name and not internal",
        {"name": database},
    ).fetchall()
    counted = {
        (schema, table): connection.execute(
            f'select count(*) from {database}."{schema}"."{table}"'
        ).fetchall()
        for schema, table in tables
    }
    return {name: int(rows[0][0]) for name, rows in counted.items()} | dict.fromkeys(views, 0)
