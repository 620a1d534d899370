"""The client: what it tries again, what it tells, what it never shows."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from cx_pipeline.sources.http.auth import Auth, Renewing, basic, bearer
from cx_pipeline.sources.http.client import Client, _safe_host
from cx_pipeline.sources.http.errors import (
    BrokenAnswer,
    CredentialMissing,
    CredentialRefused,
    NotFound,
    Refused,
    ScopeMissing,
    ServiceError,
    Unreachable,
)
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.http.paging import by_cursor, by_offset, split, windows
from tests.connectors.service import Answer, Request, Service, SwiftClock, serving

SECRET = "t0p-s3cret"  # noqa: S105 - nobody's


class Script:
    """Answers in turn; the last one stays."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def __call__(self, request: Request) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def clock() -> SwiftClock:
    return SwiftClock()


@pytest.fixture
def calling(clock: SwiftClock) -> Iterator[Callable[..., tuple[Client, Service]]]:
    opened: list[tuple[Client, Service]] = []

    def start(*answers: Answer, limit: RateLimit | None = None, **options: object) -> tuple[Client, Service]:
        service = Service(Script(*answers)).__enter__()
        client = Client(
            service.url + "/api",
            auth=options.pop("auth", bearer(SECRET)),  # type: ignore[arg-type]
            limit=limit or RateLimit(1000),
            clock=clock,
            source="desk",
            random_=random.Random(1),
            **options,  # type: ignore[arg-type]
        )
        opened.append((client, service))
        return client, service

    yield start
    for client, service in opened:
        client.close()
        service.__exit__()


Calling = Callable[..., tuple[Client, Service]]
GOOD = Answer({"ok": True})


@pytest.mark.parametrize(
    "fault",
    [
        Answer({}, 429),
        Answer({}, 500),
        Answer({}, 503),
        Answer(b'{"ok": tr'),
        Answer(b"<html>"),
        Answer(b"\x1f\x8bno", headers={"Content-Encoding": "gzip"}),
        Answer({"ok": "a long answer " * 50}, cut=True),
        Answer(reset=True),
    ],
    ids=["429", "500", "503", "cut json", "html", "bad gzip", "cut body", "reset"],
)
def test_a_passing_fault_is_tried_again(calling: Calling, fault: Answer) -> None:
    client, _ = calling(fault, fault, GOOD)
    assert client.get("things") == {"ok": True}
    assert client.calls == 3


def test_it_waits_as_long_as_the_service_asks(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(Answer({}, 429, {"Retry-After": "30"}), GOOD)
    client.get("things")
    assert 30 <= clock.slept <= 31
    theirs = clock.now() + timedelta(hours=2)  # by a clock that is wrong
    headers = {"Date": _http_date(theirs), "Retry-After": _http_date(theirs + timedelta(seconds=100))}
    client, _ = calling(Answer({}, 503, headers), GOOD)
    client.get("things")
    assert 130 <= clock.slept <= 132
    headers = {"Date": _http_date(theirs), "X-RateLimit-Reset": str(int(theirs.timestamp()) + 50)}
    client, _ = calling(Answer({}, 429, headers), GOOD)
    client.get("things")
    assert 180 <= clock.slept <= 183


def _http_date(instant: datetime) -> str:
    return format_datetime(instant, usegmt=True)


def test_a_limit_told_used_up_is_waited_for(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(Answer({}, headers={"X-Rate-Limit-Remaining": "0", "Rate-Limit-Reset": "22"}), GOOD)
    client.get("things")
    assert clock.slept == 0
    client.get("things")
    assert 22 <= clock.slept <= 23


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Zendesk-Rate-Limit-Tickets-Index", "total=100; remaining=0; resets=22"),
        ("RateLimit", "limit=100, remaining=0, reset=22"),
        ("RateLimit", '"default";r=0;t=22'),
    ],
)
def test_a_limit_told_in_one_header_is_waited_for(
    calling: Calling, clock: SwiftClock, name: str, text: str
) -> None:
    client, _ = calling(
        Answer({}, headers={name: text.replace("=0", "=7")}), Answer({}, headers={name: text})
    )
    client.get("things")
    client.get("things")
    assert clock.slept == 0
    client.get("things")
    assert 22 <= clock.slept <= 23


