"""The lineage of columns as Dagster shows it.

What enters: dbt's events of a build.  What leaves: the same events, those of the traced marts with the
origins of their columns.  Called by the warehouse's assets.
"""

# no `from __future__ import annotations`, as beside it
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtCliRuntimeError, DagsterDbtTranslator

from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.lineage import Lineage, is_traced, known_lineage, trace_lineage

ByKey = Mapping[dg.AssetKey, Mapping[str, dg.MetadataValue]]


def lineage_metadata(settings: Settings, manifest: Path, project: str) -> ByKey:
    """The metadata of the traced marts, by asset, after a build."""
    document = json.loads(manifest.read_text())
    known = known_lineage(settings, project)
    return _as_metadata(trace_lineage(settings, document, project) if known is None else known, document)


def with_lineage(
    settings: Settings,
    manifest: Path,
    project: str,
    context: dg.AssetExecutionContext,
    events: Iterable[Any],
) -> Iterator[Any]:
    """The events, the traced marts' with their lineage.

    After a change of the project it can be traced only once dbt is done: the events from the first such mart
    on wait for it, all of them, since Dagster wants assets in the order in which they depend on each other.
    """
    document = json.loads(manifest.read_text())
    known = known_lineage(settings, project)
    if known is not None:
        metadata = _as_metadata(known, document)
        yield from (_amended(event, context, metadata) for event in events)
        return
    key_of = DagsterDbtTranslator().get_asset_key
    wanted = {
        key_of(node)
        for node in document["nodes"].values()
        if node["resource_type"] == "model" and is_traced(node)
    }
    waiting: list[Any] = []
    try:
        for event in events:
            if waiting or _key(event, context) in wanted:
                waiting.append(event)
            else:
                yield event
    except DagsterDbtCliRuntimeError:
        yield from waiting  # what was built is told all the same
        raise
    metadata = {} if context.is_subset else _as_metadata(trace_lineage(settings, document, project), document)
    yield from (_amended(event, context, metadata) for event in waiting)


def _key(event: Any, context: dg.AssetExecutionContext) -> dg.AssetKey | None:
    key: dg.AssetKey | None = None
    if isinstance(event, dg.Output):
        key = context.asset_key_for_output(event.output_name)
    elif isinstance(event, dg.AssetCheckResult | dg.AssetCheckEvaluation):
        key = event.asset_key
    return key


def _amended(event: Any, context: dg.AssetExecutionContext, metadata: ByKey) -> Any:
    if not isinstance(event, dg.Output):
        return event
    more = metadata.get(context.asset_key_for_output(event.output_name))
    return event.with_metadata({**event.metadata, **more}) if more else event


def _as_metadata(lineage: Lineage, manifest: Mapping[str, Any]) -> ByKey:
    nodes = {**manifest["nodes"], **manifest["sources"]}
    key_of = DagsterDbtTranslator().get_asset_key
    keys = {id_: key_of(nodes[id_]) for mart in lineage.values() for deps in mart.values() for id_, _ in deps}
    marts = {node["name"]: key_of(node) for node in manifest["nodes"].values() if node["name"] in lineage}
    return {
        marts[name]: {
            "dagster/column_lineage": dg.MetadataValue.column_lineage(
                dg.TableColumnLineage(
                    {
                        column: [dg.TableColumnDep(asset_key=keys[id_], column_name=of) for id_, of in deps]
                        for column, deps in columns.items()
                    }
                )
            )
        }
        for name, columns in lineage.items()
    }
