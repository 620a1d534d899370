"""The Arrow schema of a landed batch, derived from the contract.

Beside the contract's columns (identity columns under their keyed names) every landed row carries:

- `source`: the configured name of the source;
- `batch_sequence`: the batch's place in the order of landing, which only grows;
- `position`: the row's place in its batch, from 0, without gaps for rejected rows being filled;
- `date_only`: the comma-separated names of the timestamp columns whose input had a date and no time
  (such a value stands for noon in its source's zone and gives no duration), or null.
"""

from __future__ import annotations

import pyarrow as pa

from cx_pipeline.contract.entities import Entity, Type

_ARROW: dict[Type, pa.DataType] = {
    Type.TEXT: pa.string(),
    Type.INTEGER: pa.int64(),
    Type.DECIMAL: pa.float64(),
    Type.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    Type.BOOLEAN: pa.bool_(),
    Type.MAP: pa.map_(pa.string(), pa.string()),
}

TECHNICAL_COLUMNS = ("source", "batch_sequence", "position", "date_only")


def landing_schema(entity: Entity) -> pa.Schema:
    """The schema of `entity`'s landed Parquet files."""
    technical = [
        pa.field("source", pa.string(), nullable=False),
        pa.field("batch_sequence", pa.int64(), nullable=False),
        pa.field("position", pa.int64(), nullable=False),
        pa.field("date_only", pa.string()),
    ]
    return pa.schema([*technical, *(pa.field(f.landed_name, _ARROW[f.type]) for f in entity.fields)])
