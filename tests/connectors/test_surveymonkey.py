"""SurveyMonkey: what its responses become, and how they are walked."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from cx_pipeline.landing import Days, connect
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
from tests.connectors.surveymonkey_fixture import OPTIONS, SURVEY, SurveyMonkey, response

RECORDING = Path(__file__).parents[3] / "shared" / "recordings" / "surveymonkey" / "responses_bulk.json"


def test_each_answered_question_becomes_a_row(tmp_path: Path) -> None:
    with serving(SurveyMonkey()) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    rows = published(settings, "feedback", "response_id")
    answers = {key: row for key, row in rows.items() if not key.startswith("recipient")}
    # one of the ces answers is "not applicable"
    assert Counter(r["metric"] for r in answers.values()) == {"nps": 13, "csat": 13, "ces": 12, "comment": 2}
    nps = {row["response_id"]: row["score"] for row in answers.values() if row["metric"] == "nps"}
    assert nps == {f"1337631{n:04d}:700": n % 11 for n in range(1, 14)}
    assert answers["13376310001:701"]["score"] == 3
    assert answers["13376310003:702_1"]["score"] == 3
    assert {key for key, row in answers.items() if row["is_test"]} == {
        f"13376310004:{q}" for q in ("700", "701", "702_1")
    }
    comment = answers["13376310005:703"]
    assert "1234" not in comment["comment"] and comment["transaction_id"] == "o5"
    assert comment["responded_at"].isoformat() == "2024-01-10T00:05:30+00:00"
    assert comment["survey_id"] == SURVEY


def test_an_invitation_is_a_row_without_score_that_its_answer_joins(tmp_path: Path) -> None:
    with serving(SurveyMonkey()) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        pull(settings)
    rows = published(settings, "feedback", "response_id")
    invited = {key: row for key, row in rows.items() if key.startswith("recipient")}
    assert len(invited) == 9  # three that went out, three scored questions each; reminders count once
    assert invited["recipient-9003:700"]["delivery_status"] == "bounced"
    assert invited["recipient-9001:700"]["submission_id"] == rows["13376310001:700"]["submission_id"]
    assert invited["recipient-9001:700"]["customer_key"] == rows["13376310001:700"]["customer_key"]
    assert {row["score"] for row in invited.values()} == {None}


def test_the_next_night_lands_what_changed_since(tmp_path: Path) -> None:
    account = SurveyMonkey()
    with serving(account) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "feedback"))
        account.responses[1] = response(2, modified=600)
        account.responses[1]["pages"][0]["questions"][0]["answers"][0]["choice_id"] = "700010"
        service.requests.clear()
        pull(settings)
        asked = [r.value("start_modified_at") for r in service.requests if r.path.endswith("bulk")]
        pull(settings)
        count = len(landed(settings, "feedback"))
        pull(settings)
        assert len(landed(settings, "feedback")) == count
    assert asked == ["2024-01-10T00:13:59"]  # the last change was at a quarter past, less a second
    assert published(settings, "feedback", "response_id")["13376310002:700"]["score"] == 10
    assert count - before <= 9


def test_a_backfill_asks_for_its_days_alone(tmp_path: Path) -> None:
    with serving(SurveyMonkey()) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        pull(settings, days=Days(NIGHT, NIGHT))
        (asked,) = [r for r in service.requests if r.path.endswith("bulk")]
    assert asked.value("start_modified_at") == "2024-01-15T00:00:00"
    assert asked.value("end_modified_at") == "2024-01-16T00:00:00"


def test_without_the_questions_only_declared_values_are_scores(tmp_path: Path) -> None:
    account = SurveyMonkey()

    def respond(request: Request) -> Answer:
        return Answer({}, 403) if "details" in request.path else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert any("cannot be read" in note for note in report.notes)
    assert published(settings, "feedback", "response_id")["13376310001:701"]["score"] == 3


def test_the_proposal_can_be_pasted(tmp_path: Path) -> None:
    with serving(SurveyMonkey()) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, OPTIONS)
        text = connect(settings, "desk", SwiftClock()).suggest()
    found = tomllib.loads(text)["sources"]["desk"]["surveys"][SURVEY]
    values = {f"702{n}": n for n in range(1, 8)}
    ease = {"metric": "ces", "direction": "higher_is_better", "values": values}
    assert found == {
        "700": {"metric": "nps", "values": {f"7000{n:02d}": n for n in range(11)}},
        "701": {
            "metric": "csat",
            "scale": [1, 3],
            "direction": "lower_is_better",
            "values": {"7011": 1, "7012": 2, "7013": 3},
        },
        "702_1": ease,
        "702_2": ease,
        "703": "comment",
    }
    settings_of(tmp_path, "surveymonkey", "http://127.0.0.1:1", OPTIONS | {"surveys": {SURVEY: found}})


def test_the_recorded_answer_lands(tmp_path: Path) -> None:
    if not RECORDING.exists():
        pytest.skip("the recordings are not on this machine")
    recorded = json.loads(RECORDING.read_text())

    def respond(request: Request) -> Answer:
        return Answer(recorded) if request.path.endswith("/bulk") else Answer({}, 404)

    questions = {"769893650": {"metric": "csat", "values": {"5096103935": 4}}, "769893903": "comment"}
    options = OPTIONS | {"surveys": {"318754279": questions}}
    with serving(respond) as service:
        settings = settings_of(tmp_path, "surveymonkey", service.url, options)
        report = pull(settings)
    assert report.problems == () and report.totals["feedback"].landed == 4
    rows = published(settings, "feedback", "response_id")
    assert {key: row["score"] for key, row in rows.items()} == {
        "13376313674:769893650": 4,
        "13376299051:769893650": 4,
        "13376313674:769893903": None,
        "13376299051:769893903": None,
    }
    assert rows["13376313674:769893903"]["comment"] == "Donut, Mango, Phil"