def test_a_limit_used_up_for_hours_ends_the_pull(calling: Calling, clock: SwiftClock) -> None:
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "3600"}
    client, _ = calling(Answer({}, headers=used_up))
    client.get("things")
    with pytest.raises(Unreachable, match="used up for 60 more minutes"):
        client.get("things")
    assert clock.slept == 0


def test_a_storm_of_429_is_sat_out_as_long_as_the_service_says_when_to_come_again(
    calling: Calling, clock: SwiftClock
) -> None:
    client, _ = calling(*[Answer({}, 429, {"Retry-After": "20"})] * 30, GOOD)
    assert client.get("things") == {"ok": True}
    assert clock.slept >= 600


def test_a_token_that_is_refused_before_its_time_is_renewed_once(calling: Calling, clock: SwiftClock) -> None:
    given = iter(("old", "new", "newer"))
    auth = Renewing(lambda: (bearer(next(given)), 3600.0), clock)
    client, service = calling(GOOD, Answer({}, 401), GOOD, Answer({}, 401), auth=auth)
    client.get("things")
    client.get("things")
    assert [r.headers["authorization"] for r in service.requests] == [
        "Bearer old",
        "Bearer old",
        "Bearer new",
    ]
    with pytest.raises(CredentialRefused):
        client.get("things")
    assert [r.headers["authorization"] for r in service.requests[3:]] == ["Bearer new", "Bearer newer"]


def test_an_answer_that_trickles_in_for_ever_is_given_up(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(Answer({"long": "x" * 200_000}), GOOD)
    instants = itertools.chain((0.0,) * 5, itertools.repeat(700.0))  # the first piece of a body comes so late
    clock.monotonic = lambda: next(instants)  # type: ignore[method-assign]
    assert client.get("things") == {"ok": True}
    assert client.calls == 2


def test_hosts_are_the_same_whatever_their_case_or_spelt_out_port(calling: Calling) -> None:
    assert _safe_host("https://Acme.Example:443/x", "desk") == _safe_host("https://acme.example/", "desk")
    assert _safe_host("https://acme.example:8443/", "desk") != _safe_host("https://acme.example/", "desk")


def test_a_minute_has_no_more_calls_than_allowed(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(GOOD, limit=RateLimit(10))
    for _ in range(25):
        client.get("things")
    assert 120 <= clock.slept < 121


def test_patience_ends(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(Answer({}, 500))
    with pytest.raises(Unreachable, match="answered 500"):
        client.get("things")
    assert clock.slept < 300
    client, _ = calling(Answer({}, 429, {"Retry-After": "7200"}))
    with pytest.raises(Unreachable):
        client.get("things")
    assert client.calls == 1  # two hours are not waited for


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, CredentialRefused), (403, ScopeMissing), (404, NotFound), (410, NotFound), (422, Refused)],
)
def test_a_refusal_is_told_at_once(calling: Calling, status: int, error: type[ServiceError]) -> None:
    client, _ = calling(Answer({"echo": SECRET}, status))
    with pytest.raises(error) as told:
        client.get("things", {"who": "kim@shop.example"})
    assert client.calls == 1
    assert SECRET not in str(told.value)
    assert "kim" not in str(told.value)


def test_no_secret_follows_to_another_host(calling: Calling) -> None:
    with serving(Script(GOOD)) as other:
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        away = Answer(b"", 302, {"Location": f"{elsewhere}/file?x=1"})
        auth = Auth({"Authorization": f"Bearer {SECRET}"}, {"key": SECRET})
        client, _ = calling(away, auth=auth, headers={"X-Own": SECRET})
        assert client.get("things") == {"ok": True}
        assert SECRET not in repr(other.requests)
        with pytest.raises(BrokenAnswer, match="another host"):
            client.get(f"{elsewhere}/next")
        assert len(other.requests) == 1


