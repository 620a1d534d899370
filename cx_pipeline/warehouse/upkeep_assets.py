"""Upkeep in Dagster: one asset after everything people wait for, and a check that never stops a night.

What enters: the settings and the assets to come after.  What leaves: the asset `published/upkeep`, whose
metadata plots the growth of the data night by night.  Called by the assembly.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator, Sequence

import dagster as dg

from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.upkeep import Upkeep, keep_small

UPKEEP = dg.AssetKey(["published", "upkeep"])
KEPT_CHECK = "growth_is_kept_small"


def upkeep_asset(settings: Settings, after: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset `upkeep`, after the last thing anybody reads."""

    @dg.asset(
        key=UPKEEP,
        deps=after,
        group_name="published",
        description="Small landed files are packed, expired rows emptied, bloated working files shrunk.",
        kinds={"parquet", "duckdb"},
        owners=["team:cx-analytics"],
        tags={"cx/audience": "engineers"},
        required_resource_keys={"night"},
        check_specs=[
            dg.AssetCheckSpec(
                KEPT_CHECK,
                asset=UPKEEP,
                description="What was due was packed, emptied and shrunk; what was not is tried next night.",
            )
        ],
    )
    def upkeep(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        night = context.resources.night
        night.progress("upkeep", 0, 1)
        done = keep_small(settings, night.date)
        night.progress("upkeep", 1, 1)
        for line in done.problems:
            context.log.warning(line)
        yield dg.MaterializeResult(
            metadata=numbers(done),
            check_results=[
                dg.AssetCheckResult(
                    check_name=KEPT_CHECK,
                    passed=not done.problems,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="\n".join(done.problems) or None,
                )
            ],
        )

    return upkeep


def numbers(done: Upkeep) -> dict[str, int]:
    """The numbers to plot."""
    return {
        "landed files": done.landed_files,
        "landed batches": done.landed_batches,
        "landed (bytes)": done.landed_bytes,
        "files packed": done.files_packed,
        "files emptied of expired rows": done.files_emptied,
        "bytes freed in landing": done.bytes_freed,
        **{f"bytes freed in {name}": a.size_bytes - b.size_bytes for name, (a, b) in done.shrunk.items()},
    }
