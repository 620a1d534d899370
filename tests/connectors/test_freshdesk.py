"""Freshdesk: what its records become, and how its lists are walked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.landing import Days, connect, list_batches
from cx_pipeline.sources.connectors.freshdesk import listing
from tests.connectors.freshdesk_fixture import OPTIONS, START, Freshdesk, at
from tests.connectors.service import (
    NIGHT,
    Answer,
    Request,
    SwiftClock,
    landed,
    published,
    pull,
    serving,
    settings_of,
)

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings" / "freshdesk"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of four records, of which the list serves two."""
    monkeypatch.setattr(listing, "LARGEST_PAGE", 4)
    monkeypatch.setattr(listing, "_LAST_PAGE", 2)


def test_each_record_becomes_its_rows(tmp_path: Path) -> None:
    with serving(Freshdesk()) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert report.notes == ()
    tickets = published(settings, "tickets", "ticket_id")
    assert len(tickets) == 27
    one = tickets["4"]
    assert (one["status"], one["priority"], one["channel"], one["team"], one["product"]) == (
        "solved",
        "low",
        "web",
        "Returns",
        "Shoes",
    )
    assert "1234" not in one["subject"]
    assert (tickets["3"]["status"], tickets["3"]["source_sla_met"]) == ("pending", None)
    assert (tickets["4"]["source_sla_met"], tickets["5"]["source_sla_met"]) == (True, False)
    assert tickets["7"]["direction"] == "outbound"
    assert tickets["901"]["status"] == "spam"
    assert tickets["902"]["is_deleted"]
    events = published(settings, "ticket_events", "event_id")
    assert Counter(e["event_type"] for e in events.values()) == {
        "created": 25,
        "reply": 50,
        "note": 25,
        "status": 31,  # one each, and six reopenings
    }
    of_four = sorted((e["occurred_at"], e["event_type"], e["value"]) for e in _of(events, "4"))
    assert [(kind, value) for _, kind, value in of_four] == [
        ("created", None),
        ("note", None),
        ("reply", None),
        ("reply", None),
        ("status", "open"),
        ("status", "solved"),
    ]
    roles = Counter((e["actor_role"], e["agent_key"] is not None) for e in _of(events, "4"))
    assert roles == {("customer", False): 2, ("agent", True): 2, (None, False): 2}


def _of(events: dict[str, dict[str, Any]], ticket: str) -> list[dict[str, Any]]:
    return [event for event in events.values() if event["ticket_id"] == ticket]


def test_ratings_stand_on_the_scale_of_faces_and_are_their_customers(tmp_path: Path) -> None:
    mapped = OPTIONS | {"questions": {"default_question": "csat", "question_2": "rating"}}
    with serving(Freshdesk()) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, mapped)
        pull(settings)
    feedback = published(settings, "feedback", "response_id")
    assert {key: (row["metric"], row["score"]) for key, row in feedback.items()} == {
        "301": ("csat", 6),
        "302": ("csat", 4),
        "303": ("csat", 1),
        "304": ("csat", 7),
        "305": ("csat", 6),
        **{f"30{n}-question_2": ("rating", 2) for n in range(1, 6)},
    }
    assert (feedback["301"]["scale_min"], feedback["301"]["scale_max"]) == (1, 7)
    assert (feedback["301"]["comment"], feedback["301-question_2"]["comment"]) == ("좋아요", None)
    customers = published(settings, "customers", "customer_key")
    assert {row["customer_key"] for row in feedback.values()} <= customers.keys()


def test_the_300th_page_is_never_needed(tmp_path: Path, small_pages: None) -> None:
    """Lists end after so many pages: the window is narrowed page by page, rows of one second included."""
    with serving(Freshdesk()) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        assert pull(settings).problems == ()
        pages = {int(r.value("page") or 0) for r in service.requests if r.path == "/api/v2/tickets"}
    assert len(published(settings, "tickets", "ticket_id")) == 27
    assert pages <= {1, 2}


def test_a_second_fuller_than_the_list_is_told_and_passed(tmp_path: Path, small_pages: None) -> None:
    account = Freshdesk()
    for ticket in account.tickets[:12]:
        ticket["updated_at"] = at(600)
    with serving(account) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert any("one second holds more" in note for note in report.notes)
    assert {"1", "8", "13", "25"} <= published(settings, "tickets", "ticket_id").keys()


def test_a_ticket_that_changes_while_we_read_costs_no_other(tmp_path: Path, small_pages: None) -> None:
    """It leaves its place, so that by page numbers the next one would slip past."""
    account = Freshdesk()
    calls = 0

    def respond(request: Request) -> Answer:
        nonlocal calls
        answer = Answer(account(request).content)
        if request.path == "/api/v2/tickets" and not request.value("filter"):
            calls += 1
            if calls == 1:
                account.tickets[0]["updated_at"] = at(5000)
        return answer

    with serving(respond) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        pull(settings)
    assert len(published(settings, "tickets", "ticket_id")) == 27


