"""One published company for every test that only reads it or continues a copy of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from tests.end_to_end.company import Company, new_company

LATE_ENTITIES = ("tickets", "ticket_events", "touchpoints")
"""What the first night does not get, so that the second has something to bring."""


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
        (company.data / "later").mkdir()
        for entity in LATE_ENTITIES:
            (company.inbox / entity).rename(company.data / "later" / entity)
        company.cx("nightly", "--from", "2026-10-30", "--to", "2026-11-01")

    return _once(tmp_path_factory, "first", make)


def bring_the_rest(company: Company) -> None:
    """Drop the second night's files."""
    for folder in (company.data / "later").iterdir():
        folder.rename(company.inbox / folder.name)


@pytest.fixture(scope="session")
def second_night(first_night: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The same company after an undisturbed second night: what every other way must come to."""

    def make(folder: Path) -> None:
        folder.mkdir()
        company = first_night.copy_to(folder / "data")
        bring_the_rest(company)
        seconds = company.timed_night("--date", "2026-11-02")
        (folder / "seconds").write_text(str(seconds))

    return _once(tmp_path_factory, "second", make)


def second_night_seconds(second_night: Company) -> float:
    """How long the undisturbed second night took here and now, wall time."""
    return float((second_night.data.parent / "seconds").read_text())


@pytest.fixture
def continued(first_night: Company, tmp_path: Path) -> Company:
    """A copy of the company after its first night, the second night's files waiting."""
    company = first_night.copy_to(tmp_path / "data")
    bring_the_rest(company)
    return company
