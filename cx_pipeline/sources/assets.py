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
    from cx_pipeline.landing.pull import FileReport

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
    def pull(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        from cx_pipeline.landing import pull_files

        night = context.resources.night
        report = pull_files(
            settings,
            name,
            night.date,
            on_progress=lambda done, total: night.progress(f"pull {name}", done, total),
        )
        for entity in entities:
            files = report.of(entity)
            failed = [file for file in files if file.outcome == "failed"]
            if failed:
                night.stale_sources.add(name)
            loaded = [file for file in files if file.outcome == "loaded"]
            yield dg.MaterializeResult(
                asset_key=pulled_key(name, entity),
                metadata={
                    "files loaded": len(loaded),
                    "files unchanged": sum(file.outcome == "skipped" for file in files),
                    "rows read": sum(file.read for file in loaded),
                    "rows landed": sum(file.landed for file in loaded),
                    "rows rejected": sum(file.rejected for file in loaded),
                    "notes": dg.MetadataValue.md(_notes(files)),
                },
                check_results=[
                    dg.AssetCheckResult(
                        asset_key=pulled_key(name, entity),
                        check_name="every_file_was_read",
                        passed=not failed,
                        severity=dg.AssetCheckSeverity.WARN,
                        metadata={"failed files": len(failed), "messages": _notes(failed)},
                    )
                ],
            )

    return pull


def _notes(files: "Sequence[FileReport]") -> str:
    """What there is to say of each file, a line each."""
    return "\n".join(f"- {file.origin}: {note}" for file in files for note in file.notes)
