"""One night over a database, a declared API, files elsewhere and two stores: through to the KPIs."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.nightly import run_nightly
from cx_pipeline.settings import Settings
from tests.connectors import test_http, test_remote_files, test_sql, test_stores
from tests.connectors.service import Respond, serving


def company(root: Path, urls: dict[str, str]) -> Settings:
    def source(type_: str, options: dict[str, Any]) -> dict[str, Any]:
        return {"type": type_, "base_url": urls[type_], **options}

    return Settings.model_validate(
        {
            "data_dir": root / "data",
            "reporting": {"min_n": 1, "currency": "KRW"},
            "sources": {
                "shop": {
                    "type": "sql",
                    "url": f"sqlite:///{root}/shop.sqlite",
                    "transactions": test_sql.ORDERS,
                },
                "reviews": source("http", test_http.OPTIONS),
                "exports": source("remote_files", test_remote_files.OPTIONS),
                "play": source("google_play", test_stores.play_options()),
                "ios": source("app_store", test_stores.apple_options()),
            },
        }
    )


def test_a_night_brings_every_declared_source_through_to_the_kpis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    database = sqlite3.connect(tmp_path / "shop.sqlite", isolation_level=None)
    database.execute(
        "create table orders (order_no integer primary key, buyer text, kind text, total numeric, "
        "ordered_at text, changed_at text)"
    )
    for number in range(1, 5):
        test_sql.add(database, number, f"2024-01-10 10:00:0{number}")
    services: dict[str, Respond] = {
        "http": test_http.Ratings(),
        "remote_files": test_remote_files.Web(),
        "google_play": test_stores.Play(),
        "app_store": test_stores.Apple(),
    }
    with ExitStack() as stack:
        urls = {name: stack.enter_context(serving(respond)).url for name, respond in services.items()}
        settings = company(tmp_path, urls)
        run_nightly(settings)
    with duckdb.connect(str(settings.paths.published_file), read_only=True) as connection:
        counts = connection.execute(
            "select source, count(*) from marts.fct_transactions group by source "
            "union all select source, count(*) from marts.fct_feedback group by source"
        ).fetchall()
        rating = connection.execute(
            "select value, n from marts.kpis where kpi = 'rating_avg' and grain = 'all' and dimension = 'all'"
        ).fetchall()
        buyers = connection.execute(
            "select count(distinct customer_key) from marts.fct_transactions"
        ).fetchall()
        stale = connection.execute("select stale_sources from marts.nights").fetchall()
    assert dict(counts) == {"shop": 4, "exports": 5, "reviews": 11, "play": 7, "ios": 7}
    stars = [n % 5 + 1 for length in (11, 7, 7) for n in range(1, length + 1)]
    assert rating == [(pytest.approx(sum(stars) / len(stars)), 25)]
    assert buyers == [(5,)]  # kim1@… of the database and of the files is one person
    assert stale == [("",)]
