"""What a night of one day costs after three years, beside the whole rebuild of those years.

Makes a company with its last day in batches of their own, builds everything but that day, folds the day in,
builds once more with nothing new, and builds everything in another place.  Each time dbt runs in a child
process, and what is folded is checked to be what the whole build makes.  Prints the CPU of each, and what the
night costs beyond the fixed cost of a build as a share of the rebuild.

    python -m benchmarks.tonight [--scale 100000] [--models]
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.beside import build_warehouse
from benchmarks.company import LAST_DAY, make_company
from cx_pipeline.warehouse.inputs import batches_schema, remember_built_batches, write_rows

if TYPE_CHECKING:
    import duckdb

REACH = 0.08
TABLES = ["marts.kpis", "marts.fct_tickets", "marts.fct_ticket_replies", "marts.fct_ticket_slas"]
TABLES += [
    "marts.fct_feedback",
    "marts.fct_transactions",
    "marts.ticket_backlog_daily",
    "marts.reconciliation",
]
BUILT = [*TABLES, "int_ticket_unsettled"]


def say_of_the_last_day(data: Path, state: str) -> int:
    """Set the state of the last day's batches; the rows they hold."""
    import pyarrow.parquet as pq

    path = data / "warehouse" / "inputs" / "batches.parquet"
    batches = pq.read_table(path).to_pylist()
    of_last_day = [batch for batch in batches if batch["batch_sequence"] >= LAST_DAY]
    for batch in of_last_day:
        batch["state"] = state
    write_rows(path, batches, batches_schema())
    return sum(batch["landed"] for batch in of_last_day)


def differing(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    """Rows of one warehouse that the other does not have; numbers given to tickets apart."""
    names = [name for name, *_ in connection.execute(f"describe folded.{table}").fetchall()]
    columns = ", ".join(f'"{name}"' for name in names if name != "ticket_number")
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
    parser.add_argument("--memory", default="3GB", help="DuckDB's limit; what is more spills")
    parser.add_argument(
        "--models", action="store_true", help="one model after the other, and the night's dearest"
    )
    arguments = parser.parse_args()
    os.environ["DUCKDB_MEMORY_LIMIT"] = arguments.memory
    options = ["--threads", "1"] if arguments.models else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data, whole = folder / "data", folder / "whole"
        data.mkdir()
        made = make_company(data, arguments.scale, last_day_apart=True)
        shutil.copytree(data, whole)
        say_of_the_last_day(data, "held")
        build_warehouse(folder, data, BUILT, *options)
        remember_built_batches(data / "warehouse", "the day before")
        rows = say_of_the_last_day(data, "passed")
        tonight, models = build_warehouse(folder, data, BUILT, *options)
        remember_built_batches(data / "warehouse", "tonight")
        nothing, _ = build_warehouse(folder, data, BUILT, *options)
        rebuild, _ = build_warehouse(folder, whole, BUILT, *options)
        if arguments.models:
            for node, cost in sorted(models.items(), key=lambda item: -item[1]["cpu_seconds"])[:40]:
                print(f"{cost['cpu_seconds']:8.2f} CPU s  {node.split('.')[2]}")
        with duckdb.connect() as connection:
            for place, where in (("folded", data), ("whole", whole)):
                connection.execute(f"attach '{where}/warehouse/cx.duckdb' as {place} (read_only)")
            wrong = sum(differing(connection, table) for table in TABLES)
    print(f"{sum(made.values()):,} rows in three years, {rows:,} on the last day")
    print(f"the rebuild          {rebuild}")
    print(f"tonight              {tonight}")
    print(f"once more, no news   {nothing}")
    share = tonight.cpu_seconds / rebuild.cpu_seconds
    print(f"tonight / rebuild    {share:8.2f} (reach: {REACH} beyond the fixed cost)")
    if wrong:
        sys.exit(f"{wrong} rows differ")


if __name__ == "__main__":
    main()
