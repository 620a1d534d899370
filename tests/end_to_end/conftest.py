"""One published company for every test that only reads it or continues a copy of it."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from tests.dbt.harness import open_warehouse
from tests.dbt.test_incremental import differing_tables
from tests.end_to_end.company import Company, new_company

LATE = (0.8, 0.9)
"""The part of each file that the first night does not get, so that the second folds it into what is there.

It is not the end of the file: the rows planted to be caught are there, and they alone would be a held batch.
"""


def _once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Company:
    """The company `make` makes in a folder of that name, made by whichever test process is first."""
    shared = factory.getbasetemp()
    if shared.name.startswith("popen-gw"):  # pytest-xdist gives each process a folder of its own below it
        shared = shared.parent
    with FileLock(shared / f"{name}.lock"):
        done = shared / f"{name}.done"
        if not done.exists():
            make(shared / name)
            done.touch()
    return Company(shared / name / "data")


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company after its first night; `later/` beside its inbox holds the second night's files."""

    def make(folder: Path) -> None:
        company = new_company(folder / "data")
        for file in [*company.inbox.glob("*/*")]:
            hold_back(file, company.data / "later" / file.parent.name / f"late_{file.name}")
        company.cx("nightly", "--from", "2026-10-30", "--to", "2026-11-01")

    return _once(tmp_path_factory, "first", make)


def hold_back(file: Path, later: Path) -> None:
    """Move the `LATE` part of a drop's rows to the drop `later`, its header with them."""
    later.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        rows = pq.read_table(file)
        begin, end = (int(rows.num_rows * share) for share in LATE)
        pq.write_table(rows.slice(begin, end - begin), later)
        pq.write_table(pa.concat_tables([rows.slice(0, begin), rows.slice(end)]), file)
        return
    encoding = next((name for name in ("cp949", "utf16") if name in file.name), "utf-8")
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding=encoding, newline="") as drop:
        lines = [*drop]
    begin, end = (_row_start(lines, int(len(lines) * share)) for share in LATE)
    header = [] if ".jsonl" in file.name else lines[:1]
    for path, kept in ((later, header + lines[begin:end]), (file, lines[:begin] + lines[end:])):
        with opened(path, "wt", encoding=encoding, newline="") as drop:
            drop.writelines(kept)


def _row_start(lines: list[str], number: int) -> int:
    """The last line at or before `number` at which no quoted value is open."""
    while "".join(lines[:number]).count('"') % 2:
        number -= 1
    return number


def bring_the_rest(company: Company) -> None:
    """Drop the second night's files."""
    for file in (company.data / "later").glob("*/*"):
        file.rename(company.inbox / file.parent.name / file.name)


@pytest.fixture(scope="session")
def second_night(first_night: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The same company after an undisturbed second night: what every other way must come to."""

    def make(folder: Path) -> None:
        folder.mkdir()
        company = first_night.copy_to(folder / "data")
        bring_the_rest(company)
        seconds = company.timed_night("--date", "2026-11-02")
        (folder / "seconds").write_text(str(seconds))
        # tests read the kept tables from here: the working files themselves take one process at a time
        shutil.copytree(company.data / "warehouse", folder / "kept" / "warehouse")

    return _once(tmp_path_factory, "second", make)


def differing_from(second_night: Company, company: Company) -> dict[str, tuple[int, int]]:
    """Every kept working table whose rows are not those of the undisturbed second night."""
    with open_warehouse(company.data) as warehouse:
        return differing_tables(warehouse, second_night.data.parent / "kept", files=["working"])


def second_night_seconds(second_night: Company) -> float:
    """How long the undisturbed second night took here and now, wall time."""
    return float((second_night.data.parent / "seconds").read_text())


@pytest.fixture
def continued(first_night: Company, tmp_path: Path) -> Company:
    """A copy of the company after its first night, the second night's files waiting."""
    company = first_night.copy_to(tmp_path / "data")
    bring_the_rest(company)
    return company
