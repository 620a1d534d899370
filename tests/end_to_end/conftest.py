"""One published company for every test that only reads it or continues a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.company import Company, new_company

LATE_ENTITIES = ("tickets", "ticket_events", "touchpoints")
"""What the first night does not get, so that the second has something to bring."""


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company after its first night; `later/` beside its inbox holds the second night's files."""
    company = new_company(tmp_path_factory.mktemp("first") / "data")
    for entity in LATE_ENTITIES:
        (company.data / "later").mkdir(exist_ok=True)
        (company.inbox / entity).rename(company.data / "later" / entity)
    company.cx("nightly", "--date", "2026-11-01")
    return company


def bring_the_rest(company: Company) -> None:
    """Drop the second night's files."""
    for folder in (company.data / "later").iterdir():
        folder.rename(company.inbox / folder.name)


@pytest.fixture(scope="session")
def second_night(first_night: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:
    """The same company after an undisturbed second night: what every other way must come to."""
    company = first_night.copy_to(tmp_path_factory.mktemp("second") / "data")
    bring_the_rest(company)
    company.cx("nightly", "--date", "2026-11-02")
    return company


@pytest.fixture
def continued(first_night: Company, tmp_path: Path) -> Company:
    """A copy of the company after its first night, the second night's files waiting."""
    company = first_night.copy_to(tmp_path / "data")
    bring_the_rest(company)
    return company
