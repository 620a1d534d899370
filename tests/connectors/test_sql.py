"""A database: what a table's rows become, and that only what changed travels, whatever the cursor's ties."""

from __future__ import annotations

import os
import random
import resource
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.landing import Days
from cx_pipeline.settings import Settings
from cx_pipeline.sources.connector import reaches
from tests.connectors import postgres
from tests.connectors.service import SwiftClock, landed, published, pull

ROOT = Path(__file__).parents[2]
ORDERS: dict[str, Any] = {
    "table": "orders",
    "cursor": "changed_at",
    "columns": {
        "transaction_id": "order_no",
        "customer_id": "buyer",
        "amount": "total",
        "currency": {"constant": "KRW"},
        "kind": {"from": "kind", "values": {"반품": "refund", "*": "order"}},
        "occurred_at": "ordered_at",
    },
}


def settings_for(root: Path, url: str, page_rows: int = 3, **orders: Any) -> Settings:
    source = {"type": "sql", "url": url, "page_rows": page_rows, "transactions": {**ORDERS, **orders}}
    return Settings.model_validate({"data_dir": root, "sources": {"desk": source}})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(tmp_path / "shop.sqlite", isolation_level=None)
    connection.execute(
        "create table orders (order_no integer primary key, buyer text, kind text, total numeric, "
        "ordered_at text, changed_at text)"
    )
    yield connection
    connection.close()


def add(connection: sqlite3.Connection, number: int, changed_at: str | None, total: float = 10.0) -> None:
    connection.execute(
        "insert or replace into orders values (?, ?, '주문', ?, '2024-01-10 09:00:00', ?)",
        (number, f"kim{number}@shop.example", total, changed_at),
    )


def test_rows_become_transactions_by_the_mapping(tmp_path: Path, database: sqlite3.Connection) -> None:
    add(database, 1, "2024-01-10 10:00:00")
    database.execute("insert into orders values (2, 'lee', '반품', -5, '2024-01-11', '2024-01-11 08:00:00')")
    settings = settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite")
    assert pull(settings).problems == ()
    rows = published(settings, "transactions", "transaction_id")
    assert {k: (r["kind"], r["amount"], r["currency"]) for k, r in rows.items()} == {
        "1": ("order", 10.0, "KRW"),
        "2": ("refund", -5.0, "KRW"),
    }
    assert not any("kim" in str(value) for row in rows.values() for value in row.values())


def test_nothing_is_lost_and_nothing_lands_twice_at_equal_cursor_values(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    """Ties wider than a page, and later more rows at the very value the last night ended with."""
    for number in range(10, 21):
        add(database, number, "2024-01-10 10:00:00")
    settings = settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite")
    pull(settings)
    assert len(landed(settings, "transactions")) == 11
    add(database, 5, "2024-01-10 10:00:00")  # a smaller key at the same instant
    add(database, 15, "2024-01-10 10:00:00", total=99.0)  # changed within the same second
    add(database, 30, "2024-01-10 10:00:00")
    report = pull(settings)
    assert report.totals["transactions"].read == 3
    rows = published(settings, "transactions", "transaction_id")
    assert set(rows) == {str(n) for n in (5, *range(10, 21), 30)}
    assert rows["15"]["amount"] == 99.0
    assert pull(settings).totals["transactions"].read == 0


def test_a_whole_number_can_be_the_cursor(tmp_path: Path, database: sqlite3.Connection) -> None:
    for number in range(1, 9):
        add(database, number, "2024-01-10")
    settings = settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite", cursor="order_no")
    assert pull(settings).totals["transactions"].landed == 8
    add(database, 9, "2024-01-10")
    assert pull(settings).totals["transactions"].landed == 1


def test_a_query_is_read_as_a_table_is(tmp_path: Path, database: sqlite3.Connection) -> None:
    add(database, 1, "2024-01-10 10:00:00")
    add(database, 2, "2024-01-10 10:00:00")
    query = "select *, ':not a parameter' as note from orders where order_no > 1;"
    settings = settings_for(
        tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite", table=None, query=query, key="order_no"
    )
    assert pull(settings).problems == ()
    assert set(published(settings, "transactions", "transaction_id")) == {"2"}


def test_days_gone_by_are_read_alone_and_leave_the_cursor(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    for day in range(1, 10):
        add(database, day, f"2024-01-0{day} 10:00:00")
    settings = settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite")
    pull(settings)
    cursor = (settings.paths.state / "cursors" / "desk" / "transactions.json").read_bytes()
    report = pull(settings, days=Days(date(2024, 1, 3), date(2024, 1, 4)))
    assert report.totals["transactions"].read == 2
    assert (settings.paths.state / "cursors" / "desk" / "transactions.json").read_bytes() == cursor


def test_days_of_a_column_without_offset_are_those_of_its_zone(
    tmp_path: Path, database: sqlite3.Connection
) -> None:
    """10 January begins in Seoul at 15:00 UTC of the 9th, whether source or reports say that zone."""
    for number, at in enumerate(("2024-01-09 23:59:59", "2024-01-10 00:00:00", "2024-01-10 23:59:59"), 1):
        add(database, number, at)
    source = {"type": "sql", "url": f"sqlite:///{tmp_path}/shop.sqlite", "transactions": ORDERS}
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "reporting": {"time_zone": "Asia/Seoul"},
            "sources": {"desk": source},
        }
    )
    pull(settings, days=Days(date(2024, 1, 10), date(2024, 1, 10)))
    assert set(published(settings, "transactions", "transaction_id")) == {"2", "3"}


