"""Delighted: what its responses and people become, and how they are walked."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

from cx_pipeline.landing import Days, connect
from cx_pipeline.privacy.identity_key import load_key
from cx_pipeline.privacy.keys import Keyer
from tests.connectors.delighted_fixture import OPTIONS, START, Delighted, person, response
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


def test_each_answered_question_becomes_a_row(tmp_path: Path) -> None:
    with serving(Delighted()) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == () and report.totals["feedback"].rejected == 0
    rows = published(settings, "feedback", "response_id")
    answers = {key: row for key, row in rows.items() if not key.startswith("person")}
    assert Counter(r["metric"] for r in answers.values()) == {"nps": 230, "csat": 115, "ces": 115, "idea": 32}
    one = answers["5005:score"]
    assert (one["score"], one["survey_id"], one["channel"], one["product"]) == (5, "nps", "email", "shoes")
    assert "1234" not in one["comment"]
    assert answers["5005:enum_1"]["score"] == 7 and answers["5005:scale_1"]["score"] == 1
    assert answers["5007:text_1"]["comment"] == "more 色"
    assert one["responded_at"].isoformat() == "2024-01-10T00:00:01+00:00"
    keyer = Keyer.of(settings, load_key(settings, may_create=False))
    assert one["customer_key"] == keyer.key("email", "person5@shop.example")


def test_an_invitation_is_a_row_without_score_that_its_answer_joins(tmp_path: Path) -> None:
    with serving(Delighted()) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        pull(settings)
    rows = published(settings, "feedback", "response_id").values()
    invited = {row["submission_id"]: row for row in rows if row["invited_at"]}
    assert len(invited) == 250 - 250 // 4  # every fourth was never asked
    assert {row["score"] for row in invited.values()} == {None}
    assert Counter(row["delivery_status"] for row in invited.values()) == {"delivered": 187, "bounced": 1}
    answered = {row["submission_id"] for row in rows if row["score"] is not None}
    assert len(answered & set(invited)) == 230 - 230 // 4
    assert len(answered - set(invited)) == 230 // 4


def test_the_next_night_lands_what_changed_since(tmp_path: Path) -> None:
    project = Delighted()
    with serving(project) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "feedback"))
        project.responses[10] = response(11, updated=5000) | {"score": 1}
        project.people.append(person(251) | {"last_sent_at": START + 400_000})
        service.requests.clear()
        pull(settings)
        asked = [r.value("updated_since") for r in service.requests if "responses" in r.path]
        pull(settings)
        count = len(landed(settings, "feedback"))
        pull(settings)
        assert len(landed(settings, "feedback")) == count
    assert asked == [str(START + 230 // 3 - 1)]
    rows = published(settings, "feedback", "response_id")
    assert rows["5011:score"]["score"] == 1
    assert f"person-251-{START + 400_000}:score" in rows
    assert count - before < 250 + 30  # the invitations of the last two days again, and a few responses


def test_a_backfill_asks_for_its_days_alone(tmp_path: Path) -> None:
    with serving(Delighted()) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        pull(settings, days=Days(NIGHT, NIGHT))
        asked = [r for r in service.requests if "responses" in r.path]
    assert [(r.value("updated_since"), r.value("updated_until")) for r in asked] == [
        ("1705276800", "1705363200")
    ]
    assert landed(settings, "feedback") == []


def test_without_invitations_no_person_is_asked_for(tmp_path: Path) -> None:
    with serving(Delighted()) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS | {"invitations": False})
        pull(settings)
        assert {r.path for r in service.requests} == {"/v1/survey_responses.json"}


def test_an_undeclared_survey_type_is_left_out_and_told(tmp_path: Path) -> None:
    project = Delighted()
    project.responses[0]["survey_type"] = "ces"
    with serving(project) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        report = pull(settings)
    assert any("surveys.ces" in note for note in report.notes)
    assert "5001:score" not in published(settings, "feedback", "response_id")


def test_pages_of_people_that_turn_in_a_circle_end(tmp_path: Path) -> None:
    project = Delighted()

    def respond(request: Request) -> Answer:
        answer = project(request)
        if request.path.endswith("people.json"):
            return Answer(answer.body, headers={"Link": '<https://x.example/?page_info=1>; rel="next"'})
        return answer

    with serving(respond) as service:
        report = pull(settings_of(tmp_path, "delighted", service.url, OPTIONS))
    assert [(stream, "circle" in told) for stream, told in report.problems] == [("invitations", True)]


def test_the_proposal_can_be_pasted(tmp_path: Path) -> None:
    with serving(Delighted()) as service:
        settings = settings_of(tmp_path, "delighted", service.url, OPTIONS)
        text = connect(settings, "desk", SwiftClock()).suggest()
    found = tomllib.loads(text)["sources"]["desk"]["surveys"]
    assert found == {"nps": {"score": {"metric": "nps"}, "text_1": "comment"}}
    settings_of(tmp_path, "delighted", "http://127.0.0.1:1", OPTIONS | {"surveys": found})
