"""What there is to tell of: one finding, in no language yet.

What enters: nothing.  What leaves: `Finding`, which travels as JSON between nights; `Judgement`, what one
look at the night and the published file came to.  No personal data: names of sources, checks, KPIs and
dimension values only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cx_pipeline.settings.alerts import AlertKind, Severity

Fact = str | float | int | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing somebody should know.  `key` is the same every night as long as it is the same finding."""

    key: str
    kind: AlertKind
    severity: Severity
    facts: Mapping[str, Fact]
    weight: float = 0.0
    """Among findings of one kind and severity the greater is told first."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found, and of which kinds everything was looked at.

    An open finding of a judged kind that is neither `found` nor `undecided` is over; `how` it ended is
    said by its key where there is more to say than that it did.
    """

    found: tuple[Finding, ...] = ()
    judged: frozenset[AlertKind] = frozenset()
    undecided: frozenset[str] = frozenset()
    how: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
