"""The columns the gate adds: the scale in force, the seed of surveys, the ends of a date."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import SurveysError
from cx_pipeline.gate.columns import (
    SURVEYS_FILE,
    Survey,
    added_columns,
    newest_instant,
    read_surveys,
    with_added_columns,
)
from tests.gate.conftest import LANDED_AT, Row, arrow_rows

HEADER = "survey_id,survey_type,metric,scale_min,scale_max,direction,satisfied_from\n"
PULL = datetime.fromisoformat(LANDED_AT)
SURVEYS = (Survey("s", "csat", 0.0, 10.0, "higher_is_better"), Survey("s", "ces", None, 5.0, None))


def _added(row: Row, entity: str = "feedback") -> Row:
    rows = arrow_rows(entity, [row])
    wanted = added_columns(ENTITIES[entity])
    return dict(with_added_columns(rows, ENTITIES[entity], wanted, PULL, SURVEYS).to_pylist()[0])


@pytest.mark.parametrize(
    ("row", "scale"),
    [
        ({"metric": "csat"}, (1, 5)),
        ({"metric": "csat", "survey_id": "s"}, (0, 10)),
        ({"metric": "csat", "survey_id": "s", "scale_max": 7.0}, (0, 7)),
        ({"metric": "csat", "survey_id": "other"}, (1, 5)),
        ({"metric": "nps", "survey_id": "s"}, (0, 10)),  # the survey's scale is that of another question
        ({"metric": "ces", "survey_id": "s"}, (1, 5)),
        ({"metric": "comment"}, (None, None)),
        ({"metric": "bogus", "scale_min": 2.0}, (2, None)),
        ({"metric": None, "survey_id": None}, (None, None)),
    ],
)
def test_each_end_of_a_scale_is_the_rows_else_its_surveys_else_its_metrics(
    row: Row, scale: tuple[float | None, float | None]
) -> None:
    added = _added(row)
    assert (added["effective_scale_min"], added["effective_scale_max"]) == scale


def test_a_direction_is_the_rows_else_its_surveys_and_never_guessed() -> None:
    assert _added({"metric": "csat", "survey_id": "s"})["effective_scale_direction"] == "higher_is_better"
    own = {"metric": "csat", "survey_id": "s", "scale_direction": "lower_is_better"}
    assert _added(own)["effective_scale_direction"] == "lower_is_better"
    assert _added({"metric": "ces", "survey_id": "s"})["effective_scale_direction"] is None


def test_lengths_are_in_bytes_and_attributes_count() -> None:
    assert _added({"comment": "가나"})["longest_text_bytes"] == 6
    assert _added({"attributes": [("role", "관리자")]})["longest_text_bytes"] == 9
    assert _added({})["longest_text_bytes"] == 0


def test_only_the_named_column_is_taken_as_a_date() -> None:
    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    row = {"created_at": noon, "resolved_at": noon, "date_only": "first_responded_at,resolved_at"}
    added = _added(row, "tickets")
    assert added["created_at_earliest"] == added["created_at_latest"] == noon
    assert added["resolved_at_earliest"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert added["resolved_at_latest"] == datetime(2026, 11, 2, tzinfo=UTC)


def test_the_newest_instant_is_no_end_of_a_contract_and_none_beyond_the_horizon() -> None:
    far = datetime(2030, 1, 1, tzinfo=UTC)
    rows = arrow_rows("customers", [{"ended_at": far, "signed_up_at": far, "updated_at": PULL}, {}])
    assert newest_instant(rows, ENTITIES["customers"], PULL) == PULL
    assert newest_instant(rows.slice(1), ENTITIES["customers"], PULL) is None


def test_the_projects_own_seed_can_be_read() -> None:
    assert all(survey.survey_id and survey.metric for survey in read_surveys(SURVEYS_FILE))


def test_without_a_seed_nothing_is_declared(tmp_path: Path) -> None:
    assert read_surveys(tmp_path / "surveys.csv") == ()


def test_ids_of_the_seed_are_text(tmp_path: Path) -> None:
    path = tmp_path / "surveys.csv"
    path.write_text(f"\ufeff{HEADER}007,relational,nps,,10,,\n", encoding="utf-8")
    assert read_surveys(path) == (Survey("007", "nps", None, 10.0, None),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s,relational,nps,zero,10,,\n", r"line 2: scale_min must be a number or empty, not 'zero'"),
        (",relational,nps,0,10,,\n", r"line 2: survey_id is missing"),
    ],
)
def test_a_wrong_line_of_the_seed_is_a_clear_error(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "surveys.csv"
    path.write_text(HEADER + line, encoding="utf-8")
    with pytest.raises(SurveysError, match=message):
        read_surveys(path)
