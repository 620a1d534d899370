"""A night that fails is told once, whoever started it, and not before its last try."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from cx_pipeline.alerts.runs import failed_night_sensor, tell_of_failed_run
from cx_pipeline.night.lock import Holder
from cx_pipeline.night.resource import NIGHTLY_JOB, close_dead_run
from tests.alerts.conftest import Desk, Webhook


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def failing_run(instance: dg.DagsterInstance, name: str = NIGHTLY_JOB, **tags: str) -> dg.DagsterRun:
    """A run of a job that fails, as the nightly job does."""

    @dg.op
    def dbt_models() -> None:
        raise RuntimeError("rows of kim@example.com do not convert")

    @dg.job(name=name, tags={"dagster/partition": "2026-11-01"})
    def failing() -> None:
        dbt_models()

    result = failing.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert not result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    return run


def test_a_failed_night_is_told_once_and_without_personal_data(
    desk: Desk, webhook: Webhook, instance: dg.DagsterInstance
) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    run = failing_run(instance)
    for _ in range(2):  # the command line, then the sensor
        tell_of_failed_run(settings, instance, run.run_id)
    (got,) = webhook.got
    assert got["type"] == "failure"
    assert got["message"].splitlines()[:2] == [
        "Night failed",
        "- The night of 2026-11-01 did not get through: the night stopped at dbt_models: rows of [email] do "
        "not convert",
    ]


def test_only_the_nightly_job_is_a_night(desk: Desk, webhook: Webhook, instance: dg.DagsterInstance) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    assert tell_of_failed_run(settings, instance, failing_run(instance, "other").run_id) is None
    assert tell_of_failed_run(settings, instance, "no run") is None
    assert not webhook.got


def test_a_failure_that_a_later_night_made_good_is_not_told(
    desk: Desk, webhook: Webhook, instance: dg.DagsterInstance
) -> None:
    """The daemon may come to a failed run long after somebody ran the night again."""
    settings = desk.settings(ops={"url": webhook.url})
    run = failing_run(instance)
    desk.record("later", "published", "2999-01-01T00:00:00+00:00")
    tell_of_failed_run(settings, instance, run.run_id)
    assert not webhook.got


def test_a_killed_night_is_told_by_whoever_takes_its_lock(
    desk: Desk, webhook: Webhook, instance: dg.DagsterInstance
) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    run = instance.create_run_for_job(
        dg.GraphDefinition(name=NIGHTLY_JOB).to_job(), tags={"dagster/partition": "2026-11-01"}
    )
    dead = Holder(1, run.run_id, "2026-11-01", "the schedule", "2026-11-02T02:00:00+00:00")
    close_dead_run(dead, instance, settings)
    tell_of_failed_run(settings, instance, run.run_id)
    assert "The process died while this night ran" in webhook.got[0]["message"]


@pytest.mark.parametrize(("tags", "told"), [({"dagster/will_retry": "true"}, 0), ({}, 1)])
def test_the_sensor_waits_for_the_last_try(
    desk: Desk, webhook: Webhook, instance: dg.DagsterInstance, tags: dict[str, str], told: int
) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    nightly = dg.define_asset_job(NIGHTLY_JOB)
    sensor = failed_night_sensor(settings, nightly)
    run = failing_run(instance, **tags)
    event = next(e.dagster_event for e in instance.all_logs(run.run_id) if e.dagster_event.is_run_failure)  # type: ignore[union-attr]
    assert event is not None
    context = dg.build_run_status_sensor_context(sensor.name, event, instance, run).for_run_failure()
    answer = sensor(context)
    assert len(webhook.got) == told
    assert isinstance(answer, dg.SkipReason) == (not told)


def test_the_sensor_is_on_where_a_channel_is(desk: Desk, webhook: Webhook) -> None:
    nightly = dg.define_asset_job(NIGHTLY_JOB)
    for settings, status in (
        (desk.settings(), dg.DefaultSensorStatus.STOPPED),
        (desk.settings(ops={"url": webhook.url, "enabled": False}), dg.DefaultSensorStatus.STOPPED),
        (desk.settings(ops={"url": webhook.url}), dg.DefaultSensorStatus.RUNNING),
    ):
        assert failed_night_sensor(settings, nightly).default_status is status


def test_a_failed_data_test_is_named(desk: Desk, webhook: Webhook, instance: dg.DagsterInstance) -> None:
    """One that fails as a warning, or a rule of the gate, stops no night and is not told as its cause."""

    def spec(key: list[str], name: str, *, blocking: bool = False) -> dg.AssetCheckSpec:
        return dg.AssetCheckSpec(name, asset=dg.AssetKey(key), blocking=blocking)

    checks = [
        (["marts", "kpis"], "unique_key"),
        (["marts", "kpis"], "mild"),
        (["landing", "feedback"], "rule"),
    ]

    @dg.multi_asset(
        name="dbt_models",
        specs=[dg.AssetSpec(["marts", "kpis"]), dg.AssetSpec(["landing", "feedback"])],
        check_specs=[spec(key, name) for key, name in checks],
    )
    def models() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        for key in (["marts", "kpis"], ["landing", "feedback"]):
            yield dg.MaterializeResult(asset_key=dg.AssetKey(key))
        for key, name in checks:
            severity = dg.AssetCheckSeverity.WARN if name == "mild" else dg.AssetCheckSeverity.ERROR
            yield dg.AssetCheckResult(
                asset_key=dg.AssetKey(key), check_name=name, passed=False, severity=severity
            )
        raise dg.Failure("a data test failed")

    job = dg.define_asset_job(NIGHTLY_JOB)
    definitions = dg.Definitions(assets=[models], jobs=[job])
    result = definitions.resolve_job_def(NIGHTLY_JOB).execute_in_process(
        instance=instance, raise_on_error=False, tags={"dagster/partition": "2026-11-01"}
    )
    tell_of_failed_run(desk.settings(ops={"url": webhook.url}), instance, result.run_id)
    message = webhook.got[0]["message"]
    assert "Critical check failed\n- Data test marts/kpis: unique_key failed\n" in message
    assert "mild failed" not in message
    assert "Data test landing" not in message
