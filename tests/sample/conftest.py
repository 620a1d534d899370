"""One middling sample for the whole room: large enough for every fact, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from cx_pipeline.sample import SampleReport, write_sample
from tests.sample.drops import Row, entity_rows


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    return write_sample(tmp_path_factory.mktemp("sample"), customers=1200, days=400, seed=7)


@pytest.fixture(scope="session")
def read(report: SampleReport) -> dict[str, list[Row]]:
    return entity_rows(report.directory)


@pytest.fixture(scope="session")
def clean(read: dict[str, list[Row]], report: SampleReport) -> dict[str, list[Row]]:
    """The rows without the planted dirt (keys that begin with X, and lines that are no rows)."""
    from cx_pipeline.contract import ENTITIES

    return {
        entity: [row for row in rows if "ragged" not in row and not row[ENTITIES[entity].key].startswith("X")]
        for entity, rows in read.items()
    }


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "sample"
