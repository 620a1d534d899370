"""The same data gives the same rows, to the last bit, however the nights went."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.dbt.harness import open_warehouse
from tests.dbt.test_incremental import TOUCHED
from tests.end_to_end.company import Company


def test_the_accounts_balance_to_the_row(second_night: Company) -> None:
    rows = second_night.rows(
        "select source, entity from marts.reconciliation where read <> landed + rejected "
        "or landed <> passed + quarantined + held or passed <> published + excluded"
    )
    assert rows == []
    assert second_night.rows("select count(distinct entity) from marts.reconciliation") == [(6,)]


def test_the_second_night_folds_a_part_into_what_is_kept(second_night: Company) -> None:
    """What is killed, filled up and run twice here is a night that leaves most rows and periods alone."""
    with open_warehouse(second_night.data.parent / "kept") as warehouse:
        for touched, (known, _key) in TOUCHED.items():
            part, whole = (warehouse.value(f"select count(*) from {table}") for table in (touched, known))
            assert 0 < part < whole / 2, touched
    assert second_night.rows("select full_refresh from marts.nights order by night") == [(True,), (False,)]


def test_the_five_families_have_values(second_night: Company) -> None:
    """Every headline KPI has a value in some period (most months of so small a company are suppressed)."""
    kpis = second_night.rows(
        "select distinct kpi from marts.kpis where dimension = 'all' and value is not null"
    )
    wanted = {
        "nps",
        "csat",
        "ces",
        "response_rate",
        "retention_rate",
        "churn_rate",
        "repeat_purchase_rate",
        "first_response_calendar_minutes_median",
        "resolution_calendar_minutes_p90",
        "fcr_rate",
        "one_touch_rate",
        "reopen_rate",
    }
    assert wanted <= {kpi for (kpi,) in kpis}


def test_the_same_night_twice_gives_the_same_rows(second_night: Company, tmp_path: Path) -> None:
    again = second_night.copy_to(tmp_path / "data")
    again.cx("nightly", "--date", "2026-11-02")
    assert again.contents() == second_night.contents()


def test_the_page_is_made_of_the_published_file_alone(second_night: Company, tmp_path: Path) -> None:
    again = tmp_path / "again.html"
    second_night.cx("scorecard", "--html", str(again))
    assert again.read_bytes() == second_night.published.with_name("scorecard.html").read_bytes()


def test_a_full_refresh_gives_the_same_rows(second_night: Company, tmp_path: Path) -> None:
    again = second_night.copy_to(tmp_path / "data")
    again.cx("nightly", "--date", "2026-11-02", "--full-refresh")
    assert again.contents() == second_night.contents()


def test_the_working_files_can_be_rebuilt_from_landing(second_night: Company, tmp_path: Path) -> None:
    again = second_night.copy_to(tmp_path / "data")
    shutil.rmtree(again.data / "warehouse")
    shutil.rmtree(again.inbox)
    again.inbox.mkdir()
    again.cx("nightly", "--date", "2026-11-03")
    assert again.contents() == second_night.contents()


def test_backfilled_days_in_another_order_give_the_same_rows(second_night: Company, tmp_path: Path) -> None:
    """Each day brings half of the entities, and the nights come in another order than the days."""
    company = Company(tmp_path / "data")
    company.data.mkdir()
    shutil.copy(second_night.data / "cx_pipeline.toml", company.data)
    (company.data / "state").mkdir()
    shutil.copy(second_night.data / "state" / "identity.key", company.data / "state")
    parts = {
        "01": ("customers", "feedback", "ticket_events"),
        "03": ("tickets", "transactions", "touchpoints"),
    }
    for day in ("03", "01"):
        for entity in parts[day]:
            shutil.copytree(second_night.inbox / entity, company.inbox / entity)
        company.cx("nightly", "--date", f"2026-11-{day}")
    assert company.contents() == second_night.contents()


def test_a_range_of_nights_is_one_run(first_night: Company) -> None:
    """The first night was run for three days at once, and is named by the last."""
    assert first_night.rows("select cast(night as varchar), outcome from marts.nights") == [
        ("2026-11-01", "published")
    ]
