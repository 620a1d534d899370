"""Packing: many small landed files of a source become few, and rows nothing needs any more are emptied.

What enters: the folders landing/, rejected/ and quarantine/, the ids of the batches that are settled
(judged, and not held), and which rows may be emptied.  What leaves: the same rows in fewer files; every
batch keeps its id, its sequence and its description, in the footer of its pack.  Called once a night,
after publishing, under the night's lock.

What makes it safe is that a source's folder is exchanged as a whole.  The next folder
(`<root>/.next/<entity>/source=<s>`) is built beside the present one: files that stay are linked, packs are
written, everything is made durable.  Then the two folders swap names in one system call.  Whoever
globs sees every row once, before and after; a reader that listed the folder before the swap and opens a
file after it gets "no such file", never wrong rows.  Killed before the swap, the next folder is a leftover;
killed after it, the former one is: both lie under `.next` and are removed by the next run.  Where the
file system cannot swap folders or link files, nothing is packed and the night says so.

A pack is named `<first sequence>-<last sequence>.parquet` and lies in the folder of its last night.  Small
files of a month are packed when the month is over or `DUE_FILES` of them have gathered, so that a file is
written a few times in its life and a history of years is a few files a month.

Emptying (`landing.keep_raw_days`) leaves a row its place, key and `updated_at`, says `is_deleted`, and
clears everything else.  The row still counts and still loses against the version that superseded it, so a
full refresh gives the same answers to the last row, while what it held is gone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.files import exchange, fsync_file, fsync_folder
from cx_pipeline.landing.batch import FOOTER_KEY, Batch
from cx_pipeline.landing.index import EMPTIED_KEY, PACKED_KEY, LandedFile, batch_files, landed_files
from cx_pipeline.landing.store import (
    QUARANTINE_SCHEMA,
    REJECTED_SCHEMA,
    ROW_GROUP_ROWS,
    batch_of,
    remove_leftovers,
)
from cx_pipeline.settings import DataPaths

SMALL_BYTES = 16 * 1024 * 1024
"""A file of fewer bytes is packed with others."""
PACK_BYTES = 128 * 1024 * 1024
PACK_BATCHES = 2_000
DUE_FILES = 32
"""Small files of a month that has not ended, before they are packed."""
_NEXT = ".next"

Expired = Mapping[int, npt.NDArray[np.int64]]
"""batch_sequence -> the positions of its rows that nothing needs, ascending."""


@dataclass(frozen=True, slots=True)
class Packing:
    """What was done below one root: files and bytes before and after."""

    root: str
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0

    def __add__(self, other: Packing) -> Packing:
        return Packing(
            self.root,
            self.files_before + other.files_before,
            self.files_after + other.files_after,
            self.bytes_before + other.bytes_before,
            self.bytes_after + other.bytes_after,
        )


@dataclass(frozen=True, slots=True)
class Pack:
    """Files that become one."""

    files: tuple[LandedFile, ...]

    @property
    def batches(self) -> list[Batch]:
        return sorted((b for f in self.files for b in f.batches), key=lambda b: b.sequence)


def compact(paths: DataPaths, night: str, settled: Collection[str]) -> list[Packing]:
    """Pack the small files that are due in the month of `night` (ISO date); OSError where it cannot be done.

    Files with a batch that is not `settled` stay as they are.
    """
    remove_unfinished(paths)
    remove_leftovers(paths)
    done = []
    for root in (paths.landing, paths.rejected, paths.quarantine):
        total = Packing(root.name)
        for folder, files in _sources(paths, root).items():
            packs = due_packs(files, night[:7], settled)
            if packs:
                total += _rewrite(_Rewriting(root, folder, packs))
        done.append(total)
    return done


def empty_rows(paths: DataPaths, expired: Mapping[str, Expired]) -> Packing:
    """Empty the `expired` rows (by entity), rewriting the files that hold some not emptied yet."""
    remove_unfinished(paths)
    total = Packing(paths.landing.name)
    for folder, files in _sources(paths, paths.landing).items():
        gone = expired.get(folder.parent.name, {})
        packs = [Pack((f,)) for f in files if _count(f.batches, gone) > f.emptied_rows]
        if packs:
            total += _rewrite(_Rewriting(paths.landing, folder, packs, gone))
    return total


def take_apart(paths: DataPaths, batch_ids: Collection[str]) -> None:
    """Give every batch of the packs that hold one of `batch_ids` its own file again, quarantined rows too."""
    remove_unfinished(paths)
    for root in (paths.landing, paths.quarantine):
        for folder, files in _sources(paths, root).items():
            packs = [f for f in files if f.is_pack and any(b.batch_id in batch_ids for b in f.batches)]
            if packs:
                own = [Pack((replace(f, batches=(batch,)),)) for f in packs for batch in f.batches]
                _rewrite(_Rewriting(root, folder, own, own_files=True))


def remove_unfinished(paths: DataPaths) -> None:
    """Clear what a killed run left: a next folder that never was, or a former one that still is."""
    for root in (paths.landing, paths.rejected, paths.quarantine):
        if (root / _NEXT).exists():
            shutil.rmtree(root / _NEXT)


def due_packs(files: Sequence[LandedFile], month: str, settled: Collection[str]) -> list[Pack]:
    """What is packed of one source's files: per month of the night, by sequence, within the limits."""
    by_month: dict[str, list[LandedFile]] = {}
    for file in files:
        if file.size_bytes < SMALL_BYTES and all(b.batch_id in settled for b in file.batches):
            by_month.setdefault(file.path.parent.name.removeprefix("dt=")[:7], []).append(file)
    packs = []
    for name, small in by_month.items():
        if len(small) >= (2 if name < month else DUE_FILES):
            packs += [Pack(run) for run in _runs(small) if len(run) > 1]
    return packs


