"""Landing page by page: what a crash, a fault or a changed mapping leaves behind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from cx_pipeline.landing import current_generations, list_batches
from cx_pipeline.landing.cursors import Cursor, Cursors
from cx_pipeline.settings import Settings
from tests.connectors.service import (
    NIGHT,
    Answer,
    Request,
    Respond,
    landed,
    published,
    pull,
    serving,
    settings_of,
)
from tests.connectors.zendesk_fixture import OPTIONS, Zendesk


def only(respond: Respond, part: str, answer: Answer) -> Respond:
    """`respond`, but `answer` wherever the path holds `part`."""
    return lambda request: answer if part in request.path else respond(request)


def test_a_page_that_landed_without_its_cursor_lands_no_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path / "a", "zendesk", service.url, OPTIONS)
        pull(settings)
        expected = {entity: len(landed(settings, entity)) for entity in ("tickets", "ticket_events")}

        settings = settings_of(tmp_path / "b", "zendesk", service.url, OPTIONS)
        write, left = Cursors.write, 7

        def die(self: Cursors, name: str, cursor: Cursor) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            write(self, name, cursor)

        monkeypatch.setattr(Cursors, "write", die)
        with pytest.raises(KeyboardInterrupt):
            pull(settings)
        report = pull(settings)
    assert sum(t.skipped for t in report.totals.values()) == 1
    assert {entity: len(landed(settings, entity)) for entity in expected} == expected


def test_lost_cursors_cost_time_and_nothing_else(tmp_path: Path) -> None:
    with serving(Zendesk()) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        before = published(settings, "tickets", "ticket_id")
        for file in (settings.paths.state / "cursors" / "desk").iterdir():
            file.write_text("{")
        pull(settings)
        assert published(settings, "tickets", "ticket_id") == before


def test_a_refused_credential_ends_the_pull_and_keeps_what_landed(tmp_path: Path) -> None:
    account = Zendesk()
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        before = published(settings, "tickets", "ticket_id")
        service.respond = lambda request: Answer({}, 401)
        service.requests.clear()
        report = pull(settings)
        assert len(service.requests) == 1
    assert [stream for stream, _ in report.problems] == ["users"]
    assert "make a new one" in report.problems[0][1]
    assert published(settings, "tickets", "ticket_id") == before


def test_a_missing_scope_keeps_only_its_own_stream_from_landing(tmp_path: Path) -> None:
    with serving(only(Zendesk(), "satisfaction_ratings", Answer({}, 403))) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        report = pull(settings)
    assert [stream for stream, _ in report.problems] == ["satisfaction_ratings"]
    assert len(published(settings, "tickets", "ticket_id")) == 21
    assert len(published(settings, "ticket_events", "event_id")) == 105


@pytest.mark.parametrize("body", [[], {}, {"tickets": None}, {"tickets": {"a": 1}}], ids=str)
def test_an_answer_of_another_shape_ends_its_stream_with_a_clear_line(tmp_path: Path, body: object) -> None:
    with serving(only(Zendesk(), "tickets/cursor", Answer(body))) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        report = pull(settings)
    assert [stream for stream, _ in report.problems] == ["tickets"]
    assert "update" in report.problems[0][1]


def test_a_record_that_lost_or_retyped_a_field_is_rejected_alone(tmp_path: Path) -> None:
    account = Zendesk()
    del account.tickets[3]["status"]
    account.tickets[5]["tags"] = 7
    account.tickets[6]["created_at"] = "yesterday"
    account.tickets[7]["subject"] = account.tickets[7]["raw_subject"] = {"text": "new shape"}
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert sorted(set(published(settings, "tickets", "ticket_id")), key=int) == [
        str(n) for n in range(1, 22) if n not in (4, 6, 7, 8)
    ]
    assert report.totals["tickets"].rejected >= 4


def test_a_field_that_is_gone_from_all_records_is_told(tmp_path: Path) -> None:
    account = Zendesk()
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        for ticket in account.tickets:
            del ticket["priority"]
        report = pull(settings)
    assert any("tickets have no field priority" in note for note in report.notes)


def test_nothing_after_a_week_of_something_is_told(tmp_path: Path) -> None:
    account = Zendesk()
    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        for day in range(7):
            account.tickets.append(account.tickets[0] | {"generated_timestamp": 1_700_001_000 + day})
            assert pull(settings, NIGHT + timedelta(days=day)).empty == ()
        service.respond = only(
            account,
            "tickets/cursor",
            Answer({"tickets": [], "after_cursor": "28", "end_of_stream": True}),
        )
        assert pull(settings, NIGHT + timedelta(days=7)).empty == ("tickets",)


def test_a_changed_mapping_comes_into_force_when_all_is_pulled_anew(tmp_path: Path) -> None:
    mapped = OPTIONS | {"tickets": {"columns": {"product": "custom_fields.77"}}}

    def generation(settings: Settings) -> int:
        return current_generations(list_batches(settings.paths))["desk", "tickets"]

    account = Zendesk()
    with serving(account) as service:
        before = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(before)
        old = published(before, "tickets", "ticket_id")

        settings = settings_of(tmp_path, "zendesk", service.url, mapped)
        service.respond = only(account, "satisfaction_ratings", Answer({}, 403))
        pull(settings)
        assert generation(settings) == 1
        assert published(settings, "tickets", "ticket_id") == old

        service.respond = account
        service.requests.clear()
        pull(settings)
        assert generation(settings) == 2
        asked = [request.value("cursor") for request in service.requests if "tickets/cursor" in request.path]
        assert asked == ["21"]  # it went on from where it was
    rows = published(settings, "tickets", "ticket_id").values()
    assert {row["product"] for row in rows if row["ticket_id"] != "21"} == {"shoes"}  # that is a tombstone


def test_repeated_and_reordered_rows_change_nothing(tmp_path: Path) -> None:
    account = Zendesk()

    def shuffled(request: Request) -> Answer:
        answer = account(request)
        if "tickets/cursor" not in request.path:
            return answer
        tickets = answer.body["tickets"]
        return replace(answer, body=answer.body | {"tickets": [*reversed(tickets), *tickets]})

    with serving(account) as service:
        settings = settings_of(tmp_path, "zendesk", service.url, OPTIONS)
        pull(settings)
        before = published(settings, "tickets", "ticket_id")
        for file in (settings.paths.state / "cursors" / "desk").iterdir():
            file.unlink()
        service.respond = shuffled
        pull(settings)
        assert published(settings, "tickets", "ticket_id") == before
