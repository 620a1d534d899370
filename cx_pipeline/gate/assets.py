"""The gate in Dagster: one landed entity an asset, one rule a check, and the check that stops the night.

What enters: the settings.  What leaves: one multi-asset that judges every waiting batch.  A rule's own
check never blocks; `no_batch_is_held` does, unless `gate.on_held` says to publish stale, so that there
is one place to look at when a night has stopped.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
from collections.abc import Iterator, Sequence

import dagster as dg

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate.report import BatchReport, GateReport, RuleReport, RuleSpec, rule_specs
from cx_pipeline.settings import Settings
from cx_pipeline.sources.assets import OWNERS, entities_of, pulled_key

HELD_CHECK = "no_batch_is_held"

_SEVERITIES = {"critical": dg.AssetCheckSeverity.ERROR}  # all others warn

_RECORDS = {
    "batches": "Every batch with its verdict: what the warehouse may read.",
    "quarantined_rows": "Landed rows that broke a row rule, with the names of the rules.",
    "rejected_rows": "Rows of the input that could not be typed or cut into fields, with the reason.",
}


def landed_key(entity: str) -> dg.AssetKey:
    """The asset of what the gate let through of `entity`, whatever its source."""
    return dg.AssetKey(["landing", entity])


def gate_asset(settings: Settings) -> dg.AssetsDefinition:
    """The multi-asset `gate`: six landed entities and the gate's records."""
    rules = rule_specs()
    sources = settings.all_sources

    def pulled(entity: str) -> list[dg.AssetKey]:
        return [pulled_key(name, entity) for name, s in sources.items() if entity in entities_of(name, s)]

    landed = [
        dg.AssetSpec(
            landed_key(entity),
            deps=pulled(entity),
            group_name="gate",
            description=f"{ENTITIES[entity].description} Landed, and judged by {len(rules[entity])} rules.",
            kinds={"parquet", "greatexpectations"},
            owners=OWNERS,
            metadata={"suite": f"expectations/{entity}.yaml"},
        )
        for entity in ENTITIES
    ]
    records = [
        dg.AssetSpec(
            ["gate", name],
            deps=[landed_key(entity) for entity in ENTITIES],
            group_name="gate",
            description=description,
            kinds={"parquet"},
            owners=OWNERS,
        )
        for name, description in _RECORDS.items()
    ]

    @dg.multi_asset(
        name="gate",
        specs=[*landed, *records],
        check_specs=[spec for entity in ENTITIES for spec in _check_specs(settings, entity, rules[entity])],
        can_subset=True,  # so that a night without a batch of an entity need not speak of its rules
        required_resource_keys={"night"},
    )
    def gate(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        from cx_pipeline.gate.judging import judge
        from cx_pipeline.landing import list_batches

        night = context.resources.night
        night.progress("gate", 0, 1)
        report = judge(settings)
        night.progress("gate", 1, 1)
        judged = {batch.batch_id for batch in report.batches}
        night.tell(
            batches=len(report.batches),
            landed=report.landed,
            rejected=sum(b.rejected for b in list_batches(settings.paths) if b.batch_id in judged),
            quarantined=report.quarantined,
            held=len(report.held),
        )
        night.stale_sources.update(batch.source for batch in (*report.held, *report.still_held))
        for entity in ENTITIES:
            yield _landed_result(report, entity)
        for name in _RECORDS:
            yield dg.MaterializeResult(asset_key=["gate", name])
        judged_entities = {batch.entity for batch in report.batches}
        for entity in ENTITIES:
            if entity in judged_entities:  # else the rules' last results stand
                yield from (_rule_result(rule) for rule in report.of(entity))
            yield _held_result(report, entity)

    return gate


def _check_specs(settings: Settings, entity: str, rules: Sequence[RuleSpec]) -> list[dg.AssetCheckSpec]:
    of_rules = [
        dg.AssetCheckSpec(
            rule.rule,
            asset=landed_key(entity),
            description=rule.description,
            metadata={"kind": rule.kind, "severity": rule.severity},
        )
        for rule in rules
    ]
    held = dg.AssetCheckSpec(
        HELD_CHECK,
        asset=landed_key(entity),
        description="No batch broke a critical rule; a held one is read by nobody until `cx gate` decides.",
        blocking=settings.gate.on_held == "stop",
    )
    return [*of_rules, held]


def _landed_result(report: GateReport, entity: str) -> dg.MaterializeResult[None]:
    batches = [batch for batch in report.batches if batch.entity == entity]
    held = [batch for batch in batches if batch.state == "held"]
    return dg.MaterializeResult(
        asset_key=landed_key(entity),
        metadata={
            "batches judged": len(batches),
            "rows landed": sum(batch.landed for batch in batches),
            "rows quarantined": sum(batch.quarantined for batch in batches if batch not in held),
            "rows held": sum(batch.landed for batch in held),
        },
    )


def _rule_result(rule: RuleReport) -> dg.AssetCheckResult:
    """A rule's check: how many rows (or batches) it was put to, how many broke it, and keys of some."""
    return dg.AssetCheckResult(
        asset_key=landed_key(rule.spec.entity),
        check_name=rule.spec.rule,
        passed=rule.passed,
        severity=dg.AssetCheckSeverity.ERROR
        if rule.errors
        else _SEVERITIES.get(rule.spec.severity, dg.AssetCheckSeverity.WARN),
        description=rule.spec.description,
        metadata={
            "checked": rule.checked,
            "broken": rule.broken,
            "examples": ", ".join(rule.examples) or "-",
            "sources": ", ".join(rule.sources) or "-",
            **({"errors": list(rule.errors)} if rule.errors else {}),
        },
    )


def _held_result(report: GateReport, entity: str) -> dg.AssetCheckResult:
    """Fails as an error where tonight's batch is held, as a warning where an earlier one still is."""
    tonight = [batch for batch in report.held if batch.entity == entity]
    earlier = [batch for batch in report.still_held if batch.entity == entity]
    return dg.AssetCheckResult(
        asset_key=landed_key(entity),
        check_name=HELD_CHECK,
        passed=not tonight and not earlier,
        severity=dg.AssetCheckSeverity.ERROR if tonight else dg.AssetCheckSeverity.WARN,
        description=held_message([*tonight, *earlier]),
        metadata={"held tonight": len(tonight), "still held": len(earlier)},
    )


def held_message(batches: Sequence[BatchReport]) -> str:
    """One line a held batch: which, why, and what to do."""
    return "\n".join(
        f"batch {batch.batch_id} ({batch.source}, {batch.entity}/{batch.origin}, {batch.landed} rows) "
        "is held: "
        f'{"; ".join(batch.held_by)}. Decide with `cx gate accept|drop {batch.batch_id} --reason "…"`'
        for batch in batches
    )
