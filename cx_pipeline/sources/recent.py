"""Walking a list that gives the newest first and forgets or caps the rest, as stores' reviews are.

What enters: how to fetch a page, when a record is from.  What leaves: pages of the records that have not
landed as they are, with the cursor that follows each.  Used by connectors.

Such lists tell no change later than what they are ordered by, so that each night walks back `lookback`
beyond the newest record of the night before, and leaves out what it knows, by keyed digests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cx_pipeline.sources.connector import Json, Window

KNOWN_RECORDS = 20_000

Fetch = Callable[[str | None], tuple[list[Any], str | None]]
"""The place of a page, None for the first → its records, newest first, and the place of the next."""


@dataclass(frozen=True, slots=True)
class Recent:
    """How a list is walked.  `instant` gives a record's, None where it has none; `key` keys the digests."""

    fetch: Fetch
    instant: Callable[[Any], datetime | None]
    lookback: timedelta
    key: bytes

    def pages(
        self, state: Json, window: Window | None, start: datetime | None
    ) -> Iterator[tuple[list[Any], Json]]:
        """(records that are new or changed, cursor) of each page; an interrupted walk goes on at its page."""
        state = state or {"since": None, "place": None, "newest": None, "known": [], "seen": []}
        known, seen = set(state["known"]), list(state["seen"])
        since = datetime.fromisoformat(state["since"]) if state["since"] else None
        newest = datetime.fromisoformat(state["newest"]) if state["newest"] else None
        floor = window.start if window else since - self.lookback if since else start
        place = state["place"]
        while True:
            records, following = self.fetch(place)
            dates = [self._instant(record) for record in records]
            wanted = [
                record
                for record, at in zip(records, dates, strict=True)
                if at is None or ((floor is None or at >= floor) and not (window and at >= window.end))
            ]
            digests = [self._digest(record) for record in wanted]
            fresh = [record for record, digest in zip(wanted, digests, strict=True) if digest not in known]
            seen += digests
            newest = max((at for at in (newest, *dates) if at is not None), default=None)
            is_past = floor is not None and bool(dates) and all(at is not None and at < floor for at in dates)
            is_last = following is None or following == place or is_past
            if is_last:
                latest = max((at for at in (since, newest) if at is not None), default=None)
                yield fresh, _state(latest, None, None, seen[:KNOWN_RECORDS], [])
                return
            place = following
            yield fresh, _state(since, place, newest, state["known"], seen[:KNOWN_RECORDS])

    def _instant(self, record: Any) -> datetime | None:
        try:
            return self.instant(record)
        except (KeyError, TypeError, ValueError, AttributeError):  # it will be rejected, with its reason
            return None

    def _digest(self, record: Any) -> str:
        text = json.dumps(record, sort_keys=True, default=str).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=10, key=self.key).hexdigest()


def _state(
    since: datetime | None, place: str | None, newest: datetime | None, known: list[str], seen: list[str]
) -> Json:
    return {
        "since": since.isoformat() if since else None,
        "place": place,
        "newest": newest.isoformat() if newest else None,
        "known": known,
        "seen": seen,
    }
