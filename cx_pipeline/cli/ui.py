"""`cx ui`: the Dagster UI and the daemon that runs the schedule, on 127.0.0.1 only.

With `--read-only` a second UI for those who only look: no daemon, no button that changes anything.
Neither has a login; who wants one elsewhere puts a reverse proxy with one in front.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

HOST = "127.0.0.1"
PORT, READ_ONLY_PORT = 3000, 3001
WORKSPACE = Path(__file__).resolve().parents[2] / "workspace.yaml"
_START_SECONDS = 180
_STOP_SECONDS = 15
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound


class UiError(Exception):
    """The UI cannot run; the text says why and where its log is."""


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    show_default=f"{PORT}, or {READ_ONLY_PORT} with --read-only",
)
@click.option("--read-only", is_flag=True, help="Only look: no schedule, nothing can be launched or changed.")
@click.option(
    "--host", help=f"Listen on this address instead of {HOST}; with --read-only alone, for there is no login."
)
def ui(port: int | None, read_only: bool, host: str | None) -> None:
    """Run the Dagster UI and schedule here.

    They listen on 127.0.0.1 only; Ctrl-C stops both. With --read-only a UI to look at, beside
    the one that runs the schedule.
    """
    from cx_pipeline.settings import load_settings
    from cx_pipeline.warehouse.dagster_home import ensure_dagster_home

    if host and not read_only:
        raise click.UsageError(
            f"the UI that can launch runs has no login and stays on {HOST}: give --read-only too, or put a "
            "reverse proxy with a login before it (docs/operations.md)"
        )
    settings = load_settings()
    host = host or HOST
    port = port or (READ_ONLY_PORT if read_only else PORT)
    _require_free(host, port)
    home = ensure_dagster_home(settings)
    logs = settings.paths.root / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    click.echo(f"Starting Dagster on {home} … (logs in {logs})", err=True)
    with suppress(KeyboardInterrupt), _terminable():  # Ctrl-C is how it is meant to end
        _serve(host, port, _modules(host, port, read_only=read_only), logs)
    click.echo("Stopped.", err=True)


def _modules(host: str, port: int, *, read_only: bool) -> dict[str, list[str]]:
    """What to run, by the name of its log: the webserver first, the daemon only where runs may start."""
    workspace = ["-w", str(WORKSPACE)]
    webserver = ["dagster_webserver", "-h", host, "-p", str(port), *workspace]
    if read_only:
        return {"webserver-read-only": [*webserver, "--read-only"]}
    return {"webserver": webserver, "daemon": ["dagster._daemon", "run", *workspace]}


def _serve(host: str, port: int, modules: Mapping[str, Sequence[str]], logs: Path) -> None:
    """Run them until one stops by itself, which is a UiError."""
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(_running(name, arguments, logs)) for name, arguments in modules.items()
        }
        name, web = next(iter(running.items()))
        url = f"http://{_reached_at(host)}:{port}"
        _wait_until_it_answers(url, web, logs / f"{name}.log")
        mode = "" if "daemon" in running else ", to look only"
        click.echo(f"Dagster is on {url}{mode} (Ctrl-C stops it)")
        while all(process.poll() is None for process in running.values()):
            time.sleep(0.5)
        stopped = next(name for name, process in running.items() if process.poll() is not None)
        raise UiError(f"the Dagster {stopped} stopped by itself; its last words are in {logs / stopped}.log")


def _reached_at(host: str) -> str:
    """The address under which this machine reaches what listens on `host`."""
    if host in _EVERYWHERE:
        return HOST
    return f"[{host}]" if ":" in host else host


def _require_free(host: str, port: int) -> None:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    except socket.gaierror as error:
        raise UiError(f"{host} is no address of this machine: give one with --host") from error
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise UiError(f"{host} is no address of this machine: give one with --host") from error
            raise UiError(f"port {port} of {host} is taken: give another one with --port") from error


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


def _wait_until_it_answers(url: str, web: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback goes through no proxy
    while web.poll() is None and time.monotonic() < deadline:
        try:
            with opener.open(f"{url}/server_info", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise UiError(f"the Dagster UI does not answer; its last words are in {log}")
