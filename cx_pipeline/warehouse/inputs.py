"""What dbt is given beside the landed rows: batches with their verdicts, nights, time zones, its variables.

What enters: the landed batches, the gate's verdicts, the nights' records, the settings.  What leaves:
`warehouse/inputs/{batches,nights,time_zone_rules}.parquet` (typed, written whole), dbt's variables and its
environment.  Called by whoever runs dbt, just before.  Beside them stands `built_batches.parquet`: the
batches as the last build that came to its end found them, which tells dbt what has changed since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cx_pipeline.database import LITTLE, connect
from cx_pipeline.files import put_in_place, temporary_beside
from cx_pipeline.settings import Settings
from cx_pipeline.warehouse.time_zones import rule_rows, rules_schema, zones_of_hours

if TYPE_CHECKING:
    import pyarrow as pa

    from cx_pipeline.gate.verdict import Verdict
    from cx_pipeline.landing import Batch
    from cx_pipeline.night.record import NightRecord

PROJECT_DIR = Path(__file__).resolve().parents[2] / "dbt_project"

_READABLE = frozenset({"passed", "accepted"})
_UNJUDGED = "unjudged"

BUILT_BATCHES = "built_batches.parquet"

_ROWS_PER_GB = 8_000_000
"""Landed rows for each GB of DuckDB's above which dbt builds one model at a time: two models of a million
tickets (18 M rows) fit in 3 GB, two of ten million (129 M rows) ran out of 7 GB, in which each fits alone."""


def batches_schema() -> pa.Schema:
    """The columns of `gate.batches`; instants in UTC, counts in rows."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            ("batch_id", pa.string()),
            ("batch_sequence", pa.int64()),
            ("source", pa.string()),
            ("entity", pa.string()),
            ("night", pa.date32()),
            ("generation", pa.int64()),
            ("is_current_generation", pa.bool_()),
            ("is_source_enabled", pa.bool_()),
            ("mode", pa.string()),
            ("origin", pa.string()),
            ("content_sha256", pa.string()),
            ("is_alias", pa.bool_()),
            ("read", pa.int64()),
            ("landed", pa.int64()),
            ("rejected", pa.int64()),
            ("quarantined", pa.int64()),
            ("state", pa.string()),
            ("landed_at", instant),
        ]
    )


