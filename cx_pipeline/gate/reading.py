"""Reading a landed batch for its judgement: a short one whole, of a long one the rows that may be broken.

What enters: a batch, the row rules, the declared surveys.  What leaves: its rows in parts, the landed columns
the rules need; and in its `Findings` the columns that are mistyped or unreadable, and the newest instant.
`judging` alone calls it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cx_pipeline.contract import Entity, Type
from cx_pipeline.gate import sieve
from cx_pipeline.gate.columns import (
    Survey,
    added_columns,
    newest_instant,
    ordinary_instants,
    unreadable_text_columns,
    without_columns,
)
from cx_pipeline.gate.facts import mistyped_columns
from cx_pipeline.gate.findings import Findings
from cx_pipeline.gate.suite import Rule
from cx_pipeline.gate.verdict import GateError
from cx_pipeline.settings import DataPaths

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Reading:
    """How batches of one entity are read: for which rules, how many rows and how much memory at once."""

    paths: DataPaths
    entity: Entity
    rules: tuple[Rule, ...]
    surveys: tuple[Survey, ...]
    part_rows: int
    duckdb_memory: str | None

    def rows_to_judge(self, found: Findings) -> Iterator[pa.Table]:
        """The rows of `found.batch` that a rule may find broken, in order; GateError where it is damaged."""
        import duckdb
        import pyarrow as pa
        import pyarrow.parquet as pq

        from cx_pipeline.landing import batch_path

        path = batch_path(self.paths, found.batch)
        try:
            with pq.ParquetFile(path) as file:
                found.mistyped = mistyped_columns(self.entity, file.schema_arrow)
            first = 0
            if found.batch.landed > sieve.SHORT_BATCH_ROWS and not found.mistyped:
                try:
                    for rows in self._sifted(path, found):
                        first = rows.column("position")[-1].as_py() + 1
                        yield rows
                    return
                except (duckdb.Error, pa.ArrowException, OSError):
                    pass  # text that is no UTF-8, which the other way reads on past and names; or damage
            yield from self._whole(path, found, first)
        except (pa.ArrowInvalid, OSError) as error:
            raise GateError(f"{path} cannot be read: restore it from a backup") from error

    @property
    def _needed(self) -> tuple[str, ...]:
        """The landed columns to judge by: what the rules name, what the added ones are computed from."""
        added = added_columns(self.entity)
        named = set().union(*(rule.columns for rule in self.rules))
        inputs = {column for name in named & set(added) for column in added[name]}
        return tuple(
            sorted((named - set(added)) | inputs | {"position", "date_only", self.entity.landed_key})
        )

    def _sifted(self, path: Path, found: Findings) -> Iterator[pa.Table]:
        """What the sieve leaves of the batch, typed as it landed."""
        import pyarrow as pa

        from cx_pipeline.contract.landing_schema import landing_schema

        landed = landing_schema(self.entity)
        schema = pa.schema([landed.field(name).with_nullable(True) for name in self._needed])
        landed_at = datetime.fromisoformat(found.batch.landed_at)
        sifting = sieve.Sieve(self.entity, self.rules, landed_at, self.surveys)
        found.newest, parts = sifting.sift(
            path, self._needed, part_rows=self.part_rows, memory=self.duckdb_memory
        )
        for rows in parts:
            yield rows.cast(schema)

    def _whole(self, path: Path, found: Findings, first: int) -> Iterator[pa.Table]:
        """The rows from position `first` on; columns of a wrong type or unreadable text come empty."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        from cx_pipeline.contract.landing_schema import landing_schema

        texts = {field.landed_name for field in self.entity.fields if field.type in (Type.TEXT, Type.MAP)}
        instants = {field.name for field in ordinary_instants(self.entity)}
        needed = {*self._needed, *texts, *instants}
        schema = landing_schema(self.entity)
        landed_at = datetime.fromisoformat(found.batch.landed_at)
        with pq.ParquetFile(path) as file:
            sound = sorted(needed - set(found.mistyped))
            for record_batch in file.iter_batches(batch_size=self.part_rows, columns=sound):
                rows = pa.Table.from_batches([record_batch])
                for name in sorted(needed & set(found.mistyped)):
                    field = schema.field(name)
                    rows = rows.append_column(field.with_nullable(True), pa.nulls(len(rows), field.type))
                unreadable = unreadable_text_columns(rows)
                found.unreadable = tuple(sorted({*found.unreadable, *unreadable}))
                newest = [found.newest, newest_instant(rows, self.entity, landed_at)]
                found.newest = max((instant for instant in newest if instant is not None), default=None)
                yield _from(without_columns(rows, unreadable), first)


def _from(rows: pa.Table, first: int) -> pa.Table:
    """The rows whose position is at least `first`."""
    import pyarrow.compute as pc

    return rows.filter(pc.greater_equal(rows.column("position"), first)) if first else rows
