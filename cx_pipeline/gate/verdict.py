"""Verdicts: what the gate said of a batch, and what somebody decided about a held one.

What enters: the results of the rules, later a decision.  What leaves: one JSON file a batch below
`state/verdicts/`, complete or absent, written once by `judge` and once more by `accept` or `drop`.
The warehouse and the command line read them.

States: `passed` is read by the warehouse (but for its quarantined rows); `held` waits for a decision
and is never read; `accepted` was held and let in, its quarantined rows stay out; `dropped` was held and
is never read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from cx_pipeline.files import write_whole
from cx_pipeline.gate.suite import Kind, Severity
from cx_pipeline.settings import DataPaths

State = Literal["passed", "held", "accepted", "dropped"]
READ_STATES: tuple[State, ...] = ("passed", "accepted")


class GateError(Exception):
    """The gate cannot do what was asked; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule found in one batch.

    `checked` and `broken` count rows for a row rule (every row the rule was put to, those its
    condition leaves out included) and 1 or 0 for a batch rule.  `examples` are keys as they landed, or
    for a batch rule what is wrong in words.  `error`: the rule could not be run.
    """

    rule: str
    kind: Kind
    severity: Severity
    checked: int
    broken: int
    examples: tuple[str, ...] = ()
    error: str | None = None

    @property
    def holds_the_batch(self) -> bool:
        return self.error is not None or (
            self.kind == "batch" and self.severity == "critical" and self.broken > 0
        )

    @property
    def says(self) -> str:
        """The finding in one line."""
        if self.error is not None:
            return f"{self.rule} could not be run: {self.error}"
        return f"{self.rule}: {', '.join(self.examples)}" if self.examples else self.rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one batch.  `landed` = passed rows + `quarantined`, or all of them held."""

    batch_id: str
    source: str
    entity: str
    night: str
    origin: str
    landed: int
    state: State
    rules: tuple[RuleResult, ...]
    quarantined: int
    judged_at: str
    suite_fingerprint: str
    newest_at: str | None = None
    decided_at: str | None = None
    reason: str | None = None

    @property
    def is_read(self) -> bool:
        return self.state in READ_STATES

    @property
    def held_by(self) -> tuple[RuleResult, ...]:
        """The rules that held the batch (whatever was decided since)."""
        return tuple(rule for rule in self.rules if rule.holds_the_batch)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        given: dict[str, Any] = json.loads(text)
        given["rules"] = tuple(
            RuleResult(**{**rule, "examples": tuple(rule["examples"])}) for rule in given["rules"]
        )
        return cls(**given)


def verdicts_folder(paths: DataPaths) -> Path:
    return paths.state / "verdicts"


def write_verdict(paths: DataPaths, verdict: Verdict) -> None:
    """Write or replace the verdict of a batch, in one rename."""
    write_whole(verdicts_folder(paths) / f"{verdict.batch_id}.json", verdict.to_json().encode())


def load_verdicts(paths: DataPaths) -> dict[str, Verdict]:
    """Every verdict by batch id; GateError where a file cannot be read."""
    return {
        path.stem: _read_verdict(path)
        for path in sorted(verdicts_folder(paths).glob("*.json"))
        if not path.name.startswith(".")
    }


def _read_verdict(path: Path) -> Verdict:
    try:
        return Verdict.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise GateError(
            f"{path} is no verdict: restore it from a backup, or delete it and the next night judges "
            "the batch again"
        ) from error


def list_held(paths: DataPaths) -> list[Verdict]:
    """The verdicts of the batches that wait for a decision, the oldest first."""
    held = [verdict for verdict in load_verdicts(paths).values() if verdict.state == "held"]
    return sorted(held, key=lambda verdict: (verdict.judged_at, verdict.batch_id))


def accept(paths: DataPaths, batch_id: str, reason: str) -> Verdict:
    """Let a held batch in; `batch_id` may be any beginning that only one batch has."""
    return _decide(paths, batch_id, "accepted", reason)


def drop(paths: DataPaths, batch_id: str, reason: str) -> Verdict:
    """Keep a held batch out for good; `batch_id` as for `accept`."""
    return _decide(paths, batch_id, "dropped", reason)


def _decide(paths: DataPaths, batch_id: str, state: State, reason: str) -> Verdict:
    if not reason.strip():
        raise GateError('a decision needs its reason: --reason "why"')
    verdict = _held(list(load_verdicts(paths).values()), batch_id.strip().lower())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    decided = replace(verdict, state=state, decided_at=now, reason=reason.strip())
    write_verdict(paths, decided)
    return decided


def _held(verdicts: Sequence[Verdict], beginning: str) -> Verdict:
    """The one held batch whose id begins so; GateError where there is none, or more than one."""
    found = [verdict for verdict in verdicts if beginning and verdict.batch_id.startswith(beginning)]
    held = [verdict for verdict in found if verdict.state == "held"]
    if len(held) == 1:
        return held[0]
    if held:
        ids = ", ".join(sorted(verdict.batch_id for verdict in held))
        raise GateError(f"{beginning!r} begins the ids of {len(held)} held batches ({ids}): give more of it")
    if len(found) == 1:
        one = found[0]
        said = f" since {one.decided_at}: {one.reason}" if one.decided_at else ""
        raise GateError(f"batch {one.batch_id} is not held: it is {one.state}{said}")
    raise GateError(f"no held batch has an id that begins {beginning!r}; cx gate list shows those held")
