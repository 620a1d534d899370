"""One Dagster asset a source and entity: what the source delivered, landed as Parquet.

What enters: the settings.  What leaves: one multi-asset a source, partitioned by the night.  A file
that cannot be read, or a service that does not answer, fails a check that blocks nothing, so that one
broken file or source never keeps the others from landing.  Run for days gone by, a service is pulled for
those days and its cursor stays where it is.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import INBOX_SOURCE, ServiceSource, Settings, Source
from cx_pipeline.sources import connectors

if TYPE_CHECKING:
    from cx_pipeline.landing import Days, FileReport, ServiceReport

OWNERS = ["team:data-engineering"]
FILES_READ, SERVICE_ANSWERED = "every_file_was_read", "service_answered"

_RETRY = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def nights(settings: Settings) -> dg.DailyPartitionsDefinition:
    """The nights a pull can be run for; today's is there too, for whoever runs it before midnight."""
    return dg.DailyPartitionsDefinition(
        start_date=datetime.combine(settings.schedule.first_night, datetime.min.time()),
        timezone=settings.schedule_zone.key,
        end_offset=1,
    )


def entities_of(name: str, source: Source) -> tuple[str, ...]:
    """The entities a source delivers: those it maps, or its connector does; the inbox takes every one."""
    if isinstance(source, ServiceSource):
        return connectors.find(source.type).delivers(source)
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
        kinds={"api" if isinstance(source, ServiceSource) else "file", "parquet"},
        owners=OWNERS,
        partitions_def=nights(settings),
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=hours)),
        metadata={"service": source.type}
        if isinstance(source, ServiceSource)
        else {"files": f"{settings.paths.inbox}/{entity}/"},
    )


def pull_asset(settings: Settings, name: str, source: Source) -> dg.AssetsDefinition:
    """The multi-asset that pulls one source."""
    if isinstance(source, ServiceSource):
        return _service_asset(settings, name, source)
    return _file_asset(settings, name, source)


def _file_asset(settings: Settings, name: str, source: Source) -> dg.AssetsDefinition:
    entities = entities_of(name, source)

    @dg.multi_asset(
        name=f"pull_{name}",
        specs=[_spec(settings, name, entity, source) for entity in entities],
        check_specs=[
            dg.AssetCheckSpec(
                FILES_READ,
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
        for line in (*_notes(report.failed).splitlines(), *report.notes):
            context.log.warning(line)
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


def _service_asset(settings: Settings, name: str, source: ServiceSource) -> dg.AssetsDefinition:
    entities = entities_of(name, source)

    # no retry policy: the client has tried with patience, and the next night goes on from the last page
    @dg.multi_asset(
        name=f"pull_{name}",
        specs=[_spec(settings, name, entity, source) for entity in entities],
        check_specs=[
            dg.AssetCheckSpec(
                SERVICE_ANSWERED,
                asset=pulled_key(name, entity),
                description="The service could be pulled to its end, and was not empty against its habit.",
            )
            for entity in entities
        ],
        partitions_def=nights(settings),
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={"night"},
    )
    def pull(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        from cx_pipeline.landing import LandingError, Totals, pull_service
        from cx_pipeline.privacy.errors import PrivacyError

        night = context.resources.night
        days, is_nightly = _what_to_pull(context, settings)

        def on_page(pages: int) -> None:
            night.progress(f"pull {name}", pages, None)

        try:
            reports = [
                pull_service(settings, name, night.date, days=wanted, on_page=on_page)
                for wanted in ([days] if days else []) + ([None] if is_nightly else [])
            ]
        except (LandingError, PrivacyError) as error:  # trying again would change nothing
            raise dg.Failure(str(error), allow_retries=False) from error
        if any(report.problems for report in reports):
            night.stale_sources.add(name)
        for line in dict.fromkeys(line for report in reports for line in _service_lines(report)):
            context.log.warning(line)
        for entity in entities:
            found = [report.totals.get(entity, Totals()) for report in reports]
            yield dg.MaterializeResult(
                asset_key=pulled_key(name, entity),
                metadata={
                    "pages landed": sum(t.loaded for t in found),
                    "pages repeated": sum(t.skipped for t in found),
                    "rows read": sum(t.read for t in found),
                    "rows landed": sum(t.landed for t in found),
                    "rows rejected": sum(t.rejected for t in found),
                    "API calls": sum(report.calls for report in reports),
                    "notes": dg.MetadataValue.md(
                        "\n".join(f"- {line}" for report in reports for line in _service_lines(report))
                    ),
                },
                check_results=[_service_check(name, entity, reports)],
            )

    return pull


def _what_to_pull(context: dg.AssetExecutionContext, settings: Settings) -> "tuple[Days | None, bool]":
    """(days to pull again, whether to pull what is new): the last night is pulled by its cursor."""
    from cx_pipeline.landing import Days
    from cx_pipeline.night.resource import last_night

    if not (context.has_partition_key or context.has_partition_key_range):
        return None, True
    keys = context.partition_key_range
    first, last = date.fromisoformat(keys.start), date.fromisoformat(keys.end)
    is_nightly = last >= last_night(settings)
    return (None if is_nightly and first == last else Days(first, last)), is_nightly


def _service_lines(report: "ServiceReport") -> list[str]:
    """What there is to say of a pull, problems first."""
    return [f"{stream}: {problem}" for stream, problem in report.problems] + list(report.notes)


def _service_check(name: str, entity: str, reports: "Sequence[ServiceReport]") -> dg.AssetCheckResult:
    lines = [f"- {stream}: {problem}" for report in reports for stream, problem in report.problems]
    if all(entity in report.empty for report in reports):
        lines.append(
            f"- nothing of {entity} came, although each night before brought some, or what had come already: "
            "look whether the service still records it, or the credential lost a permission"
        )
    return dg.AssetCheckResult(
        asset_key=pulled_key(name, entity),
        check_name=SERVICE_ANSWERED,
        passed=not lines,
        severity=dg.AssetCheckSeverity.WARN,
        description="\n".join(lines) or None,
        metadata={"problems": len(lines)},
    )


def _read_check(name: str, entity: str, files: "Sequence[FileReport]") -> dg.AssetCheckResult:
    failed = [file for file in files if file.outcome == "failed"]
    return dg.AssetCheckResult(
        asset_key=pulled_key(name, entity),
        check_name=FILES_READ,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,
        description=_notes(failed) or None,
        metadata={"failed files": len(failed)},
    )


def _notes(files: "Sequence[FileReport]") -> str:
    """What there is to say of each file, a line each."""
    return "\n".join(f"- {file.origin}: {note}" for file in files for note in file.notes)
