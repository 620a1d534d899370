"""Whole blocks of JSON lines by Arrow's parser, at a third of what it costs to make Python's objects.

What enters: a block's bytes, and what a block read line by line held.  What leaves: its columns, or None
where Arrow might read something otherwise than line by line; then it is read so.  Called by the JSON reader.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.json as pa_json

from cx_pipeline.sources.rows.records import tidy_header

_MOST_FAILURES = 3
_NULL = type(None)


def type_of(values: Sequence[Any], is_number: bool) -> pa.DataType | None:
    """The type by which Arrow reads such values as they are read one by one; None: there is none."""
    kinds = set(map(type, values)) - {_NULL}
    if is_number and kinds and kinds <= {int, float}:
        return pa.float64()
    if len(kinds) > 1 or float in kinds:
        return None
    return {str: pa.string(), int: pa.int64(), bool: pa.bool_()}.get(next(iter(kinds), str))


class BlockParser:
    """Reads the columns `names` of blocks that are like those before; `headers` are all there should be."""

    def __init__(self, names: Sequence[str], numbers: Collection[str], headers: Collection[str]) -> None:
        self._names, self._numbers, self._headers = names, numbers, set(headers)
        self._schema: pa.Schema | None = None
        self._failures = 0

    def learn(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take the types of the next blocks from the values of one that was read line by line."""
        types = [type_of(c, name in self._numbers) for name, c in zip(self._names, columns, strict=True)]
        fields = [pa.field(n, t) for n, t in zip(self._names, types, strict=True) if t is not None]
        self._schema = pa.schema(fields) if len(fields) == len(types) else None

    def columns(self, data: bytes) -> tuple[int, dict[str, pa.Array]] | None:
        """(rows, columns) of a block of which each line is one plain object; None where it is not sure."""
        if self._schema is None or self._failures == _MOST_FAILURES or not _are_plain_objects(data):
            return None
        try:
            table = pa_json.read_json(
                io.BytesIO(data),
                read_options=pa_json.ReadOptions(use_threads=False, block_size=len(data) + 1),
                parse_options=pa_json.ParseOptions(
                    explicit_schema=self._schema, unexpected_field_behavior="infer"
                ),
            )
        except pa.ArrowInvalid:
            self._failures += 1
            return None
        names = table.column_names
        if len(table) != data.count(b"\n") or not self._headers.issuperset(names):
            return None
        if any(tidy_header(name) != name for name in names):
            return None
        self._failures = 0
        return len(table), {name: _as_read(table.column(name)) for name in self._names}


def _are_plain_objects(data: bytes) -> bool:
    """Whether an object begins with every line and nowhere else, and none holds NUL."""
    if not data.startswith(b"{") or not data.endswith(b"\n") or b"\\u0000" in data:
        return False
    return data.count(b"{") == data.count(b"\n") == data.count(b"\n{") + 1


def _as_read(column: pa.ChunkedArray) -> pa.Array:
    """As values read one by one come: fractions as they are, all else as text."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks)
    return whole if pa.types.is_floating(whole.type) else whole.cast(pa.string())
