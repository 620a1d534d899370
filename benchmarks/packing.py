"""What a history of many small landed files costs to list and to read, and what packing makes of it.

Lands `--scale` pages of `ROWS` rows over three years of nights, and prints, in CPU seconds (medians of
`TIMES`), the list of batches with the footers unknown and known, and one read of the folder by DuckDB,
before and after.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

ROWS = 100
NIGHTS = 3 * 365
FIRST = date(2021, 1, 1)
TIMES = 3


def land(paths: Any, pages: int) -> set[str]:
    """Land the pages; the ids of their batches."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from cx_pipeline.contract import ENTITIES
    from cx_pipeline.contract.landing_schema import landing_schema
    from cx_pipeline.landing.batch import Batch
    from cx_pipeline.landing.store import BatchWriter

    schema = landing_schema(ENTITIES["transactions"])
    page = pa.Table.from_pylist(
        [
            {"source": "shop", "batch_sequence": 0, "position": n, "transaction_id": f"O{n}", "amount": n / 3}
            for n in range(ROWS)
        ],
        schema=schema,
    )
    draft = Batch(
        batch_id="",
        sequence=0,
        source="shop",
        entity="transactions",
        night="",
        generation=1,
        contract_version=1,
        key_fingerprint="",
        mapping_fingerprint="",
        landed_at="2024-01-01T00:00:00+00:00",
        origin="orders",
        content_sha256="0" * 64,
        read=ROWS,
        landed=ROWS,
        delivered=("transaction_id", "amount"),
    )
    place = schema.get_field_index("batch_sequence")
    for n in range(pages):
        night = (FIRST + timedelta(days=n * NIGHTS // pages)).isoformat()
        batch = replace(draft, batch_id=f"{n:016x}", sequence=n + 1, night=night)
        numbered = page.set_column(place, schema.field(place), pc.add(page.column(place), n + 1))
        with BatchWriter(paths, batch) as writer:
            writer.write(numbered)
            writer.finish(batch)
    return {f"{n:016x}" for n in range(pages)}


def cost(work: Callable[[], object]) -> float:
    """The CPU seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measured(paths: Any) -> dict[str, float]:
    """CPU seconds of what a night does with the folder."""
    import duckdb

    from cx_pipeline.landing import index

    def from_nothing() -> None:
        index.forget()
        (paths.landing / ".index.json").unlink(missing_ok=True)
        index.landed_files(paths)

    def from_index() -> None:
        index.forget()
        index.landed_files(paths)

    def read() -> None:
        with duckdb.connect(config={"threads": 2}) as connection:
            connection.execute(
                "select count(*), sum(amount), max(transaction_id) from read_parquet("
                f"'{paths.landing}/transactions/*/*/*.parquet', union_by_name = true, "
                "hive_partitioning = false)"
            ).fetchall()

    listed = median(cost(from_nothing) for _ in range(TIMES))
    index.save_index(paths)
    return {
        "list, footers unknown": listed,
        "list, footers known": median(cost(from_index) for _ in range(TIMES)),
        "read by DuckDB": median(cost(read) for _ in range(TIMES)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=int, default=3_000, help="landed files")
    pages = parser.parse_args().scale

    from cx_pipeline.landing.compact import compact
    from cx_pipeline.settings import DataPaths

    with tempfile.TemporaryDirectory() as root:
        paths = DataPaths(Path(root), None)
        settled = land(paths, pages)
        before = measured(paths)
        packing = cost(lambda: compact(paths, "2024-02-01", settled))
        after = measured(paths)
        files = sum(1 for _ in paths.landing.glob("*/*/*/*.parquet"))
    print(f"{pages:,} files packed into {files:,} in {packing:.1f} CPU s; CPU s before, after, ratio:")
    for name, seconds in before.items():
        print(f"  {name:<24}{seconds:8.2f}{after[name]:8.2f}{after[name] / seconds:8.3f}")


if __name__ == "__main__":
    main()
