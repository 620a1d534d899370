"""What the scorecard page costs over three years of data: seconds of a fresh process, and bytes.

What enters: how many customers the sample has, or the data directory of a company whose night was published.
What leaves: the figures, printed; a failure where the page is above 2 MB or 5 CPU seconds (the clock
sways with what else runs).  A company that stands is only read.

    python -m benchmarks.page [--scale 4000] [--days 1095] [--data DIR] [--runs 5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.empty_night import cpu_seconds
from tests.end_to_end.company import Company, new_company

MOST_BYTES, MOST_SECONDS = 2_000_000, 5.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scale", type=int, default=4000, help="customers of the sample")
    parser.add_argument("--days", type=int, default=1095)
    parser.add_argument("--data", type=Path, help="a data directory in place of a sample")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        company = Company(asked.data) if asked.data else _sampled(Path(folder), asked.scale, asked.days)
        measure(company, Path(folder) / "page.html", asked.runs)


def _sampled(folder: Path, customers: int, days: int) -> Company:
    """A company of so many customers and days, its night published."""
    company = new_company(folder / "data", customers=customers, days=days)
    company.cx("nightly", "--date", "2026-11-01")
    return company


def measure(company: Company, page: Path, runs: int) -> None:
    """Write the page as a process of its own does, and print what it took."""
    ((rows, first, last),) = company.rows(
        "select count(*), min(period_start), max(period_start) from marts.kpis where grain = 'day'"
    )
    ((customers,),) = company.rows("select count(*) from marts.dim_customers")
    print(f"{customers:,} customers, {rows:,} daily rows of kpis from {first} to {last}")
    command = [sys.executable, "-m", "cx_pipeline.cli", "scorecard", "--html", str(page)]
    cpu, wall = [], []
    for _ in range(runs):
        start = time.monotonic()
        cpu.append(cpu_seconds(command, company.environment))
        wall.append(time.monotonic() - start)
    size = page.stat().st_size
    print(f"page                {statistics.median(cpu):6.2f} CPU s (median of {runs}; of 5)")
    print(f"by the clock        {statistics.median(wall):6.2f} s, at best {min(wall):.2f}")
    print(f"size                {size / 1e6:6.2f} MB (of 2)")
    if size > MOST_BYTES or statistics.median(cpu) > MOST_SECONDS:
        raise SystemExit("the page is larger or slower than stated")


if __name__ == "__main__":
    main()
