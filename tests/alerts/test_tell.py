"""A night's alerts from the published file to the channel: what is told, once, in which words."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from cx_pipeline.alerts import LedgerError, judge_published, tell
from cx_pipeline.alerts.ledger import ledger_path
from cx_pipeline.alerts.render import Message
from cx_pipeline.alerts.tell import Report
from cx_pipeline.alerts.words import amount
from cx_pipeline.settings import Settings
from cx_pipeline.settings.alerts import AlertChannel
from tests.alerts.conftest import NOW, Desk, Mailbox, Webhook

MISSED = """
('csat', 'month', date '2026-10-01', 'all', 'all', 71.25, 68.9, 73.4, 1523, true, 80, 'missed'),
('csat', 'month', date '2026-10-01', 'team', 'Billing <!all> @all', 60, null, null, 40, true, 80, 'missed'),
('csat', 'month', date '2026-09-01', 'all', 'all', 60, 55, 65, 1400, true, 80, 'missed'),
('csat', 'month', date '2026-11-01', 'all', 'all', 10, 5, 15, 4, false, 80, 'missed'),
('nps', 'month', date '2026-10-01', 'all', 'all', 31, 25, 37, 900, true, null, 'none')
"""
SIGNALS = """
('s1', 'level_shift', 'first_response_calendar_minutes_median', 'day', date '2026-10-28', date '2026-10-29',
 'all', 'all', 210.0, 80.0, 130.0, 'worse', true, true, 9.0, ''),
('s2', 'change', 'nps', 'month', date '2026-10-01', date '2026-10-01', 'channel', 'phone', -5, 20, -25,
 'worse', true, true, 5.0, ''),
('s2', 'outlier', 'nps', 'month', date '2026-10-01', date '2026-10-01', 'channel', 'phone', -5, 20, -25,
 'worse', true, false, 4.0, ''),
('s3', 'change', 'nps', 'month', date '2026-10-01', date '2026-10-01', 'all', 'all', 40, 30, 10, 'better',
 true, true, 5.0, ''),
('s4', 'change', 'csat', 'month', date '2026-09-01', date '2026-09-01', 'all', 'all', 60, 70, -10, 'worse',
 false, true, 5.0, '')
