"""Packing: the same rows in fewer files, whatever happens in between; emptied rows keep their place."""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.landing import Batch, batch_path, index, landed_files, list_batches, read_batch
from cx_pipeline.landing import compact as packing
from cx_pipeline.landing.compact import compact, empty_rows, remove_unfinished, take_apart
from cx_pipeline.landing.store import QUARANTINE_SCHEMA, REJECTED_SCHEMA, BatchWriter, remove_leftovers
from cx_pipeline.settings import DataPaths

NIGHT = "2024-03-10"
BATCHES = 40


def a_batch(sequence: int, **changes: object) -> Batch:
    batch = Batch(
        batch_id=f"{sequence:016x}",
        sequence=sequence,
        source="shop",
        entity="transactions",
        night=f"2024-0{1 + sequence % 2}-{1 + sequence % 20:02d}",
        generation=1,
        contract_version=1,
        key_fingerprint="k",
        mapping_fingerprint="m",
        landed_at="2024-01-15T02:00:00+00:00",
        origin=f"{sequence}.csv",
        content_sha256=f"{sequence:064x}",
        read=3,
        landed=2,
        rejected=1,
        delivered=("transaction_id", "amount"),
    )
    return replace(batch, **changes)  # type: ignore[arg-type]


def land(paths: DataPaths, batch: Batch) -> None:
    """Two rows, one rejected, one of the two quarantined."""
    place = {"source": batch.source, "batch_sequence": batch.sequence}
    rows = [
        {
            **place,
            "position": i,
            "transaction_id": f"{batch.sequence}/{i}",
            "amount": 1.5,
            "product": "secret",
            "attributes": [("a", "b")],
        }
        for i in range(batch.landed)
    ]
    with BatchWriter(paths, batch) as writer:
        if rows:
            writer.write(pa.Table.from_pylist(rows, schema=landing_schema(ENTITIES[batch.entity])))
            bad = {**place, "batch_id": batch.batch_id, "line": 3, "reason": "ragged_row", "detail": "x"}
            writer.reject(pa.Table.from_pylist([bad], schema=REJECTED_SCHEMA))
        writer.finish(batch)
    path = batch_path(paths, batch, paths.quarantine)
    path.parent.mkdir(parents=True, exist_ok=True)
    held = {**place, "batch_id": batch.batch_id, "position": 1, "row_key": "k", "rules": "amount_finite"}
    pq.write_table(pa.Table.from_pylist([held], schema=QUARANTINE_SCHEMA), path)


def landed(paths: DataPaths, batches: int = BATCHES) -> frozenset[str]:
    """`batches` batches of two months, the last of them an alias without rows; their ids."""
    all_ = [a_batch(n) for n in range(1, batches)]
    all_.append(a_batch(batches, alias=True, landed=0, read=0, rejected=0))
    for batch in all_:
        land(paths, batch)
    return frozenset(b.batch_id for b in all_)


def as_globbed(paths: DataPaths) -> list[list[Any]]:
    """What a reader who knows nothing but the folders sees below each root, as the dbt sources glob it."""
    with duckdb.connect(config={"threads": 1}) as connection:
        return [
            connection.execute(
                f"select * from read_parquet('{root}/transactions/*/*/*.parquet', union_by_name = true, "
                "hive_partitioning = false) order by all"
            ).fetchall()
            for root in (paths.landing, paths.rejected, paths.quarantine)
        ]


def files(root: Path) -> list[Path]:
    return sorted(root.glob("*/*/*/*.parquet"))


@pytest.fixture
def paths(tmp_path: Path) -> DataPaths:
    return DataPaths(tmp_path, None)


def test_small_files_of_past_months_become_one_a_month(paths: DataPaths) -> None:
    settled = landed(paths)
    rows, batches = as_globbed(paths), list_batches(paths)
    done = compact(paths, NIGHT, settled)
    assert [(p.root, p.files_before, p.files_after) for p in done] == [
        ("landing", 40, 2),
        ("rejected", 39, 2),
        ("quarantine", 40, 2),
    ]
    assert as_globbed(paths) == rows
    assert list_batches(paths) == batches
    assert [len(files(root)) for root in (paths.landing, paths.rejected, paths.quarantine)] == [2, 2, 2]


def test_a_packed_batch_reads_as_it_was_written(paths: DataPaths) -> None:
    settled = landed(paths)
    before = {b.batch_id: read_batch(paths, b) for b in list_batches(paths)}
    compact(paths, NIGHT, settled)
    assert not any(batch_path(paths, b).exists() for b in list_batches(paths))
    for batch in list_batches(paths):
        assert read_batch(paths, batch).equals(before[batch.batch_id])
    assert read_batch(paths, a_batch(7), ["position"]).column_names == ["position"]


