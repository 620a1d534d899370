"""Services as assets of Dagster: a backfill of days in one run, and a broken source beside a sound one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from cx_pipeline.landing import list_batches
from cx_pipeline.night.resource import last_night, night_resource
from cx_pipeline.settings import Settings
from cx_pipeline.sources.assets import pull_asset
from tests.connectors.service import Answer, serving
from tests.connectors.zendesk_fixture import OPTIONS, Zendesk


def settings_with(root: Path, **urls: str) -> Settings:
    sources = {name: {"type": "zendesk", "base_url": url, **OPTIONS} for name, url in urls.items()}
    return Settings.model_validate({"data_dir": root, "sources": sources})


def run(settings: Settings, name: str, first: date, last: date | None = None) -> dg.ExecuteInProcessResult:
    """Materialize a source's pull for a night, or for a range of them in one run."""
    key = first.isoformat()
    tags = (
        {"dagster/partition": key}
        if last is None
        else {
            "dagster/asset_partition_range_start": key,
            "dagster/asset_partition_range_end": last.isoformat(),
        }
    )
    return dg.materialize(
        [pull_asset(settings, name, settings.all_sources[name])],
        resources={"night": night_resource(settings)},
        tags=tags,
        raise_on_error=False,
    )


def cursors(settings: Settings, name: str) -> dict[str, bytes]:
    folder = settings.paths.state / "cursors" / name
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def metadata(result: dg.ExecuteInProcessResult, key: str) -> Counter[str]:
    """A figure of the run, by entity."""
    return Counter(
        {
            event.materialization.asset_key.path[-1]: int(str(event.materialization.metadata[key].value))
            for event in result.get_asset_materialization_events()
        }
    )


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    (tmp_path / "dagster").mkdir()


def test_a_backfill_of_days_is_one_run_and_leaves_the_nightly_cursors_alone(tmp_path: Path) -> None:
    zendesk = Zendesk(size=100)
    with serving(zendesk) as service:
        settings = settings_with(tmp_path / "data", desk=service.url)
        assert run(settings, "desk", last_night(settings)).success
        before = cursors(settings, "desk")
        landed = len(list_batches(settings.paths))
        zendesk.tickets[3]["subject"] = "told anew"
        service.requests.clear()
        result = run(settings, "desk", date(2023, 11, 14), date(2023, 11, 16))
    assert result.success
    assert cursors(settings, "desk") == before
    asked = {r.value("start_time") for r in service.requests if r.path.endswith("tickets/cursor.json")}
    assert str(int(datetime(2023, 11, 14, tzinfo=UTC).timestamp())) in asked
    assert metadata(result, "rows landed")["tickets"] > 0
    assert {b.night for b in list_batches(settings.paths)[landed:]} == {"2023-11-16"}


def test_a_broken_source_lands_nothing_fails_its_check_and_leaves_the_other_alone(tmp_path: Path) -> None:
    with serving(Zendesk(size=100)) as sound, serving(lambda request: Answer({}, 401)) as broken:
        settings = settings_with(tmp_path / "data", sound=sound.url, broken=broken.url)
        results = {name: run(settings, name, last_night(settings)) for name in ("broken", "sound")}
    for name, passes in (("broken", False), ("sound", True)):
        assert results[name].success
        assert {check.passed for check in results[name].get_asset_check_evaluations()} == {passes}
    assert {batch.source for batch in list_batches(settings.paths) if batch.landed} == {"sound"}
