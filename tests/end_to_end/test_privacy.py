"""After a night, no planted identifier stands anywhere below the data directory but in the inbox itself.

Parquet and DuckDB files are compressed, so they are read and searched as text besides their raw bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.company import SETTINGS, Company

EMAIL = "kim.minji.planted@example.co.kr"
OTHER_EMAIL = "planted.other@example.com"
PHONES = (
    "010-7755-3311",
    "010 7755 3312",
    "01077553313",
    "+82 10-7755-3314",
    "+1 (415) 555-2671",
    "02-775-5331",
)
CARD = "4111 1111 1111 1111"
RESIDENT_NUMBER = "900101-1234568"
ADDRESSES = ("203.0.113.77", "2001:db8:77::1")
RAW_CUSTOMER = "cust-planted-778811"
RAW_ACCOUNT = "acct-planted-778811"
RAW_AGENT = "agent-planted-778811"
NAME = "Plantagenet Kimminji"
SECRET = "1f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a79881f2e3d4c5b6a7988"  # noqa: S105 - a planted key

PLANTED = (
    EMAIL,
    OTHER_EMAIL,
    *PHONES,
    CARD,
    RESIDENT_NUMBER,
    *ADDRESSES,
    RAW_CUSTOMER,
    RAW_ACCOUNT,
    RAW_AGENT,
    NAME,
)


def _text() -> str:
    parts = (EMAIL, *PHONES, CARD, RESIDENT_NUMBER, *ADDRESSES)
    return "연락주세요 " + " / ".join(parts) + " 감사합니다"


def _drop(company: Company, path: str, lines: list[str]) -> None:
    file = company.inbox / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _plant(company: Company) -> None:
    """Every place a file gives to put an identifier in: keys, ids, texts, broken cells, headers, names."""
    _drop(
        company,
        "customers/customers.csv",
        [
            "customer_id,account_id,segment,name,country",
            f"{EMAIL},{RAW_ACCOUNT},smb,{NAME},KR",
            f"{RAW_CUSTOMER},{RAW_ACCOUNT},smb,{NAME},KR",
            f"{PHONES[0]},,{PHONES[1]},{NAME},{OTHER_EMAIL}",
        ],
    )
    _drop(
        company,
        f"feedback/{OTHER_EMAIL}.csv",
        [
            f"response_id,metric,score,comment,customer_id,responded_at,channel,team,{OTHER_EMAIL}",
            f'1,nps,9,"{_text()}",{EMAIL},2026-10-01T10:00:00Z,web,{PHONES[2]},x',
            f"2,nps,{EMAIL},broken score,{RAW_CUSTOMER},2026-10-01T10:00:00Z,web,a,x",
            f"3,nps,8,ok,{RAW_CUSTOMER},{PHONES[3]},web,a,x",
            f"4,{EMAIL},8,ok,{RAW_CUSTOMER},2026-10-01T10:00:00Z,{PHONES[4]},a,x",
            f"5,nps,8,ragged,{EMAIL}",
            f'6,nps,8,"unclosed {OTHER_EMAIL},{EMAIL},2026-10-01T10:00:00Z,web,a,x',
            f"{EMAIL},nps,7,id is a person,{EMAIL},2026-10-01T10:00:00Z,web,a,x",
        ],
    )
    _drop(
        company,
        "tickets/tickets.csv",
        [
            "ticket_id,customer_id,status,created_at,subject,agent_id,category",
            f"{EMAIL},{EMAIL},open,2026-10-01T10:00:00Z,{_text()},{RAW_AGENT},{CARD}",
            f"{PHONES[0]},{RAW_CUSTOMER},open,2026-10-01T10:00:00Z,about {RESIDENT_NUMBER},{OTHER_EMAIL},x",
        ],
    )
    _drop(
        company,
        "ticket_events/events.csv",
        [
            "event_id,ticket_id,occurred_at,event_type,actor_role,agent_id,value,session_id",
            f"e1,{EMAIL},2026-10-01T10:30:00Z,reply,agent,{RAW_AGENT},{EMAIL},{PHONES[1]}",
        ],
    )
    _drop(
        company,
        "transactions/orders.csv",
        [
            "transaction_id,customer_id,amount,currency,occurred_at,product",
            f"t1,{RAW_CUSTOMER},10,KRW,2026-10-01T10:00:00Z,gift for {EMAIL}",
        ],
    )
    _drop(
        company,
        "touchpoints/touchpoints.csv",
        [
            "touchpoint_id,customer_id,session_id,occurred_at,channel,touchpoint,campaign",
            f"p1,{EMAIL},{EMAIL},2026-10-01T10:00:00Z,web,home,to {OTHER_EMAIL}",
        ],
    )


def _texts(path: Path) -> Iterator[str]:
    """What a searcher could read of a file."""
    raw = path.read_bytes()
    yield raw.decode("utf-8", errors="replace")
    yield raw.decode("utf-16-le", errors="replace")
    if path.suffix == ".parquet":
        yield str(pq.read_metadata(path).metadata)
        yield str(pq.read_table(path).to_pylist())
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            for schema, table in connection.execute(
                "select table_schema, table_name from information_schema.tables "
                "where table_type = 'BASE TABLE'"
            ).fetchall():
                yield str(connection.execute(f'select * from "{schema}"."{table}"').fetchall())
    for start in (i for i in range(len(raw) - 1) if raw[i] == 0x78 and raw[i + 1] in {0x01, 0x9C, 0xDA}):
        try:
            yield zlib.decompressobj().decompress(raw[start:], 1 << 20).decode("utf-8", errors="replace")
        except zlib.error:
            continue


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("planted") / "data"
    folder.mkdir()
    (folder / "cx_pipeline.toml").write_text(SETTINGS)
    company = Company(folder)
    _plant(company)
    company.cx("nightly", "--date", "2026-10-02")
    company.cx("doctor", check=False)
    return company


def test_the_night_was_published_and_kept_the_good_rows(planted: Company) -> None:
    """A search that finds nothing proves nothing where nothing was there."""
    assert planted.rows("select count(*) from marts.fct_feedback") == [(2,)]
    assert planted.rows("select count(*) from marts.fct_tickets") == [(2,)]
    comment = planted.rows("select comment from marts.fct_feedback where comment like '연락%'")[0][0]
    for mark in ("[email]", "[phone]", "[card]", "[rrn]", "[ip]"):
        assert mark in comment


def test_nothing_planted_stands_anywhere(planted: Company) -> None:
    searched = 0
    for path in sorted(planted.data.rglob("*")):
        if not path.is_file() or planted.inbox in path.parents or path.name == "cx_pipeline.toml":
            continue
        searched += 1
        for text in _texts(path):
            found = [identifier for identifier in PLANTED if identifier in text]
            assert not found, f"{path} holds {found}"
    assert searched > 20
    assert not [
        p for p in planted.data.rglob("*") if planted.inbox not in p.parents and OTHER_EMAIL in p.name
    ]


def test_what_a_night_prints_holds_nothing_planted(planted: Company) -> None:
    printed = "".join(
        result.stdout + result.stderr
        for result in (
            planted.cx("nightly", "--date", "2026-10-02"),
            planted.cx("doctor", check=False),
            planted.cx("sources", check=False),
            planted.cx("scorecard", check=False),
            planted.cx("query", "select * from marts.quarantine"),
        )
    )
    assert not [identifier for identifier in PLANTED if identifier in printed]


def test_a_person_keeps_one_key_across_entities(planted: Company) -> None:
    """The e-mail address as customer id is one customer_key wherever it comes."""
    keys = planted.rows(
        "select distinct customer_key from marts.fct_feedback where comment like '연락%' "
        "union select customer_key from marts.fct_touchpoints"
    )
    assert len(keys) == 1
    assert planted.rows(f"select count(*) from marts.dim_customers where customer_key = '{keys[0][0]}'") == [
        (1,)
    ]
    assert len(keys[0][0]) == 64


def test_the_key_is_private(planted: Company) -> None:
    assert (planted.data / "state" / "identity.key").stat().st_mode & 0o777 == 0o600
