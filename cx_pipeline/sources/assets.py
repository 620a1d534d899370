"""One Dagster asset a source and entity: what the source delivered, landed as Parquet.

What enters: the settings.  What leaves: one multi-asset a source, partitioned by the night.  A file
that cannot be read fails a check that blocks nothing, so that one broken file or source never keeps
the others from landing.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import INBOX_SOURCE, Settings, Source

if TYPE_CHECKING:
    from cx_pipeline.landing import FileReport

OWNERS = ["team:data-engineering"]

_RETRY = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def nights(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The nights a pull can be run for; today's is there too, for whoever runs it before midnight."""
    return dg.DailyPartitionsDefinition(
        start_date=datetime.combine(settings.schedule.first_night, datetime.min.time()),
        timezone=settings.schedule_zone.key,
        end_offset=1,
    )


def entities_of(name: str, source: Source) -> tuple[str, ...]:
    """The entities a source delivers: those it maps; the inbox takes every one."""
    return tuple(ENTITIES) if name == INBOX_SOURCE else tuple(e for e in ENTITIES if e in source.entities)


def pulled_key(source: str, entity: str) -> dg.AssetKey:
    """The asset of what `source` delivers of `entity`."""
    return dg.AssetKey([source, entity])


def _spec(settings: Settings, name: str, entity: str, source: Source) -> dg.AssetSpec:
    mapping = source.entities.get(entity)
    hours = (mapping and mapping.freshness_hours) or 48
    return dg.AssetSpec(
        pulled_key(name, entity),
        group_name="sources",
        description=f"What `{name}` delivers of {entity}: {ENTITIES[entity].description}",
        kinds={"file", "parquet"},
        owners=OWNERS,
        partitions_def=nights(settings),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)),
        metadata={"files": f"{settings.paths.inbox}/{entity}/"},
    )


def pull_asset(settings: Settings, name: str, source: Source) -> dg.AssetsDefinition:
    """The multi-asset that pulls one source."""
    entities = entities_of(name, source)

    @dg.multi_asset(
        name=f"pull_{name}",
        specs=[_spec(settings, name, entity, source) for entity in entities],
        check_specs=[
            dg.AssetCheckSpec(
                "every_file_was_read",
                asset=pulled_key(name, entity),
                description="No file was unreadable: truncated, changed while it was read, or claimed twice.",
            )
            for entity in entities
        ],
        partitions_def=nights(settings),
        backfill_policy=dg.BackfillPolicy.single_run(),
        retry_policy=_RETRY,
        required_resource_keys={"night"},
    )
    def pull(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        from cx_pipeline.landing import LandingError, Totals, pull_files
        from cx_pipeline.privacy.errors import PrivacyError

        night = context.resources.night
        try:
            report = pull_files(
                settings,
                name,
                night.date,
                on_progress=lambda done, total: night.progress(f"pull {name}", done, total),
            )
        except (LandingError, PrivacyError) as error:  # trying again would change nothing
            raise dg.Failure(str(error), allow_retries=False) from error
        if report.failed:
            night.stale_sources.add(name)
        for note in report.notes:
            context.log.warning(note)
        for entity in entities:
            totals = report.totals.get(entity, Totals())
            yield dg.MaterializeResult(
                asset_key=pulled_key(name, entity),
                metadata={
                    "files loaded": totals.loaded,
                    "files unchanged": totals.skipped + totals.alias,
                    "rows read": totals.read,
                    "rows landed": totals.landed,
                    "rows rejected": totals.rejected,
                    "columns nobody asked for": sorted({h for f in report.of(entity) for h in f.extra}),
                    "notes": dg.MetadataValue.md(_notes(report.of(entity))),
                },
                check_results=[_read_check(name, entity, report.of(entity))],
            )

    return pull


def _read_check(name: str, entity: str, files: "Sequence[FileReport]") -> dg.AssetCheckResult:
    failed = [file for file in files if file.outcome == "failed"]
    return dg.AssetCheckResult(
        asset_key=pulled_key(name, entity),
        check_name="every_file_was_read",
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        description=_notes(failed) or None,
        metadata={"failed files": len(failed)},
    )


def _notes(files: "Sequence[FileReport]") -> str:
    """What there is to say of each file, a line each."""
    return "\n".join(f"- {file.origin}: {note}" for file in files for note in file.notes)
