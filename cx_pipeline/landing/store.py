"""The landing store: immutable Parquet files, complete or absent.

What enters: typed tables of contract rows and rejected rows, with their `Batch`.  What leaves: one Parquet
file a batch below `landing/` and, where rows were rejected, one of the same name below `rejected/`; and
the list of batches, from the footers alone.  the pulls write; the gate and the warehouse read.

A file is written to a temporary name in its own folder, fsynced and renamed; the rejected rows come first,
so that a batch that is there has all its rows, landed and rejected.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.files import make_folder, put_in_place, temporary_beside
from cx_pipeline.landing.batch import FOOTER_KEY, Batch
from cx_pipeline.landing.index import LandingError, batch_files, landed_files
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
_LOOKED_AT = 4_096
"""Rows by which a column is written with a dictionary or without one."""
_NO_SOURCE = Path("source=_none") / "dt=1970-01-01" / "empty.parquet"
_TEMPORARY = ".tmp"
_ID_LENGTH = 16


def batch_path(paths: DataPaths, batch: Batch, root: Path | None = None) -> Path:
    """Where the batch's rows land; with `root` its twin below `rejected/` or `quarantine/`.

    Once judged, a batch may be packed with others (`landing.compact`): `read_batch` and
    `landed_files` know where it lies then.
    """
    folder = (root or paths.landing) / batch.entity / f"source={batch.source}" / f"dt={batch.night}"
    return folder / batch.file_name


def batch_of(path: Path) -> str | None:
    """The id of the one batch a file is named after; None of a pack."""
    name = path.stem.partition("-")[2]
    return name if len(name) == _ID_LENGTH else None


def list_batches(paths: DataPaths, entity: str | None = None) -> list[Batch]:
    """Every landed batch (of `entity`) by sequence, from the footers alone."""
    found = [batch for file in landed_files(paths, entity) for batch in file.batches]
    return sorted(found, key=lambda b: b.sequence)


def read_batch(paths: DataPaths, batch: Batch, columns: Sequence[str] | None = None) -> pa.Table:
    """The rows of a batch, in their order, with the contract's schema."""
    schema = landing_schema(ENTITIES[batch.entity])
    wanted = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    path = batch_path(paths, batch)
    is_alone = path.exists()
    with pq.ParquetFile(path if is_alone else _pack_of(paths, batch)) as file:
        present = [f.name for f in wanted if f.name in file.schema_arrow.names]
        table = file.read(columns=present) if is_alone else _of_pack(file, batch.sequence, present)
    for column in wanted:  # a batch of an earlier contract version
        if column.name not in present:
            table = table.append_column(column, pa.nulls(len(table), column.type))
    return table.select(wanted.names).cast(wanted)


def _pack_of(paths: DataPaths, batch: Batch) -> Path:
    for file in landed_files(paths, batch.entity):
        if any(b.batch_id == batch.batch_id for b in file.batches):
            return file.path
    raise LandingError(f"batch {batch.batch_id} is not in {paths.landing}: restore it from a backup")


def _of_pack(file: pq.ParquetFile, sequence: int, columns: Sequence[str]) -> pa.Table:
    """The rows of one batch of a pack, whose rows are ordered by sequence."""
    place = file.schema_arrow.names.index("batch_sequence")
    spans = [file.metadata.row_group(i).column(place).statistics for i in range(file.metadata.num_row_groups)]
    groups = [i for i, span in enumerate(spans) if span is None or span.min <= sequence <= span.max]
    table = file.read_row_groups(groups, columns=list({*columns, "batch_sequence"}))
    return table.filter(pc.equal(table.column("batch_sequence"), sequence)).select(columns)


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
    landed = {batch.batch_id for batch in list_batches(paths)}
    for path in batch_files(paths.rejected):
        if (batch_id := batch_of(path)) is not None and batch_id not in landed:
            path.unlink(missing_ok=True)


def _repeating_columns(rows: pa.Table) -> list[str]:
    """The columns worth a dictionary: whose first rows repeat their values (an id's do not)."""
    first = rows.slice(0, _LOOKED_AT)
    return [
        name
        for name, column in zip(first.column_names, first.columns, strict=True)
        if pa.types.is_map(column.type) or pc.count_distinct(column).as_py() <= len(first) // 2
    ]


def _ordered_columns(schema: pa.Schema) -> list[str]:
    """The columns whose least and greatest values may spare a reader a row group: a text's do not."""
    return [f.name for f in schema if not (pa.types.is_string(f.type) or pa.types.is_map(f.type))]


class _File:
    """One Parquet file on its way: written under a temporary name, published by `finish`."""

    def __init__(self, final: Path, schema: pa.Schema) -> None:
        make_folder(final.parent)
        self.final = final
        self.temporary = temporary_beside(final)
        self._schema = schema
        self._pending: list[pa.Table] = []
        self._rows = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        self._pending.append(table)
        self._rows += len(table)
        if self._rows >= ROW_GROUP_ROWS:
            self._flush()

    def _opened(self, first: pa.Table) -> pq.ParquetWriter:
        if self._writer is None:
            repeating = _repeating_columns(first)
            self._writer = pq.ParquetWriter(
                self.temporary,
                self._schema,
                compression="zstd",
                use_dictionary=repeating,
                write_statistics=_ordered_columns(self._schema),
            )
        return self._writer

    def _flush(self) -> None:
        if self._rows:
            rows = pa.concat_tables(self._pending)
            self._opened(rows).write_table(rows, row_group_size=self._rows)
        self._pending, self._rows = [], 0

    def finish(self, metadata: dict[str, str]) -> None:
        self._flush()
        writer = self._opened(self._schema.empty_table())
        if metadata:
            writer.add_key_value_metadata(metadata)
        writer.close()
        put_in_place(self.temporary, self.final)

    def abandon(self) -> None:
        if self._writer is not None:
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
