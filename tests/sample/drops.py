"""Reads the sample's drops as anybody would: by the format their names say, with Python's own readers."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cx_pipeline.contract import ENTITIES
from cx_pipeline.sample import SampleReport, write_sample

Row = dict[str, Any]


def tiny_sample(directory: Path, *, seed: int = 1, end: date = date(2026, 9, 30)) -> SampleReport:
    """A sample of 60 customers and 60 days: for tests that need every entity, not every fact."""
    return write_sample(directory, customers=60, days=60, seed=seed, end=end)


def _encoding(name: str) -> str:
    return "cp949" if "cp949" in name else "utf-16" if "utf16" in name else "utf-8-sig"


def lines(path: Path) -> list[str]:
    """The lines of a text drop."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.decode(_encoding(path.name)).splitlines()


def rows(path: Path) -> list[Row]:
    """The rows of a drop; empty values are absent.  Lines that are no rows have the one key `ragged`."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return [{k: v for k, v in row.items() if v is not None} for row in pq.read_table(path).to_pylist()]
    text = lines(path)
    found: list[Row] = []
    if ".jsonl" in path.name:
        for line in text:
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                found.append({"ragged": line})
        return found
    header, *body = csv.reader(io.StringIO("\n".join(text)), delimiter="\t" if ".tsv" in path.name else ",")
    for fields in body:
        row = {name: value for name, value in zip(header, fields, strict=False) if value != ""}
        found.append(row if len(fields) == len(header) else {"ragged": "\t".join(fields)})
    return found


def entity_rows(directory: Path) -> dict[str, list[Row]]:
    """All rows by entity."""
    return {
        entity: [row for path in sorted((directory / entity).iterdir()) for row in rows(path)]
        for entity in ENTITIES
    }


def instant(value: str | datetime) -> datetime:
    """A timestamp with its offset, in UTC; ValueError where it has none."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value} has no offset")
    return moment.astimezone(UTC)
