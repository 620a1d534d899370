"""A night that folds a day in, killed at any moment, then run again, ends where an undisturbed one does;
readers see nothing.  Two nights at once are one.

`TORTURE_MOMENTS` and `TORTURE_SEED` choose how many moments and which (two, of `make torture` twenty).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.company import ROOT, Company
from tests.end_to_end.conftest import differing_from, second_night_seconds

MOMENTS = int(os.environ.get("TORTURE_MOMENTS", "2"))
SEED = int(os.environ.get("TORTURE_SEED", "20261101"))


@contextmanager
def _reading(company: Company) -> Iterator[list[str]]:
    """Read the published file in a loop meanwhile; the lines are there after the block."""
    seen: list[str] = []
    reader = Path(__file__).with_name("reader.py")
    process = subprocess.Popen(
        [sys.executable, str(reader), str(company.published)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield seen
    finally:
        process.terminate()
        seen += (process.communicate()[0] or "").splitlines()


@pytest.mark.torture
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_killed_at_a_random_moment(moment: int, continued: Company, second_night: Company) -> None:
    # one moment in each equal part of the night, so that few moments still cover all of it
    part = random.Random(SEED + moment).random()
    after = second_night_seconds(second_night) * (moment + part) / MOMENTS
    with _reading(continued) as seen:
        night = continued.start_night("--date", "2026-11-02")
        time.sleep(after)
        night.send_signal(signal.SIGKILL)
        night.wait()
        continued.cx("nightly", "--date", "2026-11-02")
        time.sleep(0.3)
    assert differing_from(second_night, continued) == {}, f"killed after {after:.2f} s"
    assert continued.contents() == second_night.contents(), f"killed after {after:.2f} s"
    assert seen, "the reader never got to read"
    assert not [line for line in seen if line.startswith("ERROR")]
    assert len(set(seen)) <= 2, "a reader saw something that is neither the old night nor the new one"


def _night_begun(company: Company) -> subprocess.Popen[bytes]:
    """The second night, which holds the lock by now."""
    night = company.start_night("--date", "2026-11-02")
    deadline = time.monotonic() + 240
    while not (lock := company.data / "state" / "night.lock").exists() or not lock.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return night


@pytest.mark.long
@pytest.mark.torture
def test_a_night_of_the_schedule_waits_for_the_one_that_runs(
    continued: Company, second_night: Company
) -> None:
    """It finds nothing new when its turn comes, and both together are one night."""
    night = _night_begun(continued)
    scheduled = subprocess.run(
        [
            *(sys.executable, "-m", "dagster", "job", "execute", "-m", "cx_pipeline.definitions"),
            *("-j", "nightly", "--tags", '{"dagster/partition": "2026-11-02"}'),
        ],
        env=continued.environment | {"DAGSTER_HOME": str(continued.data / "dagster")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert scheduled.returncode == 0, scheduled.stderr
    assert night.poll() == 0, "the second did not wait for the first"
    assert continued.contents() == second_night.contents()
    assert differing_from(second_night, continued) == {}
    outcomes = continued.rows("select outcome from marts.nights where night = date '2026-11-02'")
    assert outcomes == [("published",)]


def test_while_a_night_runs_a_second_is_refused_and_queries_are_answered(
    continued: Company, second_night: Company
) -> None:
    night = _night_begun(continued)
    refused = continued.cx("nightly", check=False)
    assert refused.returncode == 3
    assert str(night.pid) in refused.stderr
    assert "Traceback" not in refused.stderr
    answers = 0
    while night.poll() is None:
        result = continued.cx(
            "query",
            "select * from marts.kpis where kpi='nps' and grain='month' and dimension='all' "
            "order by period_start",
            "--format",
            "csv",
        )
        assert result.stdout.count("\n") > 1
        answers += 1
        time.sleep(2)  # the moments killed at have a reader that never pauses
    assert night.returncode == 0
    assert answers > 0
    assert continued.contents() == second_night.contents()
