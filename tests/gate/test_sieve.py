"""Long batches: what the sieve leaves out, and that verdicts do not depend on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import load_suites
from cx_pipeline.gate.sieve import ALL_ROWS, Sieve, _columns, _condition
from cx_pipeline.gate.suite import Rule
from cx_pipeline.landing import batch_path
from cx_pipeline.settings import Settings
from tests.gate.conftest import LANDED_AT, Lab, Row, arrow_rows

PULL = datetime.fromisoformat(LANDED_AT)
TRANSACTIONS = ENTITIES["transactions"]


def _row(number: int) -> Row:
    row: Row = {"transaction_id": f"x{number}", "customer_key": "c", "occurred_at": PULL - timedelta(hours=1)}
    broken: dict[int, Row] = {
        3: {"currency": "won"},
        7: {"amount": float("nan"), "kind": "gift"},
        11: {"updated_at": PULL + timedelta(days=2)},
        13: {"amount": float("inf")},
    }
    return row | broken.get(number % 50, {})


@pytest.fixture
def rows() -> pa.Table:
    return arrow_rows("transactions", [_row(number) for number in range(2_000)])


def _limit(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr("cx_pipeline.gate.sieve.SHORT_BATCH_ROWS", rows)


def test_a_long_batch_gets_the_verdict_of_a_short_one(
    tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts, quarantines = [], []
    for limit, part in ((10_000, 10_000), (100, 150)):  # whole; and in two parts what the sieve leaves
        _limit(monkeypatch, limit)
        monkeypatch.setattr("cx_pipeline.gate.judging.PART_ROWS", part)
        lab = Lab(Settings(data_dir=tmp_path / str(limit)))
        batch = lab.land("transactions", rows)
        lab.judge()
        verdicts.append(lab.verdict(batch))
        quarantines.append(lab.quarantine(batch))
    assert verdicts[0] == verdicts[1]
    assert quarantines[0] == quarantines[1]
    assert verdicts[0].quarantined == len(quarantines[0]) == 160
    assert quarantines[0][7] == "kind_known,amount_finite"


def test_great_expectations_is_spared_the_rows_that_keep_every_rule(
    tmp_path: Path, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limit(monkeypatch, 100)
    lab = Lab(Settings(data_dir=tmp_path))
    batch = lab.land("transactions", rows)
    sieve = Sieve(TRANSACTIONS, load_suites()["transactions"].of_kind("row"), PULL)
    path = batch_path(lab.settings.paths, batch)
    newest, parts = sieve.sift(path, ["position"], part_rows=1_000, memory="500MB")
    positions = [position for part in parts for position in part.column("position").to_pylist()]
    assert positions == [n for n in range(2_000) if n < 100 or n % 50 in (3, 7, 11, 13)]
    assert newest == PULL - timedelta(hours=1)  # what lies beyond the horizon is no record's time


def test_a_text_that_is_no_unicode_holds_a_long_batch(
    lab: Lab, rows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    _limit(monkeypatch, 100)
    batch = lab.land("transactions", rows)
    path = batch_path(lab.settings.paths, batch)
    at = rows.schema.get_field_index("product")
    texts = pa.array([None if n != 1_500 else b"\xff" for n in range(2_000)], pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 2_000, texts.buffers())
    metadata = pq.read_metadata(path).metadata
    with pq.ParquetWriter(path, rows.schema) as writer:
        writer.write_table(rows.set_column(at, rows.schema.field(at), broken), row_group_size=400)
        writer.add_key_value_metadata({"cx_batch": metadata[b"cx_batch"].decode()})
    lab.judge()
    verdict = lab.verdict(batch)
    assert verdict.state == "held"
    assert [(rule.rule, rule.examples) for rule in verdict.held_by] == [("text_valid_unicode", ("product",))]
    assert verdict.quarantined == len(lab.quarantine(batch)) == 160


@pytest.mark.parametrize("name", ENTITIES)
def test_every_rule_of_the_suites_is_compiled(name: str) -> None:
    """A rule that is not would put every row to Great Expectations: right, but slow."""
    columns = _columns(ENTITIES[name], PULL)
    for rule in load_suites()[name].of_kind("row"):
        assert _condition(rule, columns, ENTITIES[name]) != ALL_ROWS, rule.name


@pytest.mark.parametrize(
    ("expectation", "kwargs"),
    [
        ("expect_column_value_lengths_to_be_between", {"column": "product", "max_value": 5}),
        ("expect_column_values_to_be_between", {"column": "product", "min_value": "a"}),
        ("expect_column_values_to_match_regex", {"column": "product", "regex": r"^\d+$"}),
        ("expect_column_values_to_be_in_set", {"column": "amount", "value_set": ["1"]}),
        ("expect_column_values_to_be_in_set", {"column": "product", "value_set": ["a"], "unheard_of": 1}),
    ],
)
def test_what_the_sieve_cannot_say_is_judged_on_every_row(expectation: str, kwargs: Row) -> None:
    rule = Rule("r", expectation, kwargs, None, "row", "warning", "")
    assert _condition(rule, _columns(TRANSACTIONS, PULL), TRANSACTIONS) == ALL_ROWS


def test_a_condition_the_sieve_cannot_say_is_left_out() -> None:
    columns = _columns(TRANSACTIONS, PULL)

    def condition(where: str | None) -> str:
        rule = Rule(
            "r", "expect_column_values_to_not_be_null", {"column": "amount"}, where, "row", "warning", ""
        )
        return _condition(rule, columns, TRANSACTIONS)

    assert condition("amount.abs() > 3") == condition(None)
    assert condition('kind == "refund"') == f"(kind is not distinct from 'refund') and ({condition(None)})"
