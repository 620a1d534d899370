"""Export: the marts of the published file as Parquet, one file each or folders by period.

What enters: a connection that reads the published file, and a folder.  What leaves: `<mart>.parquet` or
`<mart>/…/*.parquet`, each renamed into place when it is whole, and `_export.json`, written last, which says
of which night each is.  One connection reads one file, so all marts of an export are of one night whatever
is published meanwhile, and no night waits for it.  Called by the command line.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cx_pipeline.files import fsync_file, fsync_folder, make_folder, temporary_beside, write_whole

if TYPE_CHECKING:
    import duckdb

Period = Literal["year", "month"]

MANIFEST = "_export.json"

_PERIOD_COLUMNS = (
    *("period_start", "month_start_date", "cohort_month", "date_day", "night", "occurred_date", "event_date"),
    *("created_date", "responded_date", "invited_date", "turn_ended_date", "turn_started_at"),
    *("decided_date", "started_at"),
)
"""What a row's period is read from: the first of these that the mart has and that is not null."""

LEADING = 8
"""A mart's columns open with its key: sorted by so many, its rows have one order."""

_READABLE = {
    "TIMESTAMP": "timestamptz",  # an instant, not a wall-clock time: readers need not know that it is UTC
    "HUGEINT": "decimal(38, 0)",  # Parquet has no such integer, and DuckDB would write a double
    "UUID": "varchar",
}


class ExportError(Exception):
    """The marts cannot be exported; the text says why and what to do.  What is in place is whole."""


@dataclass(frozen=True, slots=True)
class ExportedMart:
    """One mart as it stands in the folder, and the night of the file it was read from."""

    path: str
    rows: int
    bytes: int
    partitioned_by: tuple[str, ...]
    night: str | None
    published_at: str | None


@dataclass(frozen=True, slots=True)
class _Mart:
    """A table or view of `marts`: its columns' types, in their order."""

    name: str
    is_view: bool
    columns: dict[str, str]

    @property
    def period(self) -> str | None:
        """The date that tells a row's period, as SQL; None where the mart has no natural periods."""
        found = [f'cast("{name}" as date)' for name in _PERIOD_COLUMNS if name in self.columns]
        return f"coalesce({', '.join(found)})" if found and not self.name.startswith("dim_") else None

    def levels(self, partition_by: Period | None) -> tuple[str, ...]:
        """The folders' levels, outermost first; none for a mart that stays one file."""
        if partition_by is None or self.period is None:
            return ()
        levels = ("year",) if partition_by == "year" else ("year", "month")
        return ("grain", *levels) if "grain" in self.columns else levels

    def rows(self, levels: Sequence[str]) -> str:
        """The rows to write, as SQL: readable types, the levels of the folders, one order.

        What happened is ordered by its day, so that a reader can skip what it does not ask for. Other tables
        keep the order their model gives them, unless folders or a view leave none.
        """
        written = [_readable(*column) for column in self.columns.items()]
        written += [f'{level}({self.period}) as "{level}"' for level in levels if level != "grain"]
        order = [f'"{column}"' for column in list(self.columns)[:LEADING]]
        if self.period and "grain" not in self.columns:
            order = [self.period, *order]
        elif not (self.is_view or levels):
            order = []
        text = f'select {", ".join(written)} from marts."{self.name}"'
        return f"{text} order by {', '.join(order)}" if order else text


def export_marts(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    *,
    only: Sequence[str] = (),
    partition_by: Period | None = None,
    report: Callable[[str, int, int | None], None] = lambda *_: None,
) -> dict[str, ExportedMart]:
    """Write the marts (all, or `only` these) below `folder`; ExportError where that cannot be done.

    Killed anywhere, what stands under a mart's name is whole, and the next export takes away what was begun.
    Where a mart changes from a file to folders or back, the other form goes.
    """
    marts = _marts(connection)
    unknown = [name for name in only if name not in marts]
    if unknown:
        raise ExportError(f"there is no mart {', '.join(unknown)}; there are {', '.join(marts)}")
    names = list(dict.fromkeys(only)) or list(marts)
    for name in names:
        _require_ours(folder / name)
    night, published_at = _night(connection) if "nights" in marts else (None, None)
    done: dict[str, ExportedMart] = {}
    with _alone(folder):
        _clear_leftovers(folder, marts)
        connection.execute("set timezone = 'UTC'")
        connection.execute("set temp_directory = ?", [str(folder / ".spill.tmp")])
        if partition_by:  # DuckDB's threads would write a folder's rows in the order they get to them
            connection.execute("set threads = 1")
        for place, name in enumerate(names):
            report("export", place, len(names))
            levels = marts[name].levels(partition_by)
            target = folder / (name if levels else f"{name}.parquet")
            rows = _write(connection, marts[name], levels, target)
            _remove(folder / (f"{name}.parquet" if levels else name))
            done[name] = ExportedMart(target.name, rows, _size(target), levels, night, published_at)
        report("export", len(names), len(names))
        _write_manifest(folder, done)
    return done


