"""HubSpot: what its records become, and how its searches are walked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.landing import Days, connect
from cx_pipeline.settings import SettingsError
from cx_pipeline.sources.http.limits import RateLimit
from tests.connectors.hubspot_fixture import OPTIONS, START, HubSpot, at, record
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


def _of(events: dict[str, dict[str, Any]], ticket: str) -> list[tuple[Any, ...]]:
    found = [event for event in events.values() if event["ticket_id"] == ticket]
    found.sort(key=lambda event: (event["occurred_at"], event["event_id"]))
    return [(event["event_type"], event["actor_role"], event["value"]) for event in found]


def test_each_record_becomes_its_rows(tmp_path: Path) -> None:
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    tickets = published(settings, "tickets", "ticket_id")
    assert Counter(row["status"] for row in tickets.values()) == {"solved": 12, "pending": 5, None: 2}
    one = tickets["1000"]
    assert (one["priority"], one["channel"], one["team"], one["category"]) == (
        "high",
        "email",
        "Returns",
        "RETURNS",
    )
    assert "1234" not in one["subject"]
    assert tickets["1001"]["customer_key"] is None
    assert {key for key, row in tickets.items() if row["is_deleted"]} == {"1900", "1901"}  # merged away
    customers = published(settings, "customers", "customer_key")
    assert len(customers) == 11
    some = customers[one["customer_key"]]
    assert (some["country"], some["language"], some["acquisition_channel"]) == ("KR", "ko", "organic_search")


def test_history_and_messages_tell_the_tickets_life(tmp_path: Path) -> None:
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        pull(settings)
    events = published(settings, "ticket_events", "event_id")
    assert _of(events, "1000") == [
        ("reply", "customer", None),
        ("created", "customer", None),
        ("priority", "system", "high"),
        ("status", "system", "new"),
        ("status", "system", "open"),
        ("assignment", "agent", None),
        ("note", "agent", None),
        ("reply", "agent", None),
        ("status", "agent", "solved"),
    ]
    agents = {e["event_type"]: e["agent_key"] for e in events.values() if e["ticket_id"] == "1000"}
    tickets = published(settings, "tickets", "ticket_id")
    # the owner of the ticket, the assignee and who replied (a user's number) are one person
    assert agents["assignment"] == agents["reply"] == tickets["1000"]["agent_key"]
    assert agents["note"] not in (None, agents["reply"])


def test_answers_stand_on_hubspots_scales_or_those_declared(tmp_path: Path) -> None:
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path / "a", "hubspot", service.url, OPTIONS)
        report = pull(settings)
        declared = {"3": {"metric": "rating", "scale": [1, 5]}}
        more = settings_of(tmp_path / "b", "hubspot", service.url, OPTIONS | {"surveys": declared})
        pull(more)
    found = published(settings, "feedback", "response_id")
    answers = {(f["metric"], f["score"], f["scale_min"], f["scale_max"]) for f in found.values()}
    assert answers == {("nps", 9, 0, 10), ("csat", 2, 0, 2), ("ces", 6, 1, 7)}
    assert {f["scale_direction"] for f in found.values() if f["metric"] == "ces"} == {"higher_is_better"}
    assert [note for note in report.notes if "survey 3 is left out" in note]
    assert {f["ticket_id"] for f in found.values() if f["metric"] == "csat"} == {"1001"}
    customers = published(settings, "customers", "customer_key")
    assert {f["customer_key"] for f in found.values()} <= customers.keys()
    ratings = [f for f in published(more, "feedback", "response_id").values() if f["metric"] == "rating"]
    assert [(f["score"], f["scale_min"], f["scale_max"]) for f in ratings] == [(4, 1, 5)] * 2


def test_a_search_is_narrowed_and_never_paged(tmp_path: Path) -> None:
    """Searches stop at 10 000: eleven tickets of one instant, at pages of four, still all come."""
    account = HubSpot()
    crowd = [record(n, "hs_lastmodifieddate", 650, hs_pipeline_stage="1") for n in range(995, 1006)]
    account.objects["tickets"] = [
        *[record(n, "hs_lastmodifieddate", 640, hs_pipeline_stage="1") for n in range(1, 4)],
        *crowd,
        *[record(n, "hs_lastmodifieddate", 660, hs_pipeline_stage="1") for n in range(2001, 2007)],
    ]
    with serving(account) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        assert pull(settings).problems == ()
    assert len(published(settings, "tickets", "ticket_id")) == 20


def test_the_next_night_lands_what_changed(tmp_path: Path) -> None:
    account = HubSpot()
    with serving(account) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "tickets"))
        account.objects["tickets"][0]["properties"] |= {
            "hs_lastmodifieddate": at(5000),
            "hs_pipeline_stage": "3",
        }
        pull(settings)
        assert published(settings, "tickets", "ticket_id")["1000"]["status"] == "open"
        assert len(landed(settings, "tickets")) - before < 19  # the last minutes again, no more
        service.requests.clear()
        pull(settings)
    asked = {
        r.body["filterGroups"][0]["filters"][0]["value"]
        for r in service.requests
        if r.path == "/crm/v3/objects/tickets/search"
    }
    assert asked == {str(round(START.timestamp() * 1000) + 5000 * 60_000 - 600_000)}


def test_what_is_archived_is_deleted_once(tmp_path: Path) -> None:
    account = HubSpot()
    with serving(account) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        pull(settings)
        for what in ("tickets", "contacts"):
            gone = account.objects[what].pop(0)
            account.archived[what] += [gone | {"archived": True, "archivedAt": at(6000)}]
        pull(settings)
        assert published(settings, "tickets", "ticket_id")["1000"]["is_deleted"]
        customers = published(settings, "customers", "customer_key").values()
        assert sum(row["is_deleted"] for row in customers) == 1
        account.archived["tickets"] += [account.objects["tickets"][0] | {"archivedAt": at(7000)}]
        account.size = 1
        pull(settings)
        before = len(landed(settings, "tickets"))
        pull(settings)
    again = {row["ticket_id"] for row in landed(settings, "tickets")[before:] if row["is_deleted"]}
    assert not again & {"1000", "1001"}
    assert published(settings, "tickets", "ticket_id")["1001"]["is_deleted"]


def test_without_the_conversations_a_tickets_own_instants_are_used(tmp_path: Path) -> None:
    """Half of a ticket's events would say that nobody answered it: without the scope there are none."""
    account = HubSpot()

    def respond(request: Request) -> Answer:
        return Answer({}, 403) if "conversations" in request.path else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path / "a", "hubspot", service.url, OPTIONS)
        assert [name for name, _ in pull(settings).problems] == ["ticket_events"]
        without = settings_of(tmp_path / "b", "hubspot", service.url, OPTIONS | {"read_events": False})
        assert pull(without).problems == ()
    assert not landed(settings, "ticket_events")
    ticket = published(without, "tickets", "ticket_id")["1000"]
    assert (ticket["first_responded_at"], ticket["resolved_at"]) != (None, None)


