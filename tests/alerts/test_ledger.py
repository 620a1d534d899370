"""Once per finding, with a note when it is over, and nothing lost while a channel fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cx_pipeline.alerts.finding import Finding, Judgement
from cx_pipeline.alerts.ledger import Entry, Pending, noted, pending, pruned, told
from cx_pipeline.settings.alerts import ALERT_KINDS, AlertChannel, AlertKind, Severity

START = datetime(2026, 11, 1, tzinfo=UTC)
ALL = frozenset(ALERT_KINDS)


def finding(key: str, kind: AlertKind = "target_missed", severity: Severity = "warning") -> Finding:
    return Finding(key, kind, severity, {})


class Book:
    """A ledger over several nights, and channels that take or refuse their message."""

    def __init__(self, **channels: AlertChannel) -> None:
        self.channels: Mapping[str, AlertChannel] = channels or {"ops": AlertChannel()}
        self.ledger: dict[str, Entry] = {}
        self.now = START

    def night(self, *found: Finding, failing: tuple[str, ...] = (), **judgement: Any) -> dict[str, Pending]:
        """One night; what each channel was to be told."""
        self.now += timedelta(days=1)
        judged = Judgement(found, **{"judged": ALL, **judgement})
        self.ledger = noted(self.ledger, judged, self.channels, self.now)
        said = {name: pending(self.ledger, name, channel) for name, channel in self.channels.items()}
        for name, sent in said.items():
            if name not in failing:
                self.ledger = told(self.ledger, name, sent)
        self.ledger = pruned(self.ledger, self.channels, self.now)
        return said


def keys(said: Pending) -> tuple[list[str], list[str]]:
    return [e.finding.key for e in said.new], [e.finding.key for e in said.over]


def test_a_finding_is_told_once_and_once_more_when_it_is_over() -> None:
    book, missed = Book(), finding("csat")
    assert keys(book.night(missed)["ops"]) == (["csat"], [])
    assert not book.night(missed)["ops"]
    assert keys(book.night()["ops"]) == ([], ["csat"])
    assert not book.night()["ops"]
    assert book.ledger == {}


def test_what_comes_back_is_told_again() -> None:
    book, missed = Book(), finding("csat")
    book.night(missed)
    book.night()
    assert keys(book.night(missed)["ops"]) == (["csat"], [])


def test_a_failing_channel_gets_it_the_next_night() -> None:
    book, missed = Book(), finding("csat")
    book.night(missed, failing=("ops",))
    assert keys(book.night(missed)["ops"]) == (["csat"], [])


def test_what_came_and_went_while_a_channel_failed_is_told_all_the_same() -> None:
    book = Book()
    book.night(finding("night", "night_failed", "critical"), failing=("ops",))
    (entry,) = book.night()["ops"].new
    assert entry.over_at
    assert not book.night()["ops"]
    assert book.ledger == {}


def test_a_recovery_that_could_not_be_told_is_told_later() -> None:
    book = Book()
    book.night(finding("csat"))
    book.night(failing=("ops",))
    assert keys(book.night()["ops"]) == ([], ["csat"])


def test_one_channels_failure_is_nothing_to_the_other() -> None:
    book, missed = Book(a=AlertChannel(), b=AlertChannel()), finding("csat")
    book.night(missed, failing=("a",))
    said = book.night(missed)
    assert (keys(said["a"]), keys(said["b"])) == ((["csat"], []), ([], []))
    book.night(failing=("a",))
    said = book.night(missed)  # a was never told that it had ended
    assert (keys(said["a"]), keys(said["b"])) == (([], []), (["csat"], []))


def test_at_risk_is_neither_off_target_again_nor_over() -> None:
    book, missed = Book(), finding("csat")
    book.night(missed)
    assert not book.night(undecided=frozenset({"csat"}))["ops"]
    assert not book.night(missed)["ops"]


def test_a_failed_night_ends_nothing() -> None:
    book = Book()
    book.night(finding("csat"))
    said = book.night(finding("night", "night_failed", "critical"), judged=frozenset())
    assert keys(said["ops"]) == (["night"], [])


def test_a_worsening_is_an_event_without_an_end() -> None:
    book, worse = Book(), finding("w1", "worsening")
    book.night(worse)
    assert not book.night()["ops"]
    assert not book.night(worse)["ops"], "late data took it back and brought it again"
    book.now += timedelta(days=101)
    book.night()
    assert book.ledger == {}


def test_a_channel_that_is_new_hears_what_is_open_and_nothing_older() -> None:
    book = Book()
    book.night(finding("csat"), finding("w1", "worsening"))
    book.channels = {**book.channels, "late": AlertChannel()}
    assert keys(book.night(finding("csat"))["late"]) == (["csat"], [])


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (AlertChannel(), ["night", "csat"]),
        (AlertChannel(min_severity="critical"), ["night"]),
        (AlertChannel(min_severity="info"), ["night", "csat", "w1"]),
        (AlertChannel(kinds=("target_missed",)), ["csat"]),
        (AlertChannel(enabled=False), []),
    ],
)
def test_a_channel_hears_what_it_asked_for_the_gravest_first(
    channel: AlertChannel, expected: list[str]
) -> None:
    night = finding("night", "night_failed", "critical")
    said = Book(ops=channel).night(finding("csat"), finding("w1", "worsening", "info"), night)
    assert keys(said["ops"]) == (expected, [])


def test_the_weightier_comes_first() -> None:
    light, heavy = finding("a"), replace(finding("b"), weight=2.0)
    assert keys(Book().night(light, heavy)["ops"]) == (["b", "a"], [])