def _count(batches: Sequence[Batch], expired: Expired) -> int:
    return sum(len(expired.get(batch.sequence, ())) for batch in batches)


def _runs(files: Sequence[LandedFile]) -> Iterator[tuple[LandedFile, ...]]:
    run: list[LandedFile] = []
    for file in files:
        full = sum(f.size_bytes for f in run) + file.size_bytes > PACK_BYTES
        full |= sum(len(f.batches) for f in run) + len(file.batches) > PACK_BATCHES
        if run and full:
            yield tuple(run)
            run = []
        run.append(file)
    if run:
        yield tuple(run)


# ---------------------------------------------------------------- what lies there


def _sources(paths: DataPaths, root: Path) -> dict[Path, list[LandedFile]]:
    """The files of each source's folder below `root`, by sequence."""
    files = landed_files(paths)
    return by_source(files if root == paths.landing else _twins(files, root))


def by_source(files: Sequence[LandedFile]) -> dict[Path, list[LandedFile]]:
    """Files by the folder of their entity and source."""
    found: dict[Path, list[LandedFile]] = {}
    for file in files:
        found.setdefault(file.path.parent.parent, []).append(file)
    return found


def _twins(landed: Sequence[LandedFile], root: Path) -> list[LandedFile]:
    """The files below rejected/ or quarantine/ with the batches they are of."""
    by_id = {batch.batch_id: batch for file in landed for batch in file.batches}
    found = []
    for path in batch_files(root):
        one = batch_of(path)
        ids = [one] if one else json.loads(pq.read_metadata(path).metadata[PACKED_KEY.encode()])
        if all(batch_id in by_id for batch_id in ids):
            batches = sorted((by_id[batch_id] for batch_id in ids), key=lambda b: b.sequence)
            found.append(LandedFile(path, path.stat().st_size, tuple(batches), is_pack=one is None))
    return sorted(found, key=lambda file: (file.batches[0].sequence, file.path.name))


def _fits(path: Path, schema: pa.Schema) -> bool:
    """Whether a file has no column but the schema's, of the same types: what differs is left as it is."""
    return all(
        column.name in schema.names and column.type == schema.field(column.name).type
        for column in pq.read_schema(path)
    )


# ---------------------------------------------------------------- the next folder


@dataclass(frozen=True, slots=True)
class _Rewriting:
    """What becomes of one source's folder.  `own_files`: every pack is one batch's own file again."""

    root: Path
    folder: Path
    packs: Sequence[Pack]
    expired: Expired = field(default_factory=dict)
    own_files: bool = False

    @property
    def entity(self) -> str:
        return self.folder.parent.name

    @property
    def schema(self) -> pa.Schema:
        if self.root.name == "rejected":
            return REJECTED_SCHEMA
        is_landing = self.root.name != "quarantine"
        return landing_schema(ENTITIES[self.entity]) if is_landing else QUARANTINE_SCHEMA


def _rewrite(given: _Rewriting) -> Packing:
    """Build the next folder of a source and let it take the place of the present one."""
    schema = given.schema
    packs = [pack for pack in given.packs if all(_fits(file.path, schema) for file in pack.files)]
    if not packs:
        return Packing(given.root.name)
    try:
        return _exchanged(replace(given, packs=packs))
    except (OSError, pa.ArrowException):  # a full disk needs its room back at once
        shutil.rmtree(given.root / _NEXT, ignore_errors=True)
        raise


