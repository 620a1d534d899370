"""The four public data sets of docs/real-data.md, through a whole night, against independent figures.

The data is not part of the project: where `../shared/data` is absent every test here is skipped.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.company import ROOT, Company

DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"the public data sets are not at {DATA}")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Company:
    """A company whose inbox holds the four files, after one night under the documented settings."""
    company = Company(tmp_path_factory.mktemp("real") / "data")
    company.data.mkdir()
    shutil.copy(ROOT / "docs" / "examples" / "real_data.toml", company.data / "cx_pipeline.toml")
    for entity in ("tickets", "ticket_events", "feedback", "transactions"):
        (company.inbox / entity).mkdir(parents=True)
    with zipfile.ZipFile(DATA / "uci_incident_event_log.zip") as archive:
        archive.extract("incident_event_log.csv", company.inbox / "tickets")
    shutil.copy(company.inbox / "tickets" / "incident_event_log.csv", company.inbox / "ticket_events")
    for name, entity in (
        ("mattermost_nps.csv", "feedback"),
        ("nsmc_reviews_cp949.csv.gz", "feedback"),
        ("cdnow_master.txt", "transactions"),
    ):
        shutil.copy(DATA / name, company.inbox / entity)
    company.cx("nightly", "--date", "2026-11-01")
    return company


def _value(company: Company, kpi: str, where: str) -> float:
    rows = company.rows(f"select value from marts.kpis where kpi = '{kpi}' and {where}")
    assert len(rows) == 1, (kpi, where, rows)
    return float(rows[0][0])


def _all(survey: str) -> str:
    return f"grain = 'all' and dimension = 'survey' and dimension_value = '{survey}'"


def test_every_row_is_accounted_for(real: Company) -> None:
    read = {
        f"{source}.{entity}": count
        for source, entity, count in real.rows("select source, entity, read from marts.reconciliation")
    }
    assert read == {
        "servicenow.tickets": 141_712,
        "servicenow.ticket_events": 141_712,
        "mattermost.feedback": 3_116,
        "nsmc.feedback": 55_329,
        "cdnow.transactions": 69_659,
    }
    assert real.rows("select count(*) from marts.reconciliation where not is_balanced") == [(0,)]


def test_uci_incidents(real: Company) -> None:
    """Opened to resolved, of the last row of each incident; reopened; the file's own verdict."""
    tickets = real.rows(
        "select count(*), count(resolution_calendar_minutes), count(*) filter (where is_reopened), "
        "count(*) filter (where source_sla_met) from marts.fct_tickets where source = 'servicenow'"
    )
    assert tickets == [(24_918, 23_362, 275, 15_803)]
    hours = {
        statistic: _value(
            real, f"resolution_calendar_minutes_{statistic}", "grain = 'all' and dimension = 'all'"
        )
        / 60
        for statistic in ("median", "avg", "p90")
    }
    assert hours["median"] == pytest.approx(22.1, abs=0.05)
    assert hours["avg"] == pytest.approx(178.1716, abs=5e-5)
    assert hours["p90"] == pytest.approx(381.548, abs=5e-4)


def test_uci_events_belong_to_their_tickets(real: Company) -> None:
    events = real.rows(
        "select published from marts.reconciliation where source = 'servicenow' and entity = 'ticket_events'"
    )
    assert events == [(141_712,)]
    counted = real.rows("select sum(event_count + duplicate_event_count) from marts.fct_tickets")
    assert counted == [(141_712,)]


def test_mattermost_nps(real: Company) -> None:
    rows = real.rows(
        f"select value, ci_low, ci_high, n from marts.kpis where kpi = 'nps' and {_all('mattermost_nps')}"
    )
    value, low, high, n = rows[0]
    assert n == 3_108
    assert value == pytest.approx(-4.4723, abs=5e-5)
    assert low == pytest.approx(-7.4447, abs=5e-5)
    assert high == pytest.approx(-1.4913, abs=5e-5)
    classes = real.rows(
        "select promoters, passives, detractors from marts.kpi_nps "
        "where grain = 'all' and dimension = 'survey' and dimension_value = 'mattermost_nps'"
    )
    assert classes == [(1_049, 871, 1_188)]


def test_mattermost_nps_by_quarter(real: Company) -> None:
    quarters = real.rows(
        "select value from marts.kpis where kpi = 'nps' and grain = 'quarter' and dimension = 'survey' "
        "and dimension_value = 'mattermost_nps' order by period_start"
    )
    assert [value for (value,) in quarters] == pytest.approx([-14.741, -4.222, -3.926, 5.386], abs=5e-4)


def test_mattermost_nps_by_role(real: Company) -> None:
    """The role is a declared attribute, so it is a dimension."""
    roles = {
        role: (value, n)
        for role, value, n in real.rows(
            "select dimension_value, value, n from marts.kpis "
            "where kpi = 'nps' and grain = 'all' and dimension = 'user_role'"
        )
    }
    assert roles["system_admin"] == (pytest.approx(28.7206, abs=5e-5), 383)
    assert roles["user"] == (pytest.approx(-9.46, abs=5e-3), 2_463)


def test_cdnow_revenue_and_repeat_purchases(real: Company) -> None:
    revenue = real.rows("select sum(amount), count(distinct customer_key) from marts.fct_transactions")
    assert float(revenue[0][0]) == pytest.approx(2_500_315.63, abs=0.005)
    assert revenue[0][1] == 23_570
    repeat = real.rows(
        "select numerator, denominator, value from marts.kpis where dimension = 'all' and grain = 'all' "
        "and kpi = 'repeat_purchase_lifetime_rate'"
    )
    assert repeat[0][1] == 23_570
    assert repeat[0][2] == pytest.approx(48.8587, abs=5e-5)


def test_cdnow_cohorts(real: Company) -> None:
    cohorts = real.rows(
        "select cohort_size, round(retention_rate, 2) from marts.retention_cohorts "
        "where month_number = 1 order by cohort_month limit 3"
    )
    assert cohorts == [(7_846, 14.75), (8_476, 15.48), (7_248, 14.24)]


def test_korean_csat_by_month(real: Company) -> None:
    mean = real.rows("select avg(score) from marts.fct_feedback where source = 'nsmc'")
    assert float(mean[0][0]) == pytest.approx(7.7602704, abs=5e-8)
    assert _value(real, "csat", _all("nsmc")) == pytest.approx(56.9376, abs=5e-5)
    for month, value in (("2014-07-01", 56.5205), ("2015-01-01", 58.9644), ("2015-08-01", 57.8410)):
        where = f"grain = 'month' and period_start = date '{month}' and dimension = 'survey' "
        where += "and dimension_value = 'nsmc'"
        assert _value(real, "csat", where) == pytest.approx(value, abs=5e-5)


def test_the_file_dropped_again_under_another_name_doubles_nothing(real: Company, tmp_path: Path) -> None:
    again = real.copy_to(tmp_path / "data")
    shutil.copy(DATA / "mattermost_nps.csv", again.inbox / "feedback" / "mattermost_nps.copy.csv")
    toml = again.data / "cx_pipeline.toml"
    toml.write_text(toml.read_text().replace('"mattermost_nps.csv"', '"mattermost_nps*.csv"'))
    again.cx("nightly", "--date", "2026-11-02")
    assert again.contents()["kpi_nps"] == real.contents()["kpi_nps"]
