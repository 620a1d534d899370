"""A warehouse made of given rows: what end-to-end tests of the dbt models stand on.

What enters: rows per entity as dicts of landed columns (what is left out is null) or, where they are many, as
Arrow tables of such columns, and what is to be said of their batches.  What leaves: a `Warehouse`, built by
dbt itself, to be queried.  Any test may call it:

    with build_warehouse(tmp_path, {"feedback": [{"response_id": "r1", "metric": "nps", "score": 9}]},
                         select=["+int_feedback_answers"]) as warehouse:
        warehouse.rows("select response_id, nps_class from int_feedback_answers")
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cx_pipeline.contract import ENTITIES, Type
from cx_pipeline.contract.landing_schema import landing_schema
from cx_pipeline.landing.store import QUARANTINE_SCHEMA, REJECTED_SCHEMA
from cx_pipeline.warehouse.inputs import (
    BUILT_BATCHES,
    batches_schema,
    built_batches_schema,
    nights_schema,
    write_rows,
)
from cx_pipeline.warehouse.time_zones import rule_rows, rules_schema, zones_of_hours

PROJECT_DIR = Path(__file__).resolve().parents[2] / "dbt_project"

Row = Mapping[str, Any]
Rows: TypeAlias = Sequence[Row] | pa.Table


class BuildFailed(AssertionError):
    """dbt failed; the text names each failed node and says why."""


@dataclass(frozen=True)
class Warehouse:
    """A built warehouse.  `rows` finds models by their bare names, whatever their schema."""

    connection: duckdb.DuckDBPyConnection
    data_dir: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def dicts(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def value(self, sql: str) -> Any:
        [[value]] = self.rows(sql)
        return value


@cache
def _shared_target(_variables: str) -> Path:
    """One target folder per set of variables and process: dbt parses the project once for each."""
    folder = Path(tempfile.mkdtemp(prefix="cx-dbt-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def instant(text: str) -> datetime:
    """An ISO 8601 text as an aware UTC instant."""
    value = datetime.fromisoformat(text)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def batch_id(source: str, entity: str, sequence: int) -> str:
    """The id the harness gives a batch."""
    return f"{source}-{entity}-{sequence}"


def _landed(entity: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Complete rows of an entity: source `test`, batch 1, positions in the order given, instants parsed."""
    fields = {field.landed_name: field for field in ENTITIES[entity].fields}
    landed = []
    for position, row in enumerate(rows):
        unknown = set(row) - set(fields) - {"source", "batch_sequence", "position", "date_only"}
        if unknown:
            raise KeyError(f"{entity} has no landed column {', '.join(sorted(unknown))}")
        full: dict[str, Any] = {"source": "test", "batch_sequence": 1, "position": position}
        full |= {name: field.default for name, field in fields.items() if field.default is not None}
        for name, value in row.items():
            is_instant = name in fields and fields[name].type is Type.TIMESTAMP
            if is_instant and isinstance(value, str):
                full[name] = instant(value)
            elif isinstance(value, dict):
                full[name] = list(value.items())
            else:
                full[name] = value
        landed.append(full)
    return landed


def _landed_table(entity: str, table: pa.Table) -> pa.Table:
    """A complete table of an entity: columns that are not there get their default, as in `_landed`."""
    schema = landing_schema(ENTITIES[entity])
    unknown = set(table.column_names) - set(schema.names)
    if unknown:
        raise KeyError(f"{entity} has no landed column {', '.join(sorted(unknown))}")
    defaults: dict[str, Any] = {field.landed_name: field.default for field in ENTITIES[entity].fields}
    defaults |= {"source": "test", "batch_sequence": 1}
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table[field.name].cast(field.type)
        elif field.name == "position":
            column = pa.array(range(len(table)), field.type)
        else:
            column = pa.repeat(pa.scalar(defaults.get(field.name), field.type), len(table))
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def _rows_by_batch(landed: Sequence[Row] | pa.Table) -> Counter[tuple[str, int]]:
    if isinstance(landed, pa.Table):
        counts = landed.group_by(["source", "batch_sequence"]).aggregate([([], "count_all")]).to_pylist()
        return Counter({(row["source"], row["batch_sequence"]): row["count_all"] for row in counts})
    return Counter((row["source"], row["batch_sequence"]) for row in landed)


