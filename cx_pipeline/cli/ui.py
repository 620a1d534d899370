"""`cx ui`: the Dagster UI and the daemon that runs the schedule, on 127.0.0.1 only.

The UI has no login; who wants it elsewhere puts a reverse proxy with one in front.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

HOST = "127.0.0.1"
WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
_START_SECONDS = 180
_STOP_SECONDS = 15


class UiError(Exception):
    """The UI cannot run; the text says why and where its log is."""


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
def ui(port: int) -> None:
    """Run the Dagster UI and schedule here.

    They listen on 127.0.0.1 only; Ctrl-C stops both.
    """
    from cx_pipeline.settings import load_settings
    from cx_pipeline.warehouse.dagster_home import ensure_dagster_home

    settings = load_settings()
    _require_free(port)
    home = ensure_dagster_home(settings)
    logs = settings.paths.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    workspace = ["-w", str(WORKSPACE)]
    webserver = ["dagster_webserver", "-h", HOST, "-p", str(port), *workspace]
    click.echo(f"Starting Dagster on {home} … (logs in {logs})", err=True)
    with suppress(KeyboardInterrupt), _terminable():  # Ctrl-C is how it is meant to end
        _serve(port, webserver, ["dagster._daemon", "run", *workspace], logs)
    click.echo("Stopped.", err=True)


def _serve(port: int, webserver: Sequence[str], daemon_arguments: Sequence[str], logs: Path) -> None:
    """Run both until one of them stops by itself, which is a UiError."""
    with (
        _running("webserver", webserver, logs) as web,
        _running("daemon", daemon_arguments, logs) as daemon,
    ):
        _wait_until_it_answers(port, web, logs)
        click.echo(f"Dagster is on http://{HOST}:{port} (Ctrl-C stops it)")
        while web.poll() is None and daemon.poll() is None:
            time.sleep(0.5)
        name = "webserver" if web.poll() is not None else "daemon"
        raise UiError(f"the Dagster {name} stopped by itself; its last words are in {logs / name}.log")


def _require_free(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UiError(f"port {port} of {HOST} is taken: give another one with --port") from error


@contextmanager
def _terminable() -> Iterator[None]:
    """A SIGTERM ends the block as Ctrl-C does, so that no process is left behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _running(name: str, arguments: Sequence[str], logs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A Python module as a process of its own group, its output in a log, stopped at the end."""
    with (logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, wait, then end its whole group (its code servers too)."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM if process.poll() is not None else signal.SIGKILL)
    process.wait()


def _wait_until_it_answers(port: int, web: subprocess.Popen[bytes], logs: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback goes through no proxy
    while web.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"http://{HOST}:{port}/server_info", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UiError(f"the Dagster UI does not answer; its last words are in {logs / 'webserver.log'}")
