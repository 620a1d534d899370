"""The scorecard in Dagster: the page, and the headline KPIs of the last complete month as numbers to plot.

What enters: the published file.  What leaves: the page beside it, and one asset a night, whose metadata holds
the values and the page's path.  Called by the assembly.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
import dagster as dg

from cx_pipeline.scorecard.model import Scorecard
from cx_pipeline.scorecard.standing import Standing, by_target, read_standing
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.freshness import nightly_freshness


def scorecard_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `scorecard`, after the published file."""

    @dg.asset(
        key=dg.AssetKey(["published", "scorecard"]),
        deps=[dg.AssetKey(["published", "cx"])],
        group_name="published",
        description="The headline KPIs of the last complete month, night by night (`cx scorecard`), and the "
        "page `published/scorecard.html`.",
        kinds={"duckdb"},
        owners=["team:cx-analytics"],
        tags={"cx/audience": "managers"},
        freshness_policy=nightly_freshness(settings),
        required_resource_keys={"night"},
    )
    def scorecard(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        from cx_pipeline.scorecard.page import write_page

        page = settings.paths.scorecard_page
        standing = read_standing(settings.paths.published_file, settings.performance.duckdb_memory)
        metadata = numbers(write_page(settings, page), standing)
        return dg.MaterializeResult(metadata=metadata | {"page": dg.MetadataValue.path(page)})

    return scorecard


def numbers(scorecard: Scorecard, standing: Standing) -> dict[str, dg.MetadataValue]:
    """One plottable number a headline that has a value, and of the night; the rest as text."""
    metadata: dict[str, dg.MetadataValue] = {
        line.headline.kpi: dg.MetadataValue.float(line.figure.value)
        for line in scorecard.lines
        if line.figure and line.figure.value is not None
    }
    targets = [target.status for target in by_target(standing.judged)]
    metadata["targets missed"] = dg.MetadataValue.int(targets.count("missed"))
    metadata["targets met"] = dg.MetadataValue.int(targets.count("met"))
    effects = [signal.effect for signal in standing.signals]
    metadata["KPIs newly worse"] = dg.MetadataValue.int(effects.count("worse"))
    metadata["KPIs newly better"] = dg.MetadataValue.int(effects.count("better"))
    if scorecard.night:
        for name in ("landed", "rejected", "quarantined", "held"):
            metadata[f"rows {name}"] = dg.MetadataValue.int(getattr(scorecard.night, name))
    if scorecard.period_start:
        metadata["period_start"] = dg.MetadataValue.text(scorecard.period_start.isoformat())
    if scorecard.look_next:
        lines = [f"- {hint.text}\n\n  `{hint.command}`" for hint in scorecard.look_next]
        metadata["where to look next"] = dg.MetadataValue.md("\n".join(lines))
    return metadata
