"""Zendesk: what its records become, and how its exports are walked."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.landing import Days, list_batches
from tests.connectors.service import (
    NIGHT,
    Answer,
    Request,
    landed,
    published,
    pull,
    serving,
    settings_of,
)
from tests.connectors.zendesk_fixture import OPTIONS, Zendesk

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "zendesk"


def test_each_record_becomes_its_rows(tmp_path: Path) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    tickets = published(settings, "tickets", "ticket_id")
    assert len(tickets) == 21
    assert [key for key, ticket in tickets.items() if ticket["is_deleted"]] == ["9", "21"]
    one = tickets["1"]
    assert (one["status"], one["priority"], one["channel"], one["team"], one["brand"]) == (
        "solved",
        "high",
        "email",
        "Returns",
        "Acme",
    )
    assert tickets["8"]["status"] == "merged"
    assert tickets["9"]["is_deleted"]
    assert "1234" not in one["subject"]
    events = published(settings, "ticket_events", "event_id")
    assert Counter(e["event_type"] for e in events.values()) == {
        "created": 21,
        "status": 42,
        "reply": 10,
        "note": 11,
        "assignment": 21,
    }
    assert {e["actor_role"] for e in events.values() if e["value"] == "on_hold"} == {"system"}
    feedback = published(settings, "feedback", "response_id")
    assert Counter(f["score"] for f in feedback.values()) == {1: 2, 0: 3, None: 3}
    customers = published(settings, "customers", "customer_key")
    assert sum(c["is_deleted"] for c in customers.values()) == 3  # two agents, one deleted
    assert one["customer_key"] in customers


def test_a_person_is_known_by_the_address_so_that_sources_meet(tmp_path: Path) -> None:
    from cx_pipeline.privacy.identity_key import load_key
    from cx_pipeline.privacy.keys import Keyer

    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
    keyer = Keyer.of(settings, load_key(settings, may_create=False))
    assert published(settings, "tickets", "ticket_id")["1"]["customer_key"] == keyer.key(
        "email", "person104@shop.example"
    )


def test_the_next_night_goes_on_from_the_cursor_and_lands_only_what_changed(tmp_path: Path) -> None:
    account = Zendesk()
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "tickets"))
        changed = account.tickets[0] | {"status": "open", "generated_timestamp": 1_700_001_000}
        account.tickets.append(changed)
        service.requests.clear()
        pull(settings)
    assert published(settings, "tickets", "ticket_id")["1"]["status"] == "open"
    assert len(landed(settings, "tickets")) - before <= 2  # the change, and the repeated same second
    asked = [r.value("cursor") for r in service.requests if "tickets/cursor" in r.path]
    assert asked == ["21"]


def test_a_backfill_leaves_the_nightly_cursor_alone(tmp_path: Path) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        folder = settings.paths.state / "cursors" / "desk"
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        rows = published(settings, "tickets", "ticket_id")
        pull(settings, days=Days(NIGHT, NIGHT))
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
        assert published(settings, "tickets", "ticket_id") == rows


def test_people_who_could_not_be_looked_up_for_one_stream_are_for_the_next(tmp_path: Path) -> None:
    """A lookup that failed with the tickets once left the events' agents unknown for good."""
    account, refused = Zendesk(), iter((True,))

    def respond(request: Request) -> Answer:
        is_lookup = request.path.endswith("show_many.json") and next(refused, False)
        return Answer({}, 403) if is_lookup or "incremental/users" in request.path else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        assert [stream for stream, _ in pull(settings).problems] == ["users", "tickets"]
        events = published(settings, "ticket_events", "event_id").values()
        assert {e["actor_role"] for e in events if e["event_type"] == "reply"} == {"agent"}


def test_a_group_without_a_name_costs_no_ticket(tmp_path: Path) -> None:
    account = Zendesk()

    def respond(request: Request) -> Answer:
        nameless = {"groups": [{"id": 1}, {"name": "x"}], "meta": {"has_more": False}}
        return Answer(nameless) if request.path.endswith("groups.json") else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        report = pull(settings)
    assert (report.problems, report.totals["tickets"].rejected) == ((), 0)
    assert published(settings, "tickets", "ticket_id")["1"]["team"] == "1"


