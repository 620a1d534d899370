"""`cx query`: read the published warehouse, as a table, CSV, JSON or Parquet.

CSV, JSON and Parquet are streamed; a table is cut to the terminal.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cx_pipeline.cli.published import QueryError, interruptible, opened

if TYPE_CHECKING:
    import duckdb

FORMATS = ("table", "csv", "json", "parquet")
_CHUNK_ROWS = 10_000
_BUFFER_BYTES = 1 << 20
_WIDEST_CELL = 40
_EXAMPLE = "cx query \"select * from marts.kpis where kpi = 'nps' and grain = 'month' and dimension = 'all'\""


@click.command(epilog=f"Example: {_EXAMPLE}")
@click.argument("sql")
@click.option("--format", "form", type=click.Choice(FORMATS), default="table", show_default=True)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file, not stdout."
)
def query(sql: str, form: str, output: Path | None) -> None:
    """Read the published warehouse with SQL.

    The tables are in schema marts, instants are UTC. SQL is one statement that reads; "-" takes it from
    stdin. A night that is running is no hindrance.
    """
    from cx_pipeline.settings import load_settings

    if form == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is no text: give --output FILE, or a pipe")
    text = sys.stdin.read() if sql == "-" else sql
    with opened(load_settings()) as connection, _sink(output) as sink:

        def answer() -> None:
            _answer(connection, text, form, sink, is_cut=output is None and sys.stdout.isatty())

        interruptible(connection, answer)


def _answer(
    connection: duckdb.DuckDBPyConnection, sql: str, form: str, sink: IO[bytes], *, is_cut: bool
) -> None:
    statement = _reading_statement(connection, sql)
    if form == "parquet":
        _write_parquet(connection.sql(statement), sink)
        return
    for line in _lines(connection.execute(statement), form, is_cut=is_cut):
        sink.write(line.encode("utf-8", errors="backslashreplace"))


@contextmanager
def _sink(output: Path | None) -> Iterator[IO[bytes]]:
    """stdout, or the file: complete or absent."""
    if output is None:
        buffered = io.BufferedWriter(_Forward(sys.stdout.buffer), _BUFFER_BYTES)
        yield buffered
        buffered.flush()
        return
    from cx_pipeline.files import put_in_place, temporary_beside

    temporary = temporary_beside(output)
    try:
        with temporary.open("wb", buffering=_BUFFER_BYTES) as file:
            yield file
        put_in_place(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)


_EXPLAIN = re.compile(r"\s*explain\s+(analyze\s+)?(\([^)]*\)\s*)?", re.IGNORECASE)


def _reading_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"give one statement, not {len(statements)}")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:  # `explain analyze` runs what it explains
        explained = connection.extract_statements(_EXPLAIN.sub("", sql, count=1))
        kind = explained[0].type if explained else kind
    if kind != duckdb.StatementType.SELECT and not sql.lstrip().lower().startswith("pivot"):
        raise QueryError(
            f"{kind.name.lower()} is refused: the published warehouse is only read (select, describe)"
        )
    return statements[0]


def _rows(result: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while chunk := result.fetchmany(_CHUNK_ROWS):
        yield from chunk


def _lines(result: duckdb.DuckDBPyConnection, form: str, *, is_cut: bool) -> Iterator[str]:
    names = [column[0] for column in result.description or ()]
    if form == "csv":
        return csv_lines(names, _rows(result))
    if form == "json":
        return json_lines(names, _rows(result))
    if names == ["explain_key", "explain_value"]:
        return (f"{plan}\n" for _, plan in _rows(result))
    return table_lines(names, _rows(result), shutil.get_terminal_size() if is_cut else None)


def plain(value: Any) -> Any:  # noqa: PLR0911 - one return a kind of value
    """A value as JSON has it: instants and dates ISO 8601, maps objects; NaN and infinities null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {text_of(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else str(value)


def text_of(value: Any) -> str:
    """A value as text in CSV and tables; NULL is empty, maps and lists are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dict | list | tuple):
        return json.dumps(plain(value), ensure_ascii=False)
    return value.hex() if isinstance(value, bytes) else str(value)


def csv_lines(names: list[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """CSV as RFC 4180 has it, with \\n; NULL is nothing and an empty text is \"\"."""
    yield ",".join(_csv_cell(name) for name in names) + "\n"
    for row in rows:
        yield ",".join(_csv_cell(value) for value in row) + "\n"


def _csv_cell(value: Any) -> str:
    text = text_of(value)
    is_quoted = (text == "" and value is not None) or any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if is_quoted else text


def json_lines(names: list[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[str]:
    """A JSON array with one object a line."""
    separator = "["
    for row in rows:
        record = {name: plain(value) for name, value in zip(names, row, strict=True)}
        yield f"{separator}\n{json.dumps(record, ensure_ascii=False)}"
        separator = ","
    yield "[]\n" if separator == "[" else "\n]\n"


def table_lines(
    names: list[str], rows: Iterable[tuple[Any, ...]], terminal: os.terminal_size | None
) -> Iterator[str]:
    """A table aligned for Korean; cut to `terminal` in rows, columns and cells, whole without one."""
    from rich.cells import cell_len, set_cell_size

    most = max(10, terminal.lines - 5) if terminal else None
    taken: list[tuple[Any, ...]] = []
    left = 0
    for row in rows:
        if most is None or len(taken) < most:
            taken.append(row)
        else:
            left += 1
    cells = [names, *([_cell(value) for value in values] for values in taken)]
    widest = _WIDEST_CELL if terminal else None
    widths = [max(cell_len(texts[i]) for texts in cells) for i in range(len(names))]
    widths = [min(width, widest) if widest else width for width in widths]
    shown = _fitting(widths, terminal.columns) if terminal else len(names)
    is_number = [
        all(isinstance(values[i], int | float | Decimal | None) for values in taken)
        for i in range(len(names))
    ]
    for number, texts in enumerate(cells):
        padded = []
        for text, width, right in zip(texts[:shown], widths, is_number, strict=False):
            cut = text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
            pad = " " * (width - cell_len(cut))
            padded.append(pad + cut if right else cut + pad)
        yield ("  ".join(padded) + ("  …" if shown < len(names) else "")).rstrip() + "\n"
        if number == 0:
            yield "  ".join("─" * width for width in widths[:shown]) + "\n"
    notes = [f"{len(taken) + left:,} rows" if left else ""]
    notes[0] += f", the first {len(taken)} shown" if left else ""
    if shown < len(names):
        notes.append(f"not shown: {', '.join(names[shown:])}")
    if any(notes):
        yield f"({'; '.join(note for note in notes if note)}; --format csv shows all)\n"


def _fitting(widths: list[int], columns: int) -> int:
    """How many columns fit, at least one; room is left for the mark that some do not."""
    used = 0
    for count, width in enumerate(widths):
        used += width + (2 if count else 0)
        if used + (3 if count + 1 < len(widths) else 0) > columns:
            return max(1, count)
    return len(widths)


def _cell(value: Any) -> str:
    """A cell of a table: one line, numbers at four decimals, NULL as such."""
    if value is None:
        return "NULL"
    if isinstance(value, float) and math.isfinite(value):
        if value and not 1e-3 <= abs(value) < 1e15:
            return f"{value:.4g}"
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text_of(value))


def _write_parquet(result: duckdb.DuckDBPyRelation, sink: IO[bytes]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    batches: pa.RecordBatchReader = result.to_arrow_reader(_CHUNK_ROWS * 10)
    file = pa.PythonFile(_Forward(sink), mode="w")
    with pq.ParquetWriter(file, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


class _Forward(io.RawIOBase):
    """A raw stream onto `sink` that does not close it, as Parquet's and buffered writers would."""

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._sink.write(data)
