"""The night as a Dagster resource: the lock for the whole run, and the record it leaves.

Every asset of the pipeline requires it, so whatever part of the graph somebody materializes, wherever
they do it, holds the lock.  The in-process executor makes a resource once for the run and closes it
at the end, however the run ends; a killed run is closed by whoever takes the lock next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg

from cx_pipeline.night.lock import Holder, NightLock
from cx_pipeline.night.record import NightRecord, Outcome, write_record
from cx_pipeline.settings import Settings

NIGHTLY_JOB = "nightly"
STARTED_BY_TAG = "cx/started_by"

Progress = Callable[[str, int, int | None], None]
"""(stage, steps done, steps in all or None where nobody knows)."""


def _silent(stage: str, done: int, total: int | None) -> None:
    """The progress nobody watches."""


@dataclass
class Night:
    """One run: what its assets may know of it, and what they tell for its record."""

    settings: Settings
    record: NightRecord
    progress: Progress = _silent
    stale_sources: set[str] = field(default_factory=set)
    is_published: bool = False

    @property
    def date(self) -> date:
        """The night: the `dt` under which batches land."""
        return date.fromisoformat(self.record.night)

    def tell(self, **changes: object) -> None:
        """Amend the record."""
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]

    def write(self, outcome: Outcome) -> None:
        """Write the record, ended now with `outcome`."""
        self.tell(outcome=outcome, ended_at=_now(), stale_sources=", ".join(sorted(self.stale_sources)))
        write_record(self.settings.paths.state / "nights", self.record)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def night_date(run: dg.DagsterRun, settings: Settings) -> date:
    """The night of a run: its partition (the last of a range), else yesterday in the schedule's zone."""
    key = (
        run.tags.get("dagster/asset_partition_range_end")
        or run.tags.get("dagster/partition")
        or last_night(settings).isoformat()
    )
    return date.fromisoformat(key)


def last_night(settings: Settings) -> date:
    """The last complete day in the schedule's zone: the night a run is for when nobody says."""
    return datetime.now(settings.schedule_zone).date() - timedelta(days=1)


def close_dead_run(dead: Holder, instance: dg.DagsterInstance, settings: Settings) -> None:
    """Mark the run that died holding the lock as failed, in Dagster and in its record."""
    run = instance.get_run_by_id(dead.run_id)
    if run is not None and not run.is_finished:
        instance.report_run_failed(
            run, message="The process died while this night ran; nothing was published."
        )
    path = settings.paths.state / "nights" / f"{dead.run_id}.json"
    if run is None or run.job_name == NIGHTLY_JOB or path.exists():
        write_record(
            settings.paths.state / "nights",
            NightRecord(dead.run_id, dead.night, dead.started_at, _now(), "died"),
        )


def night_resource(
    settings: Settings, lock: NightLock | None = None, progress: Progress | None = None
) -> dg.ResourceDefinition:
    """The resource `night`.  `lock` is one the caller holds already (the command line does)."""

    @dg.resource(description="Holds the one lock of the pipeline while a run lasts, and writes its record.")
    @contextmanager
    def night(context: dg.InitResourceContext) -> Iterator[Night]:
        run, instance = context.run, context.instance
        if run is None or instance is None:
            raise dg.DagsterInvariantViolationError("the night needs a run")
        with lock or NightLock(settings.paths.state / "night.lock") as held:
            if not held.is_held and (dead := held.acquire(settings.lock_wait)):
                close_dead_run(dead, instance, settings)
            started_by = run.tags.get(STARTED_BY_TAG, "Dagster")
            holder = held.name_run(run.run_id, night_date(run, settings).isoformat(), started_by)
            current = Night(
                settings,
                NightRecord(holder.run_id, holder.night, holder.started_at, holder.started_at, "failed"),
                progress or _silent,
            )
            try:
                yield current
            finally:
                if run.job_name == NIGHTLY_JOB and not current.is_published:
                    current.write("held" if current.record.held else "failed")

    return night
