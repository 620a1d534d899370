"""JSON lines: one object a line; nested objects become headers with dots.

What enters: blocks of lines.  What leaves: chunks of columns: what is read as a number anyway typed, all else
as strings (numbers as they are spelled, `NaN` as null).  The headers are taken from the first lines; should a
later one have another, `SecondReadingError` asks for a second reading, for which all lines are looked at.

A block of plain lines (no object within an object, nothing orjson refuses or rounds) is read at once: by
orjson, and where the types are those of the block before, by Arrow (`json_blocks`).  In other blocks each
line is read by itself, and what is not plain with Python's own decoder, which tells how a number was spelled
and why a line is none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from cx_pipeline.sources.files import text
from cx_pipeline.sources.files.json_blocks import BlockParser
from cx_pipeline.sources.rows.records import Chunk, FileError, Reject, SecondReadingError, tidy_header

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


_FIRST_LINES = 20_000
"""Lines whose headers are taken for the file's."""

_AT_ONCE = 256
"""Records made at once: so many stay in the processor's cache until their values are taken out."""

Values = tuple[Any, ...]


class JsonLinesReader:
    """Reads one file of JSON lines; with `all_lines` every line is asked for its headers beforehand."""

    def __init__(
        self,
        path: Path,
        encoding: text.Encoding,
        on_bytes: Callable[[int], None] | None = None,
        *,
        all_lines: bool = False,
    ) -> None:
        self.notes: list[str] = []
        self._path, self._encoding, self._on_bytes = path, encoding, on_bytes
        seen: dict[str, None] = {}
        shapes: set[Values] = set()
        lines = 0
        for block in text.blocks(path, encoding):
            _, every = _lines(block.data, 0)
            lines += len(every)
            for record in map(_plain, every):
                if record is not None and (shape := tuple(record)) not in shapes:
                    shapes.add(shape)
                    seen.update(dict.fromkeys(map(tidy_header, shape)))
            seen.update(dict.fromkeys(_leaves(line for line in every if _plain(line) is None)))
            if lines >= _FIRST_LINES and not all_lines:
                break
        if not lines:
            raise FileError("the file is empty: not a single line")
        self.headers = list(seen)

    def close(self) -> None:
        pass

    def chunks(self, wanted: Collection[str], numbers: Collection[str] = ()) -> Iterator[Chunk]:
        """The records of the file, a block's a chunk."""
        names = [name for name in self.headers if name in wanted]
        take = _Take(names, numbers, self.headers)
        parser = BlockParser(names, numbers, self.headers)
        before = 0
        for block in text.blocks(self._path, self._encoding, self._on_bytes):
            found = parser.columns(block.data) if block.bad is None else None
            if found is not None:
                rows, arrays = found
                yield Chunk(arrays, np.arange(before + 1, before + rows + 1), [])
            else:
                places, lines = _lines(block.data, before)
                columns, kept, rejects = take.all(places, lines)
                parser.learn(columns)
                arrays = {name: _column(c) for name, c in zip(names, columns, strict=True)}
                yield Chunk(arrays, np.array(kept, np.int64), rejects)
            before += block.data.count(b"\n")


def _lines(data: bytes, before: int) -> tuple[list[int], list[bytes]]:
    """(numbers, lines) of a block without the blank ones; `before` lines stand before it."""
    every = data.split(b"\n")[:-1]
    numbers = [number for number, line in enumerate(every, before + 1) if line and not line.isspace()]
    return numbers, every if len(numbers) == len(every) else [every[n - before - 1] for n in numbers]


