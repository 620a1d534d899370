"""Parquet files and Excel workbooks: tables with columns of their own.

What enters: a path.  What leaves: chunks; Parquet columns as the file types them (nested structs and the
map `attributes` become headers with dots), Excel cells as strings.  A workbook's sheet is the one input
that is held in memory whole: the format allows no more than 1 048 576 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cx_pipeline.sources.files import text
from cx_pipeline.sources.rows.records import Chunk, FileError, Reject, tidy_header

_ROWS = 65_536
_MIDNIGHT = r"^\d{4}-\d{2}-\d{2} 00:00:00$"


class ParquetReader:
    """Reads one Parquet file, row group by row group."""

    def __init__(self, path: Path, on_bytes: Callable[[int], None] | None = None) -> None:
        self.notes: list[str] = []
        self._on_bytes = on_bytes
        self._size = path.stat().st_size
        self._handle = text.unpacked(path)
        try:
            self._file = pq.ParquetFile(self._handle)
            self._schema = self._file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            self._handle.close()
            raise FileError("the file cannot be opened as Parquet: it is damaged or cut short") from error
        self.headers = [name for name, _ in _leaves(self._schema.empty_table().columns, self._schema.names)]

    def close(self) -> None:
        self._handle.close()

    def chunks(self, wanted: Collection[str], numbers: Collection[str] = ()) -> Iterator[Chunk]:
        """The rows of the file; lines are row numbers, from 1."""
        tops = [
            n
            for n in self._schema.names
            if any(w == tidy_header(n) or w.startswith(tidy_header(n) + ".") for w in wanted)
        ]
        row = 1
        try:
            for batch in self._file.iter_batches(_ROWS, columns=tops):
                lines = np.arange(row, row + len(batch), dtype=np.int64)
                row += len(batch)
                columns = dict(_leaves(batch.columns, batch.schema.names, wanted))
                yield _valid(columns, lines, {n: c for n, c in columns.items() if n in wanted})
                if self._on_bytes is not None and self._file.metadata.num_rows:
                    self._on_bytes(self._size * len(batch) // self._file.metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise FileError("the Parquet file is damaged: export it again") from error


def _leaves(
    columns: list[pa.Array], names: list[str], wanted: Collection[str] = (), prefix: str = ""
) -> Iterator[tuple[str, pa.Array]]:
    """(header, values) of each plain column, those within structs and wanted map keys included."""
    for name, given in zip(names, columns, strict=True):
        header = prefix + tidy_header(name)
        column = given.combine_chunks() if isinstance(given, pa.ChunkedArray) else given
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
        if pa.types.is_struct(column.type):
            yield from _leaves(column.flatten(), [f.name for f in column.type], wanted, header + ".")
        elif pa.types.is_map(column.type) and pa.types.is_string(column.type.key_type):
            for key in [w.removeprefix(header + ".") for w in wanted if w.startswith(header + ".")]:
                yield f"{header}.{key}", pc.map_lookup(column, pa.scalar(key), "last")
            if not wanted:
                yield header, column
        else:
            yield header, column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _valid(columns: dict[str, pa.Array], lines: np.ndarray, wanted: dict[str, pa.Array]) -> Chunk:
    """The chunk without the rows whose texts are no UTF-8 or whose values are lists."""
    bad = np.zeros(len(lines), bool)
    rejects: list[Reject] = []
    for column in wanted.values():
        if pa.types.is_nested(column.type):
            found, reason, detail = _flags(pc.is_valid(column)), "nested_value", "a wanted value is a list"
        elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            found, reason, detail = _not_utf8(column), "bad_encoding", "a text is not valid UTF-8"
        else:
            continue
        for row in np.flatnonzero(found & ~bad):
            rejects.append(Reject(int(lines[row]), reason, detail))
        bad |= found
    if not bad.any():
        return Chunk(wanted, lines, rejects)
    kept = pa.array(~bad)
    return Chunk({name: column.filter(kept) for name, column in wanted.items()}, lines[~bad], rejects)


def _flags(mask: pa.Array) -> np.ndarray:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)


def _not_utf8(column: pa.Array) -> np.ndarray:
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raw = column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary())
        return np.array([v is not None and not text._can_decode(v, "utf-8") for v in raw.to_pylist()], bool)
    return np.zeros(len(column), bool)


class WorkbookReader:
    """Reads one sheet of an Excel workbook, cells as strings."""

    def __init__(self, path: Path, sheet: str | None) -> None:
        import fastexcel

        self.notes: list[str] = []
        with text.unpacked(path) as file:
            data = file.read()
        try:
            workbook = fastexcel.read_excel(data)
            names = workbook.sheet_names
            if sheet is not None and sheet not in names:
                raise FileError(f"the workbook has no sheet {sheet!r}: set sheet to one that it has")
            if sheet is None and len(names) > 1:
                self.notes.append(f"read the first of {len(names)} sheets; set sheet for another")
            loaded = workbook.load_sheet(
                sheet if sheet is not None else 0, header_row=None, skip_rows=0, dtypes="string"
            )
            cells = pa.record_batch(loaded.to_arrow())
        except fastexcel.FastExcelError as error:
            raise FileError(
                "the file cannot be opened as an Excel workbook: it is damaged or locked"
            ) from error
        filled = np.zeros(len(cells), bool)
        for column in cells.columns:
            filled |= _flags(pc.is_valid(column))
        rows = np.flatnonzero(filled)
        if not len(rows):
            raise FileError("the sheet is empty: not even a header row")
        top = int(rows[0])
        self.headers = [tidy_header(c[top].as_py() or "") for c in cells.columns]
        self._lines = rows[1:].astype(np.int64) + 1
        self._columns = [_dates(c.take(pa.array(rows[1:]))) for c in cells.columns]

    def close(self) -> None:
        self._columns = []

    def chunks(self, wanted: Collection[str], numbers: Collection[str] = ()) -> Iterator[Chunk]:
        """The rows that hold anything; lines are row numbers of the sheet, from 1."""
        columns = {n: c for n, c in zip(self.headers, self._columns, strict=True) if n in wanted}
        for start in range(0, max(len(self._lines), 1), _ROWS):
            part = {name: column.slice(start, _ROWS) for name, column in columns.items()}
            yield Chunk(part, self._lines[start : start + _ROWS], [])


def _dates(column: pa.Array) -> pa.Array:
    """A column of Excel dates comes as midnights: without a single other time they are dates."""
    if not pc.all(pc.fill_null(pc.match_substring_regex(column, _MIDNIGHT), True)).as_py():
        return column
    return pc.utf8_slice_codeunits(column, 0, 10) if column.null_count < len(column) else column
