"""What the sample's README states is what the published tables answer; every dirty row is accounted for."""

from __future__ import annotations

import html
import json
import math
import os
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cx_pipeline.alerts import judge_published, tell
from cx_pipeline.sample import SampleReport, write_sample
from cx_pipeline.settings import Settings
from tests.alerts.conftest import Webhook, webhook
from tests.end_to_end.company import SETTINGS, Company, new_company

__all__ = ["webhook"]  # a fixture

NOW = datetime(2026, 11, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def told(second_night: Company, tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    """The report of the company's own sample: the same seed and size, so the same rows."""
    report = write_sample(tmp_path_factory.mktemp("told"), customers=80, days=90, seed=1)
    readme = (second_night.inbox / "README.md").read_bytes()
    assert readme == (report.directory / "README.md").read_bytes()
    return report


def agree(told: SampleReport, fact: str, answers: dict[str, Any]) -> int:
    """Compare the published values (None: suppressed or no data) with the figures; how many were there."""
    there = {name: value for name, value in answers.items() if value is not None and not math.isnan(value)}
    for name, value in there.items():
        assert value == pytest.approx(told.fact(fact).value(name)), name
    return len(there)


def test_every_stated_query_runs(second_night: Company, told: SampleReport) -> None:
    for fact in told.facts:
        for query in fact.queries:
            second_night.rows(query)


def test_the_bad_week_is_in_the_kpis(second_night: Company, told: SampleReport) -> None:
    medians, csat, walkouts, _experience = told.fact("bad_week").queries
    found = 0
    for query, prefix in ((medians, "median"), (csat, "csat")):
        weeks = {(row[0] - told.bad_week).days // 7: row[1] for row in second_night.rows(query)}
        named = {
            f"{prefix}_{name}": weeks.get(week) for week, name in ((-1, "before"), (0, "in"), (1, "after"))
        }
        found += agree(told, "bad_week", named)
    groups = {"in the bad week": "left_hit", "before only": "left_before"}
    found += agree(told, "bad_week", {groups[row[0]]: row[2] for row in second_night.rows(walkouts)})
    assert found >= 2  # in so small a company most weeks are suppressed


def test_the_friction_point_is_in_the_kpis(second_night: Company, told: SampleReport) -> None:
    _rates, by_channel, csat = told.fact("friction").queries
    failing = {f"failure_{channel}": rate for channel, rate, _n in second_night.rows(by_channel)}
    satisfied = {f"csat_{touchpoint}": value for touchpoint, value, _n in second_night.rows(csat)}
    assert agree(told, "friction", failing) == 2
    assert agree(told, "friction", satisfied) >= 2


def test_the_best_channel_is_in_the_kpis(second_night: Company, told: SampleReport) -> None:
    repeats = second_night.rows(told.fact("referral").queries[0])
    assert agree(told, "referral", {f"repeat_{channel}": value for channel, value, _n in repeats}) >= 3


def test_the_perception_gap_is_in_the_facts(second_night: Company, told: SampleReport) -> None:
    gap, by_respondent = told.fact("perception_gap").queries
    names = {"customer": "csat_customers", "employee": "csat_employees"}
    rates = {names[kind]: rate for kind, rate, _n in second_night.rows(by_respondent)}
    assert agree(told, "perception_gap", rates) == 2
    ((value, _n),) = second_night.rows(gap)
    assert agree(told, "perception_gap", {"gap": value}) == 1


def test_every_dirty_row_is_accounted_for(second_night: Company, told: SampleReport) -> None:
    columns = "read, rejected, quarantined, superseded, deleted"
    rows = second_night.rows(f"select entity, {columns} from marts.reconciliation")
    published = {entity: dict(zip(columns.split(", "), counts, strict=True)) for entity, *counts in rows}
    for entity, counts in published.items():
        dirt = [d for d in told.dirt if Path(d.path).parts[0] == entity]

        def stated(fate: str, dirt: list[Any] = dirt) -> int:
            return sum(d.rows for d in dirt if d.fate == fate)

        assert counts["read"] == told.rows[entity]
        assert counts["rejected"] == stated("rejected"), entity
        assert counts["quarantined"] == stated("quarantined"), entity
        assert counts["deleted"] == stated("deleted"), entity
        assert counts["superseded"] == stated("superseded") + stated("deleted"), entity


def test_every_told_change_is_a_significant_one(second_night: Company) -> None:
    """What `signals` tells of changes is what `kpis` calls significant; nothing incomplete, no mirror."""
    keys = "kpi, grain, period_start, dimension, dimension_value"
    wrong = second_night.rows(
        f"select kpi from marts.signals s left join marts.kpis k using ({keys}) "
        "join marts.dim_kpis d using (kpi) where s.kind = 'change' "
        "and (k.is_significant is distinct from true or not k.is_complete or d.mirror_of is not null)"
    )
    assert wrong == []


def text_of(page: str) -> str:
    """The words of a page, one space between any two."""
    return " ".join(
        html.unescape(re.sub(r"<(style|script|svg).*?</\1>|<[^>]+>", " ", page, flags=re.S)).split()
    )


def the_night_after(company: Company, week: date, folder: Path) -> Settings:
    """The desk as it stood when that week was the newest: what was found in it was found then."""
    (folder / "published").mkdir(parents=True)
    published = folder / "published" / "cx.duckdb"
    shutil.copyfile(company.published, published)
    with duckdb.connect(str(published)) as connection:
        connection.execute("update marts.signals set is_latest = (grain = 'week' and found_in = ?)", [week])
    (folder / "state").mkdir()
    for name in ("nights", "verdicts"):
        (folder / "state" / name).symlink_to(company.data / "state" / name)
    channels = {"ops": {"min_severity": "info", "url": os.environ["CX_ALERTS__CHANNELS__OPS__URL"]}}
    return Settings.model_validate({"data_dir": folder, "alerts": {"channels": channels}})


@pytest.mark.long
def test_the_planted_facts_are_found_named_and_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: Webhook
) -> None:
    """Of the company people see first: the bad week, the friction, the best channel and the gap.

    Found by `signals`, named on the page, and what is no good news told by one message of two nights.
    """
    company = new_company(tmp_path / "data", customers=2000, days=400)
    bad_week = write_sample(tmp_path / "told", customers=2000, days=400).bad_week
    (company.data / "cx_pipeline.toml").write_text(
        SETTINGS + '[alerts.channels.ops]\nmin_severity = "info"\n', encoding="utf-8"
    )
    monkeypatch.setenv("CX_ALERTS__CHANNELS__OPS__URL", webhook.url)
    for night in ("2026-11-01", "2026-11-02"):
        company.cx("nightly", "--date", night)

    def told(where: str) -> set[str]:
        return {kind for (kind,) in company.rows(f"select kind from marts.signals where {where}")}

    in_bad_week = f"grain = 'week' and found_in = date '{bad_week}' and effect = 'worse'"
    slow = "kpi = 'first_response_calendar_minutes_median' and dimension_value = 'email'"
    assert {"change", "outlier"} <= told(f"kpi = 'csat' and dimension = 'all' and {in_bad_week}")
    assert {"change", "outlier"} & told(f"{slow} and {in_bad_week}")
    for where in (
        "kpi = 'failure_rate' and dimension_value = 'payment' and effect = 'worse'",
        "kpi = 'failure_rate' and dimension = 'channel' and dimension_value = 'app' and effect = 'worse'",
        "kpi = 'repeat_purchase_lifetime_rate' and dimension_value = 'referral' and effect = 'better'",
        "kpi = 'nps' and dimension_value = 'referral' and effect = 'better'",
        "kpi = 'perception_gap_csat' and dimension = 'all' and value > 0",
    ):
        assert "contrast" in told(where), where
    assert company.rows("select min(rank), max(rank) = count(*) from marts.signals") == [(1, True)]

    told_of = {
        (told["finding"]["facts"]["kpi"], told["finding"]["facts"]["dimension_value"])
        for told in json.loads(
            (company.data / "state" / "alerts" / "ledger.json").read_text("utf-8")
        ).values()
        if told["finding"]["kind"] == "worsening" and told["told"] == {"ops": "open"}
    }
    assert {("failure_rate", "payment"), ("perception_gap_csat", "all")} <= told_of
    assert len(webhook.got) == 1, "the second night has nothing new to tell"
    then = the_night_after(company, bad_week, tmp_path / "then")
    for _ in range(2):
        tell(then, judge_published(then, NOW), "2026-11-02", now=NOW)
    assert len(webhook.got) == 2
    assert "CSAT (week of" in webhook.got[1]["message"]

    page = text_of((company.data / "published" / "scorecard.html").read_text(encoding="utf-8"))
    for what, where in (
        ("CSAT", f"week of {bad_week.day} {bad_week:%B %Y}"),
        ("Failed", "touchpoint payment"),
        ("NPS", "acquisition channel referral"),
        ("Perception gap, CSAT", "employees expect"),
    ):
        assert re.search(rf"{what}.{{0,200}}{where}", page), (what, where)
