"""Judging: every landed batch without a verdict gets one.

What enters: the settings, the landed batches, the suites.  What leaves: quarantined rows, verdicts and
a `GateReport`.  The gate's asset and the command line call `judge`.

The quarantine file of a batch is written first and its verdict last, each in one rename, so a run that
dies anywhere leaves batches that are judged and batches that are not, and the next run judges the rest
from the beginning.  Row rules look at one row alone, so batches of an entity are judged together, and of
long ones only the rows that may be broken (`reading`), at most `PART_ROWS` rows at a time: few runs of Great
Expectations, bounded memory.
Without a batch to judge Great Expectations is not even imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from cx_pipeline.contract import ENTITIES, Entity
from cx_pipeline.gate.columns import Survey, nan_as_infinity, read_surveys, with_added_columns
from cx_pipeline.gate.facts import BatchFacts, Demands, batch_facts, facts_frame, nightly_rows
from cx_pipeline.gate.findings import Findings
from cx_pipeline.gate.reading import Reading
from cx_pipeline.gate.report import GateReport, gate_report
from cx_pipeline.gate.suite import Rule, Suite, load_suites
from cx_pipeline.gate.verdict import RuleResult, Verdict, load_verdicts, write_verdict
from cx_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from cx_pipeline.gate.engine import Outcome, Session
    from cx_pipeline.landing import Batch

PART_ROWS = 262_144
"""Rows put to Great Expectations at once."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of one batch, ready to be judged: landed columns that are needed, and those the gate adds."""

    batch: Batch
    rows: pa.Table


def judge(settings: Settings, now: datetime | None = None) -> GateReport:
    """Give every waiting batch its verdict.  SuiteError, SurveysError or GateError where it cannot be done.

    `now` is the instant the verdicts carry (default: the clock's).
    """
    from cx_pipeline.landing import ensure_empty_files, list_batches
    from cx_pipeline.landing.compact import take_apart

    paths = settings.paths
    judged_at = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")
    suites = load_suites()
    ensure_empty_files(paths)
    batches = list_batches(paths)
    earlier = load_verdicts(paths)
    waiting = [batch for batch in batches if batch.batch_id not in earlier]
    if waiting:  # a verdict that was deleted is given anew, to the batch alone
        take_apart(paths, {batch.batch_id for batch in waiting})
    judging = _Judging(settings, suites, judged_at, batches, earlier)
    verdicts: list[Verdict] = []
    for entity in ENTITIES.values():
        verdicts += judging.judge_entity(entity, [b for b in waiting if b.entity == entity.name])
    still_held = [verdict for verdict in earlier.values() if verdict.state == "held"]
    return gate_report(judged_at, verdicts, still_held, suites)


