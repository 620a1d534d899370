"""What a night of the sample has to tell is told once: every target missed and every worsening, no more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cx_pipeline.alerts import judge_published, read_ledger, tell
from cx_pipeline.alerts.render import Message
from cx_pipeline.settings import Settings
from cx_pipeline.settings.alerts import AlertChannel
from tests.end_to_end.company import Company, new_company

NOW = datetime(2026, 11, 3, tzinfo=UTC)


def settings_of(company: Company, folder: Path) -> Settings:
    """The company's own files, with a ledger of the test's."""
    (folder / "published").symlink_to(company.published.parent)
    (folder / "state").mkdir()
    for name in ("nights", "verdicts"):
        (folder / "state" / name).symlink_to(company.data / "state" / name)
    channel = {"url": "json://127.0.0.1", "min_severity": "info"}
    return Settings.model_validate({"data_dir": folder, "alerts": {"channels": {"ops": channel}}})


def told_over_two_nights(company: Company, settings: Settings) -> list[Message]:
    """What the channel got, having checked that the ledger holds what the tables say, told."""
    messages: list[Message] = []

    def take(_: str, __: AlertChannel, message: Message) -> None:
        messages.append(message)

    for _ in range(2):
        tell(settings, judge_published(settings, NOW), "2026-11-02", now=NOW, send=take)

    missed = company.rows(
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
    worse = company.rows(
        "select story_id from marts.signals where is_latest and is_lead "
        "and (effect = 'worse' or (kind = 'contrast' and effect = 'different'))"
    )
    expected = {"/".join(("target_missed", *group)) for group in missed}
    expected |= {f"worsening/{signal}" for (signal,) in worse}
    ledger = read_ledger(settings.paths.state)
    assert {key for key, entry in ledger.items() if entry.finding.kind != "source_stale"} == expected
    assert all(entry.told == {"ops": "open"} for entry in ledger.values())
    assert expected
    return messages


def test_every_target_missed_and_every_worsening_is_told_once(second_night: Company, tmp_path: Path) -> None:
    messages = told_over_two_nights(second_night, settings_of(second_night, tmp_path))
    assert len(messages) == 1


@pytest.mark.long
def test_the_planted_friction_is_told_once(tmp_path: Path) -> None:
    """It takes a larger company than the other tests' for its failures to be no chance."""
    company = new_company(tmp_path / "data", customers=300, days=150, seed=3)
    company.cx("nightly", "--date", "2026-11-01")
    (tmp_path / "desk").mkdir()
    (message,) = told_over_two_nights(company, settings_of(company, tmp_path / "desk"))
    assert "touchpoint payment (" in message.body
