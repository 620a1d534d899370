"""`cx alerts`: what is open, whether the channels work; the doctor; no secret in the settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cx_pipeline.alerts import judge_published, tell
from cx_pipeline.cli import cli
from cx_pipeline.cli.doctor import _alerts
from cx_pipeline.settings import SettingsError, load_settings
from tests.alerts.conftest import NOW, Desk, Webhook

ROW = "('csat', 'month', date '2026-10-01', 'all', 'all', 71.25, 68.9, 73.4, 1523, true, 80, 'missed')"


@pytest.fixture
def cx(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook) -> Any:
    """Run `cx` with a channel `ops`, whose address is in the environment."""
    config = tmp_path / "cx.toml"
    config.write_text("[alerts.channels.ops]\nlanguage = 'ko'\n")
    for name, value in {
        "CX_CONFIG": str(config),
        "CX_DATA_DIR": str(desk.root),
        "CX_ALERTS__CHANNELS__OPS__URL": webhook.url,
    }.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments)

    return run


def test_a_test_message_is_sent_to_each_channel(cx: Any, webhook: Webhook) -> None:
    result = cx("alerts", "test")
    assert (result.exit_code, result.output) == (0, "ops: sent\n")
    assert webhook.got[0]["title"] == "[CX] 시험 메시지"


def test_a_failing_channel_ends_with_1_and_no_secret(cx: Any, webhook: Webhook) -> None:
    webhook.status = 403
    result = cx("alerts", "test", "ops")
    assert result.exit_code == 1
    assert "ops: failed: JSON did not take the message" in result.output
    assert "hush" not in result.output
    assert cx("alerts", "test", "opps").exit_code == 2


def test_what_is_open_is_listed(cx: Any, desk: Desk) -> None:
    assert cx("alerts", "list").output == "Nothing is open.\n"
    desk.publish(ROW)
    settings = load_settings()
    tell(settings, judge_published(settings, NOW), "2026-11-01", now=NOW)
    lines = cx("alerts", "list").output.splitlines()
    assert lines[1].startswith("warning   2026-11-02  ops   CSAT (October 2026): 71.2 %")
    ((row,),) = (json.loads(cx("alerts", "list", "--json", "--language", "ko").output),)
    assert row["told"] == ["ops"]
    assert row["facts"]["value"] == 71.25
    assert row["finding"].startswith("고객 만족도(CSAT) (2026년 10월)")


def test_the_doctor_says_which_channel_lacks_its_address(cx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.level for finding in _alerts(load_settings())] == ["ok"]
    monkeypatch.delenv("CX_ALERTS__CHANNELS__OPS__URL")
    (finding,) = _alerts(load_settings())
    assert finding.level == "warning"
    assert "set CX_ALERTS__CHANNELS__OPS__URL, or alerts.channels.ops.url_file" in finding.text


def test_an_address_in_the_settings_file_is_refused_unseen(cx: Any, tmp_path: Path) -> None:
    (tmp_path / "cx.toml").write_text("[alerts.channels.ops]\nurl = 'slack://t0k3n'\n")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "CX_ALERTS__CHANNELS__OPS__URL" in str(error.value)
    assert "t0k3n" not in str(error.value)


def test_a_wrong_word_in_a_channel_names_what_is_allowed(cx: Any, tmp_path: Path) -> None:
    (tmp_path / "cx.toml").write_text("[alerts.channels.ops]\nmin_severity = 'bad'\nkinds = ['nights']\n")
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "alerts.channels.ops.min_severity = 'bad': must be 'info', 'warning' or 'critical'" in str(
        error.value
    )
    assert "'night_failed'" in str(error.value)