def test_rows_without_a_cursor_value_are_told_of(tmp_path: Path, database: sqlite3.Connection) -> None:
    add(database, 1, None)
    add(database, 2, "2024-01-10 10:00:00")
    report = pull(settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite"))
    assert any("1 rows of orders have no changed_at" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cursor": "nowhere"}, "has no column nowhere"),
        ({"table": "nowhere"}, "no such table"),
        ({"key": "nowhere"}, "has no column nowhere"),
    ],
)
def test_a_mistake_in_the_settings_is_one_clear_line(
    tmp_path: Path, database: sqlite3.Connection, change: dict[str, Any], says: str
) -> None:
    settings = settings_for(tmp_path / "data", f"sqlite:///{tmp_path}/shop.sqlite", **change)
    ((stream, problem),) = pull(settings).problems
    assert (stream, "\n" in problem) == ("transactions", False)
    assert says in problem


@pytest.mark.parametrize("url", ["not an address", "nosuchdb://reader:s3cret-pass@localhost/shop"])
def test_an_address_that_is_none_is_told_without_being_shown(tmp_path: Path, url: str) -> None:
    ((_, problem),) = pull(settings_for(tmp_path / "data", url)).problems
    assert "sources.desk" in problem
    assert url not in problem
    assert "s3cret-pass" not in problem


# ---------------------------------------------------------------- a real PostgreSQL


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    with postgres.running() as running:
        yield running


def fill(server: postgres.Postgres, rows: int) -> None:
    """`rows` orders, twenty-five at each instant of their change."""
    server.psql(
        f"""
        drop table if exists orders;
        create table orders (order_no bigint primary key, buyer text, kind text, total numeric(12, 2),
            ordered_at timestamptz, changed_at timestamptz not null, note text);
        insert into orders
        select n, 'person' || n % 100000 || '@shop.example', '주문', n % 500, timestamptz '2023-01-01' +
            n * interval '20 seconds', timestamptz '2023-06-01' + (n / 25) * interval '1 second',
            repeat('x', 40)
        from generate_series(1, {rows}) n;
        create index on orders (changed_at, order_no);
        grant select on orders to reader;
        """
    )


def test_postgres_brings_only_what_changed(tmp_path: Path, server: postgres.Postgres) -> None:
    fill(server, 3000)
    settings = settings_for(tmp_path, server.url, page_rows=500)
    assert pull(settings).totals["transactions"].landed == 3000
    server.psql("update orders set total = 7777, changed_at = now() where order_no % 100 = 0")
    report = pull(settings)
    assert report.totals["transactions"].read == 30
    rows = published(settings, "transactions", "transaction_id")
    assert sum(row["amount"] == 7777 for row in rows.values()) == 30
    assert len(rows) == 3000


def test_a_transaction_that_committed_late_is_not_lost(tmp_path: Path, server: postgres.Postgres) -> None:
    fill(server, 100)
    server.psql("insert into orders values (900, 'a', '주문', 1, now(), now(), '')")
    settings = settings_for(tmp_path, server.url)
    pull(settings)
    server.psql("insert into orders values (901, 'b', '주문', 1, now(), now() - interval '5 minutes', '')")
    assert pull(settings).totals["transactions"].read == 1
    assert "901" in published(settings, "transactions", "transaction_id")


