"""Every mart of a real night leaves as Parquet whole, in types that every reader knows."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from tests.end_to_end.company import Company

KNOWN = {"string", "bool", "int32", "int64", "double", "date32[day]", "timestamp[us, tz=UTC]"}


def test_every_mart_is_exported_whole_in_types_readers_know(second_night: Company, tmp_path: Path) -> None:
    """pandas, polars, Spark and BigQuery all read these, and maps from text to text."""
    second_night.cx("export", str(tmp_path))
    manifest = json.loads((tmp_path / "_export.json").read_text())
    ((night,),) = second_night.rows("select cast(max(night) as varchar) from marts.nights")
    names = second_night.rows("select table_name from information_schema.tables where table_schema = 'marts'")
    assert sorted(manifest) == sorted(name for (name,) in names)
    for name, mart in manifest.items():
        ((rows,),) = second_night.rows(f"select count(*) from marts.{name}")
        file = tmp_path / mart["path"]
        assert (mart["night"], mart["rows"], pq.read_metadata(file).num_rows) == (night, rows, rows)
        types = {str(field.type) for field in pq.read_schema(file)}
        assert {kind for kind in types - KNOWN if not kind.startswith("map<string, string")} == set(), name