class _Judging:
    """One run: what every entity's judgement needs, made when the first of them needs it."""

    def __init__(
        self,
        settings: Settings,
        suites: dict[str, Suite],
        judged_at: str,
        batches: Sequence[Batch],
        earlier: dict[str, Verdict],
    ) -> None:
        self._settings = settings
        self._suites = suites
        self._judged_at = judged_at
        self._batches = batches
        self._earlier = earlier

    @cached_property
    def _session(self) -> Session:
        from cx_pipeline.gate.engine import Session

        return Session()

    @cached_property
    def _surveys(self) -> tuple[Survey, ...]:
        return read_surveys()

    def judge_entity(self, entity: Entity, waiting: Sequence[Batch]) -> list[Verdict]:
        """Judge the waiting batches of one entity and write what was found."""
        suite = self._suites[entity.name]
        paths = self._settings.paths
        rows = [batch for batch in waiting if not batch.alias]
        findings = {batch.batch_id: Findings(paths, batch, suite, entity.landed_key) for batch in rows}
        try:
            self._put_row_rules(entity, suite, rows, findings)
            outcomes = self._put_batch_rules(entity, suite, rows, findings)
            return self._verdicts(waiting, suite, findings, outcomes)
        finally:
            for found in findings.values():
                found.abandon()

    def _verdicts(
        self,
        waiting: Sequence[Batch],
        suite: Suite,
        findings: dict[str, Findings],
        outcomes: dict[str, tuple[RuleResult, ...]],
    ) -> list[Verdict]:
        """Write, batch by batch, the quarantine and then the verdict."""
        verdicts = []
        for batch in waiting:
            if batch.alias:
                verdict = self._verdict(batch, suite, (), 0, None)
            else:
                found = findings[batch.batch_id]
                found.finish()
                results = (*found.results(), *outcomes[batch.batch_id])
                verdict = self._verdict(batch, suite, results, found.quarantined, found.newest)
            write_verdict(self._settings.paths, verdict)
            verdicts.append(verdict)
        return verdicts

    def _verdict(
        self,
        batch: Batch,
        suite: Suite,
        results: tuple[RuleResult, ...],
        quarantined: int,
        newest: datetime | None,
    ) -> Verdict:
        return Verdict(
            batch_id=batch.batch_id,
            source=batch.source,
            entity=batch.entity,
            night=batch.night,
            origin=batch.origin,
            landed=batch.landed,
            state="held" if any(result.holds_the_batch for result in results) else "passed",
            rules=results,
            quarantined=quarantined,
            judged_at=self._judged_at,
            suite_fingerprint=suite.fingerprint,
            newest_at=newest.isoformat() if newest else None,
        )

    def _put_row_rules(
        self, entity: Entity, suite: Suite, batches: Sequence[Batch], findings: dict[str, Findings]
    ) -> None:
        rules = suite.of_kind("row")
        for parts in _packed(self._parts(entity, rules, batches, findings)):
            outcomes = self._run_rows(entity, rules, parts)
            if len(parts) > 1 and any(outcome.error for outcome in outcomes.values()):
                for part in parts:  # an error is one batch's own: find whose
                    _note([part], self._run_rows(entity, rules, [part]), findings)
            else:
                _note(parts, outcomes, findings)

    def _run_rows(
        self, entity: Entity, rules: tuple[Rule, ...], parts: Sequence[_Part]
    ) -> dict[str, Outcome]:
        frame = _frame(entity, rules, [part.rows for part in parts])
        return self._session.run(f"{entity.name} rows", rules, frame)

    def _parts(
        self,
        entity: Entity,
        rules: tuple[Rule, ...],
        batches: Sequence[Batch],
        findings: dict[str, Findings],
    ) -> Iterator[_Part]:
        """The batches' rows to judge, cut to at most PART_ROWS."""
        wanted: frozenset[str] = frozenset().union(*(rule.columns for rule in rules))
        kept = {*wanted, "position", entity.landed_key}
        memory = self._settings.performance.duckdb_memory
        reading = Reading(self._settings.paths, entity, rules, self._surveys, PART_ROWS, memory)
        for batch in batches:
            landed_at = datetime.fromisoformat(batch.landed_at)
            found = findings[batch.batch_id]
            for rows in reading.rows_to_judge(found):
                added = with_added_columns(nan_as_infinity(rows), entity, wanted, landed_at, self._surveys)
                yield _Part(batch, added.select([name for name in added.column_names if name in kept]))

    def _put_batch_rules(
        self, entity: Entity, suite: Suite, batches: Sequence[Batch], findings: dict[str, Findings]
    ) -> dict[str, tuple[RuleResult, ...]]:
        """Batch id -> the results of the batch rules."""
        if not batches:
            return {}
        out = frozenset(v.batch_id for v in self._earlier.values() if not v.is_read)
        history = nightly_rows(self._batches, out)
        facts = [
            batch_facts(
                batch,
                self._demands(batch),
                mistyped=findings[batch.batch_id].mistyped,
                unreadable=findings[batch.batch_id].unreadable,
                rows_by_night=history[batch.source, batch.entity],
                newest=self._newest(batch, batches, findings),
            )
            for batch in batches
        ]
        rules = suite.of_kind("batch")
        outcomes = self._session.run(f"{entity.name} batches", rules, facts_frame(facts))
        return {
            batch.batch_id: tuple(_batch_result(rule, outcomes[rule.name], row, facts[row]) for rule in rules)
            for row, batch in enumerate(batches)
        }

    def _demands(self, batch: Batch) -> Demands:
        source = self._settings.all_sources.get(batch.source)
        mapping = source.entities.get(batch.entity) if source else None
        return Demands(mapping.never_empty, mapping.freshness_hours) if mapping else Demands()

    def _newest(
        self, batch: Batch, batches: Sequence[Batch], findings: dict[str, Findings]
    ) -> datetime | None:
        """The newest instant of the batch's source and entity, let in before or landed up to its night."""
        told = [
            datetime.fromisoformat(verdict.newest_at)
            for verdict in self._earlier.values()
            if verdict.newest_at
            and verdict.is_read
            and (verdict.source, verdict.entity) == (batch.source, batch.entity)
            and verdict.night <= batch.night
        ]
        now = [
            findings[other.batch_id].newest
            for other in batches
            if other.source == batch.source and other.night <= batch.night
        ]
        return max((instant for instant in (*told, *now) if instant is not None), default=None)


def _packed(parts: Iterable[_Part]) -> Iterator[list[_Part]]:
    """The parts in runs of at most PART_ROWS rows."""
    run: list[_Part] = []
    for part in parts:
        if run and sum(len(p.rows) for p in run) + len(part.rows) > PART_ROWS:
            yield run
            run = []
        if len(part.rows):
            run.append(part)
    if run:
        yield run


def _frame(entity: Entity, rules: Sequence[Rule], tables: Sequence[pa.Table]) -> pd.DataFrame:
    """The pandas frame row rules are put to: the columns they name, rows numbered through from 0."""
    import pyarrow as pa

    columns = sorted(set().union(*(rule.columns for rule in rules)))
    few_values = [f.landed_name for f in entity.fields if f.allowed or f.pattern]
    table = pa.concat_tables([table.select(columns) for table in tables])
    frame: pd.DataFrame = table.to_pandas(categories=[name for name in few_values if name in columns])
    return frame


def _note(parts: Sequence[_Part], outcomes: dict[str, Outcome], findings: dict[str, Findings]) -> None:
    """Add what a run found to the findings of the batches its rows came from."""
    start = 0
    for part in parts:
        end = start + len(part.rows)
        broken = {
            rule: outcome.broken[(outcome.broken >= start) & (outcome.broken < end)] - start
            for rule, outcome in outcomes.items()
        }
        errors = {rule: outcome.error for rule, outcome in outcomes.items() if outcome.error is not None}
        findings[part.batch.batch_id].add(part.rows, broken, errors)
        start = end


def _batch_result(rule: Rule, outcome: Outcome, row: int, facts: BatchFacts) -> RuleResult:
    is_broken = bool((outcome.broken == row).any())
    said = [facts.explained.get(column) for column in sorted(rule.columns)] if is_broken else []
    examples = tuple(text for text in said if text)
    return RuleResult(rule.name, "batch", rule.severity, 1, int(is_broken), examples, outcome.error)
