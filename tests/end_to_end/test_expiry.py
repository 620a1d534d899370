"""Expired rows are gone from landing, and a warehouse built from what is left is the same to the byte."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from tests.end_to_end.company import Company

pytestmark = [pytest.mark.long, pytest.mark.torture]


def test_a_full_refresh_after_expiry_gives_the_same_bytes(second_night: Company, tmp_path: Path) -> None:
    company = second_night.copy_to(tmp_path / "data")
    with (company.data / "cx_pipeline.toml").open("a") as settings:
        settings.write("\n[landing]\nkeep_raw_days = 10\n")
    orders = company.inbox / "transactions" / "transactions.tsv"
    # the same orders once more, a byte apart: every version landed before is superseded
    orders.with_name("transactions_again.tsv").write_bytes(orders.read_bytes() + b"\n")
    company.cx("nightly", "--date", "2026-11-20")
    with duckdb.connect() as connection:
        glob = f"{company.data}/landing/transactions/*/*/*.parquet"
        versions = connection.execute(
            f"select dense_rank() over (order by batch_sequence), amount from '{glob}'"
        ).fetchall()
    assert {amount for rank, amount in versions if rank == 1} == {None}
    assert all(amount is not None for rank, amount in versions if rank == 2)
    assert company.rows("select superseded from marts.reconciliation where entity = 'transactions'") > [(0,)]

    rebuilt = company.copy_to(tmp_path / "rebuilt")
    rebuilt.cx("nightly", "--date", "2026-11-20", "--full-refresh")
    assert rebuilt.contents() == company.contents()
