"""Typeform: what its responses become, and how they are walked."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from cx_pipeline.landing import Days, connect
from cx_pipeline.privacy.identity_key import load_key
from cx_pipeline.privacy.keys import Keyer
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
from tests.connectors.typeform_fixture import FORM, OPTIONS, Typeform, response


def test_each_answered_question_becomes_a_row(tmp_path: Path) -> None:
    with serving(Typeform()) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == () and report.totals["feedback"].rejected == 0
    rows = published(settings, "feedback", "response_id")
    assert Counter(r["metric"] for r in rows.values()) == {"nps": 13, "ces": 7, "csat": 13, "comment": 2}
    one = rows["t3:recommend"]
    assert (one["score"], one["submission_id"], one["ticket_id"], one["product"]) == (3, "t3", "T-3", "shoes")
    assert rows["t5:f3"]["score"] == 3 and rows["t4:f3"]["score"] == 2
    assert (rows["t3:f2"]["score"], rows["t3:f2"]["scale_direction"]) == (4, "lower_is_better")
    assert "bob" not in rows["t5:f4"]["comment"]
    keyer = Keyer.of(settings, load_key(settings, may_create=False))
    assert one["customer_key"] == keyer.key("email", "ann@shop.example")


def test_the_next_night_lands_what_came_since(tmp_path: Path) -> None:
    account = Typeform()
    with serving(account) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        pull(settings)
        account.responses += [response(14, minutes=400), response(15, minutes=5)]  # one of them came late
        service.requests.clear()
        pull(settings)
        pull(settings)
        count = len(landed(settings, "feedback"))
        pull(settings)
        assert len(landed(settings, "feedback")) == count
    assert service.requests[0].value("since") == "2024-01-09T23:13:00Z"  # an hour before the last
    assert {"t14:recommend", "t15:recommend"} < set(published(settings, "feedback", "response_id"))


def test_a_backfill_asks_for_its_days_alone(tmp_path: Path) -> None:
    with serving(Typeform()) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        pull(settings, days=Days(NIGHT, NIGHT))
        (asked,) = service.requests
    assert asked.value("since") == "2024-01-15T00:00:00Z"
    assert asked.value("until") == "2024-01-16T00:00:00Z"


def test_a_second_fuller_than_a_page_is_told_and_does_not_turn_in_a_circle(tmp_path: Path) -> None:
    account = Typeform()
    account.responses = [response(n, minutes=1) for n in range(1, 8)] + [response(9, minutes=2)]
    with serving(account) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert any("some may be missing" in note for note in report.notes)
    assert "t9:recommend" in published(settings, "feedback", "response_id")


def test_a_page_that_tells_rows_twice_is_not_taken_for_the_last(tmp_path: Path) -> None:
    """Five of seven responses, two of them twice, once counted as all seven."""
    account = Typeform()

    def respond(request: Request) -> Answer:
        answer = account(request)
        items = answer.body["items"]
        return replace(answer, body=answer.body | {"items": sorted(items + items[-2:], key=_at)})

    def _at(item: dict[str, Any]) -> str:
        return str(item["submitted_at"])

    with serving(respond) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        assert pull(settings).problems == ()
    assert (
        len({row["submission_id"] for row in published(settings, "feedback", "response_id").values()}) == 13
    )


def test_responses_without_their_instant_are_an_error_and_no_quiet_night(tmp_path: Path) -> None:
    account = Typeform()
    for one in account.responses:
        one["at"] = one.pop("submitted_at")
    items = Answer({"items": account.responses, "total_items": 13})
    with serving(lambda request: items) as service:
        report = pull(settings_of(tmp_path, "typeform", service.url, OPTIONS))
    assert "no submitted_at" in report.problems[0][1]


def test_an_order_other_than_asked_for_is_an_error_and_no_gap(tmp_path: Path) -> None:
    account = Typeform()

    def respond(request: Request) -> Answer:
        answer = account(request)
        return Answer(answer.body | {"items": answer.body["items"][::-1]})

    with serving(respond) as service:
        report = pull(settings_of(tmp_path, "typeform", service.url, OPTIONS))
    assert "not sorted" in report.problems[0][1]


def test_the_proposal_can_be_pasted(tmp_path: Path) -> None:
    with serving(Typeform()) as service:
        settings = settings_of(tmp_path, "typeform", service.url, OPTIONS)
        text = connect(settings, "desk", SwiftClock()).suggest()
    found = tomllib.loads(text)["sources"]["desk"]["surveys"]
    assert found == {
        FORM: {
            "f1": {"metric": "nps"},
            "f2": {"metric": "ces", "scale": [1, 5], "direction": "lower_is_better"},
            "f5": {"metric": "rating"},
            "f3": {"metric": "csat", "scale": [1, 3], "values": {"Bad": 1, "So-so": 2, "Good": 3}},
            "f4": "comment",
        }
    }
    settings_of(tmp_path, "typeform", "http://127.0.0.1:1", OPTIONS | {"surveys": found})
