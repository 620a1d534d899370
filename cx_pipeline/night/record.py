"""The record each nightly run leaves in `state/nights/<run_id>.json`; the mart `nights` is made of them.

Called by the night's resource (which writes) and the warehouse (which reads).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from cx_pipeline.files import write_whole

Outcome = Literal["published", "held", "failed", "died"]


@dataclass(frozen=True, slots=True)
class NightRecord:
    """One run of the nightly job.  Instants are ISO 8601 in UTC; counts are of batches and rows."""

    run_id: str
    night: str
    started_at: str
    ended_at: str
    outcome: Outcome
    batches: int = 0
    landed: int = 0
    rejected: int = 0
    quarantined: int = 0
    held: int = 0
    stale_sources: str = ""
    full_refresh: bool = False


def write_record(folder: Path, record: NightRecord) -> None:
    """Write (or correct) the record of one run."""
    write_whole(folder / f"{record.run_id}.json", json.dumps(asdict(record)).encode())


def read_records(folder: Path) -> list[NightRecord]:
    """All records, oldest run first."""
    records = [NightRecord(**json.loads(path.read_text())) for path in sorted(folder.glob("*.json"))]
    return sorted(records, key=lambda record: (record.started_at, record.run_id))
