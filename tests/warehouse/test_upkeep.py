"""Upkeep: what grows is kept small, nothing is lost by it, and no night fails for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing import Batch, compact
from cx_pipeline.settings import Settings
from cx_pipeline.settings.sections import Landing
from cx_pipeline.warehouse import bloat, expiry, upkeep
from cx_pipeline.warehouse.bloat import BloatError, room_of, shrink
from cx_pipeline.warehouse.expiry import HISTORIES, expired_rows, old_batches
from cx_pipeline.warehouse.inputs import PROJECT_DIR
from cx_pipeline.warehouse.upkeep import keep_small, read_ledger
from cx_pipeline.warehouse.upkeep_assets import KEPT_CHECK, upkeep_asset

NIGHT = date(2024, 6, 30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "warehouse").mkdir()
    return Settings(data_dir=tmp_path)


def bloated(path: Path, version: str = "v1.2.0") -> Path:
    """A database most of which is free, with a view on a table."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{path}' as cx (storage_version '{version}')")
        connection.execute("create schema cx.marts")
        connection.execute(
            "create table cx.marts.facts as select range as n, hash(range) as h from range(2000)"
        )
        connection.execute("create view cx.marts.kpis as select n from cx.marts.facts")
        connection.execute("create table cx.marts.former as select hash(range) as h from range(400000)")
        connection.execute("checkpoint cx")
        connection.execute("drop table cx.marts.former")
    return path


def contents(path: Path) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [
            connection.execute("from marts.facts order by n").fetchall(),
            connection.execute("select count(*) from marts.kpis").fetchall(),
            connection.execute("select tags['storage_version'] from duckdb_databases()").fetchall(),
        ]


# ---------------------------------------------------------------- bloat


@pytest.fixture
def small_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bloat, "FREE_BYTES", 1024 * 1024)


@pytest.mark.usefixtures("small_counts")
@pytest.mark.parametrize("version", ["v1.2.0", "v2.0.0"])
def test_a_bloated_file_shrinks_and_stays_the_same(tmp_path: Path, version: str) -> None:
    """The marts' file must stay in the old storage version, or BI tools could not open what is published."""
    path = bloated(tmp_path / "cx.duckdb", version)
    before, held = room_of(path), contents(path)
    assert before.is_bloated
    after = shrink(path)
    assert after.size_bytes < before.size_bytes / 2
    assert not after.is_bloated
    assert contents(path) == held
    assert [file.name for file in tmp_path.iterdir() if file.name != "tmp"] == ["cx.duckdb"]


def test_a_full_file_is_not_bloated(tmp_path: Path) -> None:
    path = tmp_path / "cx.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table facts as select hash(range) as h from range(400000)")
    assert not room_of(path).is_bloated


@pytest.mark.usefixtures("small_counts")
def test_without_room_for_a_copy_the_file_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bloated(tmp_path / "cx.duckdb")
    before = path.read_bytes()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1024))
    with pytest.raises(BloatError, match="make room"):
        shrink(path)
    assert path.read_bytes() == before


