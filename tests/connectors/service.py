"""A service on this machine for connectors to call, and what tests of connectors share.

`Service` answers with a function of the request.  `replay` makes one from recorded answers, `Weather` (of
weather.py) one that fails at random.  `SwiftClock` sleeps by moving its hands.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from cx_pipeline.landing import (
    Days,
    ServiceReport,
    connect,
    current_generations,
    list_batches,
    pull_service,
    read_batch,
)
from cx_pipeline.settings import Settings
from cx_pipeline.sources.http.clock import Clock

NIGHT = date(2024, 1, 15)


class SwiftClock(Clock):
    """A clock whose sleep takes no time; `slept` is how long it would have been."""

    def __init__(self) -> None:
        self.slept = 0.0
        self._start = datetime.now(UTC)

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.slept)

    def monotonic(self) -> float:
        return self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


@dataclass(frozen=True)
class Request:
    """What the client asked: `query` sorted, `body` parsed where it is JSON."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: Any = None

    def value(self, name: str) -> str | None:
        return dict(self.query).get(name)


@dataclass(frozen=True)
class Answer:
    """What the service says.

    `cut` sends less than it promises, `reset` hangs up without a word, `hang` after that many seconds.
    """

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    hang: float = 0.0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Respond = Callable[[Request], Answer]


def _parsed(body: bytes) -> Any:
    """A body as JSON, or the fields of a form."""
    try:
        return json.loads(body) if body else None
    except ValueError:
        return dict(parse_qsl(body.decode()))


class Service:
    """A server on a free port of 127.0.0.1, from `with` to its end.  `requests` are those it saw."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.requests: list[Request] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                parts = urlsplit(self.path)
                request = Request(
                    self.command,
                    parts.path,
                    tuple(sorted(parse_qsl(parts.query, keep_blank_values=True))),
                    {k.lower(): v for k, v in self.headers.items()},
                    _parsed(body),
                )
                service.requests.append(request)
                answer = service.respond(request)
                if answer.hang:
                    time.sleep(answer.hang)
                    self.close_connection = True
                    return
                if answer.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                content = answer.content
                self.send_response_only(answer.status)
                for name, value in {"Date": self.date_time_string(), **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if request.method == "HEAD":
                    return
                if answer.cut:
                    self.wfile.write(content[: len(content) // 2])
                    self.close_connection = True
                else:
                    self.wfile.write(content)

            do_GET = do_POST = do_HEAD = _answer

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

            def finish(self) -> None:
                with suppress(OSError, ValueError):
                    super().finish()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Service:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def replay(recorded: Iterable[tuple[str, str, Answer]], otherwise: Answer | None = None) -> Respond:
    """Recorded (method, address, answer)s: matched by path and sorted query, repeated ones in order.

    The last answer to a request stays; `otherwise` (404 by default) answers what was not recorded.
    """
    known: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[Answer]] = {}
    for method, address, answer in recorded:
        parts = urlsplit(address)
        query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        known.setdefault((method, parts.path, query), []).append(answer)

    def respond(request: Request) -> Answer:
        answers = known.get((request.method, request.path, request.query))
        if not answers:
            return otherwise or Answer({"error": "not recorded"}, 404)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    return respond


def settings_of(root: Path, type_: str, url: str, options: Mapping[str, Any], **others: Any) -> Settings:
    """Settings with one source `desk` of a type, at the address of a test's service."""
    source = {"type": type_, "base_url": url, **options}
    return Settings.model_validate({"data_dir": root, "sources": {"desk": source}, **others})


def pull(
    settings: Settings,
    night: date = NIGHT,
    days: Days | None = None,
    clock: Clock | None = None,
    timeout: float = 60.0,
) -> ServiceReport:
    """Pull the source `desk` with a swift clock; every batch's accounts must be right afterwards."""
    connector = connect(settings, "desk", clock or SwiftClock())
    connector.link.timeout = timeout
    report = pull_service(settings, "desk", night, days=days, connector=connector)
    for batch in list_batches(settings.paths):
        assert batch.read == batch.landed + batch.rejected
        assert len(read_batch(settings.paths, batch)) == batch.landed
    return report


def landed(settings: Settings, entity: str) -> list[dict[str, Any]]:
    """All rows of the generation in force, in the order of landing."""
    batches = list_batches(settings.paths, entity)
    current = current_generations(batches)
    return [
        row
        for b in batches
        if b.generation == current[b.source, b.entity]
        for row in read_batch(settings.paths, b).to_pylist()
    ]


def published(settings: Settings, entity: str, key: str) -> dict[str, dict[str, Any]]:
    """The latest version of each key by the rule, without what only says when it landed."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = landed(settings, entity)
    rows.sort(key=lambda r: (r["updated_at"] or epoch, r["batch_sequence"], r["position"]))
    return {
        row[key]: {k: v for k, v in row.items() if k not in ("batch_sequence", "position")} for row in rows
    }


@contextmanager
def serving(respond: Respond) -> Iterator[Service]:
    with Service(respond) as service:
        yield service