def _exchanged(given: _Rewriting) -> Packing:
    folder = given.folder
    replaced = {file.path for pack in given.packs for file in pack.files}
    following = given.root / _NEXT / given.entity / folder.name
    following.mkdir(parents=True)
    for path in sorted(folder.rglob("*")):  # what is no file of ours stays, too
        if path.is_file() and path not in replaced:
            target = following / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
    written = [made for pack in given.packs if (made := _write_pack(given, following, pack)) is not None]
    for place in (*following.rglob("*/"), following):
        former = folder / place.relative_to(following)
        shutil.copymode(former if former.exists() else folder, place)
        fsync_folder(place)
    fsync_folder(following.parent)
    before, after = ([path.stat().st_size for path in some] for some in (replaced, written))
    exchange(following, folder)
    shutil.rmtree(given.root / _NEXT)
    return Packing(given.root.name, len(before), len(after), sum(before), sum(after))


def _write_pack(given: _Rewriting, following: Path, pack: Pack) -> Path | None:
    """Write one pack and make it durable; None where a batch has no quarantined rows to write."""
    first, last = pack.batches[0], pack.batches[-1]
    name = first.file_name if given.own_files else f"{first.sequence:010d}-{last.sequence:010d}.parquet"
    target = following / f"dt={max(b.night for b in pack.batches)}" / name
    target.parent.mkdir(exist_ok=True)
    key = ENTITIES[given.entity].landed_key
    rows = 0
    with pq.ParquetWriter(target, given.schema, compression="zstd") as writer:
        for table in _row_groups(pack, given.schema, only=first.sequence if given.own_files else None):
            writer.write_table(_emptied(table, given.expired, key), row_group_size=len(table))
            rows += len(table)
        writer.add_key_value_metadata(_footer(given, pack))
    if given.own_files and not rows and given.root.name == "quarantine":
        target.unlink()
        return None
    fsync_file(target)
    return target


def _footer(given: _Rewriting, pack: Pack) -> dict[str, str]:
    if given.root.name in {"rejected", "quarantine"}:
        return {} if given.own_files else {PACKED_KEY: json.dumps([b.batch_id for b in pack.batches])}
    if given.own_files:
        return {FOOTER_KEY: pack.batches[0].to_json()}
    before = sum(file.emptied_rows for file in pack.files)
    emptied = str(max(before, _count(pack.batches, given.expired)))
    packed = json.dumps([asdict(batch) for batch in pack.batches], ensure_ascii=False)
    return {PACKED_KEY: packed, EMPTIED_KEY: emptied}


def _row_groups(pack: Pack, schema: pa.Schema, only: int | None) -> Iterator[pa.Table]:
    """The rows of the pack's files in groups of about ROW_GROUP_ROWS, in the order of the files."""
    pending: list[pa.Table] = []
    for landed in pack.files:
        with pq.ParquetFile(landed.path) as file:
            for part in file.iter_batches(batch_size=ROW_GROUP_ROWS):
                table = _typed(pa.Table.from_batches([part]), schema)
                if only is not None:
                    table = table.filter(pc.equal(table.column("batch_sequence"), only))
                pending.append(table)
                if sum(map(len, pending)) >= ROW_GROUP_ROWS:
                    yield pa.concat_tables(pending)
                    pending = []
    if any(map(len, pending)):
        yield pa.concat_tables(pending)


def _typed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with every column of the schema: a batch of an earlier contract lacks the later ones."""
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table.select(schema.names).cast(schema)


def _emptied(table: pa.Table, expired: Expired, key: str) -> pa.Table:
    """The table with its expired rows emptied but for place, key and `updated_at`."""
    if not expired:
        return table
    sequences = table.column("batch_sequence").to_numpy()
    positions = table.column("position").to_numpy()
    mask = np.zeros(len(table), dtype=bool)
    for sequence in np.unique(sequences):
        if (gone := expired.get(int(sequence))) is not None:
            mine = sequences == sequence
            mask[mine] = np.isin(positions[mine], gone)
    if not mask.any():
        return table
    chosen = pa.array(mask)
    kept = {"source", "batch_sequence", "position", key, "updated_at"}
    for place, column in enumerate(table.schema):
        if column.name not in kept:
            value = pa.scalar(True if column.name == "is_deleted" else None, column.type)
            table = table.set_column(place, column, pc.if_else(chosen, value, table.column(place)))
    return table
