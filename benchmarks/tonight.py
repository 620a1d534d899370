"""What a night of one day costs after three years of nights.

Makes companies whose last day is in batches of their own, builds all that came before, and folds the day in.
Each time dbt runs in a child process over the whole project, and what is folded is checked to be what a whole
build makes.  Prints, in CPU seconds:

- tonight beside the rebuild of the same three years, beyond what any night costs (a night of a company of a
  hundred tickets),
- tonight beside the same day after a quarter of the history.

    python -m benchmarks.tonight [--scale 100000] [--models]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.beside import Cost, apart, build_warehouse, limit_memory
from benchmarks.company import LAST_DAY, make_company
from cx_pipeline.warehouse.inputs import (
    BUILT_BATCHES,
    batches_schema,
    built_batches_schema,
    remember_built_batches,
    write_rows,
)

if TYPE_CHECKING:
    import duckdb

REACH, REACH_OF_HISTORY = 0.08, 1.3
HISTORY = 4
"""How many times the history of one company is that of the other; its day comes in as many parts."""
TINY = 100
TABLES = ["marts.kpis", "marts.fct_tickets", "marts.fct_ticket_replies", "marts.fct_ticket_slas"]
TABLES += ["marts.fct_feedback", "marts.fct_transactions", "marts.ticket_backlog_daily", "marts.signals"]
TABLES += ["marts.retention_cohorts", "marts.customer_months", "marts.reconciliation"]


def let_in(data: Path, below: int) -> int:
    """Let in the batches with a sequence below this, hold the others; the rows of the last day let in."""
    import pyarrow.parquet as pq

    path = data / "warehouse" / "inputs" / "batches.parquet"
    batches = pq.read_table(path).to_pylist()
    for batch in batches:
        batch["state"] = "passed" if batch["batch_sequence"] < below else "held"
    write_rows(path, batches, batches_schema())
    return sum(batch["landed"] for batch in batches if LAST_DAY <= batch["batch_sequence"] < below)


def day_before(folder: Path, scale: int, *, day_parts: int = 1) -> Path:
    """A company built up to its last day, which waits; its data directory."""
    data = folder / "data"
    data.mkdir(parents=True)
    apart(make_company, data, scale, day_parts=day_parts)
    let_in(data, LAST_DAY)
    build_warehouse(folder, data, [])
    remember_built_batches(data / "warehouse", "the day before")
    return data


def rebuilt(folder: Path, data: Path, *options: str) -> Cost:
    """What it costs to build in `folder`, from nothing, what has landed in `data`."""
    shutil.copytree(data, folder / "data", ignore=shutil.ignore_patterns("*.duckdb*"))
    write_rows(folder / "data" / "warehouse" / "inputs" / BUILT_BATCHES, [], built_batches_schema())
    return build_warehouse(folder, folder / "data", [], *options)[0]


def night(folder: Path, data: Path, *options: str) -> tuple[Cost, dict[str, dict[str, float]]]:
    """What it costs to fold in what is let in."""
    cost, models = build_warehouse(folder, data, [], *options)
    remember_built_batches(data / "warehouse", "tonight")
    return cost, models


def differing(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of one warehouse that the other does not have, fractions to ten digits; tickets' numbers apart."""
    described = connection.execute(f"describe folded.{table}").fetchall()
    columns = ", ".join(
        f"format('{{:.9e}}', \"{name}\")" if kind == "DOUBLE" else f'"{name}"'
        for name, kind, *_ in described
        if name != "ticket_number"
    )
    folded, whole = (f"select {columns} from {place}.{table}" for place in ("folded", "whole"))
    [[count]] = connection.execute(
        f"select (select count(*) from ({folded} except all {whole})) "
        f"+ (select count(*) from ({whole} except all {folded}))"
    ).fetchall()
    return int(count)


def main() -> None:
    """Measure, compare and print; exits 1 where a row differs."""
    import duckdb

    parser = argparse.ArgumentParser(description="A night after three years, beside their rebuild.")
    parser.add_argument("--scale", type=int, default=100_000, help="tickets and answers in three years")
    parser.add_argument("--memory", default="4GB", help="the setting performance.memory")
    parser.add_argument(
        "--models", action="store_true", help="one model after the other, and the night's dearest"
    )
    arguments = parser.parse_args()
    limit_memory(arguments.memory)
    options = ["--threads", "1"] if arguments.models else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs = []
        for scale in (TINY, arguments.scale // HISTORY):
            data = day_before(folder / str(scale), scale)
            let_in(data, 2 * LAST_DAY)
            costs.append(night(folder / str(scale), data, *options)[0])
        fixed, short = costs

        data = day_before(folder / "long", arguments.scale, day_parts=HISTORY)
        shutil.copytree(data, folder / "day_before")
        same_rows = let_in(data, 2 * LAST_DAY)
        after_more, _ = night(folder / "long", data, *options)
        shutil.rmtree(data)  # back to the day before, at the same place: dbt parses anew anywhere else
        (folder / "day_before").rename(data)

        rows = let_in(data, (HISTORY + 1) * LAST_DAY)
        tonight, models = night(folder / "long", data, *options)
        rebuild = rebuilt(folder / "whole", data, *options)
        if arguments.models:
            for node, cost in sorted(models.items(), key=lambda item: -item[1]["cpu_seconds"])[:40]:
                print(f"{cost['cpu_seconds']:8.2f} CPU s  {node.split('.')[2]}")
        with duckdb.connect() as connection:
            for place, where in (("folded", data), ("whole", folder / "whole" / "data")):
                connection.execute(f"attach '{where}/warehouse/cx.duckdb' as {place} (read_only)")
            wrong = sum(differing(connection, table) for table in TABLES)
    share = (tonight.cpu_seconds - fixed.cpu_seconds) / rebuild.cpu_seconds
    print(f"the rebuild                      {rebuild}")
    print(f"tonight, {rows:9,} rows          {tonight}")
    print(f"a night of {TINY} tickets' company  {fixed}")
    print(f"tonight beyond that / rebuild    {share:8.3f} (reach: {REACH})")
    print(f"a day of {same_rows:7,} rows             {after_more}")
    print(f"after a quarter of the history   {short}")
    ratio = after_more.cpu_seconds / short.cpu_seconds
    print(f"history x {HISTORY}                      {ratio:8.2f} (reach: {REACH_OF_HISTORY})")
    if wrong:
        sys.exit(f"{wrong} rows differ")


if __name__ == "__main__":
    main()
