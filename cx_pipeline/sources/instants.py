"""Instants as services write them, for the bookkeeping of pages; what lands is typed by the mapping.

What enters: a value of a record.  What leaves: an aware instant in UTC, or None where it is none.  Used by
connectors that walk a service by the instants of its records.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any


def parsed(value: Any) -> datetime | None:
    """An ISO 8601 text or seconds since 1970; None for anything else, as a broken value moves no cursor."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def instants(records: Iterable[Any], name: str) -> list[datetime]:
    """The readable instants the records have under `name`, in their order."""
    values = (parsed(record.get(name)) for record in records if isinstance(record, dict))
    return [value for value in values if value is not None]


def text(instant: datetime) -> str:
    """`2024-01-31T09:00:00Z`; fractions of a second only where there are any."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso(seconds: Any) -> str | None:
    """Seconds since 1970 as text; None for None, TypeError for what is no number."""
    return None if seconds is None else text(datetime.fromtimestamp(seconds, UTC))
