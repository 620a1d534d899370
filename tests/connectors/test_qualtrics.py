"""Qualtrics: what its exports become, and how they are asked for."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.landing import Days, connect, list_batches
from tests.connectors.qualtrics_fixture import COLUMNS, OPTIONS, SURVEY, Qualtrics, contact, response
from tests.connectors.service import (
    NIGHT,
    Answer,
    SwiftClock,
    landed,
    published,
    pull,
    replay,
    serving,
    settings_of,
)

RECORDING = Path(__file__).parents[3] / "shared" / "recordings" / "qualtrics" / "fetch_survey.yml"


def test_each_answered_question_becomes_a_row(tmp_path: Path) -> None:
    with serving(Qualtrics()) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    rows = published(settings, "feedback", "response_id")
    answers = {key: row for key, row in rows.items() if key.startswith("R_")}
    assert Counter(row["metric"] for row in answers.values()) == {
        "nps": 12,
        "csat": 12,
        "ces": 9,
        "comment": 2,
    }
    one = answers["R_1:QID3"]
    assert (one["score"], one["scale_min"], one["scale_max"]) == (2, 1, 7)
    assert (one["scale_direction"], one["submission_id"]) == ("higher_is_better", "R_1")
    assert (one["survey_id"], one["question_id"], one["channel"]) == (SURVEY, "QID3", "email")
    assert (one["language"], one["transaction_id"]) == ("ko", "o1")
    assert one["responded_at"].isoformat() == "2024-01-10T07:15:00+00:00"  # Denver's quarter past midnight
    assert {key for key, row in answers.items() if row["is_test"]} >= {"R_4:QID1"}
    assert answers["R_5:QID1"]["is_deleted"]
    comment = answers["R_10:QID4"]
    assert comment["score"] is None and "1234" not in comment["comment"]
    assert comment["comment"].startswith('good, "solid"\nwork')


def test_an_invitation_is_a_row_without_score_that_its_answer_joins(tmp_path: Path) -> None:
    account = Qualtrics()
    with serving(account) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        pull(settings)
        rows = published(settings, "feedback", "response_id")
        invited = {key: row for key, row in rows.items() if key.startswith("EMD_1:")}
        assert len(invited) == 9  # three that went out, three scored questions each
        assert {row["score"] for row in invited.values()} == {None}
        assert invited["EMD_1:CGC_21:QID1"]["delivery_status"] == "bounced"
        assert invited["EMD_1:CGC_1:QID1"]["submission_id"] == "R_1"
        assert invited["EMD_1:CGC_20:QID1"]["submission_id"] == "EMD_1:CGC_20"
        account.contacts[1] = contact(20, "SurveyFinished", "R_20")
        account.responses.append(response(20))
        pull(settings)
    rows = published(settings, "feedback", "response_id")
    assert rows["EMD_1:CGC_20:QID1"]["submission_id"] == "R_20"
    assert rows["R_20:QID1"]["score"] == 9


def test_the_next_night_asks_for_what_was_recorded_since(tmp_path: Path) -> None:
    account = Qualtrics()
    with serving(account) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        pull(settings)
        before = len(landed(settings, "feedback"))
        account.responses.append(response(13))
        service.requests.clear()
        pull(settings)
        (body,) = [r.body for r in service.requests if r.method == "POST"]
        pull(settings)
        count = len(landed(settings, "feedback"))
        pull(settings)  # nothing new: nothing lands
    assert body["startDate"] == "2024-01-10T09:05:00Z"  # an hour before the last one recorded
    assert body["format"] == "csv" and body["useLabels"] is False
    assert "R_13:QID1" in published(settings, "feedback", "response_id")
    assert count - before <= 40  # the last hour again, not everything
    assert len(landed(settings, "feedback")) == count


def test_a_backfill_asks_for_its_days_alone(tmp_path: Path) -> None:
    with serving(Qualtrics()) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        pull(settings, days=Days(NIGHT, NIGHT))
        (body,) = [r.body for r in service.requests if r.method == "POST"]
    assert (body["startDate"], body["endDate"]) == ("2024-01-15T00:00:00Z", "2024-01-16T00:00:00Z")


def test_an_account_without_distributions_is_no_failure(tmp_path: Path) -> None:
    account = Qualtrics()

    def respond(request: Any) -> Answer:
        return Answer({}, 403) if "distributions" in request.path else account(request)

    with serving(respond) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == ()
    assert any("no response rate" in note for note in report.notes)


def test_a_mapped_field_the_export_lacks_is_told_and_one_an_invitation_lacks_is_not(tmp_path: Path) -> None:
    """The gate holds a batch that lacks a column its mapping names."""
    mapped = {"columns": {"transaction_id": "embedded.order", "product": "embedded.gone"}}
    with serving(Qualtrics()) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS | {"feedback": mapped})
        pull(settings)
    missing = {batch.origin.split("_")[0]: batch.missing for batch in list_batches(settings.paths)}
    assert missing == {"responses": ("product",), "invitations": ()}


def test_a_failed_export_ends_the_stream_with_what_to_do(tmp_path: Path) -> None:
    account = Qualtrics()

    def respond(request: Any) -> Answer:
        if "export-responses/ES_" in request.path:
            return Answer({"result": {"status": "failed", "percentComplete": 0.0}})
        return account(request)

    with serving(respond) as service:
        report = pull(settings_of(tmp_path, "qualtrics", service.url, OPTIONS))
    assert [stream for stream, _ in report.problems] == [f"responses_{SURVEY}"]
    assert "could not export" in report.problems[0][1]


def test_an_answer_that_is_no_number_is_rejected_alone(tmp_path: Path) -> None:
    account = Qualtrics()
    account.responses[0] = response(1, Q2="don't know")
    account.responses[1] = response(2, Q2="Very  satisfied")
    with serving(account) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        report = pull(settings)
    assert report.totals["feedback"].rejected == 1
    rows = published(settings, "feedback", "response_id")
    assert "R_1:QID2" not in rows
    assert rows["R_2:QID2"]["score"] == 5  # a label of the survey's own


@pytest.mark.parametrize("zone", ["America/Denver", "UTC"])
def test_a_damaged_response_is_rejected_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    for column in ("EndDate", "RecordedDate"):
        monkeypatch.setitem(COLUMNS[column], "timeZone", zone)
    account = Qualtrics()
    account.responses[0] = response(1, RecordedDate="2024-99-10 00:00:00")
    account.responses[1] = response(2, EndDate="yesterday")
    with serving(account) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        report = pull(settings)
    assert report.problems == () and report.totals["feedback"].rejected > 0
    keys = {row["submission_id"] for row in published(settings, "feedback", "response_id").values()}
    assert "R_3" in keys and "R_2" not in keys
    hour = published(settings, "feedback", "response_id")["R_3:QID1"]["responded_at"].hour
    assert hour == (0 if zone == "UTC" else 7)


def test_the_proposal_can_be_pasted(tmp_path: Path) -> None:
    with serving(Qualtrics()) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, OPTIONS)
        text = connect(settings, "desk", SwiftClock()).suggest()
    found = tomllib.loads(text)["sources"]["desk"]["surveys"]
    assert found == {
        SURVEY: {
            "QID1": {"metric": "nps"},
            "QID2": {"metric": "csat"},
            "QID3_1": {"metric": "ces", "direction": "higher_is_better"},
            "QID4": "comment",
        }
    }
    assert "1 = Very dissatisfied, 5 = Very satisfied" in text
    settings_of(tmp_path, "qualtrics", "http://127.0.0.1:1", OPTIONS | {"surveys": found})


def test_the_recorded_export_lands(tmp_path: Path) -> None:
    """An export of another client, with labels: the survey's own make them scores."""
    if not RECORDING.exists():
        pytest.skip("the recordings are not on this machine")
    import base64
    import csv
    import io
    import zipfile
    import zlib

    import yaml

    recorded = []
    for one in yaml.safe_load(RECORDING.read_text())["http_interactions"]:
        body = one["response"]["body"]
        content = (
            zlib.decompress(base64.b64decode(body["raw_gzip"]))
            if "raw_gzip" in body
            else body["string"].encode()
        )
        recorded.append((one["request"]["method"], one["request"]["uri"], Answer(content)))
    questions = {"QID16": "csat", "QID22": "comment"}
    options = OPTIONS | {"surveys": {"SV_3gbwq8aJgqPwQDP": questions}}
    with serving(replay(recorded)) as service:
        settings = settings_of(tmp_path, "qualtrics", service.url, options)
        report = pull(settings)
    (file,) = [answer.content for _, address, answer in recorded if address.endswith("/file")]
    archive = zipfile.ZipFile(io.BytesIO(file))
    given = list(csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode("utf-8-sig"))))[2:]
    rows = published(settings, "feedback", "response_id")
    assert report.problems == () and report.totals["feedback"].rejected == 0
    assert len(given) == 44
    assert Counter(row["metric"] for row in rows.values()) == {
        "csat": sum(1 for g in given if g["Q16"]),
        "comment": sum(1 for g in given if g["Q22"].strip()),
    }
    labels = ["Extremely dissatisfied", "Somewhat dissatisfied", "Neither satisfied nor dissatisfied"]
    labels += ["Somewhat satisfied", "Extremely satisfied"]
    values = {label: score for score, label in enumerate(labels, 1)}
    assert {row["submission_id"]: row["score"] for row in rows.values() if row["metric"] == "csat"} == {
        g["ResponseId"]: values[g["Q16"]] for g in given if g["Q16"]
    }
