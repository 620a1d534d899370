"""A company in a temporary data directory: drops, nights run as its people run them, and what they read."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from cx_pipeline.sample import write_sample

STATE_TABLES = {"nights"}
"""Tables that tell of runs, not of data: outside the promise of equal bytes."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Company:
    """One data directory and what can be done with it."""

    data: Path

    @property
    def inbox(self) -> Path:
        return self.data / "inbox"

    @property
    def published(self) -> Path:
        return self.data / "published" / "cx.duckdb"

    @property
    def environment(self) -> dict[str, str]:
        ours = {"CX_DATA_DIR": str(self.data), "CX_CONFIG": str(self.data / "cx_pipeline.toml")}
        return {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"} | ours

    def cx(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `cx` as a user does; with `check`, its output is the message of the failure."""
        result = subprocess.run(
            [sys.executable, "-m", "cx_pipeline.cli", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and result.returncode:
            raise AssertionError(
                f"cx {' '.join(arguments)} exited {result.returncode}:\n{result.stdout}{result.stderr}"
            )
        return result

    def start_night(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a night and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "cx_pipeline.cli", "nightly", *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def timed_night(self, *arguments: str) -> float:
        """Run a night; wall seconds."""
        start = time.monotonic()
        self.cx("nightly", *arguments)
        return time.monotonic() - start

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the published file."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def contents(self) -> dict[str, str]:
        """A digest of every published table and view, sorted: nights add rows in the order they come."""
        with duckdb.connect(str(self.published), read_only=True) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
                ).fetchall()
                if name not in STATE_TABLES
            ]
            return {
                name: hashlib.sha256(
                    repr(connection.execute(f'select * from marts."{name}" order by all').fetchall()).encode()
                ).hexdigest()
                for name in names
            }

    def copy_to(self, folder: Path) -> Company:
        """The same company elsewhere, Dagster's runs left behind."""
        shutil.copytree(self.data, folder, ignore=shutil.ignore_patterns("dagster"))
        return Company(folder)


SETTINGS = """\
[reporting]
time_zone = "Asia/Seoul"
currency = "KRW"
"""


def new_company(folder: Path, *, customers: int = 80, days: int = 90, seed: int = 1) -> Company:
    """A company with a small sample waiting in its inbox."""
    folder.mkdir(parents=True)
    (folder / "cx_pipeline.toml").write_text(SETTINGS)
    company = Company(folder)
    write_sample(company.inbox, customers=customers, days=days, seed=seed)
    return company
