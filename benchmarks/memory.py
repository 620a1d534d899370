"""What memory a full rebuild takes at ten times the data, beside one of the data, and beside the setting.

A company of `--scale` tickets and answers and one of a tenth, each built whole by a child process with what
the setting leaves DuckDB.  Prints the greatest resident memory of both, and the median of their ratios.

    python -m benchmarks.memory [--scale 100000] [--memory 4GB] [--pairs 1]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.beside import Cost, apart, build_warehouse, limit_memory
from benchmarks.company import make_company
from cx_pipeline.settings.sections import Performance

REACH = 1.5
PYTHON_GB = 1
"""What the setting `performance.memory` leaves Python; DuckDB has the rest."""
PARTS = ("tickets", "answers")


def rebuild(folder: Path, scale: int) -> Cost:
    """Make a company in `folder` and build all of its warehouse."""
    data = folder / "data"
    data.mkdir(parents=True)
    apart(make_company, data, scale, PARTS)
    cost, _ = build_warehouse(folder, data, ())
    print(f"{scale:>11,} tickets {cost}", flush=True)
    return cost


def main() -> None:
    """Measure and print; exits 1 where a build takes more than the setting."""
    parser = argparse.ArgumentParser(description="Peak memory of a full rebuild at 1 x and 10 x the data.")
    parser.add_argument("--scale", type=int, default=100_000, help="tickets, and answers, of the larger one")
    parser.add_argument("--memory", default="4GB", help="the setting `performance.memory` of both")
    parser.add_argument("--pairs", type=int, default=1, help="how often both are built")
    arguments = parser.parse_args()
    limit_memory(arguments.memory)
    duckdb_memory = str(Performance(memory=arguments.memory).duckdb_memory)
    allowed_gb = float(duckdb_memory.removesuffix("MB")) / 1000 + PYTHON_GB
    pairs = []
    for _ in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as name:
            small, large = (rebuild(Path(name) / str(n), n) for n in (arguments.scale // 10, arguments.scale))
        pairs.append((small.peak_gb, large.peak_gb))
    ratio = statistics.median(large / small for small, large in pairs)
    greatest = max(large for _, large in pairs)
    print(f"ratio of memory {ratio:.2f}, median of {len(pairs)} (reach: {REACH})")
    print(f"greatest memory {greatest:.2f} GB (reach: the setting, {arguments.memory})")
    if greatest > allowed_gb:
        sys.exit("a full rebuild takes more memory than the setting allows")


if __name__ == "__main__":
    main()
