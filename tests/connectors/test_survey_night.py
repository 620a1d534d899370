"""A whole night with the four survey tools as its sources: what is published is what they were answered."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from cx_pipeline.nightly import run_nightly
from cx_pipeline.settings import Settings
from tests.connectors import delighted_fixture, qualtrics_fixture, surveymonkey_fixture, typeform_fixture
from tests.connectors.service import serving

TOOLS = {
    "delighted": (delighted_fixture.OPTIONS, delighted_fixture.Delighted),
    "qualtrics": (qualtrics_fixture.OPTIONS, qualtrics_fixture.Qualtrics),
    "surveymonkey": (surveymonkey_fixture.OPTIONS, surveymonkey_fixture.SurveyMonkey),
    "typeform": (typeform_fixture.OPTIONS, typeform_fixture.Typeform),
}


def nps(scores: list[int]) -> float:
    """The definition, by hand."""
    promoters = sum(score >= 9 for score in scores)
    return 100 * (promoters - sum(score <= 6 for score in scores)) / len(scores)


def test_a_night_publishes_what_the_survey_tools_were_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import duckdb

    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    with ExitStack() as stack:
        sources = {
            name: {"type": name, "base_url": stack.enter_context(serving(service())).url, **options}
            for name, (options, service) in TOOLS.items()
        }
        settings = Settings.model_validate(
            {"data_dir": tmp_path / "data", "sources": sources, "reporting": {"min_n": 1}}
        )
        run_nightly(settings)
    with duckdb.connect(str(settings.paths.published_file), read_only=True) as connection:
        rows = connection.execute(
            "select kpi, dimension_value, value, n from marts.kpis where grain = 'all' "
            "and dimension = 'survey' and kpi in ('nps', 'csat', 'response_rate')"
        ).fetchall()
        ces = connection.execute(
            "select source, count(*), count(score), count(distinct scale_direction) from marts.fct_feedback "
            "where metric = 'ces' and score is not null group by source order by source"
        ).fetchall()
    found = {(kpi, survey): (value, n) for kpi, survey, value, n in rows}
    given = {
        "nps": [n % 11 for n in range(1, 231)],
        qualtrics_fixture.SURVEY: [n % 11 for n in range(1, 13) if n not in (4, 5)],  # a test, and spam
        surveymonkey_fixture.SURVEY: [n % 11 for n in range(1, 14) if n != 4],  # a preview
        typeform_fixture.FORM: [n % 11 for n in range(1, 14)],
    }
    for survey, scores in given.items():
        assert found["nps", survey] == (pytest.approx(nps(scores)), len(scores))
    # bounced and never sent ones are no invitations, typeform knows of none
    assert {survey: rate for (kpi, survey), rate in found.items() if kpi == "response_rate"} == {
        "nps": (pytest.approx(100 * 173 / 187), 187),
        qualtrics_fixture.SURVEY: (50.0, 2),
        surveymonkey_fixture.SURVEY: (50.0, 2),
    }
    assert found["csat", typeform_fixture.FORM] == (pytest.approx(100 * 4 / 13), 13)
    assert [source for source, *_ in ces] == sorted(TOOLS)
