"""What a failed night says of itself in a Korean alert: our texts in Korean, what others said as it was."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cx_pipeline
from cx_pipeline.alerts.reasons import REASONS, in_korean
from cx_pipeline.gate.assets import held_message
from cx_pipeline.gate.report import BatchReport
from cx_pipeline.warehouse.publish import PublishError, refuse_foreign_wal

PACKAGE = Path(cx_pipeline.__file__).parent


def test_every_text_is_one_the_pipeline_says() -> None:
    """A text that is worded anew would fall back into English unnoticed."""
    said = " ".join(
        node.value
        for part in ("night", "warehouse", "gate")
        for path in sorted((PACKAGE / part).glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    for pattern, _ in REASONS:
        for piece in re.split(r"\(\?P<.*?>.*?\)(?=\\\)|[^)*]|$)", pattern):
            words = piece.replace("\\", "").strip("()s* ")
            assert words in said, pattern


def test_a_real_error_is_said_in_korean(tmp_path: Path) -> None:
    published = tmp_path / "cx.duckdb"
    (tmp_path / "cx.duckdb.wal").touch()
    with pytest.raises(PublishError) as refused:
        refuse_foreign_wal(published)
    korean = in_korean(f"the night stopped at published__warehouse: {refused.value}")
    assert korean.startswith("published__warehouse 단계에서 중단되었습니다. 공개 파일 옆에")
    assert f"{published}.wal" in korean
    assert not re.search(r"[a-z]+ [a-z]+ [a-z]+", korean)


def test_what_a_library_said_stays() -> None:
    assert in_korean("the night stopped at dbt: Out of Memory Error: could not allocate") == (
        "dbt 단계에서 중단되었습니다. Out of Memory Error: could not allocate"
    )


def test_a_held_batch_is_said_in_korean() -> None:
    batch = BatchReport(
        "b1", "shop", "tickets", "2026-11-01", "f.csv", "held", 10, 0, ("status_known (30 %)",)
    )
    assert in_korean(held_message([batch])) == (
        "배치 b1(shop, tickets/f.csv, 10행)의 공개를 보류했습니다. 위반 규칙: status_known (30 %). "
        '`cx gate accept|drop b1 --reason "…"` 명령으로 처리하세요.'
    )
