"""A night from the command line: the same job, in this process, seen in the UI like any other run.

What enters: the settings and the nights wanted.  What leaves: `NightResult`, or `NightBusy` naming who
runs a night already, or `NightError` with one line that says what stopped the night and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from cx_pipeline.night.lock import NightBusy, NightLock
from cx_pipeline.settings import Settings

if TYPE_CHECKING:
    from cx_pipeline.night.resource import Progress

__all__ = ["NightBusy", "NightError", "NightResult", "run_nightly"]


class NightError(Exception):
    """The night did not get through; the text says where it stopped and what to do."""


@dataclass(frozen=True, slots=True)
class NightResult:
    """A night that was published; `unread` says what of the sources could not be read, a line each."""

    run_id: str
    night: date
    unread: tuple[str, ...] = ()


def run_nightly(
    settings: Settings,
    first: date | None = None,
    last: date | None = None,
    *,
    full_refresh: bool = False,
    on_progress: Progress | None = None,
) -> NightResult:
    """Run the nightly job for the nights `first` to `last` (default: the day that ended last)."""
    import dagster as dg

    from cx_pipeline.alerts.runs import tell_of_failed_run
    from cx_pipeline.definitions import build_definitions
    from cx_pipeline.night.failure import why_it_failed
    from cx_pipeline.night.resource import (
        NIGHTLY_JOB,
        STARTED_BY_TAG,
        close_dead_run,
        last_night,
        night_resource,
    )
    from cx_pipeline.sources.assets import FILES_READ, SERVICE_ANSWERED
    from cx_pipeline.warehouse.dagster_home import ensure_dagster_home

    first = first or last or last_night(settings)
    last = last or first
    _require_known_nights(settings, first, last)
    ensure_dagster_home(settings)
    lock = NightLock(settings.paths.state / "night.lock")
    dead = lock.acquire(wait_seconds=0)
    with lock, dg.DagsterInstance.get() as instance:
        if dead:
            close_dead_run(dead, instance, settings)
            tell_of_failed_run(settings, instance, dead.run_id)
        night = night_resource(settings, lock, on_progress)
        job = build_definitions(settings, {"night": night}).resolve_job_def(NIGHTLY_JOB)
        result = job.execute_in_process(
            instance=instance,
            run_config={
                "ops": {"dbt_models": {"config": {"full_refresh": full_refresh}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            tags={STARTED_BY_TAG: "cx nightly", **_partition_tags(first, last)},
            raise_on_error=False,
        )
        if not result.success:
            tell_of_failed_run(settings, instance, result.run_id)
            raise NightError(why_it_failed(result.all_events))
        unread = [
            f"{check.asset_key.path[0]}: {line.removeprefix('- ')}"
            for check in result.get_asset_check_evaluations()
            if check.check_name in (FILES_READ, SERVICE_ANSWERED) and not check.passed
            for line in (check.description or "").splitlines()
        ]
    return NightResult(result.run_id, last, tuple(dict.fromkeys(unread)))


def _partition_tags(first: date, last: date) -> dict[str, str]:
    if first == last:
        return {"dagster/partition": last.isoformat()}
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def _require_known_nights(settings: Settings, first: date, last: date) -> None:
    today = datetime.now(settings.schedule_zone).date()
    if not settings.schedule.first_night <= first <= last <= today:
        raise NightError(
            f"nights {first} to {last} cannot be run: they must be in order and lie between "
            f"{settings.schedule.first_night} (schedule.first_night) and {today} "
            f"(today in {settings.schedule_zone})"
        )
