"""Pulling files end to end: which content lands, when, and what is said of it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cx_pipeline.landing import (
    LandingError,
    PullReport,
    contents,
    current_generations,
    list_batches,
    loading,
    pull_files,
    read_batch,
)
from cx_pipeline.landing.session import mapping_fingerprint
from cx_pipeline.settings import Settings

NIGHT = date(2024, 1, 15)
HEADER = "transaction_id,customer_id,occurred_at,amount\n"
A = HEADER + "t1,c1,2024-01-01T10:00:00Z,10\n"
B = HEADER + "t1,c1,2024-01-01T10:00:00Z,20\n"


class House:
    """A data directory with an inbox."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.options: dict[str, Any] = {}

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.root, **self.options)

    def drop(self, name: str, content: str | bytes = A) -> Path:
        path = self.root / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def pull(self, source: str = "inbox", night: date = NIGHT) -> PullReport:
        report = pull_files(self.settings, source, night)
        for batch in list_batches(self.settings.paths):
            assert batch.read == batch.landed + batch.rejected
            assert len(read_batch(self.settings.paths, batch)) == batch.landed
        return report

    def rows(self, entity: str = "transactions", columns: list[str] | None = None) -> list[dict[str, Any]]:
        """All rows of the current generation, in the order of landing."""
        batches = list_batches(self.settings.paths, entity)
        current = current_generations(batches)
        return [
            row
            for b in batches
            if b.generation == current[b.source, b.entity]
            for row in read_batch(self.settings.paths, b, columns).to_pylist()
        ]

    def rejected(self, entity: str = "transactions") -> list[tuple[int, str | None, str]]:
        files = sorted((self.root / "rejected" / entity).rglob("*.parquet"))
        return [
            (row["line"], row["column_name"], row["reason"])
            for file in files
            for row in pq.ParquetFile(file).read().to_pylist()
        ]

    def outcomes(self, source: str = "inbox") -> list[str]:
        return [f.outcome for f in self.pull(source).files]


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


# ---------------------------------------------------------------- what is loaded, and when


def test_a_content_is_loaded_once(house: House) -> None:
    house.drop("transactions/a.csv")
    assert house.outcomes() == ["loaded"]
    assert house.outcomes() == ["skipped"]
    assert [r["amount"] for r in house.rows()] == [10.0]


def test_a_then_b_then_a_again_leaves_a_in_force(house: House) -> None:
    for content in (A, B, A):
        house.drop("transactions/a.csv", content)
        assert house.outcomes() == ["loaded"]
    batches = list_batches(house.settings.paths)
    assert [r["amount"] for r in house.rows()] == [10.0, 20.0, 10.0]
    assert [b.sequence for b in batches] == [1, 2, 3]
    assert len({b.batch_id for b in batches}) == 3


def test_a_copy_is_remembered_and_does_not_come_back(house: House) -> None:
    """A stale copy of an overwritten file must not overrule the correction."""
    house.drop("transactions/a.csv", A)
    house.drop("transactions/copy.csv", A)
    assert house.outcomes() == ["loaded", "alias"]
    house.drop("transactions/a.csv", B)
    assert house.outcomes() == ["loaded", "skipped"]
    assert [r["amount"] for r in house.rows()] == [10.0, 20.0]
    assert [b.alias for b in list_batches(house.settings.paths)] == [False, True, False]


def test_a_copy_of_another_entity_or_source_is_no_copy(house: House) -> None:
    house.options = {"sources": {"shop": {"transactions": {"files": "shop*"}}}}
    for name in ("transactions/a.csv", "transactions/shop.csv"):
        house.drop(name, A)
    assert [f.outcome for s in ("inbox", "shop") for f in house.pull(s).files] == ["loaded", "loaded"]


def test_replace_is_recorded_for_downstream(house: House) -> None:
    house.options = {"sources": {"shop": {"transactions": {"files": "*.csv", "mode": "replace"}}}}
    house.drop("transactions/a.csv", A)
    house.pull("shop")
    assert [b.mode for b in list_batches(house.settings.paths)] == ["replace"]


