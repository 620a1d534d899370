"""What a night costs that brings nothing new, beside the bare cost of its parts.

Parts: importing dagster-dbt, importing great_expectations, and a dbt run of nothing.  Prints one ratio
of CPU seconds (user + system, children included), medians of `--runs` paired runs.

    python -m benchmarks.empty_night [--runs 5]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cx_pipeline.settings import load_settings
from cx_pipeline.warehouse.inputs import PROJECT_DIR, dbt_environment
from cx_pipeline.warehouse.project import target_path, vars_argument
from tests.end_to_end.company import Company, new_company


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system seconds of `command` and its children; CalledProcessError where it fails."""
    before = os.times()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def no_op_dbt_run(company: Company) -> tuple[list[str], dict[str, str]]:
    """dbt asked to run no model at all: start, partial parse, connect, stop."""
    os.environ.update({k: v for k, v in company.environment.items() if k.startswith("CX_")})
    settings = load_settings()
    where = ["--project-dir", str(PROJECT_DIR), "--profiles-dir", str(PROJECT_DIR)]
    where += ["--target-path", str(target_path(settings)), "--log-path", str(company.data / "dbt-logs")]
    dbt = str(Path(sys.executable).with_name("dbt"))
    command = [dbt, "run", "--select", "no_such_model", *where, *vars_argument(settings)]
    return command, company.environment | dbt_environment(settings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="An empty night beside the bare cost of its parts.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        company = new_company(Path(folder) / "data")
        for _ in range(2):  # the second one warms every cache an empty night may use
            company.cx("nightly", "--date", "2026-11-01")
        python, environment = [sys.executable, "-c"], company.environment
        night = [sys.executable, "-m", "cx_pipeline.cli", "nightly", "--date", "2026-11-01"]
        dbt, dbt_env = no_op_dbt_run(company)
        rows = [
            (
                cpu_seconds([*python, "import dagster_dbt"], environment),
                cpu_seconds([*python, "import great_expectations"], environment),
                cpu_seconds(dbt, dbt_env),
                cpu_seconds(night, environment),
            )
            for _ in range(runs)
        ]
    names = ("import dagster-dbt", "import great_expectations", "no-op dbt run", "an empty night")
    for name, column in zip(names, zip(*rows, strict=True), strict=True):
        print(f"{name:28} {statistics.median(column):6.2f} CPU s (median of {runs})")
    ratio = statistics.median(row[3] / sum(row[:3]) for row in rows)
    print(f"an empty night / its parts   {ratio:6.2f} (reach: 1.5)")


if __name__ == "__main__":
    main()
