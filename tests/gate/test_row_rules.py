"""Every row rule: a planted violation is caught, named and quarantined; its good neighbours pass."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import load_suites
from tests.gate.conftest import GOOD, LANDED_AT, Lab, Row

PULL = datetime.fromisoformat(LANDED_AT)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
EPOCH_1990 = datetime(1990, 1, 1, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

BAD: dict[str, list[tuple[Row, str]]] = {
    "customers": [
        ({"customer_key": None}, "customer_id_present"),
        ({"relationship": "loose"}, "relationship_known"),
        ({"acquisition_channel": "carrier_pigeon"}, "acquisition_channel_known"),
        ({"country": "KOR"}, "country_well_formed"),
        ({"country": "kr"}, "country_well_formed"),
        ({"currency": "$"}, "currency_well_formed"),
        ({"currency": "USD\n"}, "currency_well_formed"),
        ({"language": "English please"}, "language_well_formed"),
        ({"acquisition_cost": math.inf}, "acquisition_cost_finite"),
        ({"acquisition_cost": math.nan}, "acquisition_cost_finite"),
        ({"acquisition_cost": -0.01}, "acquisition_cost_not_negative"),
        ({"signed_up_at": PULL + DAY + TICK}, "signed_up_at_not_in_future"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"segment": "x" * 65_537}, "text_within_64_kib"),
    ],
    "feedback": [
        ({"response_id": None}, "response_id_present"),
        ({"metric": None}, "metric_present"),
        ({"metric": "vibes"}, "metric_known"),
        ({"scale_direction": "sideways"}, "scale_direction_known"),
        ({"respondent_type": "robot"}, "respondent_type_known"),
        ({"channel": "fax"}, "channel_known"),
        ({"journey_stage": "limbo"}, "journey_stage_known"),
        ({"delivery_status": "lost"}, "delivery_status_known"),
        ({"language": "k"}, "language_well_formed"),
        ({"score": -math.inf, "responded_at": NOON}, "score_finite,score_within_scale"),
        ({"scale_min": -math.inf}, "scale_min_finite"),
        ({"scale_max": math.inf}, "scale_max_finite"),
        ({"weight": math.inf}, "weight_finite"),
        ({"weight": 0.0}, "weight_positive"),
        ({"invited_at": EPOCH_1990 - TICK}, "invited_at_not_before_1990"),
        ({"invited_at": PULL + DAY + TICK}, "invited_at_not_in_future"),
        ({"responded_at": EPOCH_1990 - TICK}, "responded_at_not_before_1990"),
        ({"responded_at": PULL + DAY + TICK}, "responded_at_not_in_future"),
        ({"updated_at": EPOCH_1990 - TICK}, "updated_at_not_before_1990"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"score": 5.5, "responded_at": NOON}, "score_within_scale"),
        ({"score": 0.0, "responded_at": NOON}, "score_within_scale"),
        ({"metric": "nps", "score": 11.0, "responded_at": NOON}, "score_within_scale"),
        ({"score": 8.0, "scale_max": 7.0, "responded_at": NOON}, "score_within_scale"),
        ({"scale_min": 5.0}, "scale_ends_ordered"),
        ({"metric": "nps", "score": 8.5, "responded_at": NOON}, "nps_score_whole"),
        ({"metric": "ces"}, "ces_direction_declared"),
        ({"metric": "comment", "score": 5.0, "responded_at": NOON}, "score_absent_without_scale"),
        ({"metric": "idea", "score": 5.0, "responded_at": NOON}, "score_absent_without_scale"),
        ({"score": 5.0}, "answer_has_time"),
        ({"metric": "comment", "comment": "late"}, "answer_has_time"),
        ({"invited_at": NOON, "responded_at": NOON - TICK}, "responded_not_before_invited"),
        ({"comment": "가" * 21_846, "responded_at": NOON}, "text_within_64_kib"),
        ({"attributes": [("role", "x" * 65_537)]}, "text_within_64_kib"),
        (
            {"metric": "csat", "score": 9.0, "channel": "fax"},
            "channel_known,score_within_scale,answer_has_time",
        ),
    ],
    "tickets": [
        ({"ticket_id": None}, "ticket_id_present"),
        ({"status": None}, "status_present"),
        ({"created_at": None}, "created_at_present"),
        ({"channel": "fax"}, "channel_known"),
        ({"direction": "up"}, "direction_known"),
        ({"priority": "meh"}, "priority_known"),
        ({"status": "lost"}, "status_known"),
        ({"language": "한국어"}, "language_well_formed"),
        ({"reopen_count": -1}, "reopen_count_not_negative"),
        ({"created_at": EPOCH_1990 - TICK}, "created_at_not_before_1990"),
        ({"created_at": PULL + DAY + TICK}, "created_at_not_in_future"),
        (
            {"first_responded_at": EPOCH_1990 - TICK},
            "first_responded_at_not_before_1990,first_responded_not_before_created",
        ),
        ({"first_responded_at": PULL + DAY + TICK}, "first_responded_at_not_in_future"),
        ({"resolved_at": EPOCH_1990 - TICK}, "resolved_at_not_before_1990,resolved_not_before_created"),
        ({"resolved_at": PULL + DAY + TICK}, "resolved_at_not_in_future"),
        ({"updated_at": EPOCH_1990 - TICK}, "updated_at_not_before_1990"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"created_at": NOON, "first_responded_at": NOON - TICK}, "first_responded_not_before_created"),
        ({"created_at": NOON, "resolved_at": NOON - TICK}, "resolved_not_before_created"),
        ({"subject": "x" * 65_537}, "text_within_64_kib"),
    ],
    "ticket_events": [
        ({"event_id": None}, "event_id_present"),
        ({"ticket_id": None}, "ticket_id_present"),
        ({"occurred_at": None}, "occurred_at_present"),
        ({"event_type": None}, "event_type_present"),
        ({"event_type": "sneeze"}, "event_type_known"),
        ({"actor_role": "ghost"}, "actor_role_known"),
        ({"duration_seconds": math.inf}, "duration_seconds_finite"),
        ({"duration_seconds": -1.0}, "duration_seconds_not_negative"),
        ({"wait_seconds": math.nan}, "wait_seconds_finite"),
        ({"wait_seconds": -1.0}, "wait_seconds_not_negative"),
        ({"occurred_at": EPOCH_1990 - TICK}, "occurred_at_not_before_1990"),
        ({"occurred_at": PULL + DAY + TICK}, "occurred_at_not_in_future"),
        ({"updated_at": EPOCH_1990 - TICK}, "updated_at_not_before_1990"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"value": "x" * 65_537}, "text_within_64_kib"),
    ],
    "transactions": [
        ({"transaction_id": None}, "transaction_id_present"),
        ({"customer_key": None}, "customer_id_present"),
        ({"occurred_at": None}, "occurred_at_present"),
        ({"kind": "gift"}, "kind_known"),
        ({"currency": "won"}, "currency_well_formed"),
        ({"amount": math.nan}, "amount_finite"),
        ({"amount": -math.inf}, "amount_finite"),
        ({"margin": math.inf}, "margin_finite"),
        ({"occurred_at": EPOCH_1990 - TICK}, "occurred_at_not_before_1990"),
        ({"occurred_at": PULL + DAY + TICK}, "occurred_at_not_in_future"),
        ({"service_start": EPOCH_1990 - TICK}, "service_start_not_before_1990"),
        (
            {"service_end": EPOCH_1990 - TICK, "service_start": NOON},
            "service_end_not_before_1990,service_end_after_start",
        ),
        ({"updated_at": EPOCH_1990 - TICK}, "updated_at_not_before_1990"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"service_start": NOON, "service_end": NOON}, "service_end_after_start"),
        ({"product": "x" * 65_537}, "text_within_64_kib"),
    ],
    "touchpoints": [
        ({"touchpoint_id": None}, "touchpoint_id_present"),
        ({"occurred_at": None}, "occurred_at_present"),
        ({"channel": "fax"}, "channel_known"),
        ({"journey_stage": "limbo"}, "journey_stage_known"),
        ({"outcome": "shrug"}, "outcome_known"),
        ({"duration_seconds": math.inf}, "duration_seconds_finite"),
        ({"duration_seconds": -0.5}, "duration_seconds_not_negative"),
        ({"occurred_at": EPOCH_1990 - TICK}, "occurred_at_not_before_1990"),
        ({"occurred_at": PULL + DAY + TICK}, "occurred_at_not_in_future"),
        ({"updated_at": EPOCH_1990 - TICK}, "updated_at_not_before_1990"),
        ({"updated_at": PULL + DAY + TICK}, "updated_at_not_in_future"),
        ({"campaign": "x" * 65_537}, "text_within_64_kib"),
    ],
}
"""Entity -> rows that break exactly the rules beside them, in the suite's order."""