def test_custom_fields_become_columns_where_the_settings_say(tmp_path: Path) -> None:
    mapped = OPTIONS | {"tickets": {"columns": {"product": "custom_fields.77"}}}
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, mapped)
        pull(settings)
    assert published(settings, "tickets", "ticket_id")["1"]["product"] == "shoes"


def test_surveys_take_over_from_ratings_on_their_day(tmp_path: Path) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(
            tmp_path, "zendesk", service.url, OPTIONS | {"csat_surveys_since": "2023-11-15"}
        )
        assert pull(settings).problems == ()
    (asked,) = {r.value("filter[created_at_start]") for r in service.requests if "guide" in r.path}
    assert asked == "1700006400000"
    feedback = published(settings, "feedback", "response_id")
    assert len(feedback) == 8  # no rating of that day or later
    shown = [
        tuple(f[name] for name in ("score", "scale_max", "ticket_id", "question_id"))
        for f in sorted(feedback.values(), key=lambda f: int(f["ticket_id"]))
    ]
    assert shown[:4] == [
        (1, 5, "0", "01J1WBE8QR0YQVE373K2JDJR0F"),
        (2, 5, "1", "01J1WBE8QR0YQVE373K2JDJR0F"),
        (None, 5, "2", "01J1WBE8QR0YQVE373K2JDJR0F"),
        (None, 5, "3", None),
    ]
    commented = [f for f in feedback.values() if f["comment"]]
    assert [f["comment"] for f in commented] == ["Write to [email]"] * 2
    assert all((f["responded_at"] is None) == (f["score"] is None) for f in feedback.values())
    assert all(f["invited_at"].strftime("%Y-%m-%d") == "2023-11-15" for f in feedback.values())


def test_an_account_without_ratings_asks_for_none(tmp_path: Path) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS | {"satisfaction_ratings": False})
        report = pull(settings)
    assert report.problems == () and "feedback" not in report.totals
    assert not any("satisfaction" in request.path for request in service.requests)


def test_a_merge_names_the_ticket_that_took_over(tmp_path: Path) -> None:
    account = Zendesk()
    merge = account.events[7]
    merge["child_events"] = [
        {"id": 1, "event_type": "Comment", "public": False, "author_id": 101, "body": "요청 #12에 병합됨"},
        {"id": 2, "event_type": "Change", "tags": ["closed_by_merge"], "previous_value": []},
    ]
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
    events = published(settings, "ticket_events", "event_id").values()
    merged = [(e["ticket_id"], e["value"]) for e in events if e["event_type"] == "merged"]
    assert merged == [("8", "12")]


def _recorded() -> list[dict[str, Any]]:
    file = RECORDINGS / "TicketsIncrementalTest.test_pagination.json"
    if not file.exists():
        pytest.skip("the recordings are not on this machine")
    answers = []
    for one in json.loads(file.read_text())["http_interactions"]:
        body = one["response"]["body"]
        raw = base64.b64decode(body["base64_string"]) if "base64_string" in body else body["string"].encode()
        answers.append(json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw))
    return answers


def test_the_recorded_chain_lands_row_for_row(tmp_path: Path) -> None:
    """117 recorded pages served as one chain: 2 204 rows in, 1 001 tickets out, each as last seen."""
    answers = _recorded()

    def respond(request: Request) -> Answer:
        if request.path != "/api/v2/incremental/tickets/cursor.json":
            return Answer({"error": "not recorded"}, 404)
        at = int(request.value("cursor") or 0)
        if at >= len(answers):
            return Answer({"tickets": [], "after_cursor": str(at), "end_of_stream": True})
        return Answer(
            {"tickets": answers[at]["tickets"], "after_cursor": str(at + 1), "end_of_stream": False}
        )

    with serving(respond) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS | {"identify_by": "id"})
        report = pull(settings)
    given = [ticket for answer in answers for ticket in answer["tickets"]]
    batches = list_batches(settings.paths, "tickets")
    # a page that only repeats the one before it is known and not landed again
    assert sum(b.rejected for b in batches) == 0
    assert report.totals["tickets"].loaded + report.totals["tickets"].skipped == len(answers)
    assert len(given) == 2204
    assert len(published(settings, "tickets", "ticket_id")) == len({t["id"] for t in given}) == 1001
