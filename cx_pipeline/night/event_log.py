"""Dagster's event log in one SQLite file, through one engine a process.

Dagster's own storage makes an engine for each of a night's thousand events, opens the file, compiles its
statements anew and closes it: a third of what Dagster itself costs a night.  Here the engine, and with it the
open connections and compiled statements, live as long as the process.  The file is the same, and
either storage reads.  Called by Dagster, which finds it named in `dagster.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import QueuePool

_BUSY_TIMEOUT_SECONDS = 30  # Dagster's own


class OneEngineEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """The consolidated log; each thread that writes or reads borrows a connection that is open already."""

    @cached_property
    def _engine(self) -> Engine:
        path = self.get_db_path()  # type: ignore[no-untyped-call]
        return create_engine(
            f"sqlite:///{path}",
            poolclass=QueuePool,
            max_overflow=-1,  # the web server reads from as many threads as it has requests
            connect_args={"timeout": _BUSY_TIMEOUT_SECONDS},
        )

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            yield connection

    def run_connection(self, run_id: str | None) -> AbstractContextManager[Connection]:
        return self._borrowed()

    def index_connection(self) -> AbstractContextManager[Connection]:
        return self._borrowed()

    @cached_property
    def _tables_there(self) -> set[str]:
        return set()

    def has_table(self, table_name: str) -> bool:
        """Asked before every event of a check; a table that is there stays."""
        if table_name not in self._tables_there and super().has_table(table_name):
            self._tables_there.add(table_name)
        return table_name in self._tables_there

    def dispose(self) -> None:
        super().dispose()  # type: ignore[no-untyped-call]
        self._engine.dispose()