def _batches(
    landed: Mapping[str, Rows],
    quarantined: Sequence[Row],
    rejected: Sequence[Row],
    overrides: Sequence[Row],
) -> list[dict[str, Any]]:
    """One row per batch that has rows or is spoken of in `overrides` (by entity, source, batch_sequence)."""
    batches: dict[tuple[str, str, int], dict[str, Any]] = {}

    def batch(source: str, entity: str, sequence: int) -> dict[str, Any]:
        return batches.setdefault(
            (source, entity, sequence),
            {
                "batch_id": batch_id(source, entity, sequence),
                "batch_sequence": sequence,
                "source": source,
                "entity": entity,
                "night": date(2024, 1, 1),
                "generation": 1,
                "is_current_generation": True,
                "is_source_enabled": True,
                "mode": "upsert",
                "origin": f"{entity}/{source}.csv",
                "content_sha256": batch_id(source, entity, sequence),
                "is_alias": False,
                "landed": 0,
                "rejected": 0,
                "quarantined": 0,
                "state": "passed",
                "landed_at": instant("2100-01-01"),
            },
        )

    for entity, rows in landed.items():
        for (source, sequence), count in _rows_by_batch(rows).items():
            batch(source, entity, sequence)["landed"] += count
    for row in quarantined:
        batch(row.get("source", "test"), row["entity"], row.get("batch_sequence", 1))["quarantined"] += 1
    for row in rejected:
        batch(row.get("source", "test"), row["entity"], row.get("batch_sequence", 1))["rejected"] += 1
    for row in overrides:
        given = dict(row)
        if isinstance(given.get("landed_at"), str):
            given["landed_at"] = instant(given["landed_at"])
        batch(given.get("source", "test"), given["entity"], given.get("batch_sequence", 1)).update(given)
    return [{"read": each["landed"] + each["rejected"]} | each for each in batches.values()]


def write_data(
    data_dir: Path,
    rows: Mapping[str, Rows],
    *,
    batches: Sequence[Row] = (),
    quarantined: Sequence[Row] = (),
    rejected: Sequence[Row] = (),
    nights: Sequence[Row] = (),
    project_dir: Path = PROJECT_DIR,
) -> None:
    """Write the data directory a night leaves: landing, quarantine, rejected and the inputs of dbt.

    Every `quarantined` and `rejected` row names its `entity`; `source` and `batch_sequence` default to
    `test` and 1 everywhere.  `batches` overrides what is said of a batch, or adds one without rows.
    """
    landed: dict[str, Rows] = {}
    for name in ENTITIES:
        told = rows.get(name, ())
        landed[name] = _landed_table(name, told) if isinstance(told, pa.Table) else _landed(name, told)
    unknown = set(rows) - set(ENTITIES)
    if unknown:
        raise KeyError(f"no entity {', '.join(sorted(unknown))}")
    for entity in ENTITIES.values():
        schema = landing_schema(entity)
        folder = data_dir / "landing" / entity.name
        write_rows(folder / "source=_none" / "dt=1970-01-01" / "empty.parquet", [], schema)
        path = folder / "source=test" / "dt=2024-01-01" / "rows.parquet"
        complete = landed[entity.name]
        if isinstance(complete, pa.Table):
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(complete, path)
        elif complete:
            write_rows(path, complete, schema)
    for room, given, schema in (
        ("quarantine", quarantined, QUARANTINE_SCHEMA),
        ("rejected", rejected, REJECTED_SCHEMA),
    ):
        folder = data_dir / room / "feedback"
        write_rows(folder / "source=_none" / "dt=1970-01-01" / "empty.parquet", [], schema)
        complete = [
            {"batch_id": batch_id(row.get("source", "test"), row["entity"], row.get("batch_sequence", 1))}
            | {"source": "test", "batch_sequence": 1, "detail": ""}
            | {name: value for name, value in row.items() if name in schema.names}
            for row in given
        ]
        write_rows(folder / "source=test" / "dt=2024-01-01" / "rows.parquet", complete, schema)
    inputs = data_dir / "warehouse" / "inputs"
    write_rows(inputs / "batches.parquet", _batches(landed, quarantined, rejected, batches), batches_schema())
    if not (inputs / BUILT_BATCHES).exists():
        write_rows(inputs / BUILT_BATCHES, [], built_batches_schema())
    write_rows(inputs / "nights.parquet", [_parsed(night) for night in nights], nights_schema())
    zones = zones_of_hours(project_dir / "seeds" / "business_hours.csv")
    write_rows(inputs / "time_zone_rules.parquet", rule_rows(zones), rules_schema())


