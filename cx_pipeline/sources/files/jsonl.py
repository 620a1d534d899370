"""JSON lines: one object a line; nested objects become headers with dots.

What enters: blocks of lines.  What leaves: chunks of string columns (numbers as they are spelled, `NaN` as
null).  The file is read twice, since only all of its lines say which headers it has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cx_pipeline.sources.files import text
from cx_pipeline.sources.rows.records import Chunk, FileError, Reject, tidy_header

_CONSTANTS = {"NaN": None, "Infinity": "inf", "-Infinity": "-inf"}
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_CONSTANTS.__getitem__)


def _flatten(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(header, value) of each leaf; an object also stands as itself, as `dict`, for who wants it whole."""
    for name, value in record.items():
        header = tidy_header(prefix + name)
        yield header, value
        if isinstance(value, dict):
            yield from _flatten(value, header + ".")


def _parse(line: bytes) -> dict[str, Any] | str:
    """The object on a line, or the reason why there is none."""
    try:
        record = _DECODER.decode(line.decode("utf-8").strip())
    except UnicodeDecodeError:
        return "bad_encoding"
    except (json.JSONDecodeError, RecursionError):
        return "broken_json"
    if not isinstance(record, dict):
        return "not_an_object"
    if b"\\u" in line:
        plain = repr(record) if b"\\u0000" not in line else "\0"
        if "\0" in plain:
            return "nul_byte"
        try:
            json.dumps(record, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            return "bad_unicode"
    return record


_DETAILS = {
    "bad_encoding": "not in the file's encoding: save the file anew",
    "broken_json": "no valid JSON: one object a line",
    "not_an_object": "the line must be one JSON object: {…}",
    "bad_unicode": "holds half of a surrogate pair, which is no character",
    "nul_byte": "holds a NUL character: the data were damaged, export them again",
}


class JsonLinesReader:
    """Reads one file of JSON lines."""

    def __init__(self, path: Path, encoding: str, on_bytes: Callable[[int], None] | None = None) -> None:
        self.notes: list[str] = []
        self._path, self._encoding, self._on_bytes = path, encoding, on_bytes
        seen: dict[str, None] = {}
        content = False
        for _, line in self._lines():
            content = True
            record = _parse(line)
            if isinstance(record, dict):
                seen.update((name, None) for name, value in _flatten(record) if not isinstance(value, dict))
        if not content:
            raise FileError("the file is empty: not a single line")
        self.headers = list(seen)

    def close(self) -> None:
        pass

    def _lines(self, on_bytes: Callable[[int], None] | None = None) -> Iterator[tuple[int, bytes]]:
        number = 0
        for block in text.blocks(self._path, self._encoding, on_bytes):
            for line in block.data.split(b"\n")[:-1]:
                number += 1
                if line.strip():
                    yield number, line

    def chunks(self, wanted: Collection[str]) -> Iterator[Chunk]:
        """The records of the file, some tens of thousands a chunk."""
        names = [name for name in self.headers if name in wanted]
        rows: list[dict[str, str | None]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        for number, line in self._lines(self._on_bytes):
            record = _parse(line)
            if isinstance(record, str):
                rejects.append(Reject(number, record, _DETAILS[record]))
                continue
            row = _row(record, wanted)
            if isinstance(row, Reject):
                rejects.append(Reject(number, row.reason, row.detail))
                continue
            rows.append(row)
            numbers.append(number)
            if len(rows) >= 65_536:
                yield _chunk(names, rows, numbers, rejects)
                rows, numbers, rejects = [], [], []
        yield _chunk(names, rows, numbers, rejects)


def _row(record: dict[str, Any], wanted: Collection[str]) -> dict[str, str | None] | Reject:
    row: dict[str, str | None] = {}
    for name, value in _flatten(record):
        if name not in wanted:
            continue
        if isinstance(value, dict | list):
            return Reject(0, "nested_value", "a wanted value is an object or a list: send a plain value")
        row[name] = ("true" if value else "false") if isinstance(value, bool) else value
    return row


def _chunk(
    names: list[str], rows: list[dict[str, str | None]], numbers: list[int], rejects: list[Reject]
) -> Chunk:
    columns = {name: pa.array([row.get(name) for row in rows], pa.string()) for name in names}
    return Chunk(columns, np.array(numbers, np.int64), rejects)
