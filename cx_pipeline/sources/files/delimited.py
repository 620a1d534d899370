"""Delimited text: CSV, TSV, TXT, and columns set apart by blanks.

What enters: blocks of lines.  What leaves: chunks of string columns, and one rejected record for every line
that is not one.  Nearly all of the work is done by Arrow's parser on whole blocks; before it sees a block,
the lines whose quotes do not open and close at field borders are looked at one by one with a strict parser.
Such a line is taken as it is if it makes a whole record, or with the lines that follow it if they close the
quote with the right number of fields (a quoted line break); else it alone is rejected and reading resumes
on the next line.  So an unclosed quote costs its own line, never its neighbours.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from cx_pipeline.sources.files import text
from cx_pipeline.sources.rows.records import MAX_FIELD_BYTES, Chunk, FileError, Reject, tidy_header

WHITESPACE = "whitespace"
_LONGEST_RECORD_LINES = 2_000
_LF, _QUOTE = 10, 34
_BLANKS = re.compile(rb"[ \t\x0b\x0c]+")
_OUTER_BLANKS = re.compile(rb"(?m)^[ \t\x0b\x0c]+|[ \t\x0b\x0c]+$")


def _reject(line: int, reason: str, detail: str) -> Reject:
    return Reject(line, reason, detail)


class _Lines:
    """The lines of one block and what is known of each."""

    def __init__(self, block: text.Block) -> None:
        self.data = block.data
        self.bytes = np.frombuffer(block.data, np.uint8)
        self.ends = np.flatnonzero(self.bytes == _LF)
        self.starts = np.concatenate(([0], self.ends[:-1] + 1)) if len(self.ends) else self.ends
        self.bad = block.bad if block.bad is not None else np.zeros(len(self.ends), bool)
        self.nul = self._with_byte(0) if b"\0" in block.data else np.zeros(len(self.ends), bool)

    def __len__(self) -> int:
        return len(self.ends)

    def _with_byte(self, byte: int) -> np.ndarray:
        flags = np.zeros(len(self.ends), bool)
        flags[np.searchsorted(self.ends, np.flatnonzero(self.bytes == byte))] = True
        return flags

    def text(self, line: int) -> str:
        """A line with its LF."""
        return self.data[self.starts[line] : self.ends[line] + 1].decode("utf-8", "replace")

    def suspicious(self, delimiter: int) -> np.ndarray:
        """The lines whose quotes do not pair up at field borders, in order."""
        quotes = np.flatnonzero(self.bytes == _QUOTE)
        if not len(quotes):
            return quotes
        line = np.searchsorted(self.ends, quotes)
        count = np.bincount(line, minlength=len(self.ends))
        within = np.arange(len(quotes)) - (np.cumsum(count) - count)[line]
        before = np.where(quotes == self.starts[line], _LF, self.bytes[quotes - 1])
        beside = np.where(within % 2 == 0, before, self.bytes[quotes + 1])
        stray = ~np.isin(beside, (_LF, delimiter, _QUOTE))
        return np.union1d(np.flatnonzero(count % 2), line[stray])


class DelimitedReader:
    """Reads one delimited file; `headers` is read at once, the records as `chunks` is drawn."""

    def __init__(
        self,
        path: Path,
        encoding: text.Encoding,
        delimiter: str,
        on_bytes: Callable[[int], None] | None = None,
    ) -> None:
        if delimiter != WHITESPACE and (len(delimiter.encode()) != 1 or delimiter in '"\r\n'):
            raise FileError(f'delimiter = {delimiter!r} must be one ASCII character or "{WHITESPACE}"')
        self.notes: list[str] = []
        self._blocks = text.blocks(path, encoding, on_bytes)
        self._by_blanks = delimiter == WHITESPACE
        self._delimiter = "\t" if self._by_blanks else delimiter
        self._line = 1  # of the first line not yet read
        self._rest = b""
        self.headers = self._read_header()

    def close(self) -> None:
        self._blocks.close()  # type: ignore[attr-defined]

    # ------------------------------------------------------------ blocks and header

    def _next_block(self) -> text.Block | None:
        """The next block, with what was left of the one before in front of it."""
        block = next(self._blocks, None)
        if block is None:
            return None
        if self._rest:
            rest, self._rest = self._rest, b""
            joined = rest + block.data
            return text._block(joined, block.is_last)
        return block

    def _read_header(self) -> list[str]:
        block = self._next_block()
        while block is not None:
            lines = _Lines(block)
            for line in range(len(lines)):
                if not lines.text(line).strip():
                    continue
                if lines.bad[line] or lines.nul[line]:
                    raise FileError("the header line cannot be decoded: declare the file's encoding")
                fields, last = self._header_fields(lines, line)
                self._line += last + 1
                self._rest = block.data[lines.ends[last] + 1 :]
                self._pending = block.is_last
                return [tidy_header(f) for f in fields]
            self._line += len(lines)
            block = None if block.is_last else self._next_block()
        raise FileError("the file is empty: not even a header line")

    def _header_fields(self, lines: _Lines, line: int) -> tuple[list[str], int]:
        if self._by_blanks:
            return lines.text(line).split(), line
        fields, last = self._parse(lines, line)
        if fields is None:
            raise FileError("the header line has a quote that does not close")
        return fields, last

    # ------------------------------------------------------------ records

    def chunks(self, wanted: Collection[str], numbers: Collection[str] = ()) -> Iterator[Chunk]:
        """The records of the file; each chunk stems from one block."""
        columns = [(i, name) for i, name in enumerate(self.headers) if name in wanted]
        if self._pending:  # the header stood in the only block
            rest, self._rest = self._rest, b""
            yield self._chunk(text._block(rest, True), columns)
            return
        while (block := self._next_block()) is not None:
            yield self._chunk(block, columns)

    def _chunk(self, block: text.Block, columns: list[tuple[int, str]]) -> Chunk:
        if self._by_blanks:
            data = _BLANKS.sub(b"\t", _OUTER_BLANKS.sub(b"", block.data))
            block = text.Block(data, block.bad, block.is_last)
        lines = _Lines(block)
        rejects: list[Reject] = []
        dropped = (lines.starts == lines.ends) | lines.bad | lines.nul  # not handed to the parser
        follows = np.zeros(len(lines), bool)  # a further line of the record above
        known = dropped & False
        cursor, stop = 0, len(lines)
        suspicious = () if self._by_blanks else lines.suspicious(ord(self._delimiter))
        for line in map(int, suspicious):
            if line < cursor:
                continue
            fields, last = self._parse(lines, line)
            within_reach = (
                last - line < _LONGEST_RECORD_LINES
                and len(block.data) - lines.starts[line] <= 2 * MAX_FIELD_BYTES
            )
            if fields is None and last == len(lines) and within_reach and not block.is_last:
                stop = line  # the record may go on in the next block
                break
            cursor = line + 1
            if fields is not None and len(fields) == len(self.headers):
                cursor = last + 1
                span = slice(line, cursor)
                if (lines.bad[span] | lines.nul[span]).any():
                    dropped[span] = known[span] = True
                    rejects.append(self._unreadable(lines, line, bool(lines.bad[span].any())))
                else:
                    dropped[span] = False
                    follows[line + 1 : cursor] = True
            elif not dropped[line]:
                dropped[line] = known[line] = True
                rejects.append(self._badly_quoted(line, fields, last))
        for line in map(
            int, np.flatnonzero((lines.bad | lines.nul) & ~known & (np.arange(len(lines)) < stop))
        ):
            rejects.append(self._unreadable(lines, line, bool(lines.bad[line])))
        if stop < len(lines):
            self._rest = block.data[lines.starts[stop] :]
            dropped[stop:] = True
        chunk = self._parse_block(lines, dropped, follows, columns, rejects)
        self._line += stop
        return chunk

    def _parse(self, lines: _Lines, line: int) -> tuple[list[str] | None, int]:
        """The fields of the record that begins on `line`, and its last line.

        No fields where a quote does not close within reach; the last line is then the one reached.
        """
        reached = line

        def feed() -> Iterator[str]:
            nonlocal reached
            size = 0
            for reached in range(line, min(len(lines), line + _LONGEST_RECORD_LINES)):
                following = lines.text(reached)
                size += len(following)
                if reached > line and size > MAX_FIELD_BYTES * 2:
                    return
                yield following
            reached += 1

        try:
            return next(csv.reader(feed(), delimiter=self._delimiter, strict=True)), reached
        except csv.Error:
            return None, reached

    def _unreadable(self, lines: _Lines, line: int, is_encoding: bool) -> Reject:
        if is_encoding:
            return _reject(
                self._line + line, "bad_encoding", "not in the file's encoding: save the file anew"
            )
        return _reject(
            self._line + line, "nul_byte", "holds NUL bytes: the file was damaged, export it again"
        )

    def _badly_quoted(self, line: int, fields: list[str] | None, last: int) -> Reject:
        if fields is not None and last == line:
            return self._ragged(self._line + line, len(fields))
        detail = "a quote does not open and close around its field: double the quotes inside it"
        return _reject(self._line + line, "unclosed_quote", detail)

    def _ragged(self, line: int, found: int) -> Reject:
        return _reject(line, "ragged_row", f"{found} fields where the header has {len(self.headers)}")

    def _parse_block(
        self,
        lines: _Lines,
        dropped: np.ndarray,
        follows: np.ndarray,
        columns: list[tuple[int, str]],
        rejects: list[Reject],
    ) -> Chunk:
        begins = np.flatnonzero(~dropped & ~follows)
        numbers = begins + self._line
        ragged: list[tuple[int, int]] = []

        def on_invalid(row: pa_csv.InvalidRow) -> str:
            ragged.append((row.number - 1, row.actual_columns))
            return "skip"

        if not len(begins):
            return Chunk({name: pa.array([], pa.string()) for _, name in columns}, numbers, rejects)
        names = [str(i) for i in range(len(self.headers))]
        included = [str(i) for i, _ in columns] or ["0"]
        data = _kept(lines, dropped) if (dropped).any() else lines.data
        table = pa_csv.read_csv(
            io.BytesIO(data),
            read_options=pa_csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
            parse_options=pa_csv.ParseOptions(
                delimiter=self._delimiter,
                quote_char=False if self._by_blanks else '"',
                newlines_in_values=bool(follows.any()),
                ignore_empty_lines=False,
                invalid_row_handler=on_invalid,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(included, pa.string()),
                include_columns=included,
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        if len(table) + len(ragged) != len(begins):
            raise FileError(f"its quotes cannot be followed near line {int(numbers[0])}: export it anew")
        for row, found in ragged:
            rejects.append(self._ragged(int(numbers[row]), found))
        kept = np.delete(numbers, [row for row, _ in ragged])
        return Chunk({name: _flat(table.column(str(i))) for i, name in columns}, kept, rejects)


def _flat(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined if isinstance(combined, pa.Array) else pa.concat_arrays(combined.chunks)


def _kept(lines: _Lines, dropped: np.ndarray) -> bytes:
    """The block without the dropped lines."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], dropped, [True])).astype(np.int8)))
    spans = edges.reshape(-1, 2)  # [first, past the last) of each run of kept lines
    return b"".join(lines.data[lines.starts[a] : lines.ends[b - 1] + 1] for a, b in spans)