def test_pages_that_turn_in_a_circle_end_the_stream(tmp_path: Path, small_pages: None) -> None:
    account = Freshdesk()

    def respond(request: Request) -> Answer:
        is_list = request.path == "/api/v2/contacts" and not request.value("state")
        return Answer(account.contacts[:4]) if is_list else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        problems = dict(pull(settings).problems)
    assert list(problems) == ["contacts"]
    assert "circle" in problems["contacts"]


def test_the_next_night_lands_what_changed_and_the_history_adds_up(tmp_path: Path) -> None:
    account = Freshdesk()
    with serving(account) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "tickets"))
        stats = {"status_updated_at": at(2000), "reopened_at": at(2000), "resolved_at": None}
        account.tickets[0] |= {
            "status": 2,
            "updated_at": at(2000),
            "stats": account.tickets[0]["stats"] | stats,
        }
        service.requests.clear()
        pull(settings)
    # the change, and the last minutes once more
    assert 1 <= len(landed(settings, "tickets")) - before <= 18
    assert published(settings, "tickets", "ticket_id")["1"]["status"] == "open"
    changes = [e["value"] for e in _of(published(settings, "ticket_events", "event_id"), "1") if e["value"]]
    assert sorted(changes) == ["open", "solved"]
    since = {r.value("updated_since") for r in service.requests if r.path == "/api/v2/tickets"}
    assert all(value and value > START.isoformat() for value in since)


def test_a_backfill_leaves_the_nightly_cursor_alone(tmp_path: Path) -> None:
    with serving(Freshdesk()) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        pull(settings)
        folder = settings.paths.state / "cursors" / "desk"
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        rows = published(settings, "tickets", "ticket_id")
        pull(settings, days=Days(START.date(), NIGHT))
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert published(settings, "tickets", "ticket_id") == rows


def test_own_statuses_and_fields_mean_what_the_settings_say(tmp_path: Path) -> None:
    account = Freshdesk()
    account.tickets[0]["status"] = 9
    account.tickets[1]["status"] = 12
    mapped = OPTIONS | {
        "statuses": {"9": "on_hold"},
        "tickets": {"columns": {"category": "custom_fields.cf_reason"}},
    }
    with serving(account) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, mapped)
        report = pull(settings)
    tickets = published(settings, "tickets", "ticket_id")
    assert (tickets["1"]["status"], tickets["2"]["status"]) == ("on_hold", "open")
    assert tickets["1"]["category"] == "late"
    assert [note for note in report.notes if "status 12" in note and "status 9" not in note]


def test_a_ticket_without_what_it_needs_is_rejected_alone(tmp_path: Path) -> None:
    account = Freshdesk()
    account.tickets[0] = {"id": 1, "updated_at": at(600)}
    account.tickets[1] = {"updated_at": at(600), "created_at": at(0), "status": 2}
    with serving(account) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert report.totals["tickets"].rejected == 2
    assert len(published(settings, "tickets", "ticket_id")) == 25


def test_suggest_names_the_surveys_questions(tmp_path: Path) -> None:
    with serving(Freshdesk()) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        proposal = connect(settings, "desk", SwiftClock()).suggest()
    assert proposal.splitlines() == [
        "[sources.desk.questions]",
        'default_question = "csat"',
        '# question_2 = "rating"   # And the product?',
    ]


def test_the_recorded_answers_land(tmp_path: Path) -> None:
    """Recorded answers, some of an older interface: what they say lands, what they lack is no trouble."""
    if not RECORDINGS.exists():
        pytest.skip("the recordings are not on this machine")
    names = {"agents": "agents", "groups": "groups", "contacts": "contacts", "tickets": "all_tickets"}
    answers = {name: json.loads((RECORDINGS / f"{file}.json").read_text()) for name, file in names.items()}
    answers["tickets"].append(json.loads((RECORDINGS / "ticket_1.json").read_text()) | {"id": 2})
    conversations = json.loads((RECORDINGS / "conversations.json").read_text())

    def respond(request: Request) -> Answer:
        name = request.path.removeprefix("/api/v2/")
        if request.value("filter") or request.value("state"):
            return Answer([])
        if name.endswith("/conversations"):
            return Answer(conversations if name == "tickets/1/conversations" else [])
        return Answer(answers.get(name, []))

    with serving(respond) as service:
        settings = settings_of(tmp_path, "freshdesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert sum(batch.rejected for batch in list_batches(settings.paths)) == 0
    tickets = published(settings, "tickets", "ticket_id")
    assert {key: row["status"] for key, row in tickets.items()} == {"1": "open", "2": "open"}
    events = published(settings, "ticket_events", "event_id")
    assert Counter(event["event_type"] for event in events.values()) == {
        "created": 2,
        "reply": 1,
        "note": 1,
        "status": 2,
    }
    assert len(published(settings, "customers", "customer_key")) == 1
