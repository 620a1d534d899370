"""One night at a time, whoever starts it and however the other one ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cx_pipeline.night.lock import NightBusy, NightLock, current_holder

_HOLD = """
import sys, time
from pathlib import Path
from cx_pipeline.night.lock import NightLock
lock = NightLock(Path(sys.argv[1]))
lock.acquire(0)
lock.name_run("run-1", "2026-01-01", "a test")
print("held", flush=True)
time.sleep(60)
"""


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_night_is_refused_and_names_the_holder(tmp_path: Path) -> None:
    path = tmp_path / "night.lock"
    process = _holder(path)
    try:
        with pytest.raises(NightBusy, match="run-1") as refusal:
            NightLock(path).acquire(0)
        assert refusal.value.holder is not None
        assert refusal.value.holder.pid == process.pid
        assert current_holder(path) == refusal.value.holder
    finally:
        process.kill()
        process.wait()


def test_a_killed_night_frees_the_lock_and_is_named_to_the_next(tmp_path: Path) -> None:
    path = tmp_path / "night.lock"
    process = _holder(path)
    process.kill()
    process.wait()
    assert current_holder(path) is None
    lock = NightLock(path)
    dead = lock.acquire(0)
    assert dead is not None
    assert (dead.run_id, dead.night) == ("run-1", "2026-01-01")
    lock.release()


def test_a_night_that_ended_leaves_no_dead_run_behind(tmp_path: Path) -> None:
    path = tmp_path / "night.lock"
    with NightLock(path) as lock:
        assert lock.acquire(0) is None
        lock.name_run("run-1", "2026-01-01", "a test")
    with NightLock(path) as lock:
        assert lock.acquire(0) is None


def test_the_schedule_waits_for_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "night.lock"
    process = _holder(path)
    killer = subprocess.Popen(["/bin/sh", "-c", f"sleep 0.7; kill -9 {process.pid}"])
    with NightLock(path) as lock:
        assert lock.acquire(30) is not None
    killer.wait()
    process.wait()
