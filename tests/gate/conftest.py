"""A data directory to land test batches in, and what lands there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.gate import GateReport, Verdict, judge, load_verdicts
from cx_pipeline.landing import Batch, batch_path
from cx_pipeline.landing.store import BatchWriter
from cx_pipeline.settings import Settings

Row = dict[str, Any]

LANDED_AT = "2026-11-22T02:00:00+00:00"

GOOD: dict[str, Row] = {
    "customers": {"customer_key": "c1"},
    "feedback": {"response_id": "r1", "metric": "csat"},
    "tickets": {"ticket_id": "t1", "status": "open", "created_at": datetime(2026, 11, 20, tzinfo=UTC)},
    "ticket_events": {
        "event_id": "e1",
        "ticket_id": "t1",
        "occurred_at": datetime(2026, 11, 20, tzinfo=UTC),
        "event_type": "reply",
    },
    "transactions": {
        "transaction_id": "x1",
        "customer_key": "c1",
        "occurred_at": datetime(2026, 11, 20, tzinfo=UTC),
    },
    "touchpoints": {"touchpoint_id": "p1", "occurred_at": datetime(2026, 11, 20, tzinfo=UTC)},
}
"""The least an entity's good row has."""


def arrow_rows(entity: str, rows: list[Row], source: str = "inbox", sequence: int = 1) -> pa.Table:
    """Rows with the landing schema; what a row does not give is null."""
    schema = landing_schema(ENTITIES[entity])
    technical = {"source": source, "batch_sequence": sequence}
    full = [technical | {"position": n} | row for n, row in enumerate(rows)]
    return pa.Table.from_pylist(
        [{name: row.get(name) for name in schema.names} for row in full], schema=schema
    )


@dataclass
class Lab:
    """A data directory with its settings; `land` puts a batch there."""

    settings: Settings
    _sequence: int = field(default=0)

    def land(self, entity: str, rows: list[Row] | pa.Table, **facts: Any) -> Batch:
        """Land `rows`, each completed with what a good row of the entity has."""
        self._sequence += 1
        source = facts.get("source", "inbox")
        if not isinstance(rows, pa.Table):
            good = [GOOD[entity] | row for row in rows]
            rows = arrow_rows(entity, good, source, self._sequence)
        names = ENTITIES[entity].names
        batch = Batch(
            **{
                "batch_id": f"{self._sequence:016x}",
                "sequence": self._sequence,
                "source": source,
                "entity": entity,
                "night": "2026-11-22",
                "generation": 0,
                "contract_version": 1,
                "key_fingerprint": "k",
                "mapping_fingerprint": "m",
                "landed_at": LANDED_AT,
                "origin": f"file_{self._sequence}.csv",
                "content_sha256": "s",
                "read": len(rows) + facts.get("rejected", 0),
                "landed": len(rows),
                "delivered": names,
            }
            | facts
        )
        with BatchWriter(self.settings.paths, batch) as writer:
            writer.write(rows)
            writer.finish(batch)
        return batch

    def judge(self) -> GateReport:
        return judge(self.settings, datetime(2026, 11, 22, 2, 30, tzinfo=UTC))

    def verdict(self, batch: Batch) -> Verdict:
        return load_verdicts(self.settings.paths)[batch.batch_id]

    def quarantine(self, batch: Batch) -> dict[int, str]:
        """Position -> the rules, as the batch's quarantine file has them; {} without a file."""
        import pyarrow.parquet as pq

        path = batch_path(self.settings.paths, batch, self.settings.paths.quarantine)
        if not path.exists():
            return {}
        rows = pq.ParquetFile(path).read().to_pylist()
        assert {row["batch_id"] for row in rows} == {batch.batch_id}
        assert {row["batch_sequence"] for row in rows} == {batch.sequence}
        return {row["position"]: row["rules"] for row in rows}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(Settings(data_dir=tmp_path))


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[..., Lab]:
    """A lab with settings of its own."""

    def make(**settings: Any) -> Lab:
        return Lab(Settings(data_dir=tmp_path, **settings))

    return make
