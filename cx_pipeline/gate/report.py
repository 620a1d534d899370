"""What a run of the gate found: frozen values that travel as JSON and need no Great Expectations.

What enters: the verdicts of the run and the suites.  What leaves: `GateReport` for the asset checks,
the log and the command line, and `rule_specs()`, the rules by entity for whoever defines checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cx_pipeline.gate.suite import Kind, Severity, Suite, load_suites
from cx_pipeline.gate.verdict import Verdict

EXAMPLES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """A rule as people know it."""

    entity: str
    rule: str
    kind: Kind
    severity: Severity
    description: str


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule of one entity over every batch judged in this run (0 checked where none was).

    `checked` and `broken` count rows for a row rule and batches for a batch rule; `errors` name the
    batch in which the rule could not be run; `sources` are those whose batches broke it.
    """

    spec: RuleSpec
    checked: int
    broken: int
    examples: tuple[str, ...]
    errors: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.broken == 0 and not self.errors

    @property
    def holds(self) -> bool:
        """Whether it held a batch."""
        is_critical = self.spec.kind == "batch" and self.spec.severity == "critical"
        return bool(self.errors) or (is_critical and self.broken > 0)


@dataclass(frozen=True, slots=True)
class BatchReport:
    """One batch of this run or, in `still_held`, of an earlier one, and why it is held."""

    batch_id: str
    source: str
    entity: str
    night: str
    origin: str
    state: str
    landed: int
    quarantined: int
    held_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GateReport:
    """A run of the gate.  `rules` has every rule of every entity, `batches` every batch judged."""

    judged_at: str
    rules: tuple[RuleReport, ...]
    batches: tuple[BatchReport, ...]
    still_held: tuple[BatchReport, ...]

    @property
    def held(self) -> tuple[BatchReport, ...]:
        """The batches this run held."""
        return tuple(batch for batch in self.batches if batch.state == "held")

    @property
    def landed(self) -> int:
        """Rows judged in this run; = `passed` + `quarantined` + `held_rows`."""
        return sum(batch.landed for batch in self.batches)

    @property
    def quarantined(self) -> int:
        """Rows in quarantine, without those of held batches."""
        return sum(batch.quarantined for batch in self.batches if batch.state != "held")

    @property
    def held_rows(self) -> int:
        return sum(batch.landed for batch in self.held)

    @property
    def passed(self) -> int:
        return self.landed - self.quarantined - self.held_rows

    def of(self, entity: str) -> tuple[RuleReport, ...]:
        return tuple(rule for rule in self.rules if rule.spec.entity == entity)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON takes it."""
        return asdict(self)


def rule_specs(suites: Mapping[str, Suite] | None = None) -> dict[str, tuple[RuleSpec, ...]]:
    """The rules by entity, in the order of the suites; SuiteError where a suite cannot be used."""
    return {
        name: tuple(RuleSpec(name, r.name, r.kind, r.severity, r.description) for r in suite.rules)
        for name, suite in (suites or load_suites()).items()
    }


def batch_report(verdict: Verdict) -> BatchReport:
    return BatchReport(
        verdict.batch_id,
        verdict.source,
        verdict.entity,
        verdict.night,
        verdict.origin,
        verdict.state,
        verdict.landed,
        verdict.quarantined,
        tuple(rule.says for rule in verdict.held_by),
    )


def gate_report(
    judged_at: str, verdicts: Sequence[Verdict], still_held: Iterable[Verdict], suites: Mapping[str, Suite]
) -> GateReport:
    """The report of a run that gave `verdicts`."""
    return GateReport(
        judged_at,
        tuple(_rule_report(spec, verdicts) for specs in rule_specs(suites).values() for spec in specs),
        tuple(map(batch_report, verdicts)),
        tuple(map(batch_report, still_held)),
    )


def _rule_report(spec: RuleSpec, verdicts: Sequence[Verdict]) -> RuleReport:
    found = [
        (verdict, result)
        for verdict in verdicts
        if verdict.entity == spec.entity
        for result in verdict.rules
        if result.rule == spec.rule
    ]
    examples = [example for _, result in found for example in result.examples]
    return RuleReport(
        spec,
        sum(result.checked for _, result in found),
        sum(result.broken for _, result in found),
        tuple(dict.fromkeys(examples))[:EXAMPLES_SHOWN],
        tuple(f"{verdict.batch_id} ({verdict.origin}): {r.error}" for verdict, r in found if r.error),
        tuple(sorted({verdict.source for verdict, r in found if r.broken or r.error})),
    )
