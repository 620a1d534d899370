"""The KPIs as asset checks: green where a family meets its targets and nothing got worse, yellow where not.

What enters: the wide marts, and the published file.  What leaves: two checks a wide mart, which warn and
never block: a number that people must act on is no fault of the night.  Called by the assembly.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator, Sequence

import dagster as dg

from cx_pipeline.scorecard.standing import Judged, Signal, by_target, read_standing
from cx_pipeline.settings import Settings

TARGETS_CHECK = "every_target_is_met"
SIGNALS_CHECK = "nothing_got_worse"
_MOST_ROWS = 20
_MOST_LINES = 5


def kpi_checks(settings: Settings, wide_marts: Sequence[dg.AssetKey]) -> dg.AssetChecksDefinition:
    """The checks of all wide marts, after the published file."""

    def spec(mart: dg.AssetKey, name: str, description: str) -> dg.AssetCheckSpec:
        published = dg.AssetKey(["published", "cx"])
        return dg.AssetCheckSpec(name, asset=mart, description=description, additional_deps=[published])

    @dg.multi_asset_check(
        name="kpi_checks",
        specs=[
            each
            for mart in wide_marts
            for each in (
                spec(
                    mart,
                    TARGETS_CHECK,
                    "No KPI of this family is off its target (seed kpi_targets) in the newest complete week, "
                    "month or quarter. Warns only.",
                ),
                spec(
                    mart,
                    SIGNALS_CHECK,
                    "No KPI of this family got significantly worse, shifted or fell out of its range in the "
                    "newest complete period (marts.signals). Warns only.",
                ),
            )
        ],
        required_resource_keys={"night"},
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        standing = read_standing(settings.paths.published_file, settings.performance.duckdb_memory)
        for mart in wide_marts:
            yield targets_result(mart, [row for row in standing.judged if row.mart == mart.path[-1]])
            yield signals_result(mart, [row for row in standing.signals if row.mart == mart.path[-1]])

    return checks


def targets_result(mart: dg.AssetKey, judged: Sequence[Judged]) -> dg.AssetCheckResult:
    """The KPIs of a mart against their targets."""
    standings = by_target(judged)
    missed = [row for standing in standings for row in standing.missed]
    off = sum(standing.status == "missed" for standing in standings)
    lines = [f"{_whose(row)}: {_number(row.value)}, target {_number(row.target)}" for row in missed]
    return dg.AssetCheckResult(
        asset_key=mart,
        check_name=TARGETS_CHECK,
        passed=not missed,
        severity=dg.AssetCheckSeverity.WARN,
        description=_told(lines) or None,
        metadata={
            "targets judged": len(standings),
            "off target": off,
            "undecided (at risk, or too few)": sum(s.status == "undecided" for s in standings),
            **_table(
                "KPIs off target",
                [
                    {
                        "kpi": row.kpi,
                        "of": _group(row),
                        "period": f"{row.grain} {row.period_start}",
                        "value": _number(row.value),
                        "95 % interval": ""
                        if row.ci_low is None
                        else f"{_number(row.ci_low)} to {_number(row.ci_high)}",
                        "n": row.n or 0,
                        "target": _number(row.target),
                        "unit": row.unit,
                    }
                    for row in missed[:_MOST_ROWS]
                ],
            ),
        },
    )


def signals_result(mart: dg.AssetKey, signals: Sequence[Signal]) -> dg.AssetCheckResult:
    """What newly changed of a mart's KPIs, the most important first; lasting differences fail nothing."""
    worse = [signal for signal in signals if signal.effect == "worse" and signal.kind != "contrast"]
    return dg.AssetCheckResult(
        asset_key=mart,
        check_name=SIGNALS_CHECK,
        passed=not worse,
        severity=dg.AssetCheckSeverity.WARN,
        description=_told([signal.evidence for signal in worse]) or None,
        metadata={
            "worse": len(worse),
            "better": sum(signal.effect == "better" for signal in signals),
            "different": sum(signal.effect == "different" for signal in signals),
            **_table(
                "signals",
                [
                    {
                        "effect": signal.effect,
                        "kind": signal.kind.replace("_", " "),
                        "kpi": signal.kpi,
                        "of": _group(signal),
                        "period": f"{signal.grain} {signal.period_start}",
                        "evidence": signal.evidence,
                    }
                    for signal in [*worse, *(s for s in signals if s.effect != "worse")][:_MOST_ROWS]
                ],
            ),
        },
    )


def _table(name: str, rows: Sequence[dict[str, str | int]]) -> dict[str, dg.MetadataValue]:
    """A table of the metadata; nothing where it would be empty, which Dagster does not take."""
    return {name: dg.MetadataValue.table([dg.TableRecord(row) for row in rows])} if rows else {}


def _told(lines: Sequence[str]) -> str:
    more = len(lines) - _MOST_LINES
    return "; ".join(
        [*(line.rstrip(".") for line in lines[:_MOST_LINES]), *[f"and {more} more"] * (more > 0)]
    )


def _whose(row: Judged) -> str:
    return f"{row.kpi}, {_group(row)}, {row.grain} of {row.period_start}"


def _group(row: Judged | Signal) -> str:
    return "all" if row.dimension == "all" else f"{row.dimension} {row.dimension_value}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}".rstrip("0").rstrip(".")