def built_batches_schema() -> pa.Schema:
    """The columns of `gate.built_batches`: those of a batch, the build that found it so, and its as_of."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return pa.schema([*batches_schema(), ("build", pa.string()), ("as_of", instant)])


def nights_schema() -> pa.Schema:
    """The columns of `state.nights`; instants in UTC, counts of batches and rows."""
    import pyarrow as pa

    instant = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            ("run_id", pa.string()),
            ("night", pa.date32()),
            ("started_at", instant),
            ("ended_at", instant),
            ("outcome", pa.string()),
            ("batches", pa.int64()),
            ("landed", pa.int64()),
            ("rejected", pa.int64()),
            ("quarantined", pa.int64()),
            ("held", pa.int64()),
            ("stale_sources", pa.string()),
            ("full_refresh", pa.bool_()),
        ]
    )


def batch_rows(
    batches: Sequence[Batch], verdicts: Mapping[str, Verdict], enabled_sources: Iterable[str]
) -> list[dict[str, Any]]:
    """One row per batch for `gate.batches`.

    A batch without a verdict is `unjudged` and not read.  The current generation is the greatest that has
    a readable batch, so that a re-pull the gate holds does not withdraw what is published.
    """
    from cx_pipeline.landing import current_generations

    states = {batch_id: str(verdict.state) for batch_id, verdict in verdicts.items()}
    readable = [batch for batch in batches if states.get(batch.batch_id) in _READABLE]
    current = current_generations(batches) | current_generations(readable)
    enabled = frozenset(enabled_sources)
    return [
        {
            "batch_id": batch.batch_id,
            "batch_sequence": batch.sequence,
            "source": batch.source,
            "entity": batch.entity,
            "night": date.fromisoformat(batch.night),
            "generation": batch.generation,
            "is_current_generation": batch.generation == current[batch.source, batch.entity],
            "is_source_enabled": batch.source in enabled,
            "mode": batch.mode,
            "origin": batch.origin,
            "content_sha256": batch.content_sha256,
            "is_alias": batch.alias,
            "read": batch.read,
            "landed": batch.landed,
            "rejected": batch.rejected,
            "quarantined": verdicts[batch.batch_id].quarantined if batch.batch_id in verdicts else 0,
            "state": states.get(batch.batch_id, _UNJUDGED),
            "landed_at": _instant(batch.landed_at),
        }
        for batch in batches
    ]


def night_rows(records: Iterable[NightRecord]) -> list[dict[str, Any]]:
    """One row per night date for `state.nights`: its last finished run (`records` come oldest first)."""
    last_of_night = {record.night: record for record in records if record.ended_at}
    return [
        {
            "run_id": record.run_id,
            "night": date.fromisoformat(record.night),
            "started_at": _instant(record.started_at),
            "ended_at": _instant(record.ended_at),
            "outcome": record.outcome,
            "batches": record.batches,
            "landed": record.landed,
            "rejected": record.rejected,
            "quarantined": record.quarantined,
            "held": record.held,
            "stale_sources": record.stale_sources,
            "full_refresh": record.full_refresh,
        }
        for _, record in sorted(last_of_night.items())
    ]


def write_inputs(settings: Settings) -> None:
    """Write `warehouse/inputs/{batches,nights,time_zone_rules}.parquet`, each whole or not at all."""
    from cx_pipeline.gate import load_verdicts
    from cx_pipeline.landing import list_batches
    from cx_pipeline.night.record import read_records

    paths = settings.paths
    inputs = paths.warehouse / "inputs"
    batches = batch_rows(list_batches(paths), load_verdicts(paths), settings.all_sources)
    write_rows(inputs / "batches.parquet", batches, batches_schema())
    if not (inputs / BUILT_BATCHES).exists():
        write_rows(inputs / BUILT_BATCHES, [], built_batches_schema())
    write_rows(inputs / "nights.parquet", night_rows(read_records(paths.state / "nights")), nights_schema())
    zones = zones_of_hours(PROJECT_DIR / "seeds" / "business_hours.csv")
    write_rows(inputs / "time_zone_rules.parquet", rule_rows(zones), rules_schema())


def remember_built_batches(warehouse: Path, build: str) -> None:
    """Say that the working files below `warehouse` hold the batches they were last built from, whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with connect(warehouse / "working.duckdb", memory=LITTLE, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        [[as_of]] = connection.execute("select as_of from intermediate.int_as_of").fetchall()
    inputs = warehouse / "inputs"
    batches = pq.read_table(inputs / "batches.parquet")
    schema = built_batches_schema()
    for name, value in {"build": build, "as_of": as_of and as_of.replace(tzinfo=UTC)}.items():
        field = schema.field(name)
        batches = batches.append_column(field, pa.repeat(pa.scalar(value, field.type), len(batches)))
    _write_table(inputs / BUILT_BATCHES, batches)


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write `rows` to the Parquet file `path` under `schema`, whole or not at all."""
    import pyarrow as pa

    _write_table(path, pa.Table.from_pylist(list(rows), schema=schema))


def _write_table(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    pq.write_table(table, temporary, compression="zstd")
    put_in_place(temporary, path)


def dbt_vars(settings: Settings) -> dict[str, Any]:
    """The variables of the dbt project: settings alone, so that they are the same every night."""
    reporting = settings.reporting
    return {
        "time_zone": reporting.time_zone,
        "currency": reporting.currency,
        "min_n": reporting.min_n,
        "ces_scale_min": reporting.ces_scale[0],
        "ces_scale_max": reporting.ces_scale[1],
        "response_window_days": reporting.response_window_days,
        "fcr_window_days": reporting.fcr_window_days,
        "churn_after_days": reporting.churn_after_days,
        "default_schedule": settings.support.default_schedule,
        "service_level_seconds": settings.support.service_level_seconds,
        "headline_nps": reporting.headline.nps,
        "headline_csat": reporting.headline.csat,
        "headline_ces": reporting.headline.ces,
        "attributes": {name: list(entity.attributes) for name, entity in sorted(settings.entities.items())},
        "contractual_sources": sorted(
            name for name, source in settings.all_sources.items() if source.relationship == "contractual"
        ),
    }


def dbt_environment(settings: Settings) -> dict[str, str]:
    """The environment variables `profiles.yml` and the sources read, and where dbt puts its artefacts."""
    paths = settings.paths
    return {
        "CX_DATA_DIR": str(paths.root),
        "DBT_TARGET_PATH": str(paths.warehouse / "dbt" / "target"),
        "DBT_LOG_PATH": str(paths.warehouse / "dbt" / "logs"),
        "DO_NOT_TRACK": "1",
        "DUCKDB_OPERATOR_MEMORY_LIMIT": settings.performance.duckdb_operator_memory,
    } | ({"DUCKDB_MEMORY_LIMIT": memory} if (memory := settings.performance.duckdb_memory) else {})


def models_at_a_time(settings: Settings) -> int:
    """How many models dbt builds side by side: two, or one where much has landed for the memory there is.

    Reads what `write_inputs` has written.
    """
    import pyarrow.parquet as pq

    batches = pq.read_table(settings.paths.warehouse / "inputs" / "batches.parquet", columns=["landed"])
    landed = sum(batches["landed"].to_pylist())
    return 1 if landed > _ROWS_PER_GB * settings.performance.duckdb_bytes / 10**9 else 2


def _instant(text: str) -> datetime:
    """An ISO 8601 instant; one without an offset is UTC."""
    instant = datetime.fromisoformat(text)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