def test_a_month_that_goes_on_is_packed_when_enough_have_gathered(paths: DataPaths) -> None:
    settled = landed(paths, batches=2 * packing.DUE_FILES - 2)  # half of them in each month, one too few
    compact(paths, "2024-02-28", settled)
    assert [len(f.batches) for f in landed_files(paths)] == [1, packing.DUE_FILES - 1] + [1] * (
        packing.DUE_FILES - 2
    )
    last = a_batch(2 * packing.DUE_FILES + 1)
    land(paths, last)
    compact(paths, "2024-02-28", {*settled, last.batch_id})
    assert [len(f.batches) for f in landed_files(paths)] == [packing.DUE_FILES, packing.DUE_FILES - 1]


def test_a_batch_that_waits_for_the_gate_stays_alone(paths: DataPaths) -> None:
    settled = landed(paths)
    compact(paths, NIGHT, settled - {a_batch(5).batch_id})
    assert batch_path(paths, a_batch(5)).exists()
    assert batch_path(paths, a_batch(5), paths.quarantine).exists()


def test_packs_grow_by_what_comes_later(paths: DataPaths) -> None:
    settled = landed(paths)
    compact(paths, NIGHT, settled)
    late = a_batch(99, night="2024-01-31")
    land(paths, late)
    rows = as_globbed(paths)
    compact(paths, NIGHT, {*settled, late.batch_id})
    assert as_globbed(paths) == rows
    assert len(files(paths.landing)) == 2
    assert read_batch(paths, late).num_rows == 2


def test_a_file_of_other_columns_is_left_as_it_is(paths: DataPaths) -> None:
    """A column a later version gave up must not vanish, and a wrong type stays for the gate to see."""
    settled = landed(paths)
    path = batch_path(paths, a_batch(3))
    footer = pq.read_metadata(path).metadata
    table = pq.read_table(path, partitioning=None).append_column("former", pa.array(["x", "y"]))
    pq.write_table(table.replace_schema_metadata({b"cx_batch": footer[b"cx_batch"]}), path)
    compact(paths, NIGHT, settled)
    assert "former" in {name for f in landed_files(paths) for name in pq.read_schema(f.path).names}
    assert {b.batch_id for b in list_batches(paths)} == settled


def test_what_else_lies_in_the_folder_stays(paths: DataPaths) -> None:
    settled = landed(paths)
    note = batch_path(paths, a_batch(3)).parent / "read me.txt"
    note.write_text("mine")
    note.parent.chmod(0o750)
    compact(paths, NIGHT, settled)
    assert note.read_text() == "mine"
    assert note.parent.stat().st_mode & 0o777 == 0o750


def test_leftover_rejected_rows_go_and_packed_ones_stay(paths: DataPaths) -> None:
    settled = landed(paths)
    compact(paths, NIGHT, settled)
    orphan = batch_path(paths, a_batch(77), paths.rejected)
    orphan.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(files(paths.rejected)[0], orphan)
    remove_leftovers(paths)
    assert not orphan.exists()
    assert len(files(paths.rejected)) == 2


def test_a_batch_to_be_judged_again_gets_its_own_files_back(paths: DataPaths) -> None:
    settled = landed(paths)
    rows, batches = as_globbed(paths), list_batches(paths)
    compact(paths, NIGHT, settled)
    take_apart(paths, [a_batch(4).batch_id])
    assert as_globbed(paths) == rows
    assert list_batches(paths) == batches
    assert batch_path(paths, a_batch(4)).exists()
    assert batch_path(paths, a_batch(4), paths.quarantine).exists()
    assert pq.read_table(batch_path(paths, a_batch(4)), partitioning=None).num_rows == 2


# ---------------------------------------------------------------- killed anywhere

STEPS = ("os.link", "os.unlink", "os.rmdir", "fsync_file", "fsync_folder", "exchange", "pq.ParquetWriter")


def _dying(at: int, count: list[int], real: Callable[..., Any]) -> Callable[..., Any]:
    def step(*arguments: Any, **options: Any) -> Any:
        result = real(*arguments, **options)
        count[0] += 1
        if count[0] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return step


