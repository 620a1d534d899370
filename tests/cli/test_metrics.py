"""`cx metrics` before there is anything to ask (tests/end_to_end holds its answers against the marts)."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result


def test_before_the_first_night_it_says_what_to_do(cx: Callable[..., Result]) -> None:
    result = cx("metrics", "query", "--metrics", "nps")
    assert result.exit_code == 1
    assert "run a night (cx nightly)" in result.stderr
    assert "Traceback" not in result.output