FINE: dict[str, list[Row]] = {
    "customers": [
        {},
        {"signed_up_at": datetime(1965, 3, 1, tzinfo=UTC), "updated_at": datetime(1970, 1, 1, tzinfo=UTC)},
        {"signed_up_at": PULL + DAY, "ended_at": PULL + 400 * DAY},
        {"acquisition_cost": 0.0, "currency": "KRW", "country": "KR", "language": "ko"},
        {"language": "zh-Hant-TW", "relationship": "contractual", "acquisition_channel": "other"},
        {"segment": "x" * 65_536},
    ],
    "feedback": [
        {},
        {"score": 1.0, "responded_at": NOON},
        {"score": 5.0, "responded_at": NOON, "invited_at": NOON},
        {"score": 4.5, "responded_at": NOON},
        {"metric": "nps", "score": 0.0, "responded_at": NOON},
        {"metric": "nps", "score": 10.0, "responded_at": NOON},
        {"metric": "nps", "score": 3.5, "scale_min": 1.0, "scale_max": 5.0, "responded_at": NOON},
        {"metric": "ces", "score": 7.0, "scale_direction": "lower_is_better", "responded_at": NOON},
        {"metric": "comment", "comment": "좋아요", "responded_at": NOON},
        {"metric": "idea", "comment": "an idea", "responded_at": NOON},
        {"score": 95.0, "scale_min": 0.0, "scale_max": 100.0, "responded_at": NOON},
        {"invited_at": EPOCH_1990, "responded_at": PULL + DAY},
        {"comment": "가" * 21_845, "responded_at": NOON},
        {"weight": 1e-9, "attributes": [("role", "admin"), ("plan", None)]},
        {"invited_at": NOON + timedelta(hours=6), "responded_at": NOON, "date_only": "responded_at"},
    ],
    "tickets": [
        {},
        {"created_at": NOON, "first_responded_at": NOON, "resolved_at": NOON, "reopen_count": 0},
        {"created_at": EPOCH_1990, "priority": "urgent", "direction": "outbound"},
        {"created_at": NOON + timedelta(hours=5), "resolved_at": NOON, "date_only": "resolved_at"},
        {"created_at": PULL + DAY + timedelta(hours=11), "date_only": "created_at,updated_at"},
    ],
    "ticket_events": [{}, {"duration_seconds": 0.0, "wait_seconds": 0.0, "actor_role": "bot"}],
    "transactions": [
        {},
        {"amount": -120.0, "kind": "refund", "currency": "KRW"},
        {"service_start": PULL + 300 * DAY, "service_end": PULL + 700 * DAY},
        {"service_start": NOON, "service_end": NOON + TICK},
        {"service_start": NOON},
    ],
    "touchpoints": [{}, {"outcome": "none", "channel": "paid_search", "duration_seconds": 0.0}],
}
"""Rows at the edge of the rules that break none."""


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_planted_violation_is_quarantined_by_name_and_its_neighbours_pass(
    lab: Lab, entity: str
) -> None:
    rows: list[Row] = []
    expected: dict[int, str] = {}
    for bad, rules in BAD[entity]:
        rows += [FINE[entity][len(rows) % len(FINE[entity])], bad]
        expected[len(rows) - 1] = rules
    rows += FINE[entity]
    batch = lab.land(entity, rows)
    report = lab.judge()
    verdict = lab.verdict(batch)
    assert lab.quarantine(batch) == expected
    assert verdict.state == "passed"
    assert verdict.quarantined == len(expected)
    assert report.landed == len(rows) == report.passed + report.quarantined + report.held_rows
    counts = Counter(rule for rules in expected.values() for rule in rules.split(","))
    assert {r.rule: r.broken for r in verdict.rules if r.broken} == counts
    assert not [r.error for r in verdict.rules if r.error]


