"""The warehouse in Dagster: dbt's models as assets with their lineage and tests, then the published file.

What enters: landing and verdicts.  What leaves: the marts' working file, and the published copy of it.
A night that brings nothing new leaves the models as they are and only adds its row to `nights`.
"""

# no `from __future__ import annotations`: Dagster looks at the annotations of context and config themselves
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, DbtProject, dbt_assets

from cx_pipeline.night.resource import Night
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.built import (
    Built,
    data_fingerprint,
    delete_working_files,
    read_built,
    remember_built,
)
from cx_pipeline.warehouse.column_lineage import lineage_metadata, with_lineage
from cx_pipeline.warehouse.dbt_child import wait_for_orphans, write_launcher
from cx_pipeline.warehouse.freshness import nightly_freshness
from cx_pipeline.warehouse.inputs import PROJECT_DIR, dbt_environment, models_at_a_time, write_inputs
from cx_pipeline.warehouse.project import (
    call_dbt,
    dbt_folder,
    project_fingerprint,
    target_path,
    vars_argument,
)
from cx_pipeline.warehouse.publish import publish, refuse_foreign_wal
from cx_pipeline.warehouse.semantic import MANIFEST, publish_semantics

PUBLISHED = dg.AssetKey(["published", "cx"])
OWNERS = ["team:cx-analytics"]
AUDIENCE_TAG = "cx/audience"
"""managers, analysts or engineers: what a saved view of the catalog selects by."""


class Translator(DagsterDbtTranslator):
    """Groups by layer, says who owns and who reads what, and when a mart is overdue."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._freshness = nightly_freshness(settings)

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        is_mart = spec.group_name == "marts"
        return spec.replace_attributes(freshness_policy=self._freshness) if is_mart else spec

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "reference"
        return str(dbt_resource_props["fqn"][1])

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return OWNERS

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return {**super().get_tags(dbt_resource_props), AUDIENCE_TAG: _audience(dbt_resource_props)}

    def get_description(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return str(dbt_resource_props.get("description") or "")


def _audience(dbt_resource_props: Mapping[str, Any]) -> str:
    """Who looks at a model: managers at KPIs, analysts at the other marts, engineers at what leads there."""
    if dbt_resource_props["fqn"][1] != "marts":
        return "engineers"
    name = str(dbt_resource_props["name"])
    return "managers" if name.startswith("kpi") or name == "signals" else "analysts"


class BuildConfig(dg.Config):
    """What a run may ask of the warehouse."""

    full_refresh: bool = False
    """Delete the working files and build everything from landing."""


def model_assets(settings: Settings, manifest: Path) -> dg.AssetsDefinition:
    """Every seed and model of the dbt project as an asset, every data test as a check."""

    @dbt_assets(
        manifest=manifest,
        name="dbt_models",
        dagster_dbt_translator=Translator(settings),
        required_resource_keys={"dbt", "night"},
    )
    def dbt_models(context: dg.AssetExecutionContext, config: BuildConfig) -> Iterator[Any]:
        night: Night = context.resources.night
        dbt: DbtCliResource = context.resources.dbt
        paths = settings.paths
        refuse_foreign_wal(paths.published_file)
        wait_for_orphans(dbt_folder(settings))
        built = read_built(paths)
        tonight = Built(project_fingerprint(settings), data_fingerprint(paths))
        full_refresh = config.full_refresh or built is None or built.project != tonight.project
        night.tell(full_refresh=full_refresh)
        night.write(
            "published"
        )  # what the published file says of this night; corrected if it is not published
        if full_refresh and not context.is_subset:
            delete_working_files(paths)
        write_inputs(settings)
        os.environ.update(dbt_environment(settings))
        if not full_refresh and built == tonight and not context.is_subset:
            yield from _only_the_nights(context, settings, manifest, tonight.project)
            return
        threads = ["--threads", str(models_at_a_time(settings))]
        arguments = ["build", *threads, "--exclude", "resource_type:unit_test", *vars_argument(settings)]
        invocation = dbt.cli(arguments, context=context, target_path=target_path(settings))
        total = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)

        def told() -> Iterator[Any]:
            for done, event in enumerate(invocation.stream(), start=1):
                night.progress("dbt", min(done, total), total)
                yield event

        yield from with_lineage(settings, manifest, tonight.project, context, told())
        if not context.is_subset:
            remember_built(paths, tonight)

    return dbt_models


def _only_the_nights(
    context: dg.AssetExecutionContext,
    settings: Settings,
    manifest: Path,
    project: str,
) -> Iterator[dg.MaterializeResult[None]]:
    """Nothing new has landed: build `nights` alone, and say of the other marts that they are current.

    The other models' tests passed when those were built, so their last results stand; that they are not
    told again is no warning for anybody.
    """
    logging.getLogger("dagster._core.execution.plan.active").setLevel(logging.ERROR)
    call_dbt(settings, "run", "--select", "+nights")
    lineage = lineage_metadata(settings, manifest, project)
    for key in context.job_def.asset_layer.asset_graph.toposorted_asset_keys:
        if key in context.selected_asset_keys and key.path[0] == "marts":
            yield dg.MaterializeResult(asset_key=key, metadata={"unchanged": True, **lineage.get(key, {})})


def published_asset(settings: Settings, marts: list[dg.AssetKey]) -> dg.AssetsDefinition:
    """The published file, swapped in after every mart is built and tested."""

    @dg.asset(
        key=PUBLISHED,
        deps=marts,
        group_name="published",
        description="The read-only warehouse people query: a checked copy of tonight's marts.",
        kinds={"duckdb"},
        owners=OWNERS,
        required_resource_keys={"night"},
        freshness_policy=nightly_freshness(settings),
        tags={AUDIENCE_TAG: "analysts"},
    )
    def published(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        night: Night = context.resources.night
        night.progress("publish", 0, 1)
        result = publish(settings.paths, settings.performance.duckdb_memory)
        publish_semantics(settings.paths, target_path(settings) / MANIFEST)
        night.is_published = True
        night.progress("publish", 1, 1)
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(result.path),
                "size (bytes)": result.size_bytes,
                **{f"rows of {name}": rows for name, rows in result.rows.items()},
                "dagster/row_count": result.rows["kpis"],
            }
        )

    return published


class DbtChild(DbtCliResource):
    """dbt as a child, and nothing of dbt in this process."""

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        """No adapter: it serves the counting of rows and columns after a build, which would keep a file open
        here that publishing has to open; loading it takes as long as a tenth of an empty night."""
        return None


def dbt_resource(settings: Settings) -> DbtCliResource:
    """The dbt command line of this environment, as a child that dies with the night."""
    return DbtChild(
        project_dir=str(PROJECT_DIR),
        profiles_dir=str(PROJECT_DIR),
        dbt_executable=str(write_launcher(dbt_folder(settings))),
    )