def test_stages_mean_what_the_settings_say(tmp_path: Path) -> None:
    account = HubSpot()
    account.objects["tickets"][0]["properties"]["hs_pipeline_stage"] = "77"
    with serving(account) as service:
        settings = settings_of(tmp_path / "a", "hubspot", service.url, OPTIONS)
        report = pull(settings)
        mapped = OPTIONS | {"stages": {"Waiting on parts": "on_hold"}}
        by_name = settings_of(tmp_path / "b", "hubspot", service.url, mapped)
        pull(by_name)
    assert published(settings, "tickets", "ticket_id")["1000"]["status"] == "open"
    assert [note for note in report.notes if "Waiting on parts" in note]
    assert published(by_name, "tickets", "ticket_id")["1000"]["status"] == "on_hold"


def test_a_backfill_leaves_the_nightly_cursor_alone(tmp_path: Path) -> None:
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        pull(settings)
        folder = settings.paths.state / "cursors" / "desk"
        before = {p.name: p.read_bytes() for p in folder.iterdir()}
        rows = published(settings, "tickets", "ticket_id")
        pull(settings, days=Days(START.date(), NIGHT))
        assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert published(settings, "tickets", "ticket_id") == rows


def test_own_properties_are_asked_for_and_fill_columns(tmp_path: Path) -> None:
    mapped = OPTIONS | {"customers": {"columns": {"segment": "properties.lifecyclestage"}}}
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, mapped)
        pull(settings)
        searches = [r.body for r in service.requests if r.path == "/crm/v3/objects/contacts/search"]
    assert all("lifecyclestage" in body["properties"] for body in searches)
    assert {c["segment"] for c in published(settings, "customers", "customer_key").values()} == {"customer"}


def test_a_record_without_what_it_needs_is_rejected_alone(tmp_path: Path) -> None:
    account = HubSpot(size=100)
    bare = {"id": "3000", "updatedAt": at(800), "properties": {"hs_object_id": "3000"}}

    def respond(request: Request) -> Answer:
        if request.path == "/crm/v3/objects/tickets/search":
            return Answer({"results": [*account.objects["tickets"], bare]})
        return account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert report.totals["tickets"].rejected == 1
    assert len(published(settings, "tickets", "ticket_id")) == 19


def test_suggest_names_the_surveys_and_what_they_saw(tmp_path: Path) -> None:
    with serving(HubSpot()) as service:
        settings = settings_of(tmp_path, "hubspot", service.url, OPTIONS | {"page_size": 100})
        proposal = connect(settings, "desk", SwiftClock()).suggest()
    assert proposal.splitlines() == [
        "[sources.desk.surveys]",
        '"0" = { metric = "nps", scale = [0, 10] }   # Survey NPS (NPS), answers from 9 to 9',
        '"1" = { metric = "csat", scale = [0, 2] }   # Survey CSAT (CSAT), answers from 2 to 2',
        '"2" = { metric = "ces", scale = [1, 7], direction = "higher_is_better" }'
        "   # Survey CES (CES), answers from 6 to 6",
        '"3" = { metric = "rating", scale = [1, 5] }   # Survey CUSTOM (CUSTOM), answers from 4 to 4',
    ]


def test_its_own_limit_headers_are_heeded() -> None:
    clock = SwiftClock()
    limit = RateLimit(100, 10.0)
    headers = {
        "x-hubspot-ratelimit-remaining": "0",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
    }
    limit.learn(headers, clock)
    limit.wait(clock)
    assert clock.slept == pytest.approx(10.0)


def test_a_surveys_declaration_is_checked(tmp_path: Path) -> None:
    declared = {"surveys": {"9": {"metric": "ces"}}}
    with pytest.raises((SettingsError, ValueError), match="direction"):
        settings_of(tmp_path, "hubspot", "https://api.example", OPTIONS | declared)
