"""Which landed rows nothing needs any more: what `landing.keep_raw_days` empties.

What enters: the setting, the landed files, the working file of the night that was published, closed.
What leaves: the places of the expired rows.  Called after publishing, once in `DAYS_BETWEEN` days.

A row expires once it is older than the setting and folded in, that is, its fate stands in the working
file and nothing that lands later can change it:

- its batch was dropped, was replaced by a later content of its path, or is of a generation before the one in
  force;
- it is in quarantine;
- it is a version of an answer, event, transaction or touchpoint that was superseded by a row of an
  `upsert` batch (one of a `replace` batch may be withdrawn again, and then the older version counts).

Superseded versions of customers and tickets do not expire: what somebody was when a thing happened is
read from them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cx_pipeline.contract import ENTITIES
from cx_pipeline.database import connect
from cx_pipeline.settings import DataPaths

if TYPE_CHECKING:
    import duckdb

    from cx_pipeline.landing import Batch
    from cx_pipeline.landing.compact import Expired

DAYS_BETWEEN = 30
"""So often is landing looked through: old rows go on being superseded, and each look reads every version."""
HISTORIES = frozenset({"customers", "tickets"})

_LAPSED_BATCHES = """
    with batches as (select * from staging.stg_batches where entity = $entity),
    in_force as (
        select source, max(generation) as generation
        from batches
        where is_current_generation
        group by source
    )
    select batches.batch_sequence, batches.landed
    from batches
    inner join in_force on batches.source = in_force.source
    where
        batches.batch_sequence in (select unnest($sequences))
        and (
            batches.state = 'dropped'
            or batches.generation < in_force.generation
            or (batches.generation = in_force.generation and batches.is_withdrawn)
        )
"""
_QUARANTINED_ROWS = """
    select batch_sequence, position
    from staging.stg_quarantined_rows
    where entity = $entity and is_readable and batch_sequence in (select unnest($sequences))
"""
_SUPERSEDED_ROWS = """
    with versions as (select source, {key} as key, batch_sequence, position, disposition from {versions}),
    latest as (
        select versions.source, versions.key
        from versions
        inner join staging.stg_batches as batches
            on
                versions.source = batches.source
                and versions.batch_sequence = batches.batch_sequence
                and batches.entity = $entity
                and batches.mode = 'upsert'
        where versions.disposition not in ('superseded', 'withdrawn')
    )
    select versions.batch_sequence, versions.position
    from versions
    semi join latest on versions.source = latest.source and versions.key = latest.key
    where versions.disposition = 'superseded' and versions.batch_sequence in (select unnest($sequences))
"""


def old_batches(
    batches: Sequence[Batch], night: date, keep_days: int, settled: Collection[str]
) -> list[Batch]:
    """The settled batches that landed more than `keep_days` before `night`."""
    oldest_kept = (night - timedelta(days=keep_days)).isoformat()
    return [batch for batch in batches if batch.night < oldest_kept and batch.batch_id in settled]


def expired_rows(paths: DataPaths, batches: Sequence[Batch], memory: str | None = None) -> dict[str, Expired]:
    """By entity, the positions of the expired rows of `batches` by their sequence; duckdb.Error.

    `memory` bounds what DuckDB takes, as in `bloat.shrink`.
    """
    found: dict[str, Expired] = {}
    with connect(paths.warehouse / "working.duckdb", memory=memory, read_only=True) as connection:
        for entity in ENTITIES:
            mine = [batch.sequence for batch in batches if batch.entity == entity]
            if mine:
                found[entity] = _expired(connection, entity, mine)
    return found


def _expired(connection: duckdb.DuckDBPyConnection, entity: str, sequences: list[int]) -> Expired:
    import numpy as np

    given = {"entity": entity, "sequences": sequences}
    queries = [_QUARANTINED_ROWS]
    if entity not in HISTORIES:
        key = ENTITIES[entity].landed_key
        queries.append(_SUPERSEDED_ROWS.format(key=key, versions=f"intermediate.int_{entity}_versions"))
    positions: dict[int, list[int]] = {}
    for query in queries:
        for sequence, position in connection.execute(query, given).fetchall():
            positions.setdefault(sequence, []).append(position)
    lapsed = {
        sequence: np.arange(landed, dtype=np.int64)
        for sequence, landed in connection.execute(_LAPSED_BATCHES, given).fetchall()
    }
    return {sequence: np.array(rows, dtype=np.int64) for sequence, rows in positions.items()} | lapsed
