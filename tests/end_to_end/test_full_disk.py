"""A disk that fills up while a night folds a day in loses nothing: a clear message, the published file as it
was, and once there is room the night ends where an undisturbed one does, every kept table the same."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.company import Company
from tests.end_to_end.conftest import bring_the_rest, differing_from

NO_SPACE = ("No space left", "disk is full", "make room", "disk I/O error", "Could not write")
MEGABYTE = 1024 * 1024

pytestmark = [
    pytest.mark.long,
    pytest.mark.torture,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
]


def _used(folder: Path) -> int:
    """The bytes of the pages the files below `folder` take."""
    sizes = (path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    return sum(-(-size // 4096) * 4096 + 4096 for size in sizes)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mounts (or resizes) a file system of so many bytes in memory."""
    folder = tmp_path / "disk"

    def sized(size: int) -> Path:
        change = "remount," if folder.exists() else ""
        folder.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"{change}size={size}", "tmpfs", str(folder)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
        return folder

    try:
        yield sized
    finally:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)


@pytest.mark.parametrize("room", [MEGABYTE // 16, *(MEGABYTE * size for size in (1, 4, 16, 32, 64))])
def test_a_full_disk_costs_a_night_and_nothing_else(
    room: int, small_disk: Callable[[int], Path], first_night: Company, second_night: Company
) -> None:
    disk = small_disk(2 * _used(first_night.data) + 64 * MEGABYTE)
    company = Company(disk / "data")
    shutil.copytree(first_night.data, company.data)
    bring_the_rest(company)
    published = company.published.read_bytes()
    small_disk(shutil.disk_usage(disk).used + room)

    failed = company.cx("nightly", "--date", "2026-11-02", check=False)
    assert failed.returncode != 0
    assert any(words in failed.stderr for words in NO_SPACE), failed.stderr
    assert "Traceback" not in failed.stderr, failed.stderr
    assert company.published.read_bytes() == published

    small_disk(4 * _used(first_night.data) + 512 * MEGABYTE)
    company.cx("nightly", "--date", "2026-11-02")
    assert differing_from(second_night, company) == {}
    assert company.contents() == second_night.contents()
