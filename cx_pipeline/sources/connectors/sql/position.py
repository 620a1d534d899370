"""How far a stream of rows came, and which rows around that place have landed already.

What enters: rows in the order of cursor and key.  What leaves: the stream's cursor (JSON, without personal
data): the place the next pull begins at, and keyed digests of the rows known from there on.

A place alone is not enough.  Rows may share a cursor value and come one after the other; a transaction may
commit after a later one did; a row may change twice within one tick of the clock.  So the next pull begins
some way before the newest row, and leaves out the rows it knows.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from cx_pipeline.sources.connector import Json

KNOWN_ROWS = 10_000
"""Rows remembered at most; so many are looked at again at most where a row has a key."""
_HORIZON = timedelta(days=1)
_PERSONAL = re.compile(r"@|^[+0][\d\s().-]{7,}$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: its cursor value, and its key's values (none where no key is set)."""

    at: Any
    key: tuple[Any, ...] = ()


class Bounds(NamedTuple):
    """Cursor values from `start` up to, not including, `end`."""

    start: datetime | date | str | None = None
    end: datetime | date | str | None = None


def encoded(value: Any) -> Json:
    """A value as JSON, from which `decoded` makes the same value again."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    if isinstance(value, UUID):
        return {"uuid": str(value)}
    if isinstance(value, bytes | memoryview):
        return {"bytes": bytes(value).hex()}
    raise TypeError


def decoded(value: Json) -> Any:
    """The value that `encoded` made JSON of."""
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _DECODERS[kind](text)


_DECODERS: dict[str, Callable[[str], Any]] = {
    "instant": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
    "uuid": UUID,
    "bytes": bytes.fromhex,
}


class Tail:
    """The newest rows of a stream.  `low` is the place to read from, None for the beginning."""

    def __init__(self, state: Json, overlap_minutes: int, now: datetime, digest_key: bytes) -> None:
        given = state or {"low": None, "known": []}
        self.low = None if given["low"] is None else _place(given["low"])
        self._known = set(given["known"])
        self._ahead: deque[str] = deque(maxlen=KNOWN_ROWS)
        self._rows: deque[tuple[Place, str]] = deque(maxlen=KNOWN_ROWS)
        self._overlap = timedelta(minutes=overlap_minutes)
        self._latest = now + _HORIZON
        self._key = digest_key
        self._is_cut = False

    def is_new(self, place: Place, row: Sequence[Any]) -> bool:
        """Take in the next row; whether it has not landed yet, as far as is known."""
        digest = self._digest(row)
        if self._is_ahead(place.at):
            self._ahead.append(digest)
        else:
            self._is_cut |= len(self._rows) == KNOWN_ROWS
            self._rows.append((place, digest))
            while self._is_settled(self._rows[0][0].at, place.at):
                self._rows.popleft()
                self._is_cut = False
        return digest not in self._known

    @property
    def state(self) -> Json:
        """The stream's cursor after the rows taken in."""
        known = [digest for _, digest in self._rows] + list(self._ahead)
        if not self._rows:  # rows dated ahead of time alone: the place stays
            low = None if self.low is None else _json(self.low)
            return {"low": low, "known": sorted(self._known | set(known))[-2 * KNOWN_ROWS :]}
        first, newest = self._rows[0][0], self._rows[-1][0]
        early = self._early(newest.at)
        whole = Place(first.at if early is None else min(early, first.at))
        low = _storable(first) if self._is_cut else whole
        return {"low": _json(low), "known": known}

    def _digest(self, row: Sequence[Any]) -> str:
        text = "\x1f".join(map(repr, row)).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, digest_size=10, key=self._key).hexdigest()

    def _early(self, at: Any) -> Any:
        """The overlap before `at`; None where the cursor is no instant."""
        if isinstance(at, datetime | date):
            return at - self._overlap
        return None

    def _is_settled(self, at: Any, newest: Any) -> bool:
        """Whether a row is so old that nothing comes beside it any more; never one at the newest value."""
        early = self._early(newest)
        return early is not None and bool(at < early) and at != newest

    def _is_ahead(self, at: Any) -> bool:
        """Dated in the future by mistake: were the place to move there, all that follows would be missed."""
        if isinstance(at, datetime):
            return at > (self._latest if at.tzinfo else self._latest.astimezone(UTC).replace(tzinfo=None))
        return isinstance(at, date) and at > self._latest.date()


def _storable(place: Place) -> Place:
    """The place without a key that may be somebody's address or number: cursors hold no personal data."""
    if any(isinstance(part, str) and _PERSONAL.search(part) for part in place.key):
        return Place(place.at)
    return place


def _json(place: Place) -> Json:
    return {"at": encoded(place.at), "key": [encoded(part) for part in place.key]}


def _place(given: Json) -> Place:
    return Place(decoded(given["at"]), tuple(decoded(part) for part in given["key"]))
