"""A whole night over every kind of source at once, through to the KPIs, and one in which a source is silent.

Four survey tools, four help desks, a database, a declared API, files elsewhere and two stores are the sources
of one company: what is published of each is what it answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cx_pipeline.night import read_records
from cx_pipeline.nightly import run_nightly
from cx_pipeline.settings import Settings
from tests.connectors import (
    delighted_fixture,
    freshdesk_fixture,
    hubspot_fixture,
    intercom_fixture,
    qualtrics_fixture,
    surveymonkey_fixture,
    test_http,
    test_remote_files,
    test_sql,
    test_stores,
    typeform_fixture,
    zendesk_fixture,
)
from tests.connectors.service import Answer, Respond, Service, serving

Sources = dict[str, tuple[dict[str, Any], Callable[[], Respond]]]
"""type -> the options of a source of that name, the service it talks to."""

SURVEY_TOOLS: Sources = {
    "delighted": (delighted_fixture.OPTIONS, delighted_fixture.Delighted),
    "qualtrics": (qualtrics_fixture.OPTIONS, qualtrics_fixture.Qualtrics),
    "surveymonkey": (surveymonkey_fixture.OPTIONS, surveymonkey_fixture.SurveyMonkey),
    "typeform": (typeform_fixture.OPTIONS, typeform_fixture.Typeform),
}
DESKS: Sources = {
    "freshdesk": (freshdesk_fixture.OPTIONS, freshdesk_fixture.Freshdesk),
    "hubspot": (hubspot_fixture.OPTIONS, lambda: hubspot_fixture.HubSpot(size=100)),
    "intercom": (intercom_fixture.OPTIONS, lambda: intercom_fixture.Intercom(size=100)),
    "zendesk": (zendesk_fixture.OPTIONS, lambda: zendesk_fixture.Zendesk(size=100)),
}
OTHERS: Sources = {
    "http": (test_http.OPTIONS, test_http.Ratings),
    "remote_files": (test_remote_files.OPTIONS, test_remote_files.Web),
    "google_play": (test_stores.play_options(), test_stores.Play),
    "app_store": (test_stores.apple_options(), test_stores.Apple),
}
SERVICES = SURVEY_TOOLS | DESKS | OTHERS
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Night:
    """The company, its night through, and the services that are still there."""

    settings: Settings
    services: dict[str, Service]

    def rows(self, query: str) -> Rows:
        with duckdb.connect(str(self.settings.paths.published_file), read_only=True) as connection:
            return connection.execute(query).fetchall()


def shop(path: Path) -> None:
    """A database of four orders."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(
        "create table orders (order_no integer primary key, buyer text, kind text, total numeric, "
        "ordered_at text, changed_at text)"
    )
    for number in range(1, 5):
        test_sql.add(database, number, f"2024-01-10 10:00:0{number}")
    database.close()


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    root = tmp_path_factory.mktemp("company")
    shop(root / "shop.sqlite")
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(root / "dagster"))
        services = {name: stack.enter_context(serving(new())) for name, (_, new) in SERVICES.items()}
        sources: dict[str, Any] = {
            name: {"type": name, "base_url": services[name].url, **options}
            for name, (options, _) in SERVICES.items()
        }
        sources["shop"] = {
            "type": "sql",
            "url": f"sqlite:///{root}/shop.sqlite",
            "transactions": test_sql.ORDERS,
        }
        settings = Settings.model_validate(
            {"data_dir": root / "data", "reporting": {"min_n": 1, "currency": "KRW"}, "sources": sources}
        )
        run_nightly(settings)
        yield Night(settings, services)


def nps(scores: list[int]) -> float:
    """The definition, by hand."""
    promoters = sum(score >= 9 for score in scores)
    return 100 * (promoters - sum(score <= 6 for score in scores)) / len(scores)


def test_what_the_survey_tools_were_answered_is_published(night: Night) -> None:
    found = {
        (kpi, survey): (value, n)
        for kpi, survey, value, n in night.rows(
            "select kpi, dimension_value, value, n from marts.kpis where grain = 'all' "
            "and dimension = 'survey' and kpi in ('nps', 'csat', 'response_rate')"
        )
    }
    given = {
        "nps": [n % 11 for n in range(1, 231)],
        qualtrics_fixture.SURVEY: [n % 11 for n in range(1, 13) if n not in (4, 5)],  # a test, and spam
        surveymonkey_fixture.SURVEY: [n % 11 for n in range(1, 14) if n != 4],  # a preview
        typeform_fixture.FORM: [n % 11 for n in range(1, 14)],
    }
    for survey, scores in given.items():
        assert found["nps", survey] == (pytest.approx(nps(scores)), len(scores))
    # bounced and never sent ones are no invitations, typeform knows of none
    rates = {survey: rate for (kpi, survey), rate in found.items() if kpi == "response_rate"}
    assert {survey: rates.get(survey) for survey in given} == {
        "nps": (pytest.approx(100 * 173 / 187), 187),
        qualtrics_fixture.SURVEY: (50.0, 2),
        surveymonkey_fixture.SURVEY: (50.0, 2),
        typeform_fixture.FORM: None,
    }
    assert found["csat", typeform_fixture.FORM] == (pytest.approx(100 * 4 / 13), 13)
    asked_for_effort = {
        source
        for source, _ in night.rows(
            "select source, count(distinct scale_direction) from marts.fct_feedback "
            "where metric = 'ces' and score is not null group by source"
        )
    }
    assert set(SURVEY_TOOLS) <= asked_for_effort


