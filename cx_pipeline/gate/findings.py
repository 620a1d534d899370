"""What the row rules found in one batch: counted, a few keys kept, every broken row written as it is found.

What enters: parts of a batch with the rows that break each rule.  What leaves: a `RuleResult` a rule, and the
batch's quarantine file, complete or absent.  `judging` alone calls it.  However many rows are broken, no more
than a part of them is held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cx_pipeline.gate.report import EXAMPLES_SHOWN
from cx_pipeline.gate.suite import Suite
from cx_pipeline.gate.verdict import RuleResult
from cx_pipeline.settings import DataPaths

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import pyarrow.parquet as pq

    from cx_pipeline.landing import Batch

    Positions = npt.NDArray[np.int64]

_KEPT = EXAMPLES_SHOWN * 4
"""Broken rows remembered a rule: of them come the examples, each key once."""


@dataclass(slots=True)
class Findings:
    """What was found in `batch` so far.  `finish` or `abandon` ends it."""

    paths: DataPaths
    batch: Batch
    suite: Suite
    landed_key: str
    mistyped: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    newest: datetime | None = None
    quarantined: int = 0
    _counts: dict[str, int] = field(default_factory=dict)
    _errors: dict[str, str] = field(default_factory=dict)
    _first: dict[str, list[tuple[int, str | None]]] = field(default_factory=dict)
    _writer: pq.ParquetWriter | None = None

    def add(self, rows: pa.Table, broken: Mapping[str, Positions], errors: Mapping[str, str]) -> None:
        """Note a part: `broken` are rows of it, counted from 0, by rule."""
        for rule, error in errors.items():
            self._errors.setdefault(rule, error)
        for rule, places in broken.items():
            if len(places):
                self._counts[rule] = self._counts.get(rule, 0) + len(places)
                self._remember(rule, rows, places)
        quarantining = [
            (rule.name, broken[rule.name])
            for rule in self.suite.of_kind("row")
            if rule.severity != "info" and len(broken.get(rule.name, ()))
        ]
        if quarantining:
            self._quarantine(rows, quarantining)

    def _remember(self, rule: str, rows: pa.Table, places: Positions) -> None:
        first = self._first.setdefault(rule, [])
        if len(first) < _KEPT:  # the parts of a batch come in its order
            few = rows.select(["position", self.landed_key]).take(places[: _KEPT - len(first)])
            first += zip(few.column(0).to_pylist(), few.column(1).to_pylist(), strict=True)

    def _quarantine(self, rows: pa.Table, broken: list[tuple[str, Positions]]) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq

        from cx_pipeline.files import make_folder
        from cx_pipeline.landing.store import QUARANTINE_SCHEMA

        flags = np.zeros((len(rows), len(broken)), bool)
        for column, (_, places) in enumerate(broken):
            flags[places, column] = True
        which = np.flatnonzero(flags.any(axis=1))
        kinds, kind = np.unique(np.packbits(flags[which], axis=1), axis=0, return_inverse=True)
        texts = [
            ",".join(name for (name, _), is_broken in zip(broken, row, strict=True) if is_broken)
            for row in np.unpackbits(kinds, axis=1, count=len(broken))
        ]
        bad = rows.select(["position", self.landed_key]).take(which)
        columns = {
            "source": pa.repeat(pa.scalar(self.batch.source), len(which)),
            "batch_id": pa.repeat(pa.scalar(self.batch.batch_id), len(which)),
            "batch_sequence": pa.repeat(pa.scalar(self.batch.sequence, pa.int64()), len(which)),
            "position": bad.column(0),
            "row_key": bad.column(1),
            "rules": pa.array(texts, pa.string()).take(pa.array(kind.reshape(-1))),
        }
        if self._writer is None:
            make_folder(self._path.parent)
            self._writer = pq.ParquetWriter(self._temporary, QUARANTINE_SCHEMA, compression="zstd")
        self._writer.write_table(pa.table(columns, schema=QUARANTINE_SCHEMA))
        self.quarantined += len(which)

    @property
    def _path(self) -> Path:
        from cx_pipeline.landing import batch_path

        return batch_path(self.paths, self.batch, self.paths.quarantine)

    @property
    def _temporary(self) -> Path:
        from cx_pipeline.files import temporary_beside

        return temporary_beside(self._path)

    def finish(self) -> None:
        """Publish the quarantine file, each broken row once with its rules in the suite's order."""
        from cx_pipeline.files import put_in_place

        if self._writer is None:
            self._path.unlink(missing_ok=True)  # of a run that died before its verdict, under other rules
            return
        self._writer.close()
        self._writer = None
        put_in_place(self._temporary, self._path)

    def abandon(self) -> None:
        """Leave nothing behind of what is not finished."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._temporary.unlink(missing_ok=True)

    def results(self) -> Iterator[RuleResult]:
        """One result a row rule, in the suite's order."""
        for rule in self.suite.of_kind("row"):
            keys = [key or f"(no key, position {at})" for at, key in sorted(self._first.get(rule.name, []))]
            yield RuleResult(
                rule.name,
                "row",
                rule.severity,
                self.batch.landed,
                self._counts.get(rule.name, 0),
                tuple(dict.fromkeys(keys))[:EXAMPLES_SHOWN],
                self._errors.get(rule.name),
            )
