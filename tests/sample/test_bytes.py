"""Same seed, same bytes, whatever the machine's habits; another seed, other bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from cx_pipeline.sample import generate, write_sample
from tests.sample.drops import entity_rows

DIRECTORY = "import sys; from pathlib import Path; from cx_pipeline.sample import write_sample; "
CUSTOMERS, DAYS = 150, 120


def digests(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_same_bytes_under_another_locale_zone_hash_seed_and_thread_count(directory: Path) -> None:
    write_sample(directory / "here", CUSTOMERS, DAYS, seed=3)
    strange = {
        "TZ": "Pacific/Kiritimati",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "123",
        "PYTHONUTF8": "0",
        "OMP_NUM_THREADS": "1",
        "ARROW_IO_THREADS": "1",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
    }
    code = DIRECTORY + f"write_sample(Path(sys.argv[1]), {CUSTOMERS}, {DAYS}, 3)"
    subprocess.run(
        [sys.executable, "-c", code, str(directory / "there")],
        env=os.environ | strange,
        check=True,
        timeout=120,
    )
    assert digests(directory / "here") == digests(directory / "there")


def test_another_seed_gives_other_bytes_in_every_file(directory: Path) -> None:
    for seed in (1, 2):
        write_sample(directory / str(seed), CUSTOMERS, DAYS, seed=seed)
    one, two = digests(directory / "1"), digests(directory / "2")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one)


def test_writing_again_replaces_the_files_and_leaves_no_other(directory: Path) -> None:
    write_sample(directory, CUSTOMERS, DAYS, seed=1)
    write_sample(directory, CUSTOMERS, DAYS, seed=2)
    again = digests(directory)
    write_sample(directory.with_name("fresh"), CUSTOMERS, DAYS, seed=2)
    assert again == digests(directory.with_name("fresh"))


def test_a_failure_on_the_way_leaves_the_files_of_before(directory: Path) -> None:
    write_sample(directory, CUSTOMERS, DAYS, seed=1)
    before = digests(directory)

    def fail(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(directory, CUSTOMERS, DAYS, seed=2, on_progress=fail)
    assert digests(directory) == before


def test_gzip_headers_carry_no_time(directory: Path) -> None:
    report = write_sample(directory, CUSTOMERS, DAYS)
    packed = [file.path for file in report.files if file.path.endswith(".gz")]
    assert packed
    for path in packed:
        assert (directory / path).read_bytes()[4:8] == b"\0\0\0\0"


def test_blocks_join_without_a_seam(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys stay unique and references resolve across blocks."""
    monkeypatch.setattr(generate, "BLOCK", 40)
    steps: list[tuple[int, int]] = []
    report = write_sample(
        directory, CUSTOMERS, DAYS, on_progress=lambda done, total: steps.append((done, total))
    )
    assert steps == [(40, 150), (80, 150), (120, 150), (150, 150)]
    read = entity_rows(directory)
    assert {entity: len(rows) for entity, rows in read.items()} == report.rows
    tickets = [row["ticket_id"] for row in read["tickets"]]
    assert len(tickets) == len(set(tickets))
    events = [row for row in read["ticket_events"] if not row["event_id"].startswith("X")]
    assert len({row["event_id"] for row in events}) == len(events)
    assert {row["ticket_id"] for row in events} <= set(tickets)
    sessions: dict[str, str | None] = {}
    for row in read["touchpoints"]:
        if "session_id" in row:
            assert sessions.setdefault(row["session_id"], row.get("customer_id")) == row.get("customer_id")


@pytest.mark.parametrize(("customers", "days"), [(1, 1), (1, 400), (40, 2), (5, 30)])
def test_the_smallest_samples_are_whole(directory: Path, customers: int, days: int) -> None:
    report = write_sample(directory, customers=customers, days=days, end=date(2024, 3, 31), seed=-5)
    read = entity_rows(directory)
    assert {entity: len(rows) for entity, rows in read.items()} == report.rows
    assert len({row["customer_id"] for row in read["customers"]}) == customers + 1
    assert (directory / "README.md").exists()


def test_a_sample_of_nothing_is_refused(directory: Path) -> None:
    with pytest.raises(ValueError, match="at least one customer and one day"):
        write_sample(directory, customers=0, days=10)
    assert not directory.exists()
