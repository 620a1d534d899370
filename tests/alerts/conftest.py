"""Servers on the loopback that take what channels send, and a published file with what is to be told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from aiosmtpd.controller import Controller

from cx_pipeline.settings import Settings

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@dataclass
class Webhook:
    """A web server that keeps what it is sent, and answers with `status`."""

    port: int = 0
    status: int = 200
    got: list[dict[str, Any]] = field(default_factory=list)
    before_answer: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"json://robot:hush-hush@127.0.0.1:{self.port}/t0k3n-in-the-path"


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status == 200:
                hook.got.append(json.loads(body))
            self.send_response(hook.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hook.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield hook
        server.shutdown()
        thread.join()


@dataclass
class Mailbox:
    """A mail server that keeps what it is sent."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
        self.got.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=cx@example.com&to=team@example.com&mode=insecure"


class _AnyPort(Controller):
    """A controller that listens on a port the system chose, and knows which."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox()
    controller = _AnyPort(box, hostname="127.0.0.1", port=0)
    controller.start()
    box.port = controller.port
    yield box
    controller.stop()


@dataclass
class Desk:
    """A data directory whose published file and records a test writes."""

    root: Path

    def settings(self, **channels: dict[str, Any]) -> Settings:
        return Settings.model_validate({"data_dir": self.root, "alerts": {"channels": channels}})

    def publish(self, kpis: str = "", signals: str = "") -> None:
        """Write the published file from rows as SQL: of `kpis` (kpi … status) and of `signals`."""
        path = self.root / "published" / "cx.duckdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute(_TABLES)
            for table, rows in (("kpis", kpis), ("signals", signals)):
                if rows:
                    connection.execute(f"insert into marts.{table} values {rows}")

    def record(self, run_id: str, outcome: str, started_at: str, stale: str = "") -> None:
        from cx_pipeline.night.record import NightRecord, write_record

        record = NightRecord(run_id, started_at[:10], started_at, started_at, outcome, stale_sources=stale)  # type: ignore[arg-type]
        write_record(self.root / "state" / "nights", record)


_TABLES = """
create schema marts;
create table marts.kpis (
    kpi text, grain text, period_start date, dimension text, dimension_value text,
    value double, ci_low double, ci_high double, n bigint, is_complete boolean, target double, status text
);
create table marts.signals (
    story_id text, kind text, kpi text, grain text, period_start date, found_in date, dimension text,
    dimension_value text, value double, expected_value double, difference double, effect text,
    is_latest boolean, is_lead boolean, importance double, evidence text
);
create table marts.dim_kpis (kpi text, mart text, unit text, is_headline boolean);
insert into marts.dim_kpis values
    ('nps', 'kpi_nps', 'points from -100 to 100', true), ('csat', 'kpi_csat', 'percent', true),
    ('first_response_calendar_minutes_median', 'kpi_response_time', 'calendar minutes', true),
    ('perception_gap_csat', 'kpi_feedback', 'percentage points', false);
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "data")