"""


def contrast(last: str, value: float) -> str:
    """A channel worse than the others over the year up to a quarter, and what employees think of it."""
    first = f"date '{int(last[:4]) - 1}{last[4:]}' + interval 3 month"
    return f"""
    ('c1', 'contrast', 'csat', 'quarter', {first}, date '{last}', 'channel', 'app', {value}, 80,
     {value} - 80, 'worse', true, true, 3.0, ''),
    ('c2', 'contrast', 'perception_gap_csat', 'quarter', {first}, date '{last}', 'all', 'all', 9, 0, 9,
     'different', true, true, 2.0, '')
    """


def run(desk: Desk, settings: Settings, days: int = 0, **options: Any) -> Report:
    now = NOW + timedelta(days=days)
    return tell(settings, judge_published(settings, now), "2026-11-01", now=now, **options)


def test_the_night_in_english(desk: Desk, webhook: Webhook) -> None:
    desk.publish(MISSED, SIGNALS)
    settings = desk.settings(ops={"url": webhook.url, "min_severity": "info"})
    assert run(desk, settings).sent == {"ops": 4}
    (got,) = webhook.got
    assert got["title"] == "[CX] 4 new · night of 2026-11-01"
    assert got["message"] == (
        "Off target\n"
        "- CSAT (October 2026): 71.2 % (95 % interval 68.9 % to 73.4 %, n 1,523), target at least 80.0 %\n"
        "- CSAT, team Billing ‹!all› ＠all (October 2026): 60.0 %, target at least 80.0 %\n"
        "\n"
        "Significantly worse\n"
        "- First response, median (2026-10-28): 3.5 h, a lasting shift from 80.0 min (+2.2 h)\n"
        "- NPS, channel phone (October 2026): -5.0, was +20.0 (-25.0)\n"
        "\n"
        "Open now: 4 (cx alerts list)"
    )


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "en",
            (
                "CSAT, channel app (Q4 2025 to Q3 2026): 60.0 %, 80.0 % in the other groups (-20.0 points)",
                "Q4 2025 to Q3 2026): 9.0 points, employees' expectation against customers' answers +9.0",
            ),
        ),
        (
            "ko",
            (
                "채널 app (2025년 4분기 ~ 2026년 3분기): 60.0%, 다른 그룹 80.0% 대비 -20.0%p",
                "직원의 예상이 고객 응답 대비 +9.0",
            ),
        ),
    ],
)
def test_a_lasting_difference_is_told_once_though_quarters_go_by(
    desk: Desk, webhook: Webhook, language: str, lines: tuple[str, ...]
) -> None:
    settings = desk.settings(ops={"url": webhook.url, "min_severity": "info", "language": language})
    desk.publish("", contrast("2026-07-01", 60))
    assert run(desk, settings).sent == {"ops": 2}
    desk.publish("", contrast("2026-10-01", 62))
    assert run(desk, settings, days=90).sent == {}
    (got,) = webhook.got
    for line in lines:
        assert line in got["message"]


def test_the_night_in_korean_with_the_page(desk: Desk, mailbox: Mailbox) -> None:
    desk.publish(MISSED, SIGNALS)
    desk.record("r1", "published", "2026-11-02T02:00:00+00:00", stale="help, shop")
    settings = desk.settings(ops={"url": mailbox.url, "language": "ko"})
    alerts = settings.alerts.model_copy(update={"page_url": "https://cx.example.com"})
    run(desk, settings.model_copy(update={"alerts": alerts}))
    (mail,) = mailbox.got
    assert mail["subject"] == "[CX] 새 알림 5건 · 2026-11-01 야간 작업"
    body = mail.get_body(("plain", "html"))
    assert body is not None
    for line in (
        "- help: 가져오지 못한 데이터가 있어 이전 데이터로 공개되었습니다.",
        "- 고객 만족도(CSAT) (2026년 10월): 71.2% (95% 신뢰구간 68.9%~73.4%, n=1,523), 목표 80.0% 이상",
        "- 첫 응답 시간, 중앙값 (2026-10-28): 3.5시간, 이전 수준 80.0분 대비 +2.2시간",
        "현재 미해결 알림: 5건 (cx alerts list)",
        "스코어카드: https://cx.example.com",
    ):
        assert line in body.get_content()


def test_nothing_new_is_no_message(desk: Desk, webhook: Webhook) -> None:
    desk.publish(MISSED, SIGNALS)
    settings = desk.settings(ops={"url": webhook.url})
    run(desk, settings)
    assert run(desk, settings, days=1).sent == {}
    assert len(webhook.got) == 1


def test_a_target_met_again_is_told_and_one_at_risk_is_not(desk: Desk, webhook: Webhook) -> None:
    settings = desk.settings(ops={"url": webhook.url})
    desk.publish(MISSED)
    run(desk, settings)
    row = "('csat', 'month', date '{}', 'all', 'all', 81, 79, 83, 1500, true, 80, '{}')"
    desk.publish(row.format("2026-11-01", "at_risk"))
    run(desk, settings, days=1)
    desk.publish(row.format("2026-12-01", "met"))
    run(desk, settings, days=2)
    bodies = [got["message"] for got in webhook.got[1:]]
    assert bodies == [
        "Over\n- CSAT, team Billing ‹!all› ＠all: no longer judged (no target or no data).\n\n"
        "Open now: 1 (cx alerts list)",
        "Over\n- CSAT: target met again.\n\nOpen now: 0 (cx alerts list)",
    ]
    assert webhook.got[2]["title"] == "[CX] 1 over · night of 2026-11-01"
    assert webhook.got[2]["type"] == "success"


def test_a_kpi_off_target_by_several_grains_is_one_finding(desk: Desk, webhook: Webhook) -> None:
    """By its shortest grain; a day alone sways, and all time is the past."""
    row = "('csat', '{}', date '{}', 'all', 'all', 71, 69, 73, 150, true, 80, '{}')"
    grains = {"day": "2026-10-31", "week": "2026-10-19", "month": "2026-10-01", "quarter": "2026-07-01"}

    def publish(**status: str) -> None:
        desk.publish(",".join(row.format(grain, grains[grain], status[grain]) for grain in status))

    settings = desk.settings(ops={"url": webhook.url, "language": "ko"})
    publish(day="missed", week="met", month="met", quarter="met")
    assert not run(desk, settings).sent
    publish(day="met", week="missed", month="missed", quarter="missed")
    assert run(desk, settings).sent == {"ops": 1}
    line = webhook.got[0]["message"].splitlines()[1]
    assert "(2026-10-19 ~ 10-25 주간)" in line
    assert line.endswith("목표 80.0% 이상 (월·분기 기준으로도 미달)")
    publish(day="met", week="met", month="at_risk", quarter="met")
    assert not run(desk, settings).sent
    publish(week="met", month="met", quarter="met")
    run(desk, settings)
    assert "- 고객 만족도(CSAT): 목표 재달성" in webhook.got[1]["message"]
    publish(day="missed")  # set for days alone
    assert run(desk, settings).sent == {"ops": 1}


def test_a_source_is_stale_until_a_night_reads_it_whole(desk: Desk, webhook: Webhook) -> None:
    desk.publish()
    settings = desk.settings(ops={"url": webhook.url})
    desk.record("r1", "published", "2026-11-02T02:00:00+00:00", stale="shop")
    run(desk, settings)
    desk.record("r2", "failed", "2026-11-03T02:00:00+00:00")
    assert not run(desk, settings, days=1).sent
    desk.record("r3", "published", "2026-11-03T03:00:00+00:00")
    run(desk, settings, days=1)
    assert [got["message"].splitlines()[1] for got in webhook.got] == [
        "- shop: not all of it could be read; what is published of it is stale.",
        "- shop: fresh again.",
    ]


def test_a_source_whose_newest_record_is_too_old_is_stale(desk: Desk, webhook: Webhook) -> None:
    from cx_pipeline.gate.verdict import Verdict, write_verdict

    settings = Settings.model_validate(
        {
            "data_dir": desk.root,
            "alerts": {"channels": {"ops": {"url": webhook.url}}},
            "sources": {"shop": {"transactions": {"files": "s*.csv", "freshness_hours": 24}}},
        }
    )
    desk.publish()
    verdict = Verdict(
        batch_id="b1", source="shop", entity="transactions", night="2026-11-01", origin="s.csv", landed=3,
        state="passed", rules=(), quarantined=0, judged_at="2026-11-01T00:00:00+00:00", suite_fingerprint="",
        newest_at=(NOW - timedelta(hours=30)).isoformat(),
    )  # fmt: skip
    write_verdict(settings.paths, verdict)
    run(desk, settings)
    assert (
        "- shop: its newest record of transactions is 30 hours old (limit 24)." in webhook.got[0]["message"]
    )
    write_verdict(settings.paths, replace(verdict, batch_id="b2", newest_at=NOW.isoformat()))
    run(desk, settings)
    assert "- shop: fresh again." in webhook.got[1]["message"]


def test_a_held_batch_is_told_until_it_is_decided(desk: Desk, webhook: Webhook) -> None:
    from cx_pipeline.gate import RuleResult, Verdict, accept
    from cx_pipeline.gate.verdict import write_verdict

    settings = desk.settings(ops={"url": webhook.url})
    desk.publish()
    verdict = Verdict(
        batch_id="b1", source="shop", entity="customers", night="2026-11-01", origin="kim@example.com.csv",
        landed=3, state="held", rules=(RuleResult("required_columns", "batch", "critical", 1, 1, ("kim",)),),
        quarantined=0, judged_at="2026-11-01T00:00:00+00:00", suite_fingerprint="",
    )  # fmt: skip
    write_verdict(settings.paths, verdict)
    run(desk, settings)
    run(desk, settings)
    accept(settings.paths, "b1", "looked at it")
    run(desk, settings)
    held, decided = (got["message"].splitlines()[1] for got in webhook.got)
    assert held.startswith("- Batch b1 (shop.customers, 3 rows) is held: required_columns. Decide with")
    assert decided == "- Batch b1: decided."
    assert "kim" not in str(webhook.got)


def test_a_long_list_is_cut_and_says_so(desk: Desk, webhook: Webhook) -> None:
    row = "('csat', 'week', date '2026-10-05', 'team', 'T{}', 1, 0, 2, 9, true, 80, 'missed')"
    everybody = "('csat', 'week', date '2026-10-05', 'all', 'all', 1, 0, 2, 9, true, 80, 'missed')"
    desk.publish(",".join([*(row.format(i) for i in range(30)), everybody]))
    run(desk, desk.settings(ops={"url": webhook.url}))
    lines = webhook.got[0]["message"].splitlines()
    assert lines[1].startswith("- CSAT (week of 2026-10-05 to 10-11)")
    assert lines[9] == "- and 23 more"


def test_a_kill_between_sending_and_recording_repeats_one_message(desk: Desk, webhook: Webhook) -> None:
    class Killed(BaseException):
        """What no handler catches."""

    desk.publish(MISSED)
    settings = desk.settings(a={"url": webhook.url}, b={"url": webhook.url})
    sent: list[str] = []

    def killed_after_b(name: str, _: AlertChannel, __: Message) -> None:
        sent.append(name)
        if name == "b":
            raise Killed

    with pytest.raises(Killed):
        run(desk, settings, send=killed_after_b)

    def sending(name: str, _: AlertChannel, __: Message) -> None:
        sent.append(name)

    run(desk, settings, send=sending)
    run(desk, settings, send=sending)
    assert sent == ["a", "b", "b"]


def test_a_channel_that_fails_is_reported_and_told_later(desk: Desk, webhook: Webhook) -> None:
    desk.publish(MISSED)
    settings = desk.settings(ops={"url": webhook.url})
    webhook.status = 503
    report = run(desk, settings)
    assert not report.sent
    assert "channel ops: JSON did not take the message" in report.lines[0]
    webhook.status = 200
    assert run(desk, settings, days=1).sent == {"ops": 2}


def test_nights_without_channels_need_no_apprise(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    desk.publish(MISSED)
    assert run(desk, desk.settings()).open == 2


def test_two_who_tell_at_once_tell_once(desk: Desk, webhook: Webhook) -> None:
    from threading import Thread

    desk.publish(MISSED)
    settings = desk.settings(ops={"url": webhook.url})
    tellers = [Thread(target=run, args=(desk, settings)) for _ in range(3)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    assert len(webhook.got) == 1


def test_a_broken_ledger_says_what_to_do(desk: Desk) -> None:
    desk.publish(MISSED)
    settings = desk.settings()
    run(desk, settings)
    ledger_path(settings.paths.state).write_text('{"a": 1}')
    with pytest.raises(LedgerError, match="restore it from a backup, or delete it"):
        run(desk, settings)


def test_seconds_are_told_in_the_unit_that_suits_them() -> None:
    assert amount(1387.0, "seconds", "en") == "23.1 min"
    assert amount(1311.0, "seconds", "ko", signed=True) == "+21.9분"
