"""What files and services alike hand on: chunks of records, and the records that could not be read.

Nothing here does I/O.  Used by the readers, the pages of services and the mapping.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MAX_FIELD_BYTES = 65_536
"""The longest field that lands, as the contract has it."""


class FileError(Exception):
    """A file cannot be read at all; the text says why and what to do, and quotes nothing of it."""


class SecondReadingError(Exception):
    """A later line has another header or encoding: the file must be opened anew, with all lines looked at."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that does not land: its line (or row), why (`reason`, a code) and what to do (`detail`)."""

    line: int
    reason: str
    detail: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records in file order: the wanted columns by header, and the 1-based line each begins on.

    Columns are strings, or (Parquet, numbers of JSON) as the file types them.
    """

    columns: dict[str, pa.Array]
    lines: np.ndarray
    rejects: list[Reject]


class Reader(Protocol):
    """An open file: its headers (trimmed, NFC, in order), notes for people, and its records."""

    headers: list[str]
    notes: list[str]

    def chunks(self, wanted: Collection[str], numbers: Collection[str] = ()) -> Iterator[Chunk]:
        """The records, only the columns `wanted`, of which `numbers` are read as numbers however spelled.

        `FileError` where the file turns out unreadable, `SecondReadingError` where a later line is not
        what the first ones told.
        """

    def close(self) -> None: ...


def tidy_header(header: str) -> str:
    """A header as it is compared: NFC, without blanks around it."""
    return unicodedata.normalize("NFC", header).strip().strip("\ufeff\u200b").strip()


def shape(value: str) -> str:
    """The form of a value without its content: letters become a, A or 가, digits 9; at most 40 characters."""
    form = "".join(
        "9"
        if c.isdigit()
        else c
        if not c.isalpha()
        else ("A" if c.isupper() else "a")
        if c.isascii()
        else "가"
        for c in value[:41]
    )
    return form if len(value) <= 40 else form[:40] + "…"


Row = Mapping[str, Any]
"""A row as a connector gives it: contract column (or a name the mapping may ask for) → a plain value."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a record of a service that could not be read; `detail` quotes no value of it."""

    detail: str


def rows_of(records: Iterable[Any], to_rows: Callable[[Any], Iterable[Row]]) -> tuple[Row | Unreadable, ...]:
    """What `to_rows` makes of each record; a record that lacks what it needs becomes an `Unreadable`."""
    rows: list[Row | Unreadable] = []
    for record in records:
        try:
            made = tuple(to_rows(record))
        except KeyError:  # its text may be a value
            rows.append(Unreadable("the record lacks a field it always had"))
        except (TypeError, AttributeError, ValueError, IndexError) as error:
            rows.append(Unreadable(f"a field of the record changed its type ({type(error).__name__})"))
        else:
            rows.extend(made)
    return tuple(rows)
