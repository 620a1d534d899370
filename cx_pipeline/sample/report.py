"""What `write_sample` tells its caller.  Plain values; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A drop: its path below the sample's directory, its entity and its rows, dirty ones included."""

    path: str
    entity: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a fact, in words and as it is computed from the rows."""

    name: str
    english: str
    korean: str
    value: float


@dataclass(frozen=True, slots=True)
class Fact:
    """Something planted in the data: its figures, and SQL over the published tables that finds it."""

    name: str
    english: str
    korean: str
    figures: tuple[Figure, ...]
    queries: tuple[str, ...]

    def value(self, figure: str) -> float:
        """The value of the figure called `figure`; KeyError where there is none."""
        for candidate in self.figures:
            if candidate.name == figure:
                return candidate.value
        raise KeyError(figure)


@dataclass(frozen=True, slots=True)
class Dirt:
    """Rows planted to be caught: what becomes of them, and the keys that tell them apart."""

    path: str
    fate: str  # rejected, quarantined, other, superseded, deleted, orphan
    english: str
    korean: str
    rows: int
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlantedIdentifier:
    """An identifier that stands in some comment, exactly as written there."""

    kind: str  # email, phone, card, resident_number, ip
    value: str


@dataclass(frozen=True, slots=True)
class SampleReport:
    """One written sample.  `identifiers` is for tests to search for; it is nowhere written down."""

    directory: Path
    customers: int
    days: int
    seed: int
    start: date
    end: date
    bad_week: date
    files: tuple[WrittenFile, ...]
    facts: tuple[Fact, ...]
    dirt: tuple[Dirt, ...]
    identifiers: tuple[PlantedIdentifier, ...] = field(repr=False)

    @property
    def rows(self) -> dict[str, int]:
        """Rows by entity, dirty ones included."""
        totals: dict[str, int] = {}
        for file in self.files:
            totals[file.entity] = totals.get(file.entity, 0) + file.rows
        return totals

    def fact(self, name: str) -> Fact:
        """The fact called `name`; KeyError where there is none."""
        for candidate in self.facts:
            if candidate.name == name:
                return candidate
        raise KeyError(name)
