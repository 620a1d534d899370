"""Files at web addresses, in buckets, on other disks: fetched when they change, read as dropped files are."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import ValidationError

from cx_pipeline.landing import Days, connect, list_batches
from cx_pipeline.settings import Settings
from cx_pipeline.sources.connector import reaches
from tests.connectors.service import (
    Answer,
    Request,
    SwiftClock,
    landed,
    published,
    pull,
    serving,
    settings_of,
)

HEADER = "주문번호,회원,금액,일시\n"
ORDERS: dict[str, Any] = {
    "files": ["daily/1.csv", "daily/2.csv", "daily/둘 셋.csv"],
    "columns": {
        "transaction_id": "주문번호",
        "customer_id": "회원",
        "amount": "금액",
        "occurred_at": "일시",
        "currency": {"constant": "KRW"},
    },
}
OPTIONS: dict[str, Any] = {"token": "s3cret-t0ken", "transactions": ORDERS}


def orders(*numbers: int, amount: int = 10) -> bytes:
    lines = [f"A-{n},kim{n}@shop.example,{amount},2024-01-10 10:00:00\n" for n in numbers]
    return (HEADER + "".join(lines)).encode("cp949")


class Web:
    """A web server with files that have entity tags."""

    def __init__(self) -> None:
        self.files = {"daily/1.csv": orders(1, 2), "daily/2.csv": orders(3), "daily/둘 셋.csv": orders(4, 5)}

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer s3cret-t0ken":
            return Answer(b"", 401)
        name = unquote(request.path).removeprefix("/")
        if name not in self.files:
            return Answer(b"", 404)
        content = self.files[name]
        return Answer(content, headers={"ETag": f'"{hashlib.sha256(content).hexdigest()[:12]}"'})


def numbers(settings: Settings) -> set[str]:
    return set(published(settings, "transactions", "transaction_id"))


def test_a_signed_address_takes_its_signature_along_and_shows_it_nowhere(tmp_path: Path) -> None:
    web, options = Web(), {key: value for key, value in OPTIONS.items() if key != "token"}

    def signed(request: Request) -> Answer:
        headers = {"authorization": "Bearer s3cret-t0ken"} if request.value("sig") == "s1+g/n" else {}
        return web(replace(request, headers=headers))

    with serving(signed) as server:
        settings = settings_of(tmp_path, "remote_files", server.url + "?sig=s1%2Bg%2Fn&v=2", options)
        assert pull(settings).problems == ()
        assert numbers(settings) == {"A-1", "A-2", "A-3", "A-4", "A-5"}
        assert {request.query for request in server.requests} == {(("sig", "s1+g/n"), ("v", "2"))}
        server.respond = lambda request: Answer(b"sig=s1+g/n is over", 403)
        problems = pull(settings).problems
    assert problems and "s1" not in str(problems)


def test_files_land_as_dropped_ones_do_and_only_changed_ones_are_fetched(tmp_path: Path) -> None:
    web = Web()
    with serving(web) as server:
        settings = settings_of(tmp_path, "remote_files", server.url, OPTIONS)
        report = pull(settings)
        assert report.problems == ()
        assert numbers(settings) == {"A-1", "A-2", "A-3", "A-4", "A-5"}
        server.requests.clear()
        web.files["daily/2.csv"] = orders(3, amount=99)
        report = pull(settings)
        assert [r.path for r in server.requests if r.method == "GET"] == ["/daily/2.csv"]
        assert (report.totals["transactions"].loaded, report.totals["transactions"].skipped) == (1, 2)
        server.requests.clear()
        assert pull(settings).totals["transactions"].skipped == 3
        assert {r.method for r in server.requests} == {"HEAD"}
    rows = published(settings, "transactions", "transaction_id")
    assert rows["A-3"]["amount"] == 99
    assert not list((settings.paths.state / "fetched").rglob("*.csv"))  # no raw record stays
    kept = [p.read_text() for p in (settings.paths.state / "cursors").rglob("*.json")]
    assert kept
    assert not any("daily" in text or "kim" in text for text in kept)


def test_a_replaced_file_withdraws_what_it_held(tmp_path: Path) -> None:
    """`mode = "replace"` travels with the batch, as of a dropped file."""
    with serving(Web()) as server:
        settings = settings_of(
            tmp_path, "remote_files", server.url, OPTIONS | {"transactions": ORDERS | {"mode": "replace"}}
        )
        pull(settings)
    assert {b.mode for b in list_batches(settings.paths, "transactions")} == {"replace"}
    assert {b.origin for b in list_batches(settings.paths, "transactions")} == set(ORDERS["files"])


def test_a_changed_mapping_fetches_and_loads_everything_anew(tmp_path: Path) -> None:
    with serving(Web()) as server:
        pull(settings_of(tmp_path, "remote_files", server.url, OPTIONS))
        changed = ORDERS | {"columns": ORDERS["columns"] | {"currency": {"constant": "USD"}}}
        settings = settings_of(tmp_path, "remote_files", server.url, OPTIONS | {"transactions": changed})
        assert pull(settings).totals["transactions"].loaded == 3
    assert {row["currency"] for row in landed(settings, "transactions")} == {"USD"}
    assert len(landed(settings, "transactions")) == 5


def test_one_bad_file_keeps_no_other_from_landing(tmp_path: Path) -> None:
    web = Web()
    del web.files["daily/1.csv"]
    web.files["daily/2.csv"] = b"\n"
    with serving(web) as server:
        settings = settings_of(tmp_path, "remote_files", server.url, OPTIONS)
        problems = dict(pull(settings).problems)
        assert numbers(settings) == {"A-4", "A-5"}
        assert "is not there (404)" in problems["transactions/daily/1.csv"]
        assert set(problems) == {"transactions/daily/1.csv", "transactions/daily/2.csv"}
        web.files |= Web().files
        assert pull(settings).problems == ()
    assert len(numbers(settings)) == 5


def test_what_a_credential_reaches_is_told(tmp_path: Path) -> None:
    with serving(Web()) as server:
        good = settings_of(tmp_path, "remote_files", server.url, OPTIONS)
        bad = settings_of(tmp_path, "remote_files", server.url, OPTIONS | {"token": "an0ther"})
        assert [r.problem for r in reaches(connect(good, "desk", SwiftClock()))] == [None]
        ((reach),) = reaches(connect(bad, "desk", SwiftClock()))
        ((_, problem),) = pull(bad).problems
    assert "is refused (401)" in (reach.problem or "")
    assert "is refused (401)" in problem


def test_a_pattern_at_a_web_address_is_refused() -> None:
    with pytest.raises(ValidationError, match="a web server lists no files"):
        settings_of(Path(), "remote_files", "https://x.example", {"transactions": {"files": "*.csv"}})


# ---------------------------------------------------------------- other places


def test_a_folder_is_listed_by_its_patterns(tmp_path: Path) -> None:
    far = tmp_path / "far"
    for name, content in Web().files.items():
        (far / name).parent.mkdir(parents=True, exist_ok=True)
        (far / name).write_bytes(content)
        os.utime(far / name, (time.time() - 3600,) * 2)
    (far / "daily" / "readme.md").write_text("no table")
    mapped = {"transactions": ORDERS | {"files": "daily/*.csv"}}
    settings = settings_of(tmp_path / "data", "remote_files", far.as_uri(), mapped)
    assert pull(settings).totals["transactions"].landed == 5
    (far / "daily" / "1.csv").write_bytes(orders(1, 2, 6))
    report = pull(settings)
    assert (report.pages, report.totals["transactions"].loaded) == (1, 1)
    assert len(numbers(settings)) == 6
    days = pull(settings, days=Days(date(2024, 1, 1), date(2024, 1, 2)))
    assert days.totals["transactions"].loaded == 0
    shutil.rmtree(far)
    report = pull(settings)
    assert len(numbers(settings)) == 6
    assert [r.problem is not None for r in reaches(connect(settings, "desk", SwiftClock()))] == [True]


class Bucket:
    """As much of S3 as listing and reading need."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.changed = dict.fromkeys(files, datetime(2024, 1, 10, tzinfo=UTC))
        self.reads: list[str] = []

    def __call__(self, request: Request) -> Answer:
        if "AKID" not in request.headers.get("authorization", ""):
            return Answer(b"<Error><Code>AccessDenied</Code></Error>", 403)
        key = unquote(request.path).removeprefix("/bucket").removeprefix("/")
        if request.value("list-type") is not None:
            return Answer(
                self._listing(request.value("prefix") or ""), headers={"Content-Type": "application/xml"}
            )
        if key not in self.files:
            return Answer(b"", 404)
        content = self.files[key]
        headers = {"Last-Modified": self.changed[key].strftime("%a, %d %b %Y %H:%M:%S GMT")}
        if request.method == "HEAD":
            return Answer(content, headers=headers)
        self.reads.append(key)
        if "range" in request.headers:
            first, _, last = request.headers["range"].removeprefix("bytes=").partition("-")
            part = content[int(first) : int(last) + 1]
            whole = {"Content-Range": f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"}
            return Answer(part, 206, headers | whole)
        return Answer(content, headers=headers)

    def _listing(self, prefix: str) -> bytes:
        contents = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(content)}</Size><ETag>x</ETag>"
            f"<LastModified>{self.changed[key]:%Y-%m-%dT%H:%M:%S}.000Z</LastModified></Contents>"
            for key, content in sorted(self.files.items())
            if key.startswith(prefix)
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
            f"<Prefix>{prefix}</Prefix><KeyCount>{len(self.files)}</KeyCount><MaxKeys>1000</MaxKeys>"
            f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )
        return text.encode()


