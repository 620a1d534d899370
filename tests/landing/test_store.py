"""The landing store: whole or absent, listed from footers, typed empties."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.landing import (
    Batch,
    LandingError,
    batch_path,
    current_generations,
    ensure_empty_files,
    list_batches,
    read_batch,
)
from cx_pipeline.landing.store import REJECTED_SCHEMA, BatchWriter, remove_leftovers
from cx_pipeline.settings import DataPaths


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path, None)


def a_batch(**changes: object) -> Batch:
    batch = Batch(
        batch_id="0123456789abcdef",
        sequence=1,
        source="shop",
        entity="transactions",
        night="2024-01-15",
        generation=1,
        contract_version=1,
        key_fingerprint="k",
        mapping_fingerprint="m",
        landed_at="2024-01-15T02:00:00+00:00",
        origin="a.csv",
        content_sha256="0" * 64,
        read=3,
        landed=2,
        rejected=1,
        delivered=("transaction_id", "amount"),
        unknown_values={"channel": 2},
    )
    return replace(batch, **changes)  # type: ignore[arg-type]


def rows(batch: Batch, ids: list[str]) -> pa.Table:
    records = [
        {"source": batch.source, "batch_sequence": batch.sequence, "position": i, "transaction_id": name}
        for i, name in enumerate(ids)
    ]
    return pa.Table.from_pylist(records, schema=landing_schema(ENTITIES[batch.entity]))


REJECTED = {
    "source": "shop",
    "batch_id": "0123456789abcdef",
    "batch_sequence": 1,
    "line": 3,
    "column_name": None,
    "reason": "ragged_row",
    "detail": "x",
}


def land(paths: DataPaths, batch: Batch, ids: list[str]) -> None:
    with BatchWriter(paths, batch) as writer:
        writer.write(rows(batch, ids))
        if batch.rejected:
            writer.reject(pa.Table.from_pylist([REJECTED], schema=REJECTED_SCHEMA))
        writer.finish(batch)


def test_a_batch_comes_back_as_it_was_written(paths: DataPaths) -> None:
    land(paths, a_batch(), ["a", "b"])
    assert list_batches(paths) == [a_batch()]
    assert read_batch(paths, a_batch()).column("transaction_id").to_pylist() == ["a", "b"]
    assert read_batch(paths, a_batch(), ["position"]).column_names == ["position"]
    assert batch_path(paths, a_batch(), paths.rejected).exists()


def test_batches_are_listed_by_sequence_whatever_their_night(paths: DataPaths) -> None:
    land(paths, a_batch(sequence=2, batch_id="b" * 16, night="2024-01-01", rejected=0), ["a"])
    land(paths, a_batch(rejected=0), ["a"])
    assert [b.sequence for b in list_batches(paths, "transactions")] == [1, 2]
    assert list_batches(paths, "feedback") == []


def test_a_batch_that_is_not_finished_leaves_nothing(paths: DataPaths) -> None:
    with pytest.raises(RuntimeError), BatchWriter(paths, a_batch()) as writer:
        writer.write(rows(a_batch(), ["a"]))
        writer.reject(pa.Table.from_pylist([REJECTED], schema=REJECTED_SCHEMA))
        raise RuntimeError
    assert list_batches(paths) == []
    assert [p for p in paths.root.rglob("*") if p.is_file()] == []


def test_leftovers_of_a_killed_night_are_cleared(paths: DataPaths) -> None:
    land(paths, a_batch(), ["a"])
    orphan = batch_path(paths, a_batch(sequence=2, batch_id="c" * 16), paths.rejected)
    orphan.write_bytes(batch_path(paths, a_batch(), paths.rejected).read_bytes())
    temporary = batch_path(paths, a_batch()).with_name(".x.parquet.tmp")
    temporary.write_bytes(b"")
    remove_leftovers(paths)
    assert not orphan.exists()
    assert not temporary.exists()
    assert batch_path(paths, a_batch(), paths.rejected).exists()


def test_a_foreign_file_in_landing_is_a_clear_error(paths: DataPaths) -> None:
    target = batch_path(paths, a_batch())
    target.parent.mkdir(parents=True)
    target.write_bytes(b"no parquet")
    with pytest.raises(LandingError, match="no whole Parquet file"):
        list_batches(paths)


def test_empty_files_are_typed_and_no_batches(paths: DataPaths) -> None:
    import pyarrow.parquet as pq

    ensure_empty_files(paths)
    ensure_empty_files(paths)
    assert list_batches(paths) == []
    for entity in ENTITIES.values():
        folder = f"{entity.name}/source=_none/dt=1970-01-01"
        found = list((paths.landing / folder).glob("*.parquet"))
        assert len(found) == 1
        assert pq.read_schema(found[0]).equals(landing_schema(entity))
        assert len(list((paths.rejected / folder).glob("*.parquet"))) == 1
        assert len(list((paths.quarantine / folder).glob("*.parquet"))) == 1


def test_only_the_greatest_generation_is_current() -> None:
    batches = [a_batch(), a_batch(generation=2), a_batch(source="b")]
    assert current_generations(batches) == {("shop", "transactions"): 2, ("b", "transactions"): 1}
