"""Intercom: what its records become, and how its searches are walked."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from cx_pipeline.landing import Days
from cx_pipeline.privacy.identity_key import load_key
from cx_pipeline.privacy.keys import Keyer
from cx_pipeline.settings import Settings
from tests.connectors.intercom_fixture import DAY, OPTIONS, START, Intercom
from tests.connectors.service import Answer, Request, landed, published, pull, serving, settings_of


def _of(events: dict[str, dict[str, Any]], ticket: str) -> list[tuple[Any, ...]]:
    found = [event for event in events.values() if event["ticket_id"] == ticket]
    found.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    return [(event["event_type"], event["actor_role"], event["value"]) for event in found]


def test_each_record_becomes_its_rows(tmp_path: Path) -> None:
    with serving(Intercom()) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        report = pull(settings)
        assert all(r.headers["intercom-version"] == "2.11" for r in service.requests)
    assert (report.problems, report.notes) == ((), ())
    tickets = published(settings, "tickets", "ticket_id")
    assert len(tickets) == 15
    one = tickets["1"]
    assert (one["status"], one["priority"], one["channel"], one["team"], one["source_sla_met"]) == (
        "solved",
        "high",
        "email",
        "Returns",
        True,
    )
    assert "1234" not in one["subject"]
    assert (tickets["2"]["channel"], tickets["2"]["source_sla_met"]) == ("chat", False)
    assert tickets["3"]["status"] == "pending"
    assert [key for key, row in tickets.items() if row["direction"] == "outbound"] == ["4"]
    assert len(published(settings, "customers", "customer_key")) == 8


def test_parts_tell_the_conversations_life(tmp_path: Path) -> None:
    with serving(Intercom()) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        pull(settings)
    events = published(settings, "ticket_events", "event_id")
    assert _of(events, "3") == [
        ("created", "customer", None),
        ("reply", "bot", None),
        ("handover", "bot", None),
        ("team", "bot", "Returns"),
        ("assignment", "agent", None),
        ("note", "agent", None),
        ("reply", "agent", None),
        ("reply", "agent", None),  # closed with a word
        ("status", "agent", "solved"),
        ("satisfaction_offered", "system", None),
        ("reply", "customer", None),
        ("status", "customer", "open"),
        ("status", "agent", "pending"),
    ]
    assert events["303-assignment"]["agent_key"] is not None


def test_ratings_and_unanswered_requests_become_feedback(tmp_path: Path) -> None:
    with serving(Intercom()) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        pull(settings)
    feedback = published(settings, "feedback", "response_id")
    assert Counter(row["score"] for row in feedback.values()) == {5: 5, 2: 4, None: 5}
    assert {row["responded_at"] is None for row in feedback.values() if row["score"] is None} == {True}
    tickets = published(settings, "tickets", "ticket_id")
    assert all(row["customer_key"] == tickets[row["ticket_id"]]["customer_key"] for row in feedback.values())


def _key(settings: Settings, namespace: str, value: str) -> str:
    keyer = Keyer.of(settings, load_key(settings, may_create=False))
    found = keyer.key(namespace, value)
    assert found is not None
    return found


def test_people_are_known_by_what_the_settings_say(tmp_path: Path) -> None:
    """By address, looked up where the conversation lacks it; by the company's own id; by Intercom's."""
    expected = {
        "email": ("email", "person3@shop.example"),
        "external_id": ("desk", "shop-3"),
        "id": ("desk", "c3"),
    }
    for way, (namespace, value) in expected.items():
        with serving(Intercom()) as service:
            options = OPTIONS | {"identify_by": way}
            settings = settings_of(tmp_path / way, "intercom", service.url, options)
            pull(settings)
        tickets = published(settings, "tickets", "ticket_id")
        assert tickets["2"]["customer_key"] == _key(settings, namespace, value)
        assert tickets["2"]["customer_key"] in published(settings, "customers", "customer_key")


def test_the_next_night_lands_what_changed(tmp_path: Path) -> None:
    account = Intercom()
    with serving(account) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        pull(settings)
        account.conversations[0] |= {"state": "open", "updated_at": START + 3 * DAY}
        account.contacts[0] |= {"updated_at": START + 3 * DAY, "language_override": "en"}
        before = len(landed(settings, "tickets"))
        service.requests.clear()
        pull(settings)
    assert published(settings, "tickets", "ticket_id")["1"]["status"] == "open"
    assert len(landed(settings, "tickets")) - before == 15  # the last minutes again: here all
    languages = Counter(c["language"] for c in published(settings, "customers", "customer_key").values())
    assert languages == {"ko": 7, "en": 1}
    asked = [r.body["query"]["value"] for r in service.requests if r.path == "/conversations/search"]
    assert set(asked) == {START + DAY + 5 - 600 - 1}


def test_a_contact_changed_later_on_the_cursors_day_is_found(tmp_path: Path) -> None:
    """Contacts are searched by whole days: the cursor's own day must be asked for again."""
    account = Intercom()
    with serving(account) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        pull(settings)
        newest = account.contacts[-1]["updated_at"]
        account.contacts[0] |= {"updated_at": newest + 60, "language_override": "en"}
        pull(settings)
    languages = Counter(c["language"] for c in published(settings, "customers", "customer_key").values())
    assert languages == {"ko": 7, "en": 1}


