"""The company the browser looks at: one night for every test here."""

from __future__ import annotations

import pytest

from tests.end_to_end.company import Company, new_company


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company after a night, one of whose NPS scores is no whole number."""
    company = new_company(tmp_path_factory.mktemp("e2e") / "data")
    (company.inbox / "feedback" / "half_a_point.csv").write_text(
        "response_id,metric,score,responded_at\nplanted,nps,7.5,2026-01-05T10:00:00Z\n"
    )
    company.cx("nightly", "--date", "2026-11-01")
    return company
