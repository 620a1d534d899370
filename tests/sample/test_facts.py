"""The facts the README states are in the files, recomputed here row by row."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from cx_pipeline.sample import SampleReport
from tests.sample.drops import Row, instant

SEOUL = ZoneInfo("Asia/Seoul")


def weeks_after(report: SampleReport, at: datetime) -> int:
    return (at.astimezone(SEOUL).date() - report.bad_week).days // 7


def share(flags: list[bool]) -> float:
    return 100 * sum(flags) / len(flags)


def test_e_mail_answers_take_much_longer_in_the_bad_week(
    report: SampleReport, clean: dict[str, list[Row]]
) -> None:
    answered: dict[str, datetime] = {}
    for event in clean["ticket_events"]:
        if event["event_type"] == "reply" and event["actor_role"] == "agent":
            answered.setdefault(event["ticket_id"], event["occurred_at"])
    minutes = defaultdict(list)
    for row in clean["tickets"]:
        usual = row["status"] not in ("spam", "merged") and row["is_test"] == "false"
        if (
            usual
            and row["channel"] == "email"
            and row["direction"] == "inbound"
            and row["ticket_id"] in answered
        ):
            at = answered[row["ticket_id"]]
            minutes[weeks_after(report, at)].append((at - instant(row["created_at"])) / timedelta(minutes=1))
    fact = report.fact("bad_week")
    for week, name in ((-1, "median_before"), (0, "median_in"), (1, "median_after")):
        assert fact.value(name) == pytest.approx(statistics.median(minutes[week]))
    assert fact.value("median_in") > 3 * fact.value("median_before")


def test_satisfaction_falls_with_it(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    satisfied = defaultdict(list)
    for row in clean["feedback"]:
        if row["survey_id"] == "csat_support" and "score" in row:
            satisfied[weeks_after(report, instant(row["responded_at"]))].append(float(row["score"]) >= 4)
    fact = report.fact("bad_week")
    for week, name in ((-1, "csat_before"), (0, "csat_in"), (1, "csat_after")):
        assert fact.value(name) == pytest.approx(share(satisfied[week]))
    usual = share([flag for week, flags in satisfied.items() if abs(week) > 2 for flag in flags])
    assert fact.value("csat_in") < usual - 15


def test_and_those_customers_leave(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    free = {row["customer_id"] for row in clean["customers"] if row["relationship"] == "non_contractual"}
    weeks = defaultdict(set)
    for row in clean["tickets"]:
        usual = row["status"] != "spam" and row["is_test"] == "false" and row["direction"] == "inbound"
        if usual and row["status"] != "merged" and row.get("customer_id") in free:
            weeks[weeks_after(report, instant(row["created_at"]))].add(row["customer_id"])
    begins = datetime.combine(report.bad_week, datetime.min.time(), SEOUL).astimezone(UTC) + timedelta(
        weeks=1
    )
    back = {
        row["customer_id"]
        for row in clean["transactions"]
        if row["kind"] == "order" and begins <= instant(row["occurred_at"]) < begins + timedelta(days=90)
    }
    hit = weeks[0]
    before = set().union(*(weeks[w] for w in range(-4, 0))) - hit
    fact = report.fact("bad_week")
    assert fact.value("left_hit") == pytest.approx(share([c not in back for c in hit]))
    assert fact.value("left_before") == pytest.approx(share([c not in back for c in before]))
    assert fact.value("left_hit") > fact.value("left_before") + 15


def test_paying_in_the_app_is_the_friction_point(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    failed = defaultdict(list)
    for row in clean["touchpoints"]:
        if row["outcome"] != "none":
            failed[row["touchpoint"], row["channel"]].append(row["outcome"] == "failure")
    fact = report.fact("friction")
    for channel in ("app", "web"):
        assert fact.value(f"failure_{channel}") == pytest.approx(share(failed["payment", channel]))
    worst = max(failed, key=lambda place: share(failed[place]))
    assert worst == ("payment", "app")
    assert fact.value("failure_app") > 3 * fact.value("failure_web")


def test_satisfaction_is_lowest_where_the_friction_is(
    report: SampleReport, clean: dict[str, list[Row]]
) -> None:
    satisfied = defaultdict(list)
    for row in clean["feedback"]:
        if row["metric"] == "csat" and "score" in row and row["respondent_type"] == "customer":
            satisfied[row["touchpoint"]].append(float(row["score"]) >= 4)
    fact = report.fact("friction")
    for touchpoint, flags in satisfied.items():
        assert fact.value(f"csat_{touchpoint}") == pytest.approx(share(flags))
    assert fact.value("csat_payment") < fact.value("csat_delivery")


def test_referred_customers_buy_again_most_often(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    channel = {row["customer_id"]: row["acquisition_channel"] for row in clean["customers"]}
    refunded: dict[str, float] = defaultdict(float)
    for row in clean["transactions"]:
        if row["kind"] == "refund":
            refunded[row["parent_transaction_id"]] -= float(row["amount"])
    days = defaultdict(set)
    for row in clean["transactions"]:
        amount = float(row["amount"])
        gone = amount > 0 and refunded[row["transaction_id"]] >= amount - 0.005
        if row["kind"] in ("order", "renewal") and not gone:
            days[row["customer_id"]].add(instant(row["occurred_at"]).astimezone(SEOUL).date())
    again = defaultdict(list)
    for customer, dates in days.items():
        again[channel[customer]].append(len(dates) >= 2)
    fact = report.fact("referral")
    for code, flags in again.items():
        assert fact.value(f"repeat_{code}") == pytest.approx(share(flags))
    large = {code: share(flags) for code, flags in again.items() if len(flags) >= 100}
    assert max(large, key=lambda code: large[code]) == "referral"


def test_and_recommend_most(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    channel = {row["customer_id"]: row["acquisition_channel"] for row in clean["customers"]}
    scores = defaultdict(list)
    for row in clean["feedback"]:
        if row["metric"] == "nps" and "score" in row:
            scores[channel[row["customer_id"]]].append(float(row["score"]))
    fact = report.fact("referral")
    for code in ("referral", "paid_search", "social"):
        nps = share([s >= 9 for s in scores[code]]) - share([s <= 6 for s in scores[code]])
        assert fact.value(f"nps_{code}") == pytest.approx(nps)
    assert fact.value("nps_referral") > fact.value("nps_paid_search") + 10


def test_employees_expect_too_much(report: SampleReport, clean: dict[str, list[Row]]) -> None:
    fact = report.fact("perception_gap")
    for name, respondent in (("employees", "employee"), ("customers", "customer")):
        flags = [
            float(row["score"]) >= 4
            for row in clean["feedback"]
            if row["metric"] == "csat" and row["respondent_type"] == respondent and "score" in row
        ]
        assert fact.value(f"csat_{name}") == pytest.approx(share(flags))
    assert fact.value("gap") == pytest.approx(fact.value("csat_employees") - fact.value("csat_customers"))
    assert fact.value("gap") > 8


def test_the_readme_states_every_figure_in_both_languages(report: SampleReport) -> None:
    text = (report.directory / "README.md").read_text()
    for fact in report.facts:
        for figure in fact.figures:
            value = f"{figure.value:,.1f}"
            assert f"| {figure.english} | {value} |" in text
            assert f"| {figure.korean} | {value} |" in text
        assert all(text.count(query) == 2 for query in fact.queries)
    assert all(d.english in text and d.korean in text for d in report.dirt)


def test_its_queries_are_sql(report: SampleReport) -> None:
    import duckdb

    for fact in report.facts:
        for query in fact.queries:
            assert len(duckdb.extract_statements(query)) == 1
            assert re.search(r" from marts\.\w+ ", query)
