"""One pull's hold on the store: what has landed, the identity key, the next sequence.

What enters: the settings and the night.  What leaves: `Session`, through which pulls of files and of services
land alike; `LandingError` where nothing may land.  Called by `landing.loading` and `landing.pages`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Literal

import pyarrow as pa

from cx_pipeline.contract import CONTRACT_VERSION
from cx_pipeline.landing.batch import Batch, batch_id
from cx_pipeline.landing.index import LandingError
from cx_pipeline.landing.store import (
    REJECTED_SCHEMA,
    ensure_empty_files,
    list_batches,
    remove_leftovers,
)
from cx_pipeline.privacy.errors import PrivacyError
from cx_pipeline.privacy.identity_key import load_key
from cx_pipeline.privacy.keys import Keyer
from cx_pipeline.settings import RowMapping, Settings
from cx_pipeline.sources.rows.mapping import Mapper
from cx_pipeline.sources.rows.records import Reject


class Session:
    """Opens the store for one source's pull.  `sequence` is the last one used."""

    def __init__(self, settings: Settings, source: str, night: date) -> None:
        self.settings = settings
        self.paths = settings.paths
        self.source = source
        self.night = night.isoformat()
        remove_leftovers(self.paths)
        ensure_empty_files(self.paths)
        self.batches = list_batches(self.paths)
        try:
            key = load_key(settings, may_create=not self.batches)
            self.keyer = Keyer.of(settings, key)
        except PrivacyError as error:
            raise LandingError(str(error)) from error
        self._check_key()
        self.sequence = max((b.sequence for b in self.batches), default=0)

    def _check_key(self) -> None:
        newest: dict[tuple[str, str], int] = {}
        for b in self.batches:
            newest[b.source, b.entity] = max(b.generation, newest.get((b.source, b.entity), 0))
        for b in self.batches:
            if b.generation == newest[b.source, b.entity] and b.key_fingerprint != self.keyer.fingerprint:
                raise LandingError(
                    f"the identity key has changed (fingerprint {self.keyer.fingerprint}, but {b.entity} of "
                    f"{b.source} landed under {b.key_fingerprint}): put the former key back, or start over "
                    "with an empty data directory"
                )

    def draft(
        self,
        entity: str,
        *,
        origin: str,
        content_sha256: str,
        occurrence: int,
        generation: int,
        fingerprint: str,
        mode: Literal["upsert", "replace"] = "upsert",
    ) -> Batch:
        """The next batch of `entity`, before anything is known of its rows."""
        return Batch(
            batch_id=batch_id(self.source, entity, origin, content_sha256, occurrence),
            sequence=self.sequence + 1,
            source=self.source,
            entity=entity,
            night=self.night,
            generation=generation,
            contract_version=CONTRACT_VERSION,
            key_fingerprint=self.keyer.fingerprint,
            mapping_fingerprint=fingerprint,
            landed_at=datetime.now(UTC).isoformat(),
            origin=origin,
            content_sha256=content_sha256,
            mode=mode,
        )


def mapping_fingerprint(
    settings: Settings, source: str, entity: str, connector: Mapping[str, object] | None = None
) -> str:
    """16 hex digits of everything that changes what a record becomes."""
    configured = settings.all_sources[source]
    mapping = configured.entities.get(entity) or RowMapping()
    links = settings.privacy.links_file
    what: dict[str, object] = {
        "mapping": mapping.model_dump(
            mode="json", exclude={"files", "mode", "never_empty", "freshness_hours"}
        ),
        "time_zone": mapping.time_zone or configured.time_zone or settings.reporting.time_zone,
        "id_namespace": configured.id_namespace or source,
        "relationship": configured.relationship if entity == "customers" else None,
        "attributes": settings.attributes(entity),
        "agent_ids": settings.privacy.agent_ids,
        "phone_regions": settings.privacy.phone_regions,
        "links": hashlib.sha256(links.read_bytes()).hexdigest() if links else None,
    }
    if connector is not None:
        what["connector"] = connector
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:16]


def finished(draft: Batch, mapper: Mapper, landed: int, rejected: int) -> Batch:
    """The batch with its counts, and what its mapper met."""
    return replace(
        draft,
        read=landed + rejected,
        landed=landed,
        rejected=rejected,
        delivered=mapper.delivered,
        missing=mapper.binding.missing,
        unknown_values=dict(sorted(mapper.tally.unknown_values.items())),
        ambiguous_times=mapper.tally.ambiguous_times,
        nonexistent_times=mapper.tally.nonexistent_times,
        date_only=tuple(sorted(mapper.tally.date_only)),
    )


def rejected_table(draft: Batch, rejects: Iterable[Reject]) -> pa.Table:
    """The rejected rows of a batch, by line."""
    rows = [
        {
            "source": draft.source,
            "batch_id": draft.batch_id,
            "batch_sequence": draft.sequence,
            "line": r.line,
            "column_name": r.column,
            "reason": r.reason,
            "detail": r.detail,
        }
        for r in sorted(rejects, key=lambda r: r.line)
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED_SCHEMA)
