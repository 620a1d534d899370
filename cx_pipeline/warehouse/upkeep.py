"""Upkeep: what grows from night to night is kept small, once the night is published.

What enters: landing, the verdicts, the closed working files, the settings.  What leaves: fewer landed
files, emptied rows where `landing.keep_raw_days` asks for it, working files without bloat, and an `Upkeep`
that says so.  Called last of all, under the night's lock; no figure waits for it, and what it cannot do is
told and tried again after the next night.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths, Settings
from cx_pipeline.warehouse.bloat import DAYS_BETWEEN, BloatError, Room, room_of, shrink

WORKING_FILES = ("working.duckdb", "cx.duckdb")


@dataclass(slots=True)
class Upkeep:
    """What was done: files and bytes before and after, and what could not be done."""

    landed_files: int = 0
    landed_batches: int = 0
    landed_bytes: int = 0
    files_packed: int = 0
    files_emptied: int = 0
    bytes_freed: int = 0
    shrunk: dict[str, tuple[Room, Room]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def keep_small(settings: Settings, night: date) -> Upkeep:
    """Pack, empty and shrink what is due after `night`; what went wrong is among the problems."""
    import duckdb
    import pyarrow as pa

    from cx_pipeline.gate import GateError
    from cx_pipeline.landing import LandingError

    done = Upkeep()
    steps: list[Callable[[Settings, date, Upkeep], None]] = [_pack, _empty, _shrink, _measure]
    for step in steps:
        try:
            step(settings, night, done)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            done.problems.append(f"{_TOLD[step.__name__]}: {error.strerror or error}{where}; {_NEXT_NIGHT}")
        except (BloatError, LandingError, GateError, duckdb.Error, pa.ArrowException) as error:
            done.problems.append(f"{_TOLD[step.__name__]}: {error}; {_NEXT_NIGHT}")
    return done


_TOLD = {
    "_pack": "small landed files were not packed",
    "_empty": "expired rows were not emptied",
    "_shrink": "a working file was not shrunk",
    "_measure": "landing was not measured",
}
_NEXT_NIGHT = "nothing is lost, and the next night tries again"


@dataclass(frozen=True, slots=True)
class Due:
    """How large landing is, and how many of its files the next upkeep would rewrite."""

    files: int
    batches: int
    size_bytes: int
    to_pack: int
    to_empty: int


def due_upkeep(settings: Settings, night: date) -> Due:
    """What `keep_small` would find in landing after `night`, as it is now.  Changes nothing."""
    from cx_pipeline.landing import landed_files
    from cx_pipeline.landing.compact import by_source, due_packs
    from cx_pipeline.warehouse.expiry import due_files

    files, settled = landed_files(settings.paths), settled_batches(settings.paths)
    packs = [
        pack for mine in by_source(files).values() for pack in due_packs(mine, night.isoformat()[:7], settled)
    ]
    keep_days = settings.landing.keep_raw_days
    return Due(
        len(files),
        sum(len(file.batches) for file in files),
        sum(file.size_bytes for file in files),
        sum(len(pack.files) for pack in packs),
        len(due_files(files, night, keep_days, settled)) if keep_days else 0,
    )


def settled_batches(paths: DataPaths) -> frozenset[str]:
    """The ids of the batches that are judged and do not wait for a decision."""
    from cx_pipeline.gate import load_verdicts

    return frozenset(name for name, verdict in load_verdicts(paths).items() if verdict.state != "held")


def _pack(settings: Settings, night: date, done: Upkeep) -> None:
    from cx_pipeline.landing.compact import compact

    for packing in compact(settings.paths, night.isoformat(), settled_batches(settings.paths)):
        done.files_packed += packing.files_before
        done.bytes_freed += packing.bytes_before - packing.bytes_after


def _empty(settings: Settings, night: date, done: Upkeep) -> None:
    keep_days = settings.landing.keep_raw_days
    if keep_days is None:
        return
    from cx_pipeline.landing import landed_files
    from cx_pipeline.landing.compact import empty_rows
    from cx_pipeline.warehouse.expiry import due_files, expired_rows

    paths = settings.paths
    due = due_files(landed_files(paths), night, keep_days, settled_batches(paths))
    if due:
        packing = empty_rows(paths, night.isoformat(), due, expired_rows(paths, due))
        done.files_emptied += packing.files_before
        done.bytes_freed += packing.bytes_before - packing.bytes_after


@dataclass(frozen=True, slots=True)
class WorkingFile:
    """A working file as the last upkeep left it; `shrunk_after` is the night (ISO date) of its last copy."""

    size_bytes: int
    free_bytes: int
    shrunk_after: str = ""


def _shrink(settings: Settings, night: date, done: Upkeep) -> None:
    paths = settings.paths
    known = known_working_files(paths)
    for path in working_files(paths):
        room = room_of(path)
        last = known[path.name].shrunk_after if path.name in known else ""
        try:
            if room.is_bloated and last <= (night - timedelta(days=DAYS_BETWEEN)).isoformat():
                before, room, last = room, shrink(path), night.isoformat()
                done.shrunk[path.name] = before, room
        finally:
            known[path.name] = WorkingFile(room.size_bytes, room.free_bytes, last)
            text = json.dumps({name: asdict(file) for name, file in known.items()})
            write_whole(_known_file(paths), text.encode())


def working_files(paths: DataPaths) -> Iterator[Path]:
    """The working files that are there."""
    return (path for name in WORKING_FILES if (path := paths.warehouse / name).exists())


def _known_file(paths: DataPaths) -> Path:
    return paths.warehouse / "upkeep.json"


def known_working_files(paths: DataPaths) -> dict[str, WorkingFile]:
    """What the last upkeep wrote down, so that nobody has to open a file that a night may want to write."""
    try:
        told = json.loads(_known_file(paths).read_text())
        return {name: WorkingFile(**file) for name, file in told.items()}
    except (FileNotFoundError, ValueError, AttributeError, TypeError):
        return {}


def _measure(settings: Settings, night: date, done: Upkeep) -> None:
    from cx_pipeline.landing.index import landed_files, save_index

    files = landed_files(settings.paths)
    done.landed_files = len(files)
    done.landed_batches = sum(len(file.batches) for file in files)
    done.landed_bytes = sum(file.size_bytes for file in files)
    save_index(settings.paths)