def test_a_copy_that_differs_never_takes_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bloated(tmp_path / "cx.duckdb")
    before = path.read_bytes()
    answers = iter([{("marts", "facts"): 1}, {("marts", "facts"): 2}])
    monkeypatch.setattr(bloat, "_counts", lambda *_: next(answers))
    with pytest.raises(BloatError, match="has other rows"):
        shrink(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("small_counts")
def test_a_killed_copy_is_removed_by_the_next(tmp_path: Path) -> None:
    path = bloated(tmp_path / "cx.duckdb")
    for name in (".cx.duckdb.123.tmp", ".cx.duckdb.123.tmp.wal"):
        (tmp_path / name).write_bytes(b"half a copy")
    shrink(path)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.usefixtures("small_counts")
def test_a_file_that_bloats_every_night_is_copied_once_a_week(settings: Settings) -> None:
    path = settings.paths.warehouse / "cx.duckdb"
    shrunk = []
    for day in (1, 2, 8):
        path.unlink(missing_ok=True)
        bloated(path)
        done = keep_small(settings, date(2024, 6, day))
        assert not done.problems
        shrunk.append(list(done.shrunk))
    assert shrunk == [["cx.duckdb"], [], ["cx.duckdb"]]
    assert read_ledger(settings.paths).working["cx.duckdb"].shrunk_after == "2024-06-08"


# ---------------------------------------------------------------- trouble is told, and stops nothing


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device", "landing/x.parquet")


@pytest.mark.usefixtures("small_counts")
def test_trouble_with_one_part_is_told_and_the_others_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    bloated(settings.paths.warehouse / "cx.duckdb")
    monkeypatch.setattr(compact, "compact", full_disk)
    done = keep_small(settings, NIGHT)
    assert done.problems == [
        "small landed files were not packed: No space left on device (landing/x.parquet); "
        "nothing is lost, and the next night tries again"
    ]
    assert list(done.shrunk) == ["cx.duckdb"]


def test_the_asset_warns_and_does_not_fail(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "compact", full_disk)
    night = SimpleNamespace(date=NIGHT, progress=lambda *_: None)
    result = dg.materialize([upkeep_asset(settings, [])], resources={"night": night})
    [check] = result.get_asset_check_evaluations()
    assert result.success
    assert (check.check_name, check.passed, check.severity) == (KEPT_CHECK, False, dg.AssetCheckSeverity.WARN)
    assert "No space left on device" in (check.description or "")


# ---------------------------------------------------------------- what expires


def a_batch(sequence: int, entity: str = "feedback", night: str = "2024-01-05") -> Batch:
    return Batch(
        batch_id=f"{sequence:016x}",
        sequence=sequence,
        source="shop",
        entity=entity,
        night=night,
        generation=1,
        contract_version=1,
        key_fingerprint="k",
        mapping_fingerprint="m",
        landed_at="2024-01-05T02:00:00+00:00",
        origin="a.csv",
        content_sha256="",
        landed=3,
    )


def test_only_old_and_settled_batches_expire() -> None:
    old, young, waiting = a_batch(1), a_batch(2, night="2024-06-01"), a_batch(3)
    settled = {f"{n:016x}" for n in (1, 2)}
    assert old_batches([old, young, waiting], NIGHT, 90, settled) == [old]
    edge = a_batch(1, night="2024-04-01")
    assert old_batches([edge], NIGHT, 90, settled) == []
    assert old_batches([edge], date(2024, 7, 1), 90, settled) == [edge]


def test_landing_is_looked_through_once_a_month_or_when_the_setting_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def _look(*_: object) -> dict[str, object]:
        looks.append(1)
        return {}

    monkeypatch.setattr(expiry, "expired_rows", _look)
    (tmp_path / "warehouse").mkdir()
    for day, keep_days, looked in ((1, None, 0), (1, 90, 1), (2, 90, 1), (3, 60, 2), (28, 60, 2)):
        settings = Settings(data_dir=tmp_path, landing=Landing(keep_raw_days=keep_days))
        assert not keep_small(settings, date(2024, 5, day)).problems
        assert len(looks) == looked
    assert not keep_small(settings, date(2024, 6, 2)).problems
    assert len(looks) == 3


@pytest.fixture
def folded_in(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(settings.paths.warehouse / "working.duckdb")) as connection:
        connection.execute("create schema staging")
        connection.execute("create schema intermediate")
        connection.execute(
            "create table staging.stg_batches (batch_sequence bigint, source text, entity text, state text, "
            "generation int, is_current_generation boolean, mode text, landed bigint, is_withdrawn boolean)"
        )
        connection.execute(
            "create table staging.stg_quarantined_rows "
            "(entity text, batch_sequence bigint, position bigint, is_readable boolean)"
        )
        for entity in ENTITIES.values():
            connection.execute(
                f"create table intermediate.int_{entity.name}_versions (source text, "
                f"{entity.landed_key} text, batch_sequence bigint, position bigint, disposition text)"
            )
        yield connection


def batch_row(connection: duckdb.DuckDBPyConnection, sequence: int, **changes: Any) -> None:
    row = {
        "batch_sequence": sequence,
        "source": "shop",
        "entity": "feedback",
        "state": "passed",
        "generation": 1,
        "is_current_generation": True,
        "mode": "upsert",
        "landed": 3,
        "is_withdrawn": False,
    } | changes
    connection.execute(
        f"insert into staging.stg_batches values ({','.join('?' * len(row))})", list(row.values())
    )


def expired(
    settings: Settings, connection: duckdb.DuckDBPyConnection, *batches: Batch
) -> dict[int, list[int]]:
    connection.close()
    found = expired_rows(settings.paths, batches)
    return {n: rows.tolist() for by_batch in found.values() for n, rows in by_batch.items()}


def test_superseded_and_quarantined_rows_expire(
    settings: Settings, folded_in: duckdb.DuckDBPyConnection
) -> None:
    for sequence in (1, 2):
        batch_row(folded_in, sequence)
    folded_in.execute("insert into staging.stg_quarantined_rows values ('feedback', 1, 2, true)")
    folded_in.execute(
        "insert into intermediate.int_feedback_versions values ('shop', 'a', 1, 0, 'superseded'), "
        "('shop', 'b', 1, 1, 'published'), ('shop', 'a', 2, 0, 'published')"
    )
    assert expired(settings, folded_in, a_batch(1), a_batch(2)) == {1: [2, 0]}


def test_what_a_replaced_file_may_bring_back_does_not_expire(
    settings: Settings, folded_in: duckdb.DuckDBPyConnection
) -> None:
    """The file that superseded it may be replaced by one without the row: then the older version counts."""
    batch_row(folded_in, 1)
    batch_row(folded_in, 2, mode="replace")
    folded_in.execute(
        "insert into intermediate.int_feedback_versions values ('shop', 'a', 1, 0, 'superseded'), "
        "('shop', 'a', 2, 0, 'published')"
    )
    assert expired(settings, folded_in, a_batch(1), a_batch(2)) == {}


@pytest.mark.parametrize("entity", sorted(HISTORIES))
def test_histories_do_not_expire(
    entity: str, settings: Settings, folded_in: duckdb.DuckDBPyConnection
) -> None:
    """Former versions of customers and tickets tell what they were when something happened."""
    for sequence in (1, 2):
        batch_row(folded_in, sequence, entity=entity)
    folded_in.execute(
        f"insert into intermediate.int_{entity}_versions values ('shop', 'a', 1, 0, 'superseded'), "
        "('shop', 'a', 2, 0, 'published')"
    )
    assert expired(settings, folded_in, a_batch(1, entity)) == {}


def test_dropped_replaced_and_former_generations_expire_whole(
    settings: Settings, folded_in: duckdb.DuckDBPyConnection
) -> None:
    batch_row(folded_in, 1, state="dropped")
    batch_row(folded_in, 2, generation=0, is_current_generation=False, is_withdrawn=True)
    batch_row(folded_in, 3, is_withdrawn=True)
    batch_row(folded_in, 4)
    files = [a_batch(n) for n in (1, 2, 3, 4)]
    assert expired(settings, folded_in, *files) == {1: [0, 1, 2], 2: [0, 1, 2], 3: [0, 1, 2]}


def test_a_generation_not_yet_in_force_does_not_expire(
    settings: Settings, folded_in: duckdb.DuckDBPyConnection
) -> None:
    """Its rows count as withdrawn until the whole re-pull is through, and are the truth from then on."""
    batch_row(folded_in, 1)
    batch_row(folded_in, 2, generation=2, is_current_generation=False, is_withdrawn=True)
    assert expired(settings, folded_in, a_batch(1), a_batch(2)) == {}


def test_the_models_have_the_columns_expiry_asks_for() -> None:
    def columns(pattern: str) -> set[str]:
        [path] = (PROJECT_DIR / "models").rglob(f"{pattern}.yml")
        [model] = yaml.safe_load(path.read_text())["models"]
        return {column["name"] for column in model["columns"]}

    assert columns("stg_batches") >= {
        "batch_sequence",
        "source",
        "entity",
        "state",
        "generation",
        "is_current_generation",
        "mode",
        "landed",
        "is_withdrawn",
    }
    assert columns("stg_quarantined_rows") >= {"entity", "batch_sequence", "position", "is_readable"}
    for entity in set(ENTITIES) - HISTORIES:
        sql = next((PROJECT_DIR / "models").rglob(f"int_{entity}_versions.sql")).read_text()
        assert "with_disposition(" in sql


def test_the_parts_have_words_of_their_own() -> None:
    assert {step.__name__ for step in (upkeep._pack, upkeep._empty, upkeep._shrink, upkeep._measure)} == set(
        upkeep._TOLD
    )
