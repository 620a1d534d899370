"""Opens a dropped file with the reader of its format.

What enters: a path and the mapping of its source.  What leaves: a `Reader`, or `FileError`.  The name says
what a file should be and its first bytes what it is: a workbook or Parquet file under another name is read
for what it is, with a note.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cx_pipeline.settings import FileMapping
from cx_pipeline.sources.files import text
from cx_pipeline.sources.rows.records import FileError, Reader

EXTENSIONS = (".csv", ".tsv", ".txt", ".xlsx", ".jsonl", ".parquet")
_ZIP, _PARQUET, _OLD_EXCEL = b"PK\x03\x04", b"PAR1", b"\xd0\xcf\x11\xe0"


def extension(name: str) -> str | None:
    """The file format by the name (`.gz` aside), None where it is none of `EXTENSIONS`."""
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    return suffix if suffix in EXTENSIONS else None


def _zip_kind(path: Path) -> str:
    with text.unpacked(path) as file:
        try:
            names = zipfile.ZipFile(io.BytesIO(file.read())).namelist()
        except zipfile.BadZipFile as error:
            raise FileError("the workbook is damaged or cut short: save it again") from error
    if "xl/workbook.xml" not in names:
        raise FileError("this is a zip archive: unpack it and drop what is in it")
    return ".xlsx"


def _kind(path: Path, named: str) -> str:
    """What the file is by its first bytes, else what its name says."""
    start = text.head(path, 8)
    if start.startswith(_ZIP):
        return _zip_kind(path)
    if start.startswith(_PARQUET):
        return ".parquet"
    if start.startswith(_OLD_EXCEL):
        return ".xlsx"
    if named in (".xlsx", ".parquet"):
        what = "is empty" if not start else f"is no {named.removeprefix('.')} file, whatever its name says"
        raise FileError(f"the file {what}: export it again")
    return named


def _delimiter(path: Path, kind: str, encoding: text.Encoding, mapping: FileMapping) -> str:
    if mapping.delimiter is not None:
        return mapping.delimiter
    if kind == ".tsv":
        return "\t"
    if kind == ".txt":
        first = text.head(path).decode(encoding.name, "replace").lstrip().splitlines()[:1]
        return "\t" if first and "\t" in first[0] else ","
    return ","


def open_reader(
    path: Path,
    mapping: FileMapping,
    on_bytes: Callable[[int], None] | None = None,
    *,
    all_lines: bool = False,
) -> Reader:
    """The reader of a file; `on_bytes` hears how many bytes of the file were consumed.

    `all_lines`: its headers and its encoding are told by all lines (see `SecondReadingError`).
    """
    from cx_pipeline.sources.files.columnar import ParquetReader, WorkbookReader
    from cx_pipeline.sources.files.delimited import DelimitedReader
    from cx_pipeline.sources.files.jsonl import JsonLinesReader

    named = extension(path.name)
    if named is None:
        raise FileError(f"its name ends in none of {', '.join(EXTENSIONS)} (or these with .gz)")
    kind = _kind(path, named)
    reader: Reader
    if kind == ".parquet":
        reader = ParquetReader(path, on_bytes)
    elif kind == ".xlsx":
        reader = WorkbookReader(path, mapping.sheet)
    else:
        if mapping.encoding:
            encoding = text.Encoding(text.known_encoding(mapping.encoding))
        else:
            encoding = text.detect_encoding(path) if all_lines else text.guess_encoding(path)
        if kind == ".jsonl":
            reader = JsonLinesReader(path, encoding, on_bytes, all_lines=all_lines)
        else:
            reader = DelimitedReader(path, encoding, _delimiter(path, kind, encoding, mapping), on_bytes)
    if kind != named:
        reader.notes.append(f"read as {kind.removeprefix('.')}, which it is, whatever its name says")
    return reader


def why_unreadable(path: Path, mapping: FileMapping) -> str | None:
    """Why a file cannot be read to its end, and what to do; None where it can."""
    try:
        with closing(open_reader(path, mapping, all_lines=True)) as reader:
            for _ in reader.chunks(reader.headers):
                pass
    except FileError as error:
        return str(error)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None
