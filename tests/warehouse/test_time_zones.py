"""The rows of the zones' rules give every local time the instant `zoneinfo` gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.warehouse.time_zones import engine_differs_from, rule_rows, zones_of_hours

ZONES = ["America/New_York", "Asia/Seoul", "Australia/Lord_Howe", "America/Havana", "Pacific/Apia"]
RULES = {zone: rule_rows([zone]) for zone in ZONES}


def by_rules(zone: str, local: datetime) -> datetime:
    [offset] = [
        row["utc_offset_seconds"] for row in RULES[zone] if row["local_from"] <= local < row["local_to"]
    ]
    return local - timedelta(seconds=offset)


def by_zoneinfo(zone: str, local: datetime) -> datetime:
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)))
def test_any_local_time(zone: str, local: datetime) -> None:
    assert by_rules(zone, local) == by_zoneinfo(zone, local)


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_about_every_change(zone: str) -> None:
    """Those that come twice are the first of the two; those that do not exist move forward by the gap."""
    for row in RULES[zone][:-1]:
        for minutes in (-90, -60, -30, -15, 0, 15, 30, 60):
            local = row["local_to"] + timedelta(minutes=minutes)
            assert by_rules(zone, local) == by_zoneinfo(zone, local)
        before = row["local_to"] - timedelta(microseconds=1)
        assert by_rules(zone, before) == by_zoneinfo(zone, before)


def test_a_name_that_is_no_zone_has_no_row() -> None:
    assert rule_rows(["Mars/Base", ""]) == []


def test_the_zones_are_those_of_the_seed(tmp_path: Path) -> None:
    seed = tmp_path / "business_hours.csv"
    seed.write_text("schedule_id,time_zone\na,Asia/Seoul\nb, Asia/Seoul \nc,\n", encoding="utf-8")
    assert zones_of_hours(seed) == ["Asia/Seoul"]
    assert zones_of_hours(tmp_path / "none.csv") == []


def test_the_engine_is_compared_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_differs_from("Asia/Seoul") is None
    wrong = [
        row | {"utc_offset_seconds": row["utc_offset_seconds"] + 3600} for row in rule_rows(["Asia/Seoul"])
    ]
    right = rule_rows(["Asia/Seoul"])
    monkeypatch.setattr("cx_pipeline.warehouse.time_zones._rules_of", lambda _: [*right[:-1], wrong[-1]])
    assert engine_differs_from("Asia/Seoul") == right[-1]["local_from"]
