"""A batch: one load of one file of one source into one entity, and what is known of it.

What enters: nothing but values.  What leaves: `Batch`, which travels as JSON in the footer of its own
Parquet file (key `FOOTER_KEY`), so that a batch and what is said of it cannot part.  Anyone may call it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Self

FOOTER_KEY = "cx_batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One load of one file.  `read` = `landed` + `rejected`, in records of the input.

    `origin` is the path below the entity's folder of the inbox, redacted.  `delivered` and `missing` are
    contract columns by their input names; `extra` are headers nobody asked for, redacted.  A page of
    a full re-pull that is not through is `provisional`: its generation is read from the first other batch on.
    """

    batch_id: str
    sequence: int
    source: str
    entity: str
    night: str
    generation: int
    contract_version: int
    key_fingerprint: str
    mapping_fingerprint: str
    landed_at: str
    origin: str
    content_sha256: str
    mode: Literal["upsert", "replace"] = "upsert"
    alias: bool = False
    provisional: bool = False
    read: int = 0
    landed: int = 0
    rejected: int = 0
    delivered: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    renamed: bool = False
    unknown_values: dict[str, int] = field(default_factory=dict)
    ambiguous_times: int = 0
    nonexistent_times: int = 0
    date_only: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        return f"{self.sequence:010d}-{self.batch_id}.parquet"

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The batch `text` describes; keys of a later version are left aside."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Self:
        """The batch of a parsed JSON object."""
        known = {f.name for f in fields(cls)}
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}
        return cls(**{k: v for k, v in values.items() if k in known})


def batch_id(source: str, entity: str, origin: str, content_sha256: str, occurrence: int) -> str:
    """16 hex digits, the same in any order: the `occurrence`-th (from 0) load of a content from a path."""
    text = "\0".join((source, entity, origin, content_sha256, str(occurrence)))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def current_generations(batches: Iterable[Batch]) -> dict[tuple[str, str], int]:
    """(source, entity) -> the greatest generation that landed whole, the only one read; 0: none yet."""
    current: dict[tuple[str, str], int] = {}
    for batch in batches:
        key = (batch.source, batch.entity)
        current[key] = max(0 if batch.provisional else batch.generation, current.get(key, 0))
    return current
