"""Which columns a mart's column is made of: read from the SQL dbt ran, for Dagster's catalog.

What enters: the project's manifest, the compiled SQL of a finished build, the columns of the working files.
What leaves: per mart and column the columns of its parents, kept in `warehouse/dbt/lineage.json` until the
project changes.  dagster-dbt could ask its adapter instead, but would leave a connection open here, and the
publishing after it could not open its own.

The widest marts are left out: thousands of columns cost more to trace than anybody reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.database import connect
from cx_pipeline.files import write_whole
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.project import dbt_folder, target_path

if TYPE_CHECKING:
    from sqlglot import MappingSchema

Lineage = dict[str, dict[str, list[tuple[str, str]]]]
"""mart → column → (parent's dbt id, its column)."""

MOST_COLUMNS = 130
"""Of a mart that is traced; the widest of the facts has fewer."""
_DIALECT = "duckdb"


def _path(settings: Settings) -> Path:
    return dbt_folder(settings) / "lineage.json"


def known_lineage(settings: Settings, project: str) -> Lineage | None:
    """The lineage of this project's fingerprint; None where it was not traced yet."""
    try:
        document = json.loads(_path(settings).read_text())
        if document["project"] != project:
            return None
        return {
            mart: {column: [(id_, of) for id_, of in origins] for column, origins in columns.items()}
            for mart, columns in document["marts"].items()
        }
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def trace_lineage(settings: Settings, manifest: Mapping[str, Any], project: str) -> Lineage:
    """Trace every mart that is not too wide, after a build, and keep the result."""
    columns = _columns_in(settings)
    traced: Lineage = {}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and is_traced(node):
            compiled = target_path(settings) / "compiled" / node["package_name"] / node["original_file_path"]
            if compiled.exists():
                traced[node["name"]] = dict(trace(compiled.read_text(), _parents(node, manifest), columns))
    write_whole(_path(settings), json.dumps({"project": project, "marts": traced}).encode())
    return traced


def is_traced(node: Mapping[str, Any]) -> bool:
    """Whether a dbt model is a mart of a width people read; the long view over the wide marts is none."""
    return (
        node["fqn"][1] == "marts"
        and len(node["columns"]) <= MOST_COLUMNS
        and node["config"]["materialized"] != "view"
    )


def _parents(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, str]:
    """The relations a model reads, by name → their dbt ids."""
    nodes = {**manifest["nodes"], **manifest["sources"]}
    ids = (id_ for id_ in node["depends_on"]["nodes"] if nodes[id_].get("relation_name"))
    return {nodes[id_]["relation_name"].replace('"', ""): id_ for id_ in ids}


def _columns_in(settings: Settings) -> dict[str, dict[str, str]]:
    """Relation → column → type, of both working files."""
    found: dict[str, dict[str, str]] = {}
    with connect(memory=settings.performance.duckdb_memory) as connection:
        for name in ("working", "cx"):
            path = str(settings.paths.warehouse / f"{name}.duckdb").replace("'", "''")
            connection.execute(f"attach '{path}' as {name} (read_only)")
        rows = connection.execute(
            "select database_name, schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where database_name in ('working', 'cx')"
        ).fetchall()
    for database, schema, table, column, type_ in rows:
        found.setdefault(f"{database}.{schema}.{table}", {})[column] = type_
    return found


def trace(
    sql: str, parents: Mapping[str, str], columns: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The columns of a query in turn, each with the columns of the relations in `parents` it is made of."""
    from sqlglot import MappingSchema, exp, parse_one, to_table
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    schema: MappingSchema = MappingSchema(dialect=_DIALECT)
    for relation in parents:
        schema.add_table(to_table(relation, dialect=_DIALECT), dict(columns.get(relation, {})), _DIALECT)
    parsed = parse_one(sql, dialect=_DIALECT)
    query = qualify(parsed, schema=schema, dialect=_DIALECT, validate_qualify_columns=False)
    if not isinstance(query, exp.Query):
        return
    scope = build_scope(query)
    for column in query.named_selects:
        node = lineage(column, query, schema=schema, scope=scope, dialect=_DIALECT, copy=False)
        origins = {
            (parents[relation], name)
            for leaf in node.walk()
            if isinstance(leaf.source, exp.Table) and not leaf.downstream
            if (relation := f"{leaf.source.catalog}.{leaf.source.db}.{leaf.source.name}") in parents
            if (name := exp.to_column(leaf.name).name) in columns.get(relation, {})
        }
        yield column, sorted(origins)