def test_a_place_in_the_pages_that_is_forgotten_costs_no_row(tmp_path: Path) -> None:
    """A pull broken off is resumed by Intercom's own place; where that is refused, by the newest record."""
    account = Intercom()
    broken = 0

    def respond(request: Request) -> Answer:
        nonlocal broken
        if request.path == "/conversations/search":
            if broken == 1 and request.body["pagination"].get("starting_after"):
                broken = 2
                return Answer({}, 403)
            if broken == 2 and request.body["pagination"].get("starting_after"):
                broken = 3
                return Answer({"errors": [{"code": "parameter_invalid"}]}, 400)
            broken = broken or 1
        return account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        assert [name for name, _ in pull(settings).problems] == ["conversations"]
        assert pull(settings).problems == ()
    assert broken == 3
    assert len(published(settings, "tickets", "ticket_id")) == 15


def test_pages_that_turn_in_a_circle_end_the_stream(tmp_path: Path) -> None:
    account = Intercom()
    answer = {"data": account.contacts[:2], "pages": {"next": {"starting_after": "again"}}}

    def respond(request: Request) -> Answer:
        is_search = request.path == "/contacts/search" and isinstance(request.body["query"]["value"], int)
        return Answer(answer) if is_search else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        problems = dict(pull(settings).problems)
    assert list(problems) == ["contacts"]
    assert "circle" in problems["contacts"]


def test_a_conversation_deleted_or_broken_costs_itself_alone(tmp_path: Path) -> None:
    account = Intercom()
    account.conversations[1].pop("state")

    def respond(request: Request) -> Answer:
        return Answer({}, 404) if request.path == "/conversations/1" else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert report.totals["tickets"].rejected == 1
    assert len(published(settings, "tickets", "ticket_id")) == 14
    assert [kind for kind, _, _ in _of(published(settings, "ticket_events", "event_id"), "1")] == [
        "created",
        "satisfaction_offered",
        "satisfaction",
    ]


def test_a_backfill_leaves_the_nightly_cursor_alone(tmp_path: Path) -> None:
    with serving(Intercom()) as service:
        settings = settings_of(tmp_path, "intercom", service.url, OPTIONS)
        pull(settings)
        folder = settings.paths.state / "cursors" / "desk"
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        rows = published(settings, "tickets", "ticket_id")
        pull(settings, days=Days(datetime.fromtimestamp(START, UTC).date(), date(2023, 12, 1)))
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert published(settings, "tickets", "ticket_id") == rows


def test_own_attributes_fill_columns_where_the_settings_say(tmp_path: Path) -> None:
    mapped = OPTIONS | {"tickets": {"columns": {"category": "custom_attributes.issue_type"}}}
    with serving(Intercom()) as service:
        settings = settings_of(tmp_path, "intercom", service.url, mapped)
        pull(settings)
    assert published(settings, "tickets", "ticket_id")["1"]["category"] == "Billing"