def test_a_date_in_the_far_future_does_not_hide_what_follows(
    tmp_path: Path, server: postgres.Postgres
) -> None:
    fill(server, 100)
    server.psql("update orders set changed_at = '2199-01-01' where order_no = 50")
    settings = settings_for(tmp_path, server.url)
    pull(settings)
    server.psql("update orders set total = 7777, changed_at = now() where order_no = 60")
    assert pull(settings).totals["transactions"].read == 1
    assert published(settings, "transactions", "transaction_id")["60"]["amount"] == 7777


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("alter user reader password 'another'", "refuses user or password"),
        ("revoke select on orders from reader", "may not read this"),
        ("alter table orders rename to gone", "no such table"),
    ],
)
def test_what_a_credential_cannot_do_is_told(
    tmp_path: Path, server: postgres.Postgres, spoil: str, says: str
) -> None:
    from cx_pipeline.landing import connect

    fill(server, 10)
    server.psql("drop table if exists gone")
    server.psql(spoil)
    try:
        settings = settings_for(tmp_path, server.url)
        ((_, problem),) = pull(settings).problems
        found = [reach.problem or "" for reach in reaches(connect(settings, "desk", SwiftClock()))]
    finally:
        server.psql("alter user reader password 's3cret-pass'")
    assert says in problem
    assert any(says in text for text in found)
    assert "s3cret-pass" not in problem + "".join(found)


class BreakingLine:
    """A line to a server that breaks at random, after some bytes."""

    def __init__(self, port: int, seed: int) -> None:
        self._target, self._dice = port, random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.broken = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self._target))
                left = self._dice.choice([700, 9_000, 40_000, 10**9, 10**9])
                threading.Thread(target=self._carry, args=(ours, theirs, None), daemon=True).start()
                threading.Thread(target=self._carry, args=(theirs, ours, left), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, left: int | None) -> None:
        with suppress(OSError):
            while data := one.recv(4096):
                if left is not None:
                    left -= len(data)
                    if left < 0:
                        self.broken += 1
                        break
                other.sendall(data)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@pytest.mark.parametrize("seed", range(3))
def test_a_line_that_breaks_again_and_again_changes_nothing(
    tmp_path: Path, server: postgres.Postgres, seed: int
) -> None:
    fill(server, 2000)
    line = BreakingLine(server.port, seed)
    url = server.url.replace(str(server.port), str(line.port)) + "?sslmode=disable"
    settings = settings_for(tmp_path, url, page_rows=100)
    for _ in range(30):  # a night that gives up is followed by another
        if not pull(settings).problems:
            break
    line.close()
    assert line.broken
    keys = [row["transaction_id"] for row in landed(settings, "transactions")]
    assert sorted(map(int, keys)) == list(range(1, 2001))


def pulled_apart(root: Path, url: str, page_rows: int, kill_after: float | None = None) -> int:
    """Pull in a process of its own; its peak memory in MB, or 0 where it was killed."""
    code = (
        "import resource, sys; from pathlib import Path;"
        "from tests.connectors.test_sql import settings_for; from cx_pipeline.landing import pull_service;"
        "from tests.connectors.service import NIGHT;"
        "settings = settings_for(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]));"
        "report = pull_service(settings, 'desk', NIGHT);"
        "assert not report.problems, report.problems;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(root), url, str(page_rows)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if kill_after is not None:
        time.sleep(kill_after)
        process.kill()
    out, _ = process.communicate()
    return int(out) if out else 0


def test_kills_lose_and_double_nothing(tmp_path: Path, server: postgres.Postgres) -> None:
    fill(server, 20_000)
    dice = random.Random(5)
    for _ in range(4):
        pulled_apart(tmp_path, server.url, 500, kill_after=dice.uniform(1.0, 3.0))
    assert pulled_apart(tmp_path, server.url, 500)
    rows = landed(Settings.model_validate(settings_for(tmp_path, server.url)), "transactions")
    assert sorted(int(row["transaction_id"]) for row in rows) == list(range(1, 20_001))


@pytest.mark.torture
@pytest.mark.long
def test_a_million_rows_stay_within_300_mb_and_only_changes_travel(
    tmp_path: Path, server: postgres.Postgres
) -> None:
    fill(server, 1_000_000)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    peak = pulled_apart(tmp_path, server.url, 10_000)
    first = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    server.psql("update orders set total = 7777, changed_at = now() where order_no % 1000 = 0")
    again = pulled_apart(tmp_path, server.url, 10_000)
    second = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before - first
    print(f"first {first:.1f} CPU s, {peak} MB; second {second:.1f} CPU s, {again} MB")  # noqa: T201 - for people
    settings = settings_for(tmp_path, server.url)
    from cx_pipeline.landing import list_batches

    batches = list_batches(settings.paths, "transactions")
    assert sum(batch.landed for batch in batches) == 1_001_000
    assert max(peak, again) < 300
    assert second < first / 4
