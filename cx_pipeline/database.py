"""DuckDB's connections, each with the memory it may take: the one place that opens one, but for dbt's own.

What enters: a file (or none) and a limit, `Settings.performance.duckdb_memory` of whoever asks.  What leaves:
a connection.  Any room may call it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

LITTLE = "500MB"
"""Enough for a question about one row or the catalog, whatever the settings allow."""


def connect(
    path: Path | None = None, *, memory: str | None, read_only: bool = False, **options: str
) -> duckdb.DuckDBPyConnection:
    """A connection to the file `path` (None: in memory); duckdb.Error where it cannot be opened.

    `memory` is DuckDB's limit (`8000MB`; None: 80 % of the machine's); what needs more spills to disk.
    """
    import duckdb

    config: dict[str, str | bool | int | float | list[str]] = {**options}
    if memory is not None:
        config["memory_limit"] = memory
    return duckdb.connect(":memory:" if path is None else str(path), read_only=read_only, config=config)
