"""Every batch rule: a planted violation holds the batch or is reported, and the next batch passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import load_suites
from cx_pipeline.gate.facts import Band, volume_band
from cx_pipeline.landing import batch_path
from tests.gate.conftest import LANDED_AT, Lab, arrow_rows

PULL = datetime.fromisoformat(LANDED_AT)
NIGHT = date(2026, 11, 22)

SHOP = {"shop": {"transactions": {"files": "*.csv", "never_empty": True, "freshness_hours": 48}}}


def _without(entity: str, *columns: str) -> tuple[str, ...]:
    return tuple(name for name in ENTITIES[entity].names if name not in columns)


@pytest.mark.parametrize(
    ("facts", "rule", "example"),
    [
        ({"delivered": _without("transactions", "customer_id")}, "required_columns_present", "customer_id"),
        ({"delivered": ("amount",)}, "required_columns_present", "customer_id, occurred_at"),
        ({"missing": ("amount", "margin")}, "mapped_columns_present", "amount, margin"),
        ({"renamed": True, "extra": ("총액",)}, "header_not_renamed", "new headers: 총액"),
    ],
)
def test_a_broken_critical_rule_holds_the_batch_and_no_other(
    lab: Lab, facts: dict[str, Any], rule: str, example: str
) -> None:
    bad = lab.land("transactions", [{}, {}], **facts)
    good = lab.land("transactions", [{}])
    report = lab.judge()
    broken = {r.rule: r.examples for r in lab.verdict(bad).rules if r.broken}
    assert broken == {rule: (example,)}
    assert lab.verdict(bad).state == "held"
    assert lab.verdict(good).state == "passed"
    assert [batch.batch_id for batch in report.held] == [bad.batch_id]
    assert report.held[0].held_by == (f"{rule}: {example}",)
    assert (report.landed, report.passed, report.quarantined, report.held_rows) == (3, 1, 0, 2)
    assert [(r.checked, r.broken, r.holds) for r in report.of("transactions") if r.spec.rule == rule] == [
        (2, 1, True)
    ]


def test_a_key_the_pipeline_makes_itself_is_not_missed(lab: Lab) -> None:
    batch = lab.land("transactions", [{}], delivered=_without("transactions", "transaction_id"))
    lab.judge()
    assert lab.verdict(batch).state == "passed"


def test_customers_must_deliver_their_key(lab: Lab) -> None:
    batch = lab.land("customers", [{}], delivered=_without("customers", "customer_id"))
    lab.judge()
    assert lab.verdict(batch).state == "held"


def test_an_empty_file_lacks_no_column(lab: Lab) -> None:
    batch = lab.land("transactions", [], delivered=())
    lab.judge()
    assert lab.verdict(batch).state == "passed"


def test_never_empty_holds_an_empty_batch_where_the_settings_say_so(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(sources=SHOP)
    empty = lab.land("transactions", [], source="shop", rejected=3)
    allowed = lab.land("transactions", [])
    lab.judge()
    assert lab.verdict(empty).held_by[0].says == "not_empty: 0 rows landed, 3 were rejected"
    assert lab.verdict(allowed).state == "passed"


def test_columns_of_another_type_hold_the_batch(lab: Lab) -> None:
    """Regression: a file that came to landing by other means must not crash the night."""
    rows = arrow_rows("transactions", [{"transaction_id": "x1", "customer_key": "c", "occurred_at": PULL}])
    batch = lab.land("transactions", rows)
    path = batch_path(lab.settings.paths, batch)
    footer = pq.read_metadata(path).metadata[b"cx_batch"]
    wrong = rows.set_column(rows.column_names.index("amount"), "amount", pa.array(["12"]))
    wrong = wrong.drop_columns(["margin"])
    pq.write_table(wrong.replace_schema_metadata({"cx_batch": footer}), path)
    lab.judge()
    assert lab.verdict(batch).held_by[0].says == "columns_typed: amount, margin"


def test_text_that_is_no_unicode_holds_the_batch(lab: Lab) -> None:
    """No reader could open the file, so quarantining the row would not help."""
    rows = arrow_rows(
        "tickets", [{"ticket_id": f"t{n}", "status": "open", "created_at": PULL} for n in (1, 2)]
    )
    text = pa.array([b"fine", b"\xff\xfe broken"], pa.binary()).view(pa.string())
    rows = rows.set_column(rows.column_names.index("subject"), "subject", text)
    batch = lab.land("tickets", rows)
    lab.judge()
    assert lab.verdict(batch).held_by[0].says == "text_valid_unicode: subject"


def test_a_stale_source_is_reported_and_not_held(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(sources=SHOP)
    old = lab.land("transactions", [{"occurred_at": PULL - timedelta(hours=49)}], source="shop")
    lab.judge()
    verdict = lab.verdict(old)
    assert verdict.state == "passed"
    assert {r.rule: r.examples for r in verdict.rules if r.broken} == {
        "newest_record_fresh": (
            "the newest record is of 2026-11-20 01:00 UTC, the limit is 48 hours before the pull",
        )
    }


def test_freshness_has_its_limit_inclusive_and_ignores_impossible_instants(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab(sources=SHOP)
    at_limit = lab.land("transactions", [{"occurred_at": PULL - timedelta(hours=48)}], source="shop")
    lab.judge()
    assert not [r for r in lab.verdict(at_limit).rules if r.broken]
    later = (PULL + timedelta(days=5)).isoformat()
    future = lab.land(
        "transactions",
        [{"occurred_at": PULL + timedelta(days=300)}],
        source="shop",
        landed_at=later,
        night="2026-11-27",
    )
    lab.judge()
    assert "newest_record_fresh" in {r.rule for r in lab.verdict(future).rules if r.broken}


def test_a_corrected_old_file_is_not_stale_beside_a_fresh_one(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(sources=SHOP)
    lab.land("transactions", [{"occurred_at": PULL}], source="shop")
    lab.judge()
    corrected = lab.land("transactions", [{"occurred_at": PULL - timedelta(days=200)}], source="shop")
    lab.judge()
    assert not [r for r in lab.verdict(corrected).rules if r.broken]


def _history(rows: int, nights: int = 29) -> dict[date, int]:
    return {NIGHT - timedelta(days=n): rows for n in range(1, nights)}


def test_no_band_before_28_nights_and_four_of_the_weekday() -> None:
    assert volume_band(_history(1000, 28), NIGHT) is None
    assert volume_band(_history(1000, 29), NIGHT) is not None
    few = {NIGHT - timedelta(days=7 * n): 1000 for n in (1, 2, 5)}
    assert volume_band(few, NIGHT) is None


def test_the_band_is_robust_against_one_freak_night() -> None:
    calm = volume_band(_history(1000), NIGHT)
    freak = volume_band(_history(1000) | {NIGHT - timedelta(days=7): 1_000_000}, NIGHT)
    assert calm == freak
    assert isinstance(calm, Band)
    # by hand: 1001 exp(∓4 log 1.25) − 1
    assert calm.low == pytest.approx(1001 / 1.25**4 - 1)
    assert calm.high == pytest.approx(1001 * 1.25**4 - 1)


def test_the_band_forgives_small_counts_what_chance_does_to_them() -> None:
    band = volume_band(_history(4), NIGHT)
    assert band is not None
    assert band.low == 0
    assert band.high >= 12


def test_another_weekday_is_no_history() -> None:
    busy_sundays = {day: 10_000 if day.weekday() == 6 else 10 for day in _history(0)}
    band = volume_band(busy_sundays, NIGHT)
    assert band is not None
    assert band.outside_by(10_000) <= 0 < band.outside_by(10)


def test_a_night_far_from_its_band_is_reported_and_not_held(lab: Lab) -> None:
    for weeks in range(1, 6):
        lab.land("touchpoints", [{}] * 100, night=(NIGHT - timedelta(weeks=weeks)).isoformat())
    lab.judge()
    first = lab.land("touchpoints", [{}] * 10)
    lab.judge()
    found = {r.rule: r.examples for r in lab.verdict(first).rules if r.broken}
    assert found == {"volume_within_band": ("10 rows this night, 41 to 245 are usual on Sundays",)}
    assert lab.verdict(first).state == "passed"
    rest = lab.land("touchpoints", [{}] * 90)  # the rest of the night's rows comes in another file
    lab.judge()
    assert not [r for r in lab.verdict(rest).rules if r.broken]


def test_every_batch_rule_of_every_suite_is_planted_here() -> None:
    """Fails where a batch rule is added without a test: extend this list with it."""
    planted = {
        "required_columns_present",
        "columns_typed",
        "mapped_columns_present",
        "header_not_renamed",
        "text_valid_unicode",
        "not_empty",
        "volume_within_band",
        "newest_record_fresh",
    }
    for suite in load_suites().values():
        assert {rule.name for rule in suite.of_kind("batch")} == planted
