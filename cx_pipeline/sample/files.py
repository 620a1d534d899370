"""Writes the sample's drops: the same rows give the same bytes on any machine.

What enters: Arrow tables, block by block.  What leaves: files in the directory, each written to a
temporary name, flushed to disk and renamed.  Compression comes from the libraries inside the Arrow
wheel, not the system's; a gzip file has one member a block and no time in its header.
Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cx_pipeline.files import put_in_place, temporary_beside


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text drop is written: `format` is csv, tsv or jsonl."""

    path: str
    format: str
    encoding: str = "utf-8"
    gzip: bool = False
    byte_order_mark: str = ""  # written once, in the file's encoding


_DELIMITERS = {"csv": ",", "tsv": "\t"}


def _text(column: Any, empty: str | None = "") -> Any:
    """The column as strings, `empty` where null."""
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "true", "false")
    text = column.cast(pa.string())
    return text if empty is None or not text.null_count else pc.coalesce(text, empty)


def _bytes(lines: Any) -> bytes:
    """The texts of an Arrow string column end to end."""
    length = pc.sum(pc.binary_length(lines)).as_py() or 0
    return bytes(memoryview(lines.buffers()[2])[:length]) if length else b""


def _holds(column: Any, *marks: str) -> bool:
    """Whether any value holds one of the marks: one look at the bytes, far cheaper than one a value."""
    data = _bytes(column)
    return any(mark.encode() in data for mark in marks)


def _quoted(column: Any, delimiter: str) -> Any:
    """Quoted where a value holds the delimiter, a quote or a line break."""
    if not _holds(column, delimiter, '"', "\r", "\n"):
        return column
    special = pc.match_substring_regex(column, f'[{delimiter}"\r\n]')
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(special, pc.binary_join_element_wise('"', doubled, '"', ""), column)


def _member(name: str, column: Any, comma: str) -> Any:
    """`"name":value` of a JSON object, nothing where the value is null."""
    quote = '"' if pa.types.is_string(column.type) else ""
    if quote and _holds(column, "\\", '"'):
        column = pc.replace_substring(pc.replace_substring(column, "\\", "\\\\"), '"', '\\"')
    text = _text(column, empty=None)
    joined = pc.binary_join_element_wise(f'{comma}"{name}":{quote}', text, quote, "")
    return pc.coalesce(joined, "")


def render(table: Any, layout: Layout) -> bytes:
    """The table's rows as UTF-8 lines, without a header; its first column must have no nulls."""
    if table.num_rows == 0:
        return b""
    columns = [column.combine_chunks() for column in table.itercolumns()]
    columns = [c.chunk(0) if isinstance(c, pa.ChunkedArray) else c for c in columns]
    if layout.format == "jsonl":
        members = [
            _member(name, column, "," if i else "")
            for i, (name, column) in enumerate(zip(table.column_names, columns, strict=True))
        ]
        return _bytes(pc.binary_join_element_wise("{", *members, "}\n", ""))
    delimiter = _DELIMITERS[layout.format]
    cells = [_text(c) for c in columns]
    cells = [
        _quoted(cell, delimiter) if pa.types.is_string(column.type) else cell
        for cell, column in zip(cells, columns, strict=True)
    ]
    cells[-1] = pc.binary_join_element_wise(cells[-1], "\n", "")
    return _bytes(pc.binary_join_element_wise(*cells, delimiter))


class _File:
    """A file that exists under its name only when it is whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._partial = temporary_beside(path)
        self.handle: IO[bytes] = self._partial.open("wb")

    def finish(self) -> None:
        self.handle.flush()
        self.handle.close()
        put_in_place(self._partial, self.path)

    def abandon(self) -> None:
        self.handle.close()
        self._partial.unlink(missing_ok=True)


class TextDrop:
    """A CSV, TSV or JSON-lines drop that grows block by block."""

    def __init__(self, directory: Path, layout: Layout) -> None:
        self.layout = layout
        self.rows = 0
        self._file = _File(directory / layout.path)
        self._columns: list[str] | None = None

    def write(self, table: Any, extra: tuple[str, ...] = ()) -> None:
        """Append the rows of `table`, then `extra` lines as they are."""
        text = b""
        if self._columns is None:
            self._columns = list(table.column_names)
            text = self.layout.byte_order_mark.encode()
            if self.layout.format != "jsonl":
                text += (_DELIMITERS[self.layout.format].join(self._columns) + "\n").encode()
        text += render(table, self.layout)
        text += "".join(line + "\n" for line in extra).encode()
        self.rows += table.num_rows + len(extra)
        if self.layout.encoding != "utf-8":
            text = text.decode("utf-8").encode(self.layout.encoding)
        if self.layout.gzip and text:
            text = pa.Codec("gzip", compression_level=1).compress(text, asbytes=True)
        self._file.handle.write(text)

    def finish(self) -> None:
        self._file.finish()

    def abandon(self) -> None:
        self._file.abandon()


class ParquetDrop:
    """A Parquet drop: one row group a block."""

    def __init__(self, directory: Path, path: str, schema: Any) -> None:
        self.rows = 0
        self._file = _File(directory / path)
        # Columns in which nearly every value is new gain nothing from a dictionary.
        repeating = [name for name in schema.names if not name.endswith("_id") or name == "agent_id"]
        self._writer = pq.ParquetWriter(
            self._file.handle, schema, compression="zstd", compression_level=1, use_dictionary=repeating
        )

    def write(self, table: Any) -> None:
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows += table.num_rows

    def finish(self) -> None:
        self._writer.close()
        self._file.finish()

    def abandon(self) -> None:
        self._writer.close()
        self._file.abandon()


def write_text(path: Path, text: str) -> None:
    """A small UTF-8 file, whole or not at all."""
    file = _File(path)
    file.handle.write(text.encode())
    file.finish()
