"""A whole night with a service among its sources, in Dagster: published, and stale where it failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cx_pipeline.nightly import run_nightly
from tests.connectors.service import Answer, serving, settings_of
from tests.connectors.zendesk_fixture import OPTIONS, Zendesk


def kpis(settings_file: Path, query: str) -> list[tuple[object, ...]]:
    import duckdb

    with duckdb.connect(str(settings_file), read_only=True) as connection:
        return connection.execute(query).fetchall()


def test_a_night_publishes_the_services_kpis_and_says_when_it_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with serving(Zendesk(size=100)) as service:
        settings = settings_of(tmp_path / "data", "zendesk", service.url, OPTIONS, reporting={"min_n": 1})
        run_nightly(settings)
        service.respond = lambda request: Answer({}, 401)
        run_nightly(settings)
    file = settings.paths.published_file
    assert kpis(file, "select count(*) from marts.fct_tickets") == [(18,)]  # two deleted, one merged
    csat = kpis(
        file,
        "select value, n from marts.kpis where kpi = 'csat' and grain = 'all' and dimension = 'all'",
    )
    assert csat == [(40.0, 5)]
    assert kpis(file, "select stale_sources from marts.nights") == [("desk",)]
    nights = sorted(
        (settings.paths.state / "nights").glob("*.json"), key=lambda path: path.stat().st_mtime_ns
    )
    records = [json.loads(path.read_text()) for path in nights]
    assert [(r["outcome"], r["stale_sources"]) for r in records] == [("published", ""), ("published", "desk")]
