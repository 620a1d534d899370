"""A company in the landing store, at any scale: what the benchmarks of the warehouse read.

What enters: a scale, an empty folder.  What leaves: that folder as nights have left it (landed Parquet under
the contract's schema, the inputs of dbt): three years of a company with as many tickets and answers as the
scale says, ten times the ticket events, twice the transactions, half the touchpoints, a quarter of the
customers.  Drawn by hashes of row numbers, so the same scale gives the same rows on any number of cores.

    python -m benchmarks.company FOLDER [--scale 100000] [--answers 100000] [--without tickets]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.contract import ENTITIES, Type
from cx_pipeline.landing.store import ensure_empty_files
from cx_pipeline.settings import DataPaths
from cx_pipeline.warehouse.inputs import (
    BUILT_BATCHES,
    batches_schema,
    built_batches_schema,
    nights_schema,
    write_rows,
)
from cx_pipeline.warehouse.time_zones import rule_rows, rules_schema, zones_of_hours

if TYPE_CHECKING:
    import duckdb

SEEDS = Path(__file__).with_name("seeds")
"""The company's own seeds: business hours, holidays, service levels, surveys, rates."""
PARTS = {
    "tickets": ("tickets", "ticket_events"),
    "answers": ("feedback", "transactions", "touchpoints"),
}
"""What can be made beside the customers: a script of its own each, and the entities it fills."""
LAST_DAY = 1_000_000
"""The batches of the last day, where they are apart, have sequences from here on."""
_TYPES = {
    Type.TEXT: "varchar",
    Type.INTEGER: "bigint",
    Type.DECIMAL: "double",
    Type.TIMESTAMP: "timestamptz",
    Type.BOOLEAN: "boolean",
    Type.MAP: "map(varchar, varchar)",
}


def make_company(
    folder: Path,
    scale: int,
    parts: Iterable[str] = tuple(PARTS),
    *,
    answers: int | None = None,
    day_parts: int = 0,
) -> dict[str, int]:
    """Write a company below `folder`; the rows landed of each entity, all versions and repeats counted.

    As many forms are answered as there are tickets, where `answers` says nothing else.  With `day_parts` what
    landed on the last day is in that many shares of batches of its own, numbered from `LAST_DAY`, from twice
    that, and so on.
    """
    import duckdb

    paths = DataPaths(folder, None)
    ensure_empty_files(paths)
    sizes = {
        "tickets": scale,
        "customers": scale // 4 + 1,
        "forms": (answers or scale) * 21 // 20,
        "visits": scale // 5 + 1,
    }
    scripts = ["company.sql", *(f"company_{part}.sql" for part in parts)]
    landed = ["customers", *(entity for part in parts for entity in PARTS[part])]
    with duckdb.connect(str(folder / "company.duckdb")) as connection:
        connection.execute("set timezone = 'UTC'")
        for script in scripts:
            for sql in Path(__file__).with_name(script).read_text(encoding="utf-8").split(";\n"):
                connection.execute(sql, {name: size for name, size in sizes.items() if f"${name}" in sql})
        if day_parts:
            _set_last_day_apart(connection, landed, day_parts)
        batches = [row for entity in landed for row in _land(connection, paths, entity)]
        made = {entity: connection.table(f"landed_{entity}").count("*").fetchall()[0][0] for entity in landed}
    (folder / "company.duckdb").unlink()
    inputs = paths.warehouse / "inputs"
    write_rows(inputs / "batches.parquet", batches, batches_schema())
    write_rows(inputs / BUILT_BATCHES, [], built_batches_schema())
    write_rows(inputs / "nights.parquet", [], nights_schema())
    zones = zones_of_hours(SEEDS / "business_hours.csv")
    write_rows(inputs / "time_zone_rules.parquet", rule_rows(zones), rules_schema())
    return made


def _set_last_day_apart(connection: duckdb.DuckDBPyConnection, landed: Sequence[str], parts: int) -> None:
    tables = [f"landed_{entity}" for entity in landed]
    days = " union all ".join(f"select max(cast(landed_at as date)) as day from {table}" for table in tables)
    [[last_day]] = connection.execute(f"select min(day) from ({days})").fetchall()
    for entity, table in zip(landed, tables, strict=True):
        part = f"1 + hash({ENTITIES[entity].landed_key}) % {parts}"
        connection.execute(
            f"update {table} set batch_sequence = batch_sequence + {LAST_DAY} * ({part})::bigint "
            "where cast(landed_at as date) = $day",
            {"day": last_day},
        )


def _land(connection: duckdb.DuckDBPyConnection, paths: DataPaths, entity: str) -> list[dict[str, Any]]:
    """Write the rows of `landed_<entity>` as batches in the order they came; what is told of them."""
    contract = ENTITIES[entity]
    table = f"landed_{entity}"
    has = {name for name, *_ in connection.execute(f"describe {table}").fetchall()}
    columns = ", ".join(
        f"cast({name if name in has else 'null'} as {_TYPES[kind]}) as {name}"
        for name, kind in ((field.landed_name, field.type) for field in contract.fields)
    )
    date_only = "date_only" if "date_only" in has else "cast(null as varchar) as date_only"
    key = contract.landed_key
    batches = []
    found = connection.execute(
        f"select source, batch_sequence, count(*), max(landed_at) from {table} group by all order by all"
    ).fetchall()
    for source, sequence, rows, landed_at in found:
        folder = paths.landing / entity / f"source={source}" / f"dt={landed_at.date()}"
        path = folder / f"{sequence:010d}.parquet"
        folder.mkdir(parents=True, exist_ok=True)
        connection.execute(
            f"""
            copy (
                select source, batch_sequence, row_number() over (order by landed_at, {key}) - 1 as position,
                    {date_only}, {columns}
                from {table} where source = '{source}' and batch_sequence = {sequence}
                order by position
            ) to '{str(path).replace("'", "''")}' (format parquet, compression zstd, row_group_size 131072)
            """
        )
        name = f"{source}-{entity}-{sequence}"
        batches.append(
            {
                "batch_id": name,
                "batch_sequence": sequence,
                "source": source,
                "entity": entity,
                "generation": 1,
            }
            | {"night": landed_at.date(), "is_current_generation": True, "is_source_enabled": True}
            | {"mode": "upsert", "origin": f"{name}.csv", "content_sha256": name, "is_alias": False}
            | {"read": rows, "landed": rows, "rejected": 0, "quarantined": 0, "state": "passed"}
            | {"landed_at": datetime(2100, 1, 1, tzinfo=UTC)}
        )
    return batches


def main() -> None:
    """Write a company and say how large it is."""
    parser = argparse.ArgumentParser(description="A company of three years in a landing store.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=int, default=100_000, help="tickets, and answers")
    parser.add_argument("--answers", type=int, help="answers, where they are not as many")
    parser.add_argument("--without", choices=PARTS, help="leave out a part")
    arguments = parser.parse_args()
    parts = [part for part in PARTS if part != arguments.without]
    made = make_company(arguments.folder, arguments.scale, parts, answers=arguments.answers)
    print(
        ", ".join(f"{rows:,} rows of {entity}" for entity, rows in made.items()),
        "landed in",
        arguments.folder,
    )


if __name__ == "__main__":
    main()