def test_a_redirect_within_the_host_keeps_the_credential(calling: Calling) -> None:
    client, service = calling(
        Answer(b"", 301, {"Location": "/api/moved"}), GOOD, auth=Auth({"X-Key": SECRET}, {"key": SECRET})
    )
    assert client.get("things") == {"ok": True}
    assert service.requests[1].headers["x-key"] == service.requests[1].value("key") == SECRET


def test_an_address_that_is_none_ends_the_pull_and_nothing_else(calling: Calling) -> None:
    client, _ = calling(Answer(b"", 302, {"Location": "http://127.0.0.1:99999999/"}))
    with pytest.raises(Refused, match="none"):
        client.get("things")
    with pytest.raises(Refused, match="none"):
        client.get("x" * 70_000)


def test_redirects_end(calling: Calling) -> None:
    client, _ = calling(Answer(b"", 302, {"Location": "/api/again"}))
    with pytest.raises(Refused, match="without end"):
        client.get("things")


def test_secrets_travel_encrypted_only(clock: SwiftClock) -> None:
    with pytest.raises(Refused, match="https"):
        Client(
            "http://api.example", auth=bearer(SECRET), limit=RateLimit(1), clock=clock, source="desk"
        ).close()
    with pytest.raises(CredentialMissing):
        Client(
            "https://api.example", auth=bearer("a\nb"), limit=RateLimit(1), clock=clock, source="desk"
        ).close()


def test_an_answer_without_end_is_not_read_to_it(calling: Calling) -> None:
    client, _ = calling(Answer({"text": "x" * 5000}), largest_bytes=1000)
    with pytest.raises(BrokenAnswer, match="more than"):
        client.get("things")


def test_clocks_far_apart_are_told(calling: Calling, clock: SwiftClock) -> None:
    client, _ = calling(GOOD)
    client.get("things")
    assert client.skew_note is None
    clock.slept += 3600
    client.get("things")
    assert client.skew_note is not None
    assert "60 minutes behind" in client.skew_note


def test_secrets_do_not_show_where_an_object_is_printed() -> None:
    assert SECRET not in repr(bearer(SECRET)) + repr(basic("me", SECRET)) + repr(Auth(params={"key": SECRET}))


# ---------------------------------------------------------------- paging


def test_a_chain_of_cursors_ends_and_never_turns_in_a_circle() -> None:
    pages = {"a": "b", "b": "c", "c": None}
    assert [found for found, _ in by_cursor(lambda c: c, pages.get, "a")] == ["a", "b", "c"]
    with pytest.raises(BrokenAnswer, match="circle"):
        list(by_cursor(lambda c: c, {"a": "b", "b": "a"}.get, "a"))


def test_offsets_go_on_until_a_page_is_not_full() -> None:
    things = list(range(7))
    pages = list(by_offset(lambda at: things[at : at + 3], 3))
    assert [list(found) for found, _ in pages] == [[0, 1, 2], [3, 4, 5], [6]]
    assert pages[-1][1] == 7


def test_windows_cover_the_span_without_gap_or_overlap() -> None:
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, 5, tzinfo=UTC)
    found = list(windows(start, end, timedelta(hours=12)))
    assert found[0][0] == start
    assert found[-1][1] == end
    assert all(a[1] == b[0] for a, b in pairwise(found))


def test_a_capped_window_is_halved_until_nothing_is_cut_off() -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    things = [start + timedelta(seconds=n * n) for n in range(60)]

    def fetch(low: datetime, high: datetime) -> list[datetime]:
        return [t for t in things if low <= t < high][:10]

    answers = split(start, start + timedelta(hours=1), fetch, lambda found: len(found) == 10)
    assert [t for found, _, _ in answers for t in found] == [
        t for t in things if t < start + timedelta(hours=1)
    ]
    with pytest.raises(BrokenAnswer, match="caps its answer"):
        list(split(start, start + timedelta(seconds=8), lambda a, b: [start] * 10, lambda f: len(f) == 10))
