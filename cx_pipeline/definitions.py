"""The code location: nothing but assembly.  Importing it does no I/O; `defs` is called by Dagster.

`build_definitions` is what the command line and the tests call, with the resources they bring.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from cx_pipeline.settings import Settings, load_settings


def build_definitions(settings: Settings, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """Every asset, check, job and schedule, for `settings`; `resources` replace ours by name."""
    from cx_pipeline.alerts.assets import alerts_asset
    from cx_pipeline.alerts.runs import failed_night_sensor
    from cx_pipeline.gate.assets import gate_asset
    from cx_pipeline.night.resource import NIGHTLY_JOB, night_resource
    from cx_pipeline.scorecard.assets import scorecard_asset
    from cx_pipeline.scorecard.checks import kpi_checks
    from cx_pipeline.sources.assets import nights, pull_asset
    from cx_pipeline.warehouse.assets import dbt_resource, model_assets, published_asset
    from cx_pipeline.warehouse.project import current_manifest
    from cx_pipeline.warehouse.upkeep_assets import upkeep_asset

    models = model_assets(settings, current_manifest(settings))
    marts = sorted(key for key in models.keys if key.path[0] == "marts")
    nightly = dg.define_asset_job(
        NIGHTLY_JOB,
        selection=dg.AssetSelection.all(),
        description="Pull, gate, build, publish, tell: one night.",
        partitions_def=nights(settings),
    )
    told = [scorecard_asset(settings), alerts_asset(settings)]
    return dg.Definitions(
        assets=[
            *(pull_asset(settings, name, source) for name, source in settings.all_sources.items()),
            gate_asset(settings),
            models,
            published_asset(settings, marts),
            *told,
            upkeep_asset(settings, [asset.key for asset in told]),
        ],
        asset_checks=[kpi_checks(settings, [key for key in marts if key.path[-1].startswith("kpi_")])],
        jobs=[nightly],
        schedules=[_schedule(settings, nightly)],
        sensors=[failed_night_sensor(settings, nightly)],
        executor=dg.in_process_executor,
        resources={"dbt": dbt_resource(settings), "night": night_resource(settings)} | dict(resources or {}),
    )


def _schedule(settings: Settings, nightly: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The nightly job at the settings' time and zone, for the day that ended last."""
    from cx_pipeline.night.resource import last_night

    at = settings.schedule.at

    @dg.schedule(
        name="nightly_schedule",
        job=nightly,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=settings.schedule_zone.key,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at the settings' schedule.at, for the day that ended last.",
    )
    def nightly_schedule() -> dg.RunRequest:
        night = last_night(settings).isoformat()
        return dg.RunRequest(run_key=night, partition_key=night, tags={"cx/started_by": "the schedule"})

    return nightly_schedule


@dg.definitions
def defs() -> dg.Definitions:
    """The code location as Dagster loads it."""
    from cx_pipeline.warehouse.dagster_home import ensure_dagster_home

    settings = load_settings()
    ensure_dagster_home(settings)
    return build_definitions(settings)
