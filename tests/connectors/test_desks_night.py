"""A whole night with three help desks at once: each one's tickets and answers reach the KPIs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.nightly import run_nightly
from cx_pipeline.settings import Settings
from tests.connectors import freshdesk_fixture, hubspot_fixture, intercom_fixture
from tests.connectors.service import Respond, serving

DESKS: dict[str, tuple[dict[str, Any], Respond]] = {
    "freshdesk": (freshdesk_fixture.OPTIONS, freshdesk_fixture.Freshdesk()),
    "hubspot": (hubspot_fixture.OPTIONS, hubspot_fixture.HubSpot(size=100)),
    "intercom": (intercom_fixture.OPTIONS, intercom_fixture.Intercom(size=100)),
}


def test_a_night_publishes_what_every_desk_tells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with ExitStack() as stack:
        sources = {
            type_: {"type": type_, "base_url": stack.enter_context(serving(service)).url, **options}
            for type_, (options, service) in DESKS.items()
        }
        settings = Settings.model_validate(
            {"data_dir": tmp_path / "data", "sources": sources, "reporting": {"min_n": 1}}
        )
        run_nightly(settings)
    with duckdb.connect(str(settings.paths.published_file), read_only=True) as connection:
        tickets = connection.execute(
            """
            select
                source, count(*), count(first_response_calendar_minutes),
                median(first_response_calendar_minutes),
                count(*) filter (where resolution_calendar_minutes is not null)
            from marts.fct_tickets group by source order by source
            """
        ).fetchall()
        answers = connection.execute(
            """
            select source, metric, count(*) filter (where score is not null)
            from marts.fct_feedback group by source, metric order by source, metric
            """
        ).fetchall()
        [(csat, n)] = connection.execute(
            "select value, n from marts.kpis where kpi = 'csat' and grain = 'all' and dimension = 'all'"
        ).fetchall()
    # an outbound ticket's clock starts with the customer's first message: Freshdesk's got no answer to it,
    # Intercom's never came
    assert tickets == [
        ("freshdesk", 25, 24, 30.0, 17),
        ("hubspot", 17, 17, 30.0, 12),
        ("intercom", 15, 14, 2.0, 9),
    ]
    assert answers == [
        ("freshdesk", "csat", 5),
        ("hubspot", "ces", 2),
        ("hubspot", "csat", 2),
        ("hubspot", "nps", 2),
        ("intercom", "csat", 9),
    ]
    # satisfied: three of five faces, both, and the five fives
    assert (n, csat) == (16, pytest.approx(100 * 10 / 16))
