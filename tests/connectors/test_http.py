"""An API declared in the settings: every way of paging and of proving who one is; what travels again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cx_pipeline.landing import Days, connect
from cx_pipeline.settings import Settings
from cx_pipeline.sources.connector import reaches
from tests.connectors.service import (
    Answer,
    Request,
    Respond,
    SwiftClock,
    landed,
    published,
    pull,
    serving,
    settings_of,
)

FEEDBACK: dict[str, Any] = {
    "path": "ratings",
    "records": "data.items",
    "columns": {
        "response_id": "id",
        "metric": {"constant": "rating"},
        "score": "stars.value",
        "comment": "texts.0.body",
        "customer_id": "user.email",
        "responded_at": "at",
    },
}
CURSOR: dict[str, Any] = {
    "paging": "cursor",
    "next": "meta.next",
    "page_param": "after",
    "cursor": "changed_at",
    "since_param": "since",
}
OPTIONS: dict[str, Any] = {"token": "s3cret-t0ken", "feedback": FEEDBACK | CURSOR}


def rating(number: int, changed_at: str = "2024-01-10T09:00:00Z", stars: int | None = None) -> dict[str, Any]:
    return {
        "id": number,
        "stars": {"value": number % 5 + 1 if stars is None else stars, "of": 5},
        "texts": [{"body": "좋아요"}, {"body": "…"}],
        "user": {"email": f"person{number}@shop.example", "name": "Kim"},
        "at": "2024-01-10T08:00:00Z",
        "changed_at": changed_at,
        "tags": ["a", "b"],
    }


class Ratings:
    """A service of ratings, one way of paging a time; `size` a page."""

    def __init__(self, paging: str = "cursor", size: int = 3) -> None:
        self.paging, self.size = paging, size
        self.all = [rating(number) for number in range(1, 12)]

    def __call__(self, request: Request) -> Answer:
        if request.headers.get("authorization") != "Bearer s3cret-t0ken":
            return Answer({"error": "who?"}, 401)
        since, until = request.value("since") or "", request.value("until") or "~"
        found = [r for r in self.all if since <= r["changed_at"] < until]
        if self.paging == "window":
            return Answer({"data": {"items": found[: self.size]}})
        start = int(request.value("after") or 0)
        if self.paging == "page":
            start = (int(request.value("page") or 1) - 1) * self.size
            if start > len(found):
                return Answer({"detail": "Invalid page."}, 404)
        items = found[start : start + self.size]
        more = start + self.size < len(found)
        following = str(start + self.size) if more else None
        link = f"{request.path}?after={following}&since={since}"
        headers = (
            {"Link": f'<{link}>; rel="next", <x>; rel="last"'} if more and self.paging == "header" else {}
        )
        meta = {"next": following, "link": link if more else None}
        return Answer({"data": {"items": items}, "meta": meta}, headers=headers)


WAYS: dict[str, dict[str, Any]] = {
    "cursor": CURSOR,
    "link": {"paging": "link", "next": "meta.link"},
    "header": {"paging": "link"},
    "offset": {"paging": "offset", "page_param": "after"},
    "page": {"paging": "page", "page_param": "page"},
    "window": {
        "paging": "window",
        "since_param": "since",
        "until_param": "until",
        "window_hours": 240,
        "window_cap": 3,
    },
}


def declared(root: Path, url: str, way: dict[str, Any], **others: Any) -> Settings:
    return settings_of(root, "http", url, {"token": "s3cret-t0ken", "feedback": FEEDBACK | way, **others})


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_paging_brings_every_record(tmp_path: Path, way: str) -> None:
    service = Ratings(way)
    if way == "window":
        service.all = [rating(n, f"2024-01-{n:02}T09:00:00Z") for n in range(1, 12)]
    with serving(service) as server:
        settings = declared(tmp_path, server.url, WAYS[way], start_date="2023-12-25")
        assert pull(settings).problems == ()
    rows = published(settings, "feedback", "response_id")
    assert {int(key): row["score"] for key, row in rows.items()} == {n: n % 5 + 1 for n in range(1, 12)}
    assert rows["1"]["comment"] == "좋아요"
    assert all(row["customer_key"] for row in rows.values())


def test_only_what_changed_travels_the_second_time(tmp_path: Path) -> None:
    service = Ratings()
    service.all = [rating(n, f"2024-01-{n:02}T09:00:00Z") for n in range(1, 12)]
    with serving(service) as server:
        settings = declared(tmp_path, server.url, CURSOR)
        pull(settings)
        service.all.append(rating(4, "2024-01-12T00:00:00Z", stars=1))
        server.requests.clear()
        report = pull(settings)
    assert [r.value("since") for r in server.requests] == ["2024-01-11T08:50:00Z"]
    assert report.totals["feedback"].read == 2  # the change, and the newest of the night before
    assert published(settings, "feedback", "response_id")["4"]["score"] == 1


def test_without_a_parameter_for_it_only_what_changed_lands(tmp_path: Path) -> None:
    service = Ratings("offset")
    service.all = [rating(n, f"2024-01-{n:02}T09:00:00Z") for n in range(1, 12)]
    with serving(service) as server:
        settings = declared(tmp_path, server.url, WAYS["offset"] | {"cursor": "changed_at"})
        pull(settings)
        service.all.insert(0, rating(4, "2024-01-12T00:00:00Z", stars=1))
        assert pull(settings).totals["feedback"].read == 2
    assert len(landed(settings, "feedback")) == 13


def test_a_date_in_the_future_does_not_hide_what_follows(tmp_path: Path) -> None:
    service = Ratings()
    service.all.append(rating(50, "2199-01-01T00:00:00Z"))
    with serving(service) as server:
        settings = declared(tmp_path, server.url, CURSOR)
        pull(settings)
        service.all.append(rating(51, "2024-01-10T10:00:00Z"))
        pull(settings)
    assert "51" in published(settings, "feedback", "response_id")


def test_a_cursor_that_is_given_at_the_end_too_is_kept(tmp_path: Path) -> None:
    everything = [rating(n) for n in range(1, 6)]

    def respond(request: Request) -> Answer:
        start = int(request.value("after") or 0)
        items = everything[start : start + 2]
        meta = {"next": start + len(items), "more": start + 2 < len(everything)}
        return Answer({"data": {"items": items}, "meta": meta})

    way = {"paging": "cursor", "next": "meta.next", "page_param": "after", "more": "meta.more"}
    with serving(respond) as server:
        settings = declared(tmp_path, server.url, way)
        pull(settings)
        everything.append(rating(6))
        server.requests.clear()
        pull(settings)
    assert [r.value("after") for r in server.requests] == ["5"]
    assert len(landed(settings, "feedback")) == 6


def test_days_gone_by_are_pulled_alone(tmp_path: Path) -> None:
    service = Ratings()
    service.all = [rating(n, f"2024-01-{n:02}T09:00:00Z") for n in range(1, 12)]
    with serving(service) as server:
        settings = declared(tmp_path, server.url, CURSOR | {"until_param": "until"})
        pull(settings)
        report = pull(settings, days=Days(date(2024, 1, 3), date(2024, 1, 4)))
    assert report.totals["feedback"].read == 2


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("options", "proves"),
    [
        ({"auth": "bearer"}, lambda r: r.headers["authorization"] == "Bearer s3cret-t0ken"),
        (
            {"auth": "basic", "user": "kim"},
            lambda r: r.headers["authorization"] == _basic("kim", "s3cret-t0ken"),
        ),
        ({"auth": "header", "auth_name": "X-Key"}, lambda r: r.headers["x-key"] == "s3cret-t0ken"),
        ({"auth": "query", "auth_name": "key"}, lambda r: r.value("key") == "s3cret-t0ken"),
    ],
)
def test_every_way_of_proving_who_one_is(
    tmp_path: Path, options: dict[str, Any], proves: Callable[[Request], bool]
) -> None:
    def respond(request: Request) -> Answer:
        link = f"{request.path}?after=1&key=s3cret-t0ken" if request.value("after") is None else None
        answer = {"data": {"items": [rating(1 if link else 2)]}, "meta": {"link": link}}
        return Answer(answer) if proves(request) else Answer({}, 401)

    with serving(respond) as server:
        settings = declared(tmp_path, server.url, WAYS["link"], **options)
        assert pull(settings).problems == ()
    assert len(landed(settings, "feedback")) == 2
    kept = [p.read_text() for p in tmp_path.rglob("*.json")]
    if options["auth"] == "query":
        assert not any("s3cret" in text for text in kept)


def test_a_token_by_client_credentials_is_renewed_before_its_end(tmp_path: Path) -> None:
    given: list[Request] = []
    clock = SwiftClock()

    def respond(request: Request) -> Answer:
        if request.path == "/token":
            given.append(request)
            return Answer({"access_token": f"t{len(given)}", "expires_in": 600})
        if request.headers["authorization"] != f"Bearer t{len(given)}":
            return Answer({}, 401)
        clock.slept += 300
        start = int(request.value("after") or 0)
        return Answer(
            {"data": {"items": [rating(start)]}, "meta": {"next": start + 1 if start < 5 else None}}
        )

    with serving(respond) as server:
        options = {"auth": "oauth2", "user": "client", "token_url": f"{server.url}/token", "scope": "read"}
        settings = declared(tmp_path, server.url, CURSOR, **options)
        assert pull(settings, clock=clock).problems == ()
    assert len(given) == 3
    assert given[0].body == {"grant_type": "client_credentials", "scope": "read"}


def test_what_cannot_work_is_refused_at_once() -> None:
    with pytest.raises(ValidationError, match='paging = "cursor" needs next'):
        settings_of(Path(), "http", "https://x.example", {"feedback": FEEDBACK | {"paging": "cursor"}})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer({"data": {}}), "has no list of records at 'data.items'"),
        (Answer({"error": "s3cret-t0ken expired"}, 401), "is refused (401)"),
        (Answer({}, 403), "may not read this (403)"),
    ],
)
def test_what_is_wrong_is_one_clear_line(tmp_path: Path, answer: Answer, says: str) -> None:
    with serving(lambda request: answer) as server:
        settings = declared(tmp_path, server.url, CURSOR)
        ((_, problem),) = pull(settings).problems
        ((reach),) = reaches(connect(settings, "desk", SwiftClock()))
    assert says in problem
    assert says in (reach.problem or "")
    assert "s3cret" not in problem


def test_records_that_cannot_be_read_are_rejected_alone(tmp_path: Path) -> None:
    items: list[Any] = [rating(1), "no record", rating(2) | {"user": {"email": ["a"]}}, rating(3)]
    respond: Respond = lambda request: Answer({"data": {"items": items}})  # noqa: E731
    with serving(respond) as server:
        report = pull(declared(tmp_path, server.url, {}))
    totals = report.totals["feedback"]
    assert (totals.read, totals.landed, totals.rejected) == (4, 2, 2)


def test_numbers_and_own_formats_are_cursors_too() -> None:
    from cx_pipeline.sources.connectors.http.records import CursorField

    instant = datetime(2024, 1, 10, 9, 0, tzinfo=UTC).timestamp()
    for format_, written in {
        "iso": "2024-01-10T09:00:00Z",
        "epoch_s": 1704877200,
        "epoch_ms": 1704877200000,
        "%d/%m/%Y %H:%M": "10/01/2024 18:00",
    }.items():
        field = CursorField(format_, "Asia/Seoul")
        assert field.write(instant) == written
        assert field.read(json.loads(json.dumps(written))) == instant
    assert CursorField("number", "UTC").read("x") is None
