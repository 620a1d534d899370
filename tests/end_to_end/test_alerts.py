"""What a night of the sample has to tell is told once: every target missed and every worsening, no more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cx_pipeline.alerts import judge_published, read_ledger, tell
from cx_pipeline.alerts.render import Message
from cx_pipeline.settings import Settings
from cx_pipeline.settings.alerts import AlertChannel
from tests.end_to_end.company import Company

NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture
def settings(second_night: Company, tmp_path: Path) -> Settings:
    """The company's own files, with a ledger of the test's."""
    (tmp_path / "published").symlink_to(second_night.published.parent)
    (tmp_path / "state").mkdir()
    for name in ("nights", "verdicts"):
        (tmp_path / "state" / name).symlink_to(second_night.data / "state" / name)
    channel = {"url": "json://127.0.0.1", "min_severity": "info"}
    return Settings.model_validate({"data_dir": tmp_path, "alerts": {"channels": {"ops": channel}}})


def test_what_was_planted_is_told_once(second_night: Company, settings: Settings) -> None:
    told: list[Message] = []

    def take(_: str, __: AlertChannel, message: Message) -> None:
        told.append(message)

    for _ in range(2):
        tell(settings, judge_published(settings, NOW), "2026-11-02", now=NOW, send=take)
    (message,) = told
    assert "touchpoint payment" in message.body, "the planted point of friction is off its target"

    missed = second_night.rows(
        """
        select distinct kpi, dimension, dimension_value
        from marts.kpis
        where
            status = 'missed' and is_complete and grain in ('week', 'month', 'quarter')
            and (kpi, grain, period_start) in (
                select (kpi, grain, max(period_start)) from marts.kpis
                where is_complete and dimension = 'all' group by kpi, grain
            )
        """
    )
    worse = second_night.rows("select signal_id from marts.signals where is_latest and effect = 'worse'")
    expected = {"/".join(("target_missed", *group)) for group in missed}
    expected |= {f"worsening/{signal}" for (signal,) in worse}
    ledger = read_ledger(settings.paths.state)
    assert {key for key, entry in ledger.items() if entry.finding.kind != "source_stale"} == expected
    assert all(entry.told == {"ops": "open"} for entry in ledger.values())