def test_batch_ids_do_not_depend_on_the_order_of_nights(tmp_path: Path) -> None:
    ids = []
    for order in ((1, 2), (2, 1)):
        house = House(tmp_path / str(order[0]))
        for n in order:
            house.drop(f"transactions/{n}.csv", HEADER + f"t{n},c,2024-01-01T10:00:00Z,1\n")
            house.pull(night=date(2024, 1, n))
        ids.append({b.origin: b.batch_id for b in list_batches(house.settings.paths)})
    assert ids[0] == ids[1]


def test_an_empty_night_reads_no_content(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_SETTLED_SECONDS", -1.0)
    house.drop("transactions/a.csv")
    house.pull()
    monkeypatch.setattr("hashlib.file_digest", None)
    assert house.outcomes() == ["skipped"]


def test_a_file_just_written_is_not_trusted_to_the_cache(house: House) -> None:
    house.drop("transactions/a.csv")
    house.pull()
    assert not (house.root / "state" / "inbox.json").exists()


# ---------------------------------------------------------------- a changed mapping


def shop(**mapping: object) -> dict[str, Any]:
    return {"sources": {"shop": {"transactions": {"files": "*.csv", **mapping}}}}


def test_a_changed_mapping_loads_everything_anew(house: House) -> None:
    house.options = shop()
    house.drop("transactions/b.csv", A)
    house.pull("shop")
    house.drop("transactions/a.csv", B)
    house.pull("shop")
    house.options = shop(columns={"currency": {"constant": "KRW"}})
    report = house.pull("shop")
    assert "loaded anew" in report.notes[0]
    assert [(r["amount"], r["currency"]) for r in house.rows()] == [(10.0, "KRW"), (20.0, "KRW")]
    assert {b.generation for b in list_batches(house.settings.paths)} == {1, 2}
    assert house.outcomes("shop") == ["skipped", "skipped"]


def test_a_changed_mapping_keeps_what_cannot_be_loaded_again(house: House) -> None:
    house.options = shop()
    gone = house.drop("transactions/a.csv", A)
    house.drop("transactions/b.csv", B)
    house.pull("shop")
    gone.unlink()
    house.options = shop(columns={"currency": {"constant": "KRW"}})
    house.drop("transactions/c.csv", A.replace("t1", "t2"))
    report = house.pull("shop")
    assert "new mapping holds for new content only" in report.notes[0]
    assert [r["currency"] for r in house.rows()] == [None, None, "KRW"]
    house.drop("transactions/a.csv", A)
    house.pull("shop")
    assert [r["currency"] for r in house.rows()] == ["KRW"] * 3


def test_a_reload_that_was_killed_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.options = shop()
    for n in (3, 1, 2):
        house.drop(f"transactions/{n}.csv", HEADER + f"t{n},c,2024-01-01T10:00:00Z,{n}\n")
        house.pull("shop")
    house.options = shop(time_zone="Asia/Seoul")
    land: Callable[..., Any] = loading.FileLoading._land

    def die_on_the_second(self: Any, draft: Any, *rest: Any) -> Any:
        if draft.sequence == 5:
            raise KeyboardInterrupt
        return land(self, draft, *rest)

    monkeypatch.setattr(loading.FileLoading, "_land", die_on_the_second)
    with pytest.raises(KeyboardInterrupt):
        house.pull("shop")
    monkeypatch.undo()
    house.pull("shop")
    batches = [b for b in list_batches(house.settings.paths) if b.generation == 2]
    assert [b.origin for b in batches] == ["3.csv", "1.csv", "2.csv"]


@pytest.mark.parametrize(
    "change",
    [
        {"privacy": {"agent_ids": "as_is"}},
        {"entities": {"transactions": {"attributes": ["x"]}}},
        {"reporting": {"time_zone": "Asia/Seoul"}},
    ],
)
def test_whatever_changes_rows_changes_the_fingerprint(house: House, change: dict[str, Any]) -> None:
    before = mapping_fingerprint(house.settings, "inbox", "transactions")
    house.options = change
    assert mapping_fingerprint(house.settings, "inbox", "transactions") != before


def test_a_changed_identity_key_stops_the_night(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.drop("transactions/a.csv")
    house.pull()
    key = house.root / "state" / "identity.key"
    key.write_text("ab" * 32)
    with pytest.raises(LandingError, match="identity key has changed"):
        house.pull()
    key.unlink()
    with pytest.raises(LandingError, match="restore it from your backup"):
        house.pull()


# ---------------------------------------------------------------- one bad file keeps nobody from landing


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "empty"),
        ("blank.csv", b"\n\n", "empty"),
        ("noheader.csv", b"t1,c1,2024-01-01T10:00:00Z,10\n", "first line must be the header"),
        ("semicolons.csv", HEADER.replace(",", ";").encode(), "set delimiter"),
        ("double.csv", b"transaction_id,amount,amount\nt,1,2\n", "stands 2 times"),
        ("cut.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb", "gzip file is damaged"),
        ("no.parquet", b"PAR1 nonsense", "cannot be opened as Parquet"),
        ("no.xlsx", b"PK\x03\x04 nonsense", "damaged"),
        ("text.xlsx", b"a,b\n", "is no xlsx file"),
        ("empty.jsonl", b"", "empty"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_its_reason(
    house: House, name: str, content: bytes, message: str
) -> None:
    house.drop(f"transactions/{name}", content)
    house.drop("transactions/zz_good.csv")
    report = house.pull()
    failed = report.failed
    assert [f.origin for f in failed] == [f"transactions/{name}"]
    assert message in failed[0].notes[0]
    assert [r["transaction_id"] for r in house.rows()] == ["t1"]
    assert [f.outcome for f in house.pull().files] == ["failed", "skipped"]


def test_a_file_that_changes_while_it_is_read_is_left_for_the_next_night(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = house.drop("transactions/a.csv")
    chunks = loading._chunks

    def meanwhile(*given: Any) -> Any:
        path.write_text(B)
        return chunks(*given)

    monkeypatch.setattr(loading, "_chunks", meanwhile)
    report = house.pull()
    assert "changed while it was read" in report.failed[0].notes[0]
    assert list_batches(house.settings.paths) == []
    monkeypatch.undo()
    assert house.outcomes() == ["loaded"]


def test_a_header_alone_is_a_batch_without_rows(house: House) -> None:
    house.drop("transactions/a.csv", HEADER)
    house.pull()
    (batch,) = list_batches(house.settings.paths)
    assert (batch.read, batch.landed) == (0, 0)
    assert "transaction_id" in batch.delivered


def test_no_damage_to_a_file_stops_a_pull(house: House) -> None:
    """Flipped, cut and doubled bytes in any format: the file loads, or fails with a message of one line."""
    import gzip
    import io
    import random

    import openpyxl

    table = pa.table(
        {"transaction_id": ["t1", "t2"] * 50, "amount": [1.5, 2.5] * 50, "product": ["가방", "a"] * 50}
    )
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [table.column_names, *([*r.values()] for r in table.to_pylist())]:
        book.active.append(row)
    excel = io.BytesIO()
    book.save(excel)
    csv = (HEADER + 't1,"c1",2024-01-01,"1,000"\n' * 50).encode()
    contents = {
        "a.csv": csv,
        "b.csv.gz": gzip.compress(csv),
        "c.csv": csv.decode().encode("utf-16"),
        "d.jsonl": b'{"transaction_id": "t1", "amount": 1}\n' * 50,
        "e.parquet": parquet.getvalue(),
        "f.xlsx": excel.getvalue(),
    }
    rng = random.Random(11)
    for name, content in contents.items():
        for _ in range(6):
            damaged = bytearray(content)
            for _ in range(rng.randrange(1, 8)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            if rng.random() < 0.3:
                damaged = damaged[: rng.randrange(len(damaged))]
            house.drop(f"transactions/{rng.random()}{name}", bytes(damaged))
    report = house.pull()
    assert len(report.files) == 36
    assert all("\n" not in f.notes[0] for f in report.failed)
    assert not any("please report" in f.notes[0] for f in report.failed)


# ---------------------------------------------------------------- whose file it is


def test_two_claims_on_a_file_name_both_sources(house: House) -> None:
    house.options = {
        "sources": {
            "shop": {"transactions": {"files": "a*.csv"}},
            "till": {"transactions": {"files": "*.csv"}},
        }
    }
    house.drop("transactions/a.csv")
    for source in ("shop", "till"):
        assert "shop and till" in house.pull(source).failed[0].notes[0]
    assert house.pull("inbox").files == ()


def test_what_nobody_can_use_is_named(house: House) -> None:
    house.drop("orders/a.csv")
    house.drop("transactions/a.pdf", b"x")
    house.drop("loose.csv")
    house.drop("transactions/.hidden.csv")
    house.drop("transactions/~$book.xlsx")
    house.drop("transactions/.~lock.a.csv#")
    house.drop("transactions/half.csv.part")
    notes = "\n".join(house.pull().notes)
    assert "folder orders" in notes
    assert "transactions/a.pdf" in notes
    assert "file loose.csv" in notes
    assert len(notes.splitlines()) == 3


def test_folders_below_an_entity_are_looked_into(house: House) -> None:
    house.options = {"sources": {"shop": {"transactions": {"files": ["shop_*.csv", "eu/**/*.csv"]}}}}
    for name in ("2024/01/shop_1.csv", "eu/2024/x.csv", "other/x.csv"):
        house.drop(f"transactions/{name}", HEADER + f"{name},c,2024-01-01T10:00:00Z,1\n")
    assert [f.origin for f in house.pull("shop").files] == [
        "transactions/2024/01/shop_1.csv",
        "transactions/eu/2024/x.csv",
    ]
    assert [f.origin for f in house.pull().files] == ["transactions/other/x.csv"]


def test_files_of_a_disabled_source_are_nobody_elses(house: House) -> None:
    house.options = {"sources": {"shop": {"enabled": False, "transactions": {"files": "*.csv"}}}}
    house.drop("transactions/a.csv")
    assert house.pull().files == ()


# ---------------------------------------------------------------- what lands


def test_rejected_rows_are_kept_with_their_reason_and_no_value(house: House) -> None:
    house.drop(
        "transactions/a.csv",
        HEADER
        + "t1,kim@example.com,2024-01-01T10:00:00Z,10\n"
        + "t2,c,yesterday at 010-1234-5678,10\n"
        + "t3,c,2024-01-01T10:00:00Z,ten\n"
        + "t4,c,2024-01-01T10:00:00Z\n"
        + 't5,"c,2024-01-01T10:00:00Z,1\n'
        + "t6,c,2024-01-01T10:00:00Z,\n",
    )
    house.pull()
    (batch,) = list_batches(house.settings.paths)
    assert (batch.read, batch.landed, batch.rejected) == (6, 2, 4)
    assert house.rejected() == [
        (3, "occurred_at", "not_an_instant"),
        (4, "amount", "not_a_number"),
        (5, None, "ragged_row"),
        (6, None, "unclosed_quote"),
    ]
    assert [r["transaction_id"] for r in house.rows()] == ["t1", "t6"]
    files = [p for folder in ("landing", "rejected") for p in (house.root / folder).rglob("*.parquet")]
    everything = str([pq.ParquetFile(p).read().to_pylist() for p in files])
    assert "not_a_number" in everything
    for secret in ("kim@", "yesterday", "1234-5678"):
        assert secret not in everything


def test_personal_data_in_names_and_headers_is_redacted(house: House) -> None:
    house.drop("transactions/kim@example.com.csv", "transaction_id,lee@example.com,010-1234-5678\nt1,a,b\n")
    report = house.pull()
    (batch,) = list_batches(house.settings.paths)
    assert batch.extra == ("[email]", "[phone]")
    assert "@" not in batch.to_json()
    assert "@" not in str(report)
    assert house.outcomes() == ["skipped"]
    state = b"".join(p.read_bytes() for p in (house.root / "state").rglob("*"))
    assert b"kim" not in state


def test_rows_without_an_id_are_told_apart_by_their_place_among_equals(house: House) -> None:
    rows = "customer_id,occurred_at,amount\nc1,2024-01-01,10\nc1,2024-01-01,10\nc2,2024-01-01,10\n"
    house.drop("transactions/a.csv", rows)
    house.pull()
    first = [r["transaction_id"] for r in house.rows()]
    assert len(set(first)) == 3
    house.drop("transactions/b.csv", rows + "c3,2024-01-01,10\n")
    house.pull()
    assert [r["transaction_id"] for r in house.rows()][3:6] == first
    assert "transaction_id" in list_batches(house.settings.paths)[0].delivered


def test_key_scope_file_keeps_distinct_files_apart(house: House) -> None:
    house.options = shop(key_scope="file")
    rows = "customer_id,occurred_at,amount\nc1,2024-01-01,10\n"
    house.drop("transactions/a.csv", rows)
    house.drop("transactions/b.csv", rows + "c2,2024-01-01,10\n")
    house.pull("shop")
    assert len({r["transaction_id"] for r in house.rows()}) == 3


def test_a_blank_id_in_a_present_column_stays_null(house: House) -> None:
    house.drop("transactions/a.csv", HEADER + ",c1,2024-01-01T10:00:00Z,10\n")
    house.pull()
    assert [r["transaction_id"] for r in house.rows()] == [None]


def test_a_renamed_header_is_noticed(house: House) -> None:
    house.drop("transactions/a.csv", A)
    house.pull()
    house.drop("transactions/a.csv", A.replace("amount", "total"))
    house.pull()
    assert [b.renamed for b in list_batches(house.settings.paths)] == [False, True]


def test_what_later_lines_tell_is_landed_once(house: House) -> None:
    """The encoding and the headers are those of the first lines until a later one has another."""
    many = "".join(f"t{i},1\n" for i in range(20_001))
    house.drop("transactions/a.csv", f"transaction_id,product\n{many}k,가방\n".encode("cp949"))
    assert house.outcomes() == ["loaded"]
    assert [r["product"] for r in house.rows(columns=["product"])] == ["1"] * 20_001 + ["가방"]
    many = "".join(f'{{"transaction_id": "u{i}"}}\n' for i in range(20_001))
    house.drop(
        "transactions/b.jsonl", f'{many}{{"transaction_id": "l", "product": "가방"}}\n'.encode("cp949")
    )
    assert house.outcomes() == ["skipped", "loaded"]
    assert [r["product"] for r in house.rows(columns=["product"])[-2:]] == [None, "가방"]
    assert len(house.rows()) == 2 * 20_002 and house.rejected() == []
    assert not list(house.root.rglob("*.tmp"))


def test_every_format_lands_the_same_rows(house: House) -> None:
    import gzip
    import io
    import json

    import openpyxl

    table = pa.table({"transaction_id": ["t1", "t2"], "amount": [1.5, None], "product": ["가방", "a,b"]})
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(table.column_names)
    for row in table.to_pylist():
        sheet.append(list(row.values()))
    excel = io.BytesIO()
    book.save(excel)
    parquet = io.BytesIO()
    pq.write_table(table, parquet)
    csv = 'transaction_id,amount,product\nt1,1.5,가방\nt2,,"a,b"\n'
    jsonl = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    contents = {
        "a.csv": csv.encode(),
        "b.csv": csv.encode("cp949"),
        "c.csv.gz": gzip.compress(csv.encode("utf-8-sig")),
        "d.csv": csv.replace("\n", "\r\n").encode("utf-16"),
        "e.tsv": csv.replace('"a,b"', "a;b").replace(",", "\t").replace(";", ",").encode(),
        "f.txt": csv.replace("\n", "\r").encode(),
        "g.xlsx": excel.getvalue(),
        "h.xlsx.gz": gzip.compress(excel.getvalue()),
        "i.csv": excel.getvalue(),
        "j.parquet": parquet.getvalue(),
        "k.parquet.gz": gzip.compress(parquet.getvalue()),
        "l.jsonl": jsonl.encode(),
        "m.jsonl.gz": gzip.compress(jsonl.encode()),
        "n.csv": csv.encode("utf-16-le"),
    }
    for name, content in contents.items():
        path = house.drop(f"transactions/{name}", content)
        report = house.pull()
        assert not report.failed, (name, report.failed)
        batches = list_batches(house.settings.paths)
        if not batches[-1].alias:
            landed = read_batch(house.settings.paths, batches[-1], ["transaction_id", "amount", "product"])
            assert landed.to_pylist() == table.to_pylist(), name
        path.unlink()
