"""The generator is vectorised: its cost is compared with a plain loop, and with itself on more rows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cx_pipeline.sample import write_sample


def cpu(action: Callable[[], object]) -> float:
    begin = time.process_time()
    action()
    return time.process_time() - begin


def test_no_dearer_than_formatting_its_rows_in_a_loop(directory: Path) -> None:
    """Writing everything, compression included, costs less than twice one f-string a row in Python."""
    write_sample(directory, customers=100, days=100)
    seconds = cpu(lambda: write_sample(directory, customers=8000, days=400))
    report_rows = 8000 * 62

    def loop() -> list[str]:
        return [
            f"R{i},T{i},C{i % 999},{i * 0.25:.2f},{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(i))}"
            for i in range(report_rows)
        ]

    assert seconds < 2 * cpu(loop)


def test_cost_grows_no_faster_than_the_sample(directory: Path) -> None:
    write_sample(directory, customers=100, days=100)
    small = cpu(lambda: write_sample(directory, customers=1500, days=300))
    large = cpu(lambda: write_sample(directory, customers=6000, days=300))
    assert large < 6 * small