def test_every_row_rule_of_every_suite_has_a_planted_violation() -> None:
    for name, suite in load_suites().items():
        planted = {rule for _, rules in BAD[name] for rule in rules.split(",")}
        assert planted == {rule.name for rule in suite.of_kind("row")}


def test_examples_are_keys_as_landed(lab: Lab) -> None:
    batch = lab.land("tickets", [{"ticket_id": "t9", "priority": "meh"}, {"ticket_id": None}])
    lab.judge()
    examples = {r.rule: r.examples for r in lab.verdict(batch).rules if r.broken}
    assert examples == {"priority_known": ("t9",), "ticket_id_present": ("(no key, position 1)",)}


def test_positions_with_gaps_are_quarantined_as_they_landed(lab: Lab) -> None:
    """Regression: what is named is the row's position in its batch, not its place in the frame."""
    first = lab.land("tickets", [{"position": 3}, {"position": 7, "priority": "meh"}])
    second = lab.land("tickets", [{"position": 2, "priority": "meh"}, {"position": 9}])
    lab.judge()
    assert lab.quarantine(first) == {7: "priority_known"}
    assert lab.quarantine(second) == {2: "priority_known"}


def test_long_batches_are_judged_in_parts_and_short_ones_together(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cx_pipeline.gate.judging.PART_ROWS", 4)
    batches = [
        lab.land("touchpoints", [{"outcome": "shrug" if n % 3 == 0 else "none"} for n in range(rows)])
        for rows in (1, 2, 11, 0, 3)
    ]
    report = lab.judge()
    for batch in batches:
        assert set(lab.quarantine(batch)) == {n for n in range(batch.landed) if n % 3 == 0}
        assert lab.verdict(batch).state == "passed"
    assert report.landed == 17
    assert report.quarantined == sum(len(lab.quarantine(batch)) for batch in batches)


def test_good_rows_hold_the_least_an_entity_needs() -> None:
    for entity in ENTITIES.values():
        needed = {entity.field(name).landed_name for name in entity.required}
        assert set(GOOD[entity.name]) == needed
