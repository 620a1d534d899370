"""The KPIs as checks: green, or yellow with the numbers; never an error, never blocking."""

from __future__ import annotations

from types import SimpleNamespace

import dagster as dg
import pytest

from cx_pipeline.alerts.assets import ALERTS, TOLD_CHECK, alerts_asset
from cx_pipeline.alerts.ledger import ledger_path
from cx_pipeline.scorecard.checks import (
    SIGNALS_CHECK,
    TARGETS_CHECK,
    kpi_checks,
    signals_result,
    targets_result,
)
from cx_pipeline.scorecard.standing import read_standing
from tests.alerts.conftest import Desk, Webhook
from tests.alerts.test_tell import MISSED, SIGNALS

CSAT, NPS = dg.AssetKey(["marts", "kpi_csat"]), dg.AssetKey(["marts", "kpi_nps"])


def test_a_family_off_target_is_yellow_with_its_numbers(desk: Desk) -> None:
    desk.publish(MISSED)
    result = targets_result(CSAT, read_standing(desk.settings().paths.published_file).judged)
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert "csat, all, month of 2026-10-01: 71.25, target 80" in (result.description or "")
    assert result.metadata["off target"].value == 2
    table = result.metadata["KPIs off target"]
    assert isinstance(table, dg.TableMetadataValue)
    row = table.records[0].data
    assert row["95 % interval"] == "68.9 to 73.4"


def test_a_family_without_targets_or_signals_is_green() -> None:
    for result in (targets_result(NPS, []), signals_result(NPS, [])):
        assert result.passed


def test_a_worsening_is_yellow_and_a_betterment_green(desk: Desk) -> None:
    desk.publish("", SIGNALS)
    signals = read_standing(desk.settings().paths.published_file).signals
    worse = signals_result(NPS, [signal for signal in signals if signal.kpi == "nps"])
    assert (worse.passed, worse.metadata["worse"].value, worse.metadata["better"].value) == (False, 1, 1)
    assert signals_result(NPS, [signal for signal in signals if signal.effect == "better"]).passed


def test_no_check_of_a_kpi_blocks(desk: Desk) -> None:
    specs = list(kpi_checks(desk.settings(), [CSAT, NPS]).check_specs)
    assert [(spec.asset_key, spec.name) for spec in specs] == [
        (key, name) for key in (CSAT, NPS) for name in (TARGETS_CHECK, SIGNALS_CHECK)
    ]
    assert not any(spec.blocking for spec in specs)
    assert all(spec.description for spec in specs)


def test_a_new_file_is_read_anew(desk: Desk) -> None:
    """One night a process is no rule: the daemon's code server lives for weeks."""
    path = desk.settings().paths.published_file
    desk.publish(MISSED)
    assert len(read_standing(path).judged) == 2
    desk.publish()
    assert read_standing(path).judged == ()


@pytest.mark.parametrize("trouble", ["channel", "ledger", "file", ""])
def test_whatever_goes_wrong_with_alerts_the_night_stands(
    desk: Desk, webhook: Webhook, trouble: str, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    desk.publish(MISSED, SIGNALS)
    if trouble == "channel":
        webhook.status = 500
    if trouble == "ledger":
        path = ledger_path(settings.paths.state)
        path.parent.mkdir(parents=True)
        path.write_text("torn")
    if trouble == "file":
        settings.paths.published_file.write_bytes(b"no database")
    night = SimpleNamespace(
        record=SimpleNamespace(night="2026-11-01"), progress=lambda *_: None, settings=settings
    )
    result = dg.materialize([alerts_asset(settings)], resources={"night": night})
    assert result.success
    (check,) = result.get_asset_check_evaluations()
    assert (check.asset_key, check.check_name, check.passed) == (ALERTS, TOLD_CHECK, not trouble)
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert "hush" not in "".join(capfd.readouterr()) + str(check)
    assert len(webhook.got) == (not trouble)
