"""The command line as a whole: its help, its exit codes, one clear line for what goes wrong."""

from __future__ import annotations

import errno
import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import duckdb
import pytest
from click.testing import Result
from sqlalchemy.exc import OperationalError

import cx_pipeline.nightly
from cx_pipeline.cli import app
from cx_pipeline.cli.published import interruptible
from cx_pipeline.night.lock import Holder, NightBusy, NightLock
from cx_pipeline.nightly import NightError

Cx = Callable[..., Result]
ROOT = Path(__file__).parents[2]
COMMANDS = (
    "nightly",
    "query",
    "metrics",
    "export",
    "scorecard",
    "sample",
    "sources",
    "ui",
    "gate",
    "alerts",
    "doctor",
)


def test_help_lists_every_command_and_the_exit_codes(cx: Cx) -> None:
    result = cx("--help")
    assert result.exit_code == 0
    assert all(f"\n  {command} " in result.stdout for command in COMMANDS)
    assert "3 another night is running" in " ".join(result.stdout.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(cx: Cx, command: str) -> None:
    assert cx(command, "--help").exit_code == 0


def test_help_loads_no_heavy_library() -> None:
    """`cx --help` answers at once: it must not import what only some commands need."""
    code = (
        "import sys; from cx_pipeline.cli import cli; cli(['--help'], standalone_mode=False); "
        "heavy = {'pandas', 'pyarrow', 'duckdb', 'dagster', 'great_expectations', 'rich', 'pydantic'}; "
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_wrong_settings_end_with_2(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CX_REPORTING__MIN_N", "few")
    result = cx("scorecard")
    assert result.exit_code == 2
    assert "reporting.min_n = 'few' (from CX_REPORTING__MIN_N)" in result.stderr
    assert "Traceback" not in result.output


def test_wrong_arguments_end_with_2(cx: Cx) -> None:
    assert cx("nightly", "--date", "yesterday").exit_code == 2
    assert cx("nightly", "--date", "2026-01-01", "--from", "2026-01-01").exit_code == 2
    assert cx("nightly", "--from", "2026-01-01").exit_code == 2
    assert cx("gate", "accept", "abc").exit_code == 2
    assert cx("frobnicate").exit_code == 2


def test_a_busy_night_ends_with_3_and_names_the_holder(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Holder(4711, "run-1", "2026-11-21", "the schedule", "2026-11-21T17:00:00+00:00")

    def busy(*_: object, **__: object) -> None:
        raise NightBusy(holder)

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", busy)
    result = cx("nightly")
    assert result.exit_code == 3
    assert "4711" in result.stderr
    assert "the schedule" in result.stderr


def test_a_failed_night_is_one_line(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    def failed(*_: object, **__: object) -> None:
        raise NightError("gate failed: batch 12ab is held; see cx gate list")

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", failed)
    result = cx("nightly")
    assert result.exit_code == 1
    assert result.stderr == "error: gate failed: batch 12ab is held; see cx gate list\n"


def test_an_unexpected_error_is_one_line(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", broken)
    result = cx("nightly")
    assert result.exit_code == 1
    assert (
        result.stderr == "error: ZeroDivisionError: by design (unexpected; CX_DEBUG=1 shows the traceback)\n"
    )
    monkeypatch.setenv("CX_DEBUG", "1")
    assert isinstance(cx("nightly").exception, ZeroDivisionError)


def full_of_sqlite() -> OperationalError:
    """What SQLAlchemy raises where SQLite cannot grow its file, as Dagster's log cannot on a full disk."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("pragma max_page_count = 1")
        with pytest.raises(sqlite3.OperationalError) as caught:
            connection.execute("create table events (id integer)")
    return OperationalError("insert into events", {}, caught.value)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), full_of_sqlite()])
def test_a_full_disk_is_one_line_that_says_what_to_do(
    cx: Cx, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", full)
    result = cx("nightly")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: the disk is full (")
    assert result.stderr.endswith("): make room and run it again; what is published is whole\n")
    assert result.stderr.count("\n") == 1


def test_what_is_thrown_away_half_done_is_not_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """dagster-dbt's stream of events, dropped on a full disk, put a traceback before the one line."""

    def stubborn() -> Iterator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    def drop_one(prog_name: str) -> None:
        next(stubborn())

    monkeypatch.setattr(app, "cli", drop_one)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    app.main()
    assert capfd.readouterr().err == ""
    monkeypatch.setenv("CX_DEBUG", "1")
    app.main()
    assert "generator ignored GeneratorExit" in capfd.readouterr().err


def test_control_c_is_one_word_and_130(cx: Cx, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", interrupted)
    result = cx("nightly")
    assert (result.exit_code, result.stderr) == (130, "error: interrupted\n")


def is_open(path: Path, process_id: int) -> bool:
    """Whether the process holds the file open."""
    files = Path(f"/proc/{process_id}/fd")
    return any(file.resolve() == path.resolve() for file in files.iterdir())


def test_control_c_ends_a_query(published: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "cx_pipeline",
        "query",
        "select count(*) from range(100000000) a, range(9999)",
    ]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=env, stdout=-1, stderr=-1) as process:
        while not is_open(published, process.pid):
            assert process.poll() is None
            time.sleep(0.1)
        time.sleep(0.5)  # the query has begun
        process.send_signal(signal.SIGINT)
        try:
            _, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert stderr == b"error: interrupted\n"


def test_control_c_before_a_query_begins_is_not_forgotten() -> None:
    with duckdb.connect() as connection:

        def work() -> None:
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            connection.execute("select count(*) from range(100000000) a, range(9999)")

        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            interruptible(connection, work)
        assert time.monotonic() - start < 60


def test_the_night_gets_the_days_and_the_scorecard_is_shown(
    cx: Cx, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}

    def night(settings: object, first: object, last: object, **options: object) -> object:
        seen.update(options, first=str(first), last=str(last))
        return cx_pipeline.nightly.NightResult(
            "run-9", date(2026, 1, 3), ("inbox: feedback/a.csv: cut short",)
        )

    monkeypatch.setattr(cx_pipeline.nightly, "run_nightly", night)
    result = cx("nightly", "--from", "2026-01-01", "--to", "2026-01-03", "--full-refresh", "--json")
    assert result.exit_code == 0
    assert (seen["first"], seen["last"], seen["full_refresh"]) == ("2026-01-01", "2026-01-03", True)
    assert "! inbox: feedback/a.csv: cut short" in result.stderr.splitlines()
    shown = json.loads(result.stdout)
    assert (shown["run_id"], shown["night"]) == ("run-9", "2026-01-03")
    assert shown["scorecard"]["period_start"] == "2026-10-01"
    assert "October 2026" in cx("nightly", "--date", "2026-01-03").stdout


def test_doctor_on_a_fresh_machine_can_run(cx: Cx, environment: Path) -> None:
    result = cx("doctor")
    assert result.exit_code == 0, result.output
    assert "A night can run." in result.stdout
    assert not environment.exists(), "the doctor changes nothing"


def test_doctor_tells_a_folder_nothing_reads(cx: Cx, environment: Path) -> None:
    (environment / "inbox" / "tiketcs").mkdir(parents=True)
    assert "nothing reads the folder tiketcs" in cx("doctor").stdout


def test_doctor_ends_with_1_for_a_stale_log(cx: Cx, published: Path) -> None:
    published.with_name("cx.duckdb.wal").touch()
    result = cx("doctor", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert report["can_run"] is False
    assert any(f["level"] == "problem" and "cx.duckdb.wal" in f["text"] for f in report["findings"])


def test_doctor_tells_a_key_that_others_can_read(
    cx: Cx, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CX_PRIVACY__KEY")
    key = environment / "state" / "identity.key"
    key.parent.mkdir(parents=True)
    key.write_text("ab" * 32)
    key.chmod(0o644)
    result = cx("doctor")
    assert result.exit_code == 1
    assert "identity.key can be read by others" in result.stdout
    assert "ab" * 32 not in result.output


def test_doctor_names_who_runs_a_night(cx: Cx, environment: Path) -> None:
    lock = NightLock(environment / "state" / "night.lock")
    lock.acquire(0)
    lock.name_run("run-7", "2026-11-21", "the schedule")
    with lock:
        result = cx("doctor")
    assert result.exit_code == 0
    assert "started by the schedule" in result.stdout


def test_doctor_never_prints_the_key(cx: Cx, environment: Path) -> None:
    assert "k" * 64 not in cx("doctor").output


SHOP = '[sources.shop.feedback]\nfiles = "shop_*.csv"\n[sources.old]\nenabled = false\n'


def test_sources_tells_whose_a_file_is(cx: Cx, environment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = environment / "inbox" / "feedback"
    folder.mkdir(parents=True)
    for name in ("shop_1.csv", "shop_2.csv", "other.csv", ".hidden.csv"):
        (folder / name).write_text("response_id\n1\n")
    (environment.parent / "cx_pipeline.toml").write_text(SHOP)
    rows = json.loads(cx("sources", "--json").stdout)
    assert [(row["source"], row["entity"], row["files"], row["waiting"]) for row in rows] == [
        ("shop", "feedback", 2, 2),
        ("inbox", "feedback", 1, 1),
    ]
    assert cx("sources", "check").exit_code == 0


def test_a_waiting_file_that_cannot_be_read_is_named(cx: Cx, environment: Path) -> None:
    folder = environment / "inbox" / "feedback"
    folder.mkdir(parents=True)
    (folder / "whole.csv.gz").write_bytes(gzip.compress(b"response_id\n1\n"))
    (folder / "cut.csv.gz").write_bytes(
        gzip.compress(b"response_id\n" + random.Random(1).randbytes(9999).hex().encode())[:-4000]
    )
    (folder / "book.xlsx").write_bytes(b"no book")
    result = cx("sources", "check")
    assert result.exit_code == 1
    told = result.stdout.splitlines()
    assert [line.split(": ")[0].rsplit("/", 1)[1] for line in told[1:]] == ["book.xlsx", "cut.csv.gz"]
    assert "is no xlsx file" in told[1]


def test_a_source_whose_pattern_matches_nothing_does_not_answer(cx: Cx, environment: Path) -> None:
    (environment / "inbox").mkdir(parents=True)
    (environment.parent / "cx_pipeline.toml").write_text(SHOP)
    result = cx("sources", "check")
    assert result.exit_code == 1
    assert "matches 'shop_*.csv'" in result.stdout


def test_gate_list_is_empty_at_first(cx: Cx) -> None:
    assert cx("gate", "list").stdout == "No batch is held.\n"
    assert json.loads(cx("gate", "list", "--json").stdout) == []


def test_a_batch_that_is_not_held_cannot_be_decided(cx: Cx) -> None:
    result = cx("gate", "drop", "0000", "--reason", "broken export")
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1


def test_the_ui_refuses_a_port_that_is_taken(cx: Cx) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = cx("ui", "--port", str(port))
    assert result.exit_code == 1
    assert f"port {port}" in result.stderr


def _served_by(monkeypatch: pytest.MonkeyPatch, home: Path) -> list[tuple[str, int, dict[str, list[str]]]]:
    """What `cx ui` would run, by log, instead of running it."""
    calls: list[tuple[str, int, dict[str, list[str]]]] = []

    def serve(host: str, port: int, modules: dict[str, list[str]], _: Path) -> None:
        calls.append((host, port, modules))

    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setattr("cx_pipeline.cli.ui._require_free", lambda *_: None)
    monkeypatch.setattr("cx_pipeline.cli.ui._serve", serve)
    return calls


def test_the_ui_runs_the_schedule_and_the_one_to_look_at_does_not(
    cx: Cx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One writing UI with the daemon; beside it, on another port, one that cannot change anything."""
    calls = _served_by(monkeypatch, tmp_path)
    assert cx("ui").exit_code == 0
    assert cx("ui", "--read-only").exit_code == 0
    (host, port, writing), (other_host, other_port, looking) = calls
    assert (host, port, sorted(writing)) == ("127.0.0.1", 3000, ["daemon", "webserver"])
    assert "--read-only" not in writing["webserver"]
    assert (other_host, other_port, list(looking)) == ("127.0.0.1", 3001, ["webserver-read-only"])
    assert looking["webserver-read-only"] == [
        *("dagster_webserver", "-h", "127.0.0.1", "-p", "3001"),
        *(writing["webserver"][-2:]),
        "--read-only",
    ]


def test_only_the_ui_to_look_at_listens_elsewhere(
    cx: Cx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Dagster's UI has no login, and who can launch a run can run code."""
    calls = _served_by(monkeypatch, tmp_path)
    refused = cx("ui", "--host", "10.1.2.3")
    assert refused.exit_code == 2
    assert "give --read-only too" in " ".join(refused.stderr.split())
    assert cx("ui", "--read-only", "--host", "10.1.2.3", "--port", "4000").exit_code == 0
    assert [(host, port) for host, port, _ in calls] == [("10.1.2.3", 4000)]


def test_the_ui_refuses_an_address_of_another_machine(cx: Cx) -> None:
    result = cx("ui", "--read-only", "--host", "192.0.2.1")
    assert result.exit_code == 1
    assert "192.0.2.1 is no address of this machine" in result.stderr