def _marts(connection: duckdb.DuckDBPyConnection) -> dict[str, _Mart]:
    """Each table and view of `marts`, by name."""
    rows = connection.execute(
        """
        select table_name, table_type = 'VIEW', column_name, data_type
        from information_schema.columns
        join information_schema.tables using (table_catalog, table_schema, table_name)
        where table_schema = 'marts' and table_catalog = current_database()
        order by table_name, ordinal_position
        """
    ).fetchall()
    marts: dict[str, _Mart] = {}
    for name, is_view, column, data_type in rows:
        marts.setdefault(name, _Mart(name, is_view, {})).columns[column] = data_type
    return marts


def _night(connection: duckdb.DuckDBPyConnection) -> tuple[str | None, str | None]:
    rows = connection.execute(
        "select night, ended_at from marts.nights order by started_at desc, run_id desc limit 1"
    ).fetchall()
    if not rows:
        return None, None
    night, ended_at = rows[0]
    return night.isoformat(), None if ended_at is None else f"{ended_at.isoformat()}Z"


def _readable(column: str, kind: str) -> str:
    """The column as every reader knows its type."""
    target = "varchar" if kind.startswith("ENUM") else _READABLE.get(kind)
    return f'cast("{column}" as {target}) as "{column}"' if target else f'"{column}"'


def _write(connection: duckdb.DuckDBPyConnection, mart: _Mart, levels: Sequence[str], target: Path) -> int:
    """Write the mart under a temporary name and put it in place; its rows."""
    import duckdb

    temporary = temporary_beside(target)
    options = "format parquet, compression zstd"
    if levels:
        options += ", partition_by (" + ", ".join(f'"{level}"' for level in levels) + ")"
    path = str(temporary).replace("'", "''")
    try:
        ((rows,),) = connection.execute(f"copy ({mart.rows(levels)}) to '{path}' ({options})").fetchall()
        if levels and not rows:  # DuckDB makes no folder of nothing: a typed empty file tells the columns
            temporary.mkdir(exist_ok=True)
            connection.execute(f"copy ({mart.rows(())}) to '{path}/empty.parquet' (format parquet)")
        _put_in_place(temporary, target)
    except (duckdb.IOException, OSError) as error:
        raise ExportError(
            f"{mart.name} cannot be written to {target} ({_reason(error)}): what stood there stands; mend "
            "that and run the export again"
        ) from error
    finally:
        _remove(temporary)
    return int(rows)


def _reason(error: Exception) -> str:
    """The system's words where it said what is wrong (no space left, say), else DuckDB's."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    number = re.search(r'"errno":"(\d+)"', str(error))
    return os.strerror(int(number[1])) if number else " ".join(str(error).split())


def _put_in_place(temporary: Path, target: Path) -> None:
    """Make it durable and rename it.  Of a folder the old one is renamed away first and then deleted."""
    if temporary.is_dir():
        for folder, _, files in os.walk(temporary):
            for file in files:
                fsync_file(Path(folder, file))
            fsync_folder(Path(folder))
    else:
        fsync_file(temporary)
    old = target.with_name(f".{target.name}.old.tmp")
    if target.is_dir():
        target.replace(old)
    temporary.replace(target)
    fsync_folder(target.parent)
    _remove(old)


def _require_ours(folder: Path) -> None:
    """ExportError where a folder with a mart's name holds what no export wrote: it would be deleted."""
    strangers = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".parquet")
    stranger = next(strangers, None)
    if stranger is not None:
        raise ExportError(
            f"{stranger} is no part of an export and would be deleted: export to an empty folder"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Make the folder and hold a lock on it, so that no other export cleans up under this one's hands."""
    try:
        make_folder(folder)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ExportError(f"{folder} cannot be made ({error.strerror}): name a folder to write to") from error
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ExportError(
            f"another export is writing to {folder}: wait for it, or name another folder"
        ) from error
    except OSError:  # a network file system without locks
        return


def _clear_leftovers(folder: Path, marts: dict[str, Any]) -> None:
    """Take away what a killed export left, and bring back what it had renamed away and not yet replaced."""
    for mart in marts:
        old = folder / f".{mart}.old.tmp"
        if old.exists() and not (folder / mart).exists():
            old.replace(folder / mart)
        for leftover in (*folder.glob(f".{mart}.*.tmp"), *folder.glob(f".{mart}.parquet.*.tmp")):
            _remove(leftover)
    _remove(folder / ".spill.tmp")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    files = path.rglob("*.parquet") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def _write_manifest(folder: Path, done: dict[str, ExportedMart]) -> None:
    """Say what is of which night: what was written now, and what stands from an earlier export."""
    path = folder / MANIFEST
    before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept = {name: entry for name, entry in before.items() if (folder / entry["path"]).exists()}
    marts = kept | {name: asdict(mart) for name, mart in done.items()}
    write_whole(path, json.dumps(dict(sorted(marts.items())), indent=2).encode() + b"\n")
