"""What a pull says of itself: counts by entity, what became of each file, what a service did not give.

Pure; made by the pulls of files, objects and services, read by the Dagster assets and by tests.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Literal

Outcome = Literal["loaded", "alias", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: `origin` is its redacted path in the inbox; `read` = `landed` + `rejected`.

    `notes` say in one line each what people should know; of a failed file, why it failed.
    """

    entity: str
    origin: str
    outcome: Outcome
    notes: tuple[str, ...] = ()
    batch_id: str | None = None
    read: int = 0
    landed: int = 0
    rejected: int = 0
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts of one entity: files or pages by their outcome, and rows.  Totals add up."""

    loaded: int = 0
    alias: int = 0
    skipped: int = 0
    failed: int = 0
    read: int = 0
    landed: int = 0
    rejected: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True, slots=True)
class PullReport:
    """What one pull of one source did.  `notes` are for people, one line each, redacted."""

    source: str
    night: str
    files: tuple[FileReport, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[FileReport, ...]:
        return tuple(f for f in self.files if f.outcome == "failed")

    def of(self, entity: str) -> tuple[FileReport, ...]:
        """The files of one entity, in the order they were dealt with."""
        return tuple(f for f in self.files if f.entity == entity)

    @property
    def totals(self) -> dict[str, Totals]:
        """Counts by entity, of the entities with a file."""
        result: dict[str, Totals] = {}
        for f in self.files:
            counts = {f.outcome: 1, "read": f.read, "landed": f.landed, "rejected": f.rejected}
            result[f.entity] = result.get(f.entity, Totals()) + Totals(**counts)
        return result


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """What one pull of one service did.  `problems` and `notes` are for people, one line each, redacted.

    `problems`: (stream, why it was not pulled to its end, and what to do).  `empty`: entities that brought
    nothing although they brought something each night before.
    """

    source: str
    night: str
    totals: dict[str, Totals]
    problems: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    calls: int = 0
    pages: int = 0

    @property
    def failed(self) -> tuple[tuple[str, str], ...]:
        return self.problems