def _is_killed_at(at: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed after `at` of its steps; False where it has fewer."""
    child = os.fork()
    if child == 0:
        try:
            count = [0]
            for name in STEPS:
                place, _, function = name.rpartition(".")
                holder = getattr(packing, place) if place else packing
                setattr(holder, function, _dying(at, count, getattr(holder, function)))
            work()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return os.WIFSIGNALED(status)


def test_killed_at_any_step_no_row_is_lost_or_doubled(paths: DataPaths) -> None:
    """Readers see the same rows after every kill, and the next run goes through."""
    settled = landed(paths, batches=4)
    rows, batches = as_globbed(paths), list_batches(paths)
    roots = (paths.landing, paths.rejected, paths.quarantine)
    for root in roots:
        shutil.copytree(root, paths.root / "before" / root.name)
    pa.set_cpu_count(1)
    kills = 0
    while _is_killed_at(kills + 1, lambda: compact(paths, NIGHT, settled)):
        kills += 1
        assert as_globbed(paths) == rows
        assert list_batches(paths) == batches
        if kills % 4 == 0:
            compact(paths, NIGHT, settled)
            assert as_globbed(paths) == rows
            assert not list(paths.root.glob("*/.next"))
        for root in roots:
            shutil.rmtree(root)
            shutil.copytree(paths.root / "before" / root.name, root)
    assert kills > 30
    assert as_globbed(paths) == rows
    assert len(files(paths.landing)) < len(batches)


def test_a_disk_that_cannot_swap_folders_keeps_what_it_has(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = landed(paths)
    rows = as_globbed(paths)

    def refuse(one: Path, other: Path) -> None:
        raise OSError(errno.EINVAL, "Invalid argument", str(one))

    monkeypatch.setattr(packing, "exchange", refuse)
    with pytest.raises(OSError, match="Invalid argument"):
        compact(paths, NIGHT, settled)
    assert as_globbed(paths) == rows
    assert not list(paths.root.glob("*/.next"))


# ---------------------------------------------------------------- the index


def test_the_index_spares_the_footers_and_is_believed_only_for_the_same_file(
    paths: DataPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed(paths)
    batches = list_batches(paths)
    assert index.save_index(paths)
    reads: list[Path] = []
    real = pq.read_metadata

    def counted(path: Path) -> Any:
        reads.append(path)
        return real(path)

    monkeypatch.setattr(pq, "read_metadata", counted)
    index.forget()
    assert list_batches(paths) == batches
    assert reads == []
    changed = batch_path(paths, a_batch(2))
    land(paths, a_batch(2, origin="another.csv"))
    index.forget()
    assert [b.origin for b in list_batches(paths) if b.sequence == 2] == ["another.csv"]
    assert reads == [changed]
    (paths.landing / ".index.json").write_bytes(b"{torn")
    index.forget()
    assert len(list_batches(paths)) == BATCHES


# ---------------------------------------------------------------- emptying


def test_emptied_rows_keep_place_and_key_alone(paths: DataPaths) -> None:
    settled = landed(paths)
    before = read_batch(paths, a_batch(3)).to_pylist()
    compact(paths, NIGHT, settled)
    expired = {"transactions": {3: np.array([1])}}
    done = empty_rows(paths, expired)
    assert done.files_before == done.files_after == 1  # the other month's pack holds no such row
    kept, emptied = read_batch(paths, a_batch(3)).to_pylist()
    assert kept == before[0]
    named = {k: v for k, v in emptied.items() if v is not None}
    assert named == {
        "source": "shop",
        "batch_sequence": 3,
        "position": 1,
        "transaction_id": "3/1",
        "is_deleted": True,
    }
    assert read_batch(paths, a_batch(5)).column("product").to_pylist() == ["secret", "secret"]
    assert empty_rows(paths, expired).files_before == 0


def test_what_was_emptied_is_not_emptied_again_once_it_is_packed(paths: DataPaths) -> None:
    settled = landed(paths, batches=6)
    expired = {"transactions": {3: np.array([0, 1]), 5: np.array([1])}}
    assert empty_rows(paths, expired).files_before == 2
    compact(paths, NIGHT, settled)
    assert sum(f.emptied_rows for f in landed_files(paths)) == 3
    assert empty_rows(paths, expired).files_before == 0
    assert read_batch(paths, a_batch(3)).column("product").to_pylist() == [None, None]
    more = {"transactions": {**expired["transactions"], 1: np.array([0])}}
    assert empty_rows(paths, more).files_before == 1


def test_what_a_killed_run_left_is_cleared(paths: DataPaths) -> None:
    landed(paths, batches=3)
    leftover = paths.landing / ".next" / "transactions" / "source=shop" / "dt=2024-01-02"
    leftover.mkdir(parents=True)
    remove_unfinished(paths)
    assert not (paths.landing / ".next").exists()