def _parsed(night: Row) -> dict[str, Any]:
    parsed = dict(night)
    for name in ("started_at", "ended_at"):
        if isinstance(parsed.get(name), str):
            parsed[name] = instant(parsed[name])
    if isinstance(parsed.get("night"), str):
        parsed["night"] = date.fromisoformat(parsed["night"])
    return parsed


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_dbt(
    data_dir: Path,
    arguments: Sequence[str],
    *,
    variables: Mapping[str, Any] | None = None,
    project_dir: Path = PROJECT_DIR,
) -> list[str]:
    """Run dbt in this process; return the names of what it ran.  BuildFailed names what went wrong."""
    from dbt.cli.main import dbtRunner

    given = json.dumps(dict(variables or {}), sort_keys=True)
    target = _shared_target(given) if project_dir == PROJECT_DIR else project_dir / "target"
    environment = {
        "CX_DATA_DIR": str(data_dir),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target / "logs"),
        "DO_NOT_TRACK": "1",
    }
    with _environment(environment):
        result = dbtRunner().invoke(
            [
                *("--quiet", "--no-use-colors", "--log-level-file", "none"),
                *arguments,
                *("--project-dir", str(project_dir), "--profiles-dir", str(project_dir)),
                *("--vars", given),
            ]
        )
    _close_dbt_connection()
    outcomes = getattr(result.result, "results", None) or ()
    problems = [
        f"{outcome.node.name}: {outcome.message or outcome.status}"
        for outcome in outcomes
        if outcome.status not in ("success", "pass", "warn")
        and not (outcome.status == "skipped" and any(o.status in ("error", "fail") for o in outcomes))
    ]
    if problems or not result.success:
        raise BuildFailed("\n".join(problems) or str(result.exception))
    return [outcome.node.name for outcome in outcomes]


def _close_dbt_connection() -> None:
    """dbt keeps its DuckDB open after a run, and an open file cannot be opened a second way."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    if DuckDBConnectionManager._ENV is not None:
        DuckDBConnectionManager._ENV.close()
        DuckDBConnectionManager.close_all_connections()


def project_with_seeds(folder: Path, seeds: Mapping[str, str]) -> Path:
    """A copy of the dbt project in `folder` with other seeds: {name: CSV text}."""
    copy = folder / "dbt_project"
    shutil.copytree(PROJECT_DIR, copy, ignore=shutil.ignore_patterns("target", "logs"))
    for name, text in seeds.items():
        (copy / "seeds" / f"{name}.csv").write_text(text, encoding="utf-8")
    return copy


@contextmanager
def open_warehouse(data_dir: Path) -> Iterator[Warehouse]:
    """The built warehouse below `data_dir`, read-only."""
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("set timezone = 'UTC'")
        for name in ("working", "cx"):
            path = str(data_dir / "warehouse" / f"{name}.duckdb").replace("'", "''")
            connection.execute(f"attach '{path}' as {name} (read_only)")
        schemas = connection.execute(
            "select database_name, schema_name from duckdb_schemas() "
            "where database_name in ('working', 'cx') "
            "and schema_name in ('staging', 'intermediate', 'marts')"
        ).fetchall()
        places = ",".join(f"{database}.{schema}" for database, schema in schemas)
        connection.execute(f"set search_path = '{places}'")
        yield Warehouse(connection, data_dir)
    finally:
        connection.close()


@contextmanager
def build_warehouse(
    folder: Path,
    rows: Mapping[str, Rows],
    *,
    select: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
    seeds: Mapping[str, str] | None = None,
    batches: Sequence[Row] = (),
    quarantined: Sequence[Row] = (),
    rejected: Sequence[Row] = (),
    nights: Sequence[Row] = (),
) -> Iterator[Warehouse]:
    """Build the selected models (default: all) on `rows` below `folder`, data tests included.

    `select` takes dbt's node selectors, so `+model` for a model with all it stands on; `variables`
    override the project's; `seeds` are CSV texts by name.  BuildFailed names what failed and why.
    """
    data_dir = folder / "data"
    project_dir = project_with_seeds(folder, seeds) if seeds else PROJECT_DIR
    write_data(
        data_dir,
        rows,
        batches=batches,
        quarantined=quarantined,
        rejected=rejected,
        nights=nights,
        project_dir=project_dir,
    )
    arguments = ["build", "--exclude-resource-type", "unit_test"]
    if select:
        arguments += ["--indirect-selection", "cautious", "--select", *select]
    run_dbt(data_dir, arguments, variables=variables, project_dir=project_dir)
    with open_warehouse(data_dir) as warehouse:
        yield warehouse