def in_bucket(root: Path, url: str, user: str = "AKID") -> Settings:
    options = {"endpoint_override": url.removeprefix("http://"), "scheme": "http", "region": "ap-northeast-2"}
    source = {
        "user": user,
        "token": "s3cret-key",
        "options": options,
        "transactions": ORDERS | {"files": "daily/*.csv"},
    }
    return settings_of(root, "remote_files", "s3://bucket/exports", source)


def test_a_bucket_is_listed_and_only_what_changed_is_read(tmp_path: Path) -> None:
    bucket = Bucket(
        {"exports/daily/1.csv": orders(1, 2), "exports/daily/2.csv": orders(3), "other/3.csv": b""}
    )
    with serving(bucket) as server:
        settings = in_bucket(tmp_path, server.url)
        assert pull(settings).problems == ()
        assert numbers(settings) == {"A-1", "A-2", "A-3"}
        bucket.reads.clear()
        bucket.files["exports/daily/2.csv"] = orders(3, 4)
        bucket.changed["exports/daily/2.csv"] = datetime(2024, 1, 11, tzinfo=UTC)
        pull(settings)
        assert set(bucket.reads) == {"exports/daily/2.csv"}
        assert numbers(settings) == {"A-1", "A-2", "A-3", "A-4"}
        ((_, problem),) = pull(in_bucket(tmp_path, server.url, user="ANOTHER")).problems
    assert "may not read" in problem
    assert "s3cret" not in problem