class _Take:
    """Takes the values of `names`, in order, out of lines; `headers` are all there should be."""

    def __init__(self, names: list[str], numbers: Collection[str], headers: Collection[str]) -> None:
        self.names = names
        self._kinds = [_ROUNDED if name in numbers else _PLAIN for name in names]
        self._known = set(headers)
        self._plans: dict[Values, Callable[[dict[str, Any]], Values]] = {}

    def all(self, places: list[int], lines: list[bytes]) -> tuple[list[list[Any]], list[int], list[Reject]]:
        """(columns, the numbers of the lines they are of, rejects) of a block."""
        columns = self.at_once(lines)
        if columns is not None:
            return columns, places, []
        found = [(number, self.one(line)) for number, line in zip(places, lines, strict=True)]
        rejects = [Reject(n, r.reason, r.detail) for n, r in found if isinstance(r, Reject)]
        rows = [row for _, row in found if not isinstance(row, Reject)]
        kept = [number for number, row in found if not isinstance(row, Reject)]
        return [[row[at] for row in rows] for at in range(len(self.names))], kept, rejects

    def at_once(self, lines: list[bytes]) -> list[list[Any]] | None:
        """The columns of a block of plain lines; None where one of them is not."""
        data = b"\n".join(lines)
        if data.count(b"{") != len(lines) or _NUL in data:
            return None
        columns: list[list[Any]] = [[] for _ in self.names]
        for start in range(0, len(lines), _AT_ONCE):
            try:
                records = list(map(orjson.loads, lines[start : start + _AT_ONCE]))
            except orjson.JSONDecodeError:
                return None
            if set(map(type, records)) != {dict}:
                return None
            plans = {shape: self._plan(shape) for shape in set(map(tuple, records))}
            if len(plans) == 1:
                rows = list(map(next(iter(plans.values())), records))
            else:
                rows = [plans[tuple(record)](record) for record in records]
            for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                column.extend(values)
        are_plain = all(kinds.issuperset(map(type, c)) for kinds, c in zip(self._kinds, columns, strict=True))
        return columns if are_plain else None

    def one(self, line: bytes) -> Values | Reject:
        """The values of one line, or why it has none."""
        record = _plain(line)
        if record is not None:
            row = self._plan(tuple(record))(record)
            if all(type(value) in kinds for value, kinds in zip(row, self._kinds, strict=True)):
                return row
        spelled = _parse(line)
        if isinstance(spelled, str):
            return Reject(0, spelled, _DETAILS[spelled])
        flat = dict(_flatten(spelled))
        self._check_known(name for name, value in flat.items() if not isinstance(value, dict))
        values = tuple(flat.get(name) for name in self.names)
        if any(isinstance(value, dict | list) for value in values):
            return Reject(0, "nested_value", "a wanted value is an object or a list: send a plain value")
        return values

    def _plan(self, shape: Values) -> Callable[[dict[str, Any]], Values]:
        """What takes the values out of a record with the names `shape`."""
        if shape not in self._plans:
            self._check_known(map(tidy_header, shape))
            raw = {tidy_header(name): name for name in shape}
            given = [raw.get(name) for name in self.names]
            self._plans[shape] = (
                itemgetter(*given)
                if len(given) > 1 and None not in given
                else lambda record: tuple(None if name is None else record[name] for name in given)
            )
        return self._plans[shape]

    def _check_known(self, headers: Iterable[str]) -> None:
        if not self._known.issuperset(headers):
            raise SecondReadingError


_NUL = b"\\u0000"
_PLAIN = {str, int, bool, type(None)}
_ROUNDED = _PLAIN | {float}


def _plain(line: bytes) -> dict[str, Any] | None:
    """The record of a line without objects in it or NUL; None where it takes a closer look."""
    if line.find(b"{", 1) > 0 or _NUL in line:
        return None
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return record if type(record) is dict else None


def _leaves(lines: Iterable[bytes]) -> Iterator[str]:
    """The headers of the values of lines read one by one."""
    for record in map(_parse, lines):
        if isinstance(record, dict):
            yield from (name for name, value in _flatten(record) if not isinstance(value, dict))


def _column(values: list[Any]) -> pa.Array:
    """Strings and fractions as they are, all else as strings."""
    try:
        column = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_spelled(value) for value in values], pa.string())
    if pa.types.is_floating(column.type) or pa.types.is_string(column.type):
        return column
    return column.cast(pa.string())


def _spelled(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
