"""The published file as the commands read it: opened read-only, its errors one line, Ctrl-C heard.

The published file is replaced by a rename, so a reader neither blocks a night nor is blocked by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from cx_pipeline.settings import Settings


class QueryError(Exception):
    """The query cannot be answered; the text says why."""


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], None]) -> None:
    """Do the work in a thread, so that Ctrl-C is heard while DuckDB computes."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            future.result()
        except KeyboardInterrupt:
            while not future.done():
                connection.interrupt()  # which DuckDB forgets between two statements
                wait([future], timeout=0.1)
            raise


@contextmanager
def opened(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The published file, read-only; what goes wrong with it inside is a QueryError of one line."""
    import duckdb

    from cx_pipeline.scorecard.read import open_published

    published_file = settings.paths.published_file
    try:
        connection = open_published(
            published_file, settings.performance.duckdb_memory, autoinstall_known_extensions="false"
        )
    except duckdb.Error as error:
        log = published_file.with_name(published_file.name + ".wal")
        reason = (
            f"{log.name} lies beside it: close the session that opened it for writing, and delete the .wal"
            if log.exists()
            else one_line(error)
        )
        raise QueryError(f"{published_file} cannot be opened: {reason}") from error
    with connection:
        try:
            connection.execute("set timezone = 'UTC'")
            connection.execute("set search_path = 'marts'")
            yield connection
        except duckdb.Error as error:
            raise QueryError(one_line(error)) from error


def one_line(error: Exception) -> str:
    """DuckDB's message without its drawing of the statement."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [line for line in lines if line and not line.startswith(("LINE ", "^"))]
    where = [line.split(":")[0].lower() for line in lines if line.startswith("LINE ")]
    return " ".join(told) + (f" ({where[0]})" if where and where[0] != "line 1" else "")