def test_every_desks_tickets_are_published(night: Night) -> None:
    tickets = night.rows(
        """
        select
            source, count(*), count(first_response_calendar_minutes),
            median(first_response_calendar_minutes),
            count(*) filter (where resolution_calendar_minutes is not null)
        from marts.fct_tickets where source <> 'zendesk' group by source order by source
        """
    )
    # an outbound ticket's clock starts with the customer's first message: Freshdesk's got no answer to it,
    # Intercom's never came
    assert tickets == [
        ("freshdesk", 25, 24, 30.0, 17),
        ("hubspot", 17, 17, 30.0, 12),
        ("intercom", 15, 14, 2.0, 9),
    ]
    # two deleted, one merged
    assert night.rows("select count(*) from marts.fct_tickets where source = 'zendesk'") == [(18,)]


def test_every_desks_answers_are_published_and_counted(night: Night) -> None:
    desks = ", ".join(f"'{name}'" for name in DESKS)
    answers = night.rows(
        "select source, metric, count(*) filter (where score is not null) from marts.fct_feedback "
        f"where source in ({desks}) group by source, metric order by source, metric"
    )
    assert answers == [
        ("freshdesk", "csat", 5),
        ("hubspot", "ces", 2),
        ("hubspot", "csat", 2),
        ("hubspot", "nps", 2),
        ("intercom", "csat", 9),
        ("zendesk", "csat", 5),
    ]
    csat = {
        survey: (value, n)
        for survey, value, n in night.rows(
            "select dimension_value, value, n from marts.kpis "
            "where kpi = 'csat' and grain = 'all' and dimension = 'survey'"
        )
    }
    # Freshdesk's and HubSpot's surveys are both number 1: three of five faces, and both
    assert csat["1"] == (pytest.approx(100 * 5 / 7), 7)
    assert csat["conversation_rating"] == (pytest.approx(100 * 5 / 9), 9)  # Intercom's five fives
    assert csat["satisfaction_rating"] == (40.0, 5)  # Zendesk's


def test_declared_sources_stores_and_the_database_are_published(night: Night) -> None:
    counts: dict[str, int] = dict(
        night.rows(
            "select source, count(*) from marts.fct_transactions group by source union all "
            "select source, count(*) from marts.fct_feedback "
            "where source in ('http', 'google_play', 'app_store') group by source"
        )
    )
    assert counts == {"shop": 4, "remote_files": 5, "http": 11, "google_play": 7, "app_store": 7}
    stars = [n % 5 + 1 for length in (11, 7, 7) for n in range(1, length + 1)]
    rating = night.rows(
        "select value, n from marts.kpis where kpi = 'rating_avg' and grain = 'all' and dimension = 'all'"
    )
    assert rating == [(pytest.approx(sum(stars) / len(stars)), 25)]
    # kim1@… of the database and of the files is one person
    assert night.rows("select count(distinct customer_key) from marts.fct_transactions") == [(5,)]


def test_a_source_that_stops_answering_is_told_stale_and_keeps_what_it_brought(night: Night) -> None:
    assert night.rows("select stale_sources from marts.nights") == [("",)]
    night.services["zendesk"].respond = lambda _: Answer({}, 401)
    broken = night.settings.paths.inbox / "tickets" / "book.xlsx"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"no book")
    unread = run_nightly(night.settings).unread
    broken.unlink()
    assert {line.split(":")[0] for line in unread} == {"inbox", "zendesk"}
    assert len(set(unread)) == len(unread)
    assert [line.split(": ")[1] for line in unread if line.startswith("inbox")] == ["tickets/book.xlsx"]
    assert night.rows("select count(*) from marts.fct_tickets where source = 'zendesk'") == [(18,)]
    # both nights are for the same day: the mart has the last run of it
    assert night.rows("select stale_sources from marts.nights") == [("inbox, zendesk",)]
    records = read_records(night.settings.paths.state / "nights")
    assert sorted((r.outcome, r.stale_sources) for r in records) == [
        ("published", ""),
        ("published", "inbox, zendesk"),
    ]
