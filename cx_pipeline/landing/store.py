"""The landing store: immutable Parquet files, complete or absent.

What enters: typed tables of contract rows and rejected rows, with their `Batch`.  What leaves: one Parquet
file a batch below `landing/` and, where rows were rejected, one of the same name below `rejected/`; and
the list of batches, from the footers alone.  the pulls write; the gate and the warehouse read.

A file is written to a temporary name in its own folder, fsynced and renamed; the rejected rows come first,
so that a batch that is there has all its rows, landed and rejected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.files import make_folder, put_in_place, temporary_beside
from cx_pipeline.landing.batch import FOOTER_KEY, Batch
from cx_pipeline.settings import DataPaths

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("batch_sequence", pa.int64(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("column_name", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("detail", pa.string(), nullable=False),
    ]
)
QUARANTINE_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("batch_sequence", pa.int64(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("row_key", pa.string()),
        pa.field("rules", pa.string(), nullable=False),
    ]
)
ROW_GROUP_ROWS = 131_072
_NO_SOURCE = Path("source=_none") / "dt=1970-01-01" / "empty.parquet"
_TEMPORARY = ".tmp"


class LandingError(Exception):
    """The night cannot land anything; the text says what is wrong and what to do."""


def batch_path(paths: DataPaths, batch: Batch, root: Path | None = None) -> Path:
    """Where the batch's rows lie; with `root` its twin below `rejected/` or `quarantine/`."""
    folder = (root or paths.landing) / batch.entity / f"source={batch.source}" / f"dt={batch.night}"
    return folder / batch.file_name


_footers: dict[tuple[str, int, int], Batch] = {}
"""Footers already read by this process: a landed file never changes."""


def _footer(path: Path) -> Batch:
    stat = path.stat()
    key = (str(path), stat.st_ino, stat.st_mtime_ns)
    if key not in _footers:
        try:
            metadata = pq.read_metadata(path).metadata or {}
        except (pa.ArrowInvalid, OSError) as error:
            raise LandingError(f"{path} is no whole Parquet file: restore it from a backup") from error
        text = metadata.get(FOOTER_KEY.encode())
        if text is None:
            raise LandingError(f"{path} is no batch of this pipeline: move it out of the landing folder")
        _footers[key] = Batch.from_json(text)
    return _footers[key]


def _batch_files(root: Path, entity: str) -> Iterator[Path]:
    for path in root.glob(f"{entity}/source=*/dt=*/*.parquet"):
        if path.parent.parent.name != "source=_none":
            yield path


def list_batches(paths: DataPaths, entity: str | None = None) -> list[Batch]:
    """Every landed batch (of `entity`) by sequence, from the footers alone."""
    names = [entity] if entity else list(ENTITIES)
    found = [_footer(path) for name in names for path in _batch_files(paths.landing, name)]
    return sorted(found, key=lambda b: b.sequence)


def read_batch(paths: DataPaths, batch: Batch, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a batch, in their order, with the contract's schema."""
    schema = landing_schema(ENTITIES[batch.entity])
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    file = pq.ParquetFile(batch_path(paths, batch))
    present = [f.name for f in wanted if f.name in file.schema_arrow.names]
    table = file.read(columns=present)
    for column in wanted:  # a batch of an earlier contract version
        if column.name not in present:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table.select(wanted.names).cast(wanted)


def _empty_file(path: Path, schema: pa.Schema) -> None:
    if path.exists() and pq.read_schema(path).equals(schema):
        return
    make_folder(path.parent)
    temporary = temporary_beside(path)
    pq.write_table(schema.empty_table(), temporary)
    put_in_place(temporary, path)


def ensure_empty_files(paths: DataPaths) -> None:
    """One typed empty file an entity in landing/, rejected/ and quarantine/: a glob always matches."""
    for entity in ENTITIES.values():
        _empty_file(paths.landing / entity.name / _NO_SOURCE, landing_schema(entity))
        _empty_file(paths.rejected / entity.name / _NO_SOURCE, REJECTED_SCHEMA)
        _empty_file(paths.quarantine / entity.name / _NO_SOURCE, QUARANTINE_SCHEMA)


def remove_leftovers(paths: DataPaths) -> None:
    """Clear what a killed night left: temporary files, and rejected rows whose batch was never landed."""
    for root in (paths.landing, paths.rejected, paths.quarantine):
        for entity in ENTITIES:
            for path in root.glob(f"{entity}/source=*/dt=*/.*{_TEMPORARY}"):
                path.unlink(missing_ok=True)
    for entity in ENTITIES:
        for path in _batch_files(paths.rejected, entity):
            if not (paths.landing / path.relative_to(paths.rejected)).exists():
                path.unlink(missing_ok=True)


class _File:
    """One Parquet file on its way: written under a temporary name, published by `finish`."""

    def __init__(self, final: Path, schema: pa.Schema) -> None:
        make_folder(final.parent)
        self.final = final
        self.temporary = temporary_beside(final)
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(self.temporary, schema, compression="zstd")

    def write(self, table: pa.Table) -> None:
        self._pending.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.concat_tables(self._pending), row_group_size=self._rows)
        self._pending, self._rows = [], 0

    def finish(self, metadata: dict[str, str]) -> None:
        self._flush()
        if metadata:
            self._writer.add_key_value_metadata(metadata)
        self._writer.close()
        put_in_place(self.temporary, self.final)

    def abandon(self) -> None:
        with suppress(pa.ArrowInvalid, OSError):
            self._writer.close()
        self.temporary.unlink(missing_ok=True)


class BatchWriter:
    """Writes one batch: rows as they come, then `finish` with the batch as it turned out.

    Leaving the block without `finish` (an error, a changed file) leaves nothing behind.
    """

    def __init__(self, paths: DataPaths, draft: Batch) -> None:
        self._paths = paths
        self._draft = draft
        self._landed = _File(batch_path(paths, draft), landing_schema(ENTITIES[draft.entity]))
        self._rejected: _File | None = None
        self._done = False

    def write(self, rows: pa.Table) -> None:
        """Add rows with the contract's landing schema."""
        self._landed.write(rows)

    def reject(self, rows: pa.Table) -> None:
        """Add rejected rows with `REJECTED_SCHEMA`."""
        if self._rejected is None:
            target = batch_path(self._paths, self._draft, self._paths.rejected)
            self._rejected = _File(target, REJECTED_SCHEMA)
        self._rejected.write(rows)

    def finish(self, batch: Batch) -> None:
        """Publish the rejected rows, then the batch."""
        if (batch.sequence, batch.batch_id) != (self._draft.sequence, self._draft.batch_id):
            raise ValueError("a batch keeps its sequence and id from first to last")
        if self._rejected is not None:
            self._rejected.finish({})
        self._landed.finish({FOOTER_KEY: batch.to_json()})
        self._done = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._done:
            self._landed.abandon()
            if self._rejected is not None:
                self._rejected.abandon()
