"""The rows Great Expectations names are those that a plain reading of entities.md, row by row, names.

The second opinion below shares nothing with the gate but the contract's lists, patterns and bounds: it
looks at one Python dict at a time, with neither pandas nor Arrow.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from cx_pipeline.contract import DEFAULT_SCALES, ENTITIES, Entity, Field, Type
from cx_pipeline.gate.columns import Survey
from cx_pipeline.settings import Settings
from tests.gate.conftest import LANDED_AT, Lab, Row, arrow_rows

PULL = datetime.fromisoformat(LANDED_AT)
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
SURVEYS = (
    Survey("ease", "ces", 1.0, 5.0, "higher_is_better"),
    Survey("ease", "csat", None, 7.0, None),
    Survey("42", "nps", 0.0, 5.0, None),
)

INSTANTS = (
    None,
    OLDEST - timedelta(microseconds=1),
    OLDEST,
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 11, 1, 8, tzinfo=UTC),
    datetime(2026, 11, 1, 12, tzinfo=UTC),
    PULL + timedelta(days=1),
    PULL + timedelta(days=1, microseconds=1),
    PULL + timedelta(days=2),
)
NUMBERS = (None, 0.0, 1.0, 4.5, 5.0, 7.0, 10.0, 11.0, -1.0, math.nan, math.inf, -math.inf, 5.000000000000001)
TEXTS = (None, "", "a", "KR", "kr", "USD", "USD\n", "ko-KR", "한국")
LONG_TEXTS = ("x" * 65_536, "x" * 65_537, "가" * 21_846)
BY_TYPE: dict[Type, Sequence[Any]] = {
    Type.TEXT: TEXTS,
    Type.INTEGER: (None, -1, 0, 3),
    Type.DECIMAL: NUMBERS,
    Type.TIMESTAMP: INSTANTS,
    Type.BOOLEAN: (None, True, False),
    Type.MAP: (None, [], [("a", None)], [("a", "x" * 65_537)], [("b", "ok")]),
}


def _values(field: Field) -> Sequence[Any]:
    """Values at and around the edges of the rules of `field`."""
    if field.allowed:
        return (None, *field.allowed, *field.allowed, "bogus")
    if field.name == "survey_id":
        return (None, "ease", "42", "unknown")
    if field.name == "brand":  # long texts in one column are enough, and quick
        return (*TEXTS, *LONG_TEXTS)
    return BY_TYPE[field.type]


def _random_row(entity: Entity, random: Random) -> Row:
    """A row of such values; every other one is mostly null, so that single rules stand out."""
    instants = [field.name for field in entity.fields if field.type is Type.TIMESTAMP]
    sparse = random.random() < 0.5
    row = {
        field.landed_name: None if sparse and random.random() < 0.7 else random.choice(_values(field))
        for field in entity.fields
    }
    return row | {"date_only": random.choice([None, None, *instants, ",".join(instants)])}


def _earliest(row: Row, name: str) -> datetime | None:
    return _moved(row, name, -12)


def _latest(row: Row, name: str) -> datetime | None:
    return _moved(row, name, 12)


def _moved(row: Row, name: str, hours: int) -> datetime | None:
    value: datetime | None = row[name]
    if value is not None and name in (row["date_only"] or "").split(","):
        return value + timedelta(hours=hours)
    return value


def _is_before(a: datetime | None, b: datetime | None) -> bool:
    return a is not None and b is not None and a < b


def _column_rules(entity: Entity, row: Row) -> set[str]:
    broken = set()
    for field in entity.fields:
        value, name = row[field.landed_name], field.name
        if value is None:
            if field.required and (field.name == entity.key or not row["is_deleted"]):
                broken.add(f"{name}_present")
            continue
        if field.allowed and value not in field.allowed:
            broken.add(f"{name}_known")
        if field.pattern and not re.fullmatch(field.pattern.strip("^$"), value):
            broken.add(f"{name}_well_formed")
        if field.type is Type.DECIMAL and not math.isfinite(value):
            broken.add(f"{name}_finite")
        # a number that is none (NaN) is judged as infinity: not finite is all that is said of it
        if field.minimum == 0 and field.exclusive_minimum and value <= 0:
            broken.add(f"{name}_positive")
        if field.minimum == 0 and not field.exclusive_minimum and value < 0:
            broken.add(f"{name}_not_negative")
        if field.type is Type.TIMESTAMP:
            is_exempt = field.may_be_ancient or entity.name == "customers"
            if not is_exempt and _is_before(_latest(row, name), OLDEST):
                broken.add(f"{name}_not_before_1990")
            if not field.may_be_future and _is_before(PULL + timedelta(days=1), _earliest(row, name)):
                broken.add(f"{name}_not_in_future")
    return broken


def _text_rules(entity: Entity, row: Row) -> set[str]:
    texts: list[str | None] = []
    for field in entity.fields:
        value = row[field.landed_name]
        if field.type is Type.TEXT:
            texts.append(value)
        elif field.type is Type.MAP and value:
            texts += [text for pair in value for text in pair]
    return {"text_within_64_kib"} if any(t and len(t.encode()) > 65_536 for t in texts) else set()


def _feedback_rules(row: Row) -> set[str]:
    broken = set()
    metric, score = row["metric"], row["score"]
    survey = next((s for s in SURVEYS if (s.survey_id, s.metric) == (row["survey_id"], metric)), None)
    usual = DEFAULT_SCALES.get(metric, (None, None))

    def end(given: float | None, declared: float | None, default: float | None) -> float | None:
        value = next((v for v in (given, declared, default) if v is not None), None)
        return math.inf if value is not None and math.isnan(value) else value

    low = end(row["scale_min"], survey.scale_min if survey else None, usual[0])
    high = end(row["scale_max"], survey.scale_max if survey else None, usual[1])
    if score is not None:
        number = math.inf if math.isnan(score) else score
        if (low is not None and number < low) or (high is not None and number > high):
            broken.add("score_within_scale")
        is_whole = math.isfinite(number) and number == int(number)
        if metric == "nps" and (low, high) == (0, 10) and math.isfinite(number) and not is_whole:
            broken.add("nps_score_whole")
        if metric in ("comment", "idea"):
            broken.add("score_absent_without_scale")
    if low is not None and high is not None and not low < high:
        broken.add("scale_ends_ordered")
    if metric == "ces" and row["scale_direction"] is None and not (survey and survey.direction):
        broken.add("ces_direction_declared")
    if (score is not None or row["comment"] is not None) and row["responded_at"] is None:
        broken.add("answer_has_time")
    if _is_before(_latest(row, "responded_at"), _earliest(row, "invited_at")):
        broken.add("responded_not_before_invited")
    return broken


def _ticket_rules(row: Row) -> set[str]:
    return {
        rule
        for name, rule in (
            ("first_responded_at", "first_responded_not_before_created"),
            ("resolved_at", "resolved_not_before_created"),
        )
        if _is_before(_latest(row, name), _earliest(row, "created_at"))
    }


def _transaction_rules(row: Row) -> set[str]:
    start, end = row["service_start"], row["service_end"]
    return {"service_end_after_start"} if start is not None and end is not None and not end > start else set()


_OWN_RULES: dict[str, Callable[[Row], set[str]]] = {
    "feedback": _feedback_rules,
    "tickets": _ticket_rules,
    "transactions": _transaction_rules,
}


def _second_opinion(entity: Entity, row: Row) -> set[str]:
    own = _OWN_RULES[entity.name](row) if entity.name in _OWN_RULES else set()
    return _column_rules(entity, row) | _text_rules(entity, row) | own


@pytest.mark.parametrize("name", ENTITIES)
def test_the_gate_agrees_with_a_plain_reading_of_the_rules(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the sieve: a row it keeps from Great Expectations is one no rule finds broken."""
    monkeypatch.setattr("cx_pipeline.gate.judging.read_surveys", lambda: SURVEYS)
    monkeypatch.setattr("cx_pipeline.gate.sieve.SHORT_BATCH_ROWS", 0)
    entity = ENTITIES[name]

    @settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(st.integers(0, 2**32 - 1))
    def agree(seed: int) -> None:
        random = Random(seed)
        rows = [_random_row(entity, random) for _ in range(150)]
        with TemporaryDirectory() as folder:
            lab = Lab(Settings(data_dir=Path(folder)))
            batch = lab.land(name, arrow_rows(name, rows))
            lab.judge()
            verdict = lab.verdict(batch)
            assert [result.error for result in verdict.rules if result.error] == []
            found = {at: set(rules.split(",")) for at, rules in lab.quarantine(batch).items()}
        expected = {at: _second_opinion(entity, row) for at, row in enumerate(rows)}
        assert found == {at: rules for at, rules in expected.items() if rules}
        assert verdict.quarantined == len(found)

    agree()
