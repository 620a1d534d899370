"""Alerts in Dagster: after the night is published, every channel is told what it has not been told.

What enters: the settings.  What leaves: one asset, and one check a channel set-up that fails where a channel
did not answer, which blocks nothing: what it missed is told after the next night.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from cx_pipeline.alerts.judge import judge_published
from cx_pipeline.alerts.ledger import LedgerError
from cx_pipeline.alerts.tell import Report, tell
from cx_pipeline.settings import Settings

ALERTS = dg.AssetKey(["published", "alerts"])
TOLD_CHECK = "every_channel_was_told"


def alerts_asset(settings: Settings) -> dg.AssetsDefinition:
    """The asset `alerts`, after the published file."""

    @dg.asset(
        key=ALERTS,
        deps=[dg.AssetKey(["published", "cx"])],
        group_name="published",
        description="What the night had to tell, and to whom it was told (`cx alerts list`).",
        kinds={"apprise"},
        owners=["team:cx-analytics"],
        tags={"cx/audience": "managers"},
        required_resource_keys={"night"},
        check_specs=[
            dg.AssetCheckSpec(
                TOLD_CHECK,
                asset=ALERTS,
                description="Every channel took its message; one that failed is told after the next night.",
            )
        ],
    )
    def alerts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        import duckdb

        night = context.resources.night
        night.progress("alerts", 0, 1)
        try:
            now = datetime.now(UTC)
            report = tell(settings, judge_published(settings, now), night.record.night, now=now)
            problems = report.lines
        except (LedgerError, OSError, duckdb.Error) as error:  # the night is published: it stands
            report, problems = Report(0, {}, {}), [f"alerts: nobody was told: {error}"]
        night.progress("alerts", 1, 1)
        for line in problems:
            context.log.warning(line)
        yield dg.MaterializeResult(
            metadata={
                "open findings": report.open,
                "told": sum(report.sent.values()),
                "channels told": ", ".join(sorted(report.sent)) or "-",
            },
            check_results=[
                dg.AssetCheckResult(
                    check_name=TOLD_CHECK,
                    passed=not problems,
                    severity=dg.AssetCheckSeverity.WARN,
                    description="\n".join(problems) or None,
                    metadata={"channels that failed": len(report.failed)},
                )
            ],
        )

    return alerts
