"""Upkeep: what grows from night to night is kept small, once the night is published.

What enters: landing, the verdicts, the closed working files, the settings.  What leaves: fewer landed
files, emptied rows where `landing.keep_raw_days` asks for it, working files without bloat, and an `Upkeep`
that says so.  Called last of all, under the night's lock; no figure waits for it, and what it cannot do is
told and tried again after the next night.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths, Settings
from cx_pipeline.warehouse import expiry
from cx_pipeline.warehouse.bloat import DAYS_BETWEEN, BloatError, Room, room_of, shrink


@dataclass(frozen=True, slots=True)
class WorkingFile:
    """A working file as the last upkeep left it; `shrunk_after` is the night (ISO date) of its last copy."""

    size_bytes: int
    free_bytes: int
    shrunk_after: str = ""


@dataclass(frozen=True, slots=True)
class Ledger:
    """What upkeep did last: `warehouse/upkeep.json`, which may be deleted.

    `emptied_after`: the night (ISO date) after which landing was looked through for expired rows, when
    `landing.keep_raw_days` was `emptied_days`.  `working`: the working files by name, so that nobody
    has to open one that a night may want to write.
    """

    emptied_after: str = ""
    emptied_days: int = 0
    working: dict[str, WorkingFile] = field(default_factory=dict)

    def is_emptied(self, night: date, keep_days: int) -> bool:
        """Whether landing need not be looked through after `night`."""
        lately = self.emptied_after > (night - timedelta(days=expiry.DAYS_BETWEEN)).isoformat()
        return lately and self.emptied_days == keep_days


WORKING_FILES = ("working.duckdb", "cx.duckdb")
_LEDGER = "upkeep.json"


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


def read_ledger(paths: DataPaths) -> Ledger:
    """What the last upkeep wrote down; nothing where there was none."""
    try:
        told = json.loads((paths.warehouse / _LEDGER).read_text())
        return Ledger(**told | {"working": {n: WorkingFile(**f) for n, f in told["working"].items()}})
    except (FileNotFoundError, ValueError, AttributeError, TypeError, KeyError):
        return Ledger()


def _write_ledger(paths: DataPaths, ledger: Ledger) -> None:
    write_whole(paths.warehouse / _LEDGER, json.dumps(asdict(ledger)).encode())


@dataclass(frozen=True, slots=True)
class Due:
    """How large landing is, and how many of its files the next upkeep would pack."""

    files: int
    batches: int
    size_bytes: int
    to_pack: int


def due_upkeep(settings: Settings, night: date) -> Due:
    """What `keep_small` would find in landing after `night`, as it is now.  Changes nothing."""
    from cx_pipeline.landing import landed_files
    from cx_pipeline.landing.compact import by_source, due_packs

    files, settled = landed_files(settings.paths), settled_batches(settings.paths)
    month = night.isoformat()[:7]
    packs = [pack for mine in by_source(files).values() for pack in due_packs(mine, month, settled)]
    return Due(
        len(files),
        sum(len(file.batches) for file in files),
        sum(file.size_bytes for file in files),
        sum(len(pack.files) for pack in packs),
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
    paths = settings.paths
    ledger = read_ledger(paths)
    if keep_days is None or ledger.is_emptied(night, keep_days):
        return
    from cx_pipeline.landing import list_batches
    from cx_pipeline.landing.compact import empty_rows

    old = expiry.old_batches(list_batches(paths), night, keep_days, settled_batches(paths))
    packing = empty_rows(paths, expiry.expired_rows(paths, old, settings.performance.duckdb_memory))
    done.files_emptied += packing.files_before
    done.bytes_freed += packing.bytes_before - packing.bytes_after
    _write_ledger(paths, replace(ledger, emptied_after=night.isoformat(), emptied_days=keep_days))


def _shrink(settings: Settings, night: date, done: Upkeep) -> None:
    paths = settings.paths
    ledger = read_ledger(paths)
    for path in working_files(paths):
        room = room_of(path)
        known = ledger.working.get(path.name)
        last = known.shrunk_after if known else ""
        try:
            if room.is_bloated and last <= (night - timedelta(days=DAYS_BETWEEN)).isoformat():
                before, room, last = room, shrink(path, settings.performance.duckdb_memory), night.isoformat()
                done.shrunk[path.name] = before, room
        finally:
            file = WorkingFile(room.size_bytes, room.free_bytes, last)
            ledger = replace(ledger, working={**ledger.working, path.name: file})
            _write_ledger(paths, ledger)


def working_files(paths: DataPaths) -> Iterator[Path]:
    """The working files that are there."""
    return (path for name in WORKING_FILES if (path := paths.warehouse / name).exists())


def _measure(settings: Settings, night: date, done: Upkeep) -> None:
    from cx_pipeline.landing.index import landed_files, save_index

    files = landed_files(settings.paths)
    done.landed_files = len(files)
    done.landed_batches = sum(len(file.batches) for file in files)
    done.landed_bytes = sum(file.size_bytes for file in files)
    save_index(settings.paths)
