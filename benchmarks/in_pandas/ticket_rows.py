"""Tickets: their newest rows, numbered, and the versions that were ever in force.

What enters: landed tickets.  What leaves: `Tickets`.  Called by everything that tells of tickets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.landed import NEVER, Array, chosen, instants, is_one_of, read

TEXT = [
    "source",
    "ticket_id",
    "customer_key",
    "channel",
    "direction",
    "category",
    "product",
    "priority",
    "status",
    "team",
    "agent_key",
    "schedule_id",
    "brand",
    "parent_ticket_id",
]
OTHER = [
    "batch_sequence",
    "position",
    "created_at",
    "first_responded_at",
    "resolved_at",
    "reopen_count",
    "updated_at",
    "is_deleted",
    "is_test",
    "date_only",
    "merged_into_ticket_id",
]
DONE = ("solved", "closed")


@dataclass(frozen=True)
class Tickets:
    """All tickets by number, their newest rows; which count; and the versions of all, by ticket and time."""

    keys: pd.Index[Any]
    """Of each ticket: its id's code times the number of sources, and its source's."""
    ids: pd.Index[Any]
    sources: pd.Index[Any]
    rows: pd.DataFrame
    counts: Array
    is_left_out: Array
    versions: pd.DataFrame
    version_ticket: Array
    version_updated: Array

    def moments(self, name: str) -> Array:
        """A column of instants of the newest rows."""
        return instants(self.rows[name])

    def numbers_of(self, ids: Array, sources: Array) -> Array:
        """The tickets' numbers by the codes of their ids and sources; -1 of who is not known."""
        known = (ids >= 0) & (sources >= 0)
        return np.where(known, self.keys.get_indexer(pd.Index(ids * len(self.sources) + sources)), -1)


def read_tickets(landing: Path) -> Tickets:
    """All tickets, in the order of their ids."""
    rows = read(landing, "tickets", OTHER, TEXT)
    ids, sources = rows["ticket_id"].cat, rows["source"].cat
    code = ids.codes.to_numpy().astype(np.int64) * len(sources.categories) + sources.codes.to_numpy()
    updated = instants(rows["updated_at"])
    order = np.lexsort((rows["position"].to_numpy(), rows["batch_sequence"].to_numpy(), updated, code))
    code, updated = code[order], updated[order]
    rows = rows.take(order).reset_index(drop=True)
    is_newest = np.append(starts_of(code)[1:], True)
    newest = chosen(rows, is_newest)
    number = np.cumsum(starts_of(code)) - 1
    is_version = np.append(starts_of(code, updated)[1:], True)
    status = newest["status"]
    is_left_out = (
        newest["is_deleted"].to_numpy(bool) | newest["is_test"].to_numpy(bool) | is_one_of(status, "spam")
    )
    is_merged = newest["merged_into_ticket_id"].notna().to_numpy() | is_one_of(status, "merged")
    return Tickets(
        pd.Index(code[is_newest]),
        ids.categories,
        sources.categories,
        newest,
        ~is_left_out & ~is_merged,
        is_left_out,
        chosen(rows, is_version),
        number[is_version],
        updated[is_version],
    )


def is_inexact(tickets: Tickets) -> Array:
    """Whether the creation of each ticket that counts came as a date alone."""
    told = tickets.rows["date_only"][tickets.counts]
    return np.asarray(told.str.contains("created_at", regex=False).fillna(False), bool)


def latest_instant(tickets: Tickets) -> int:
    """The greatest instant that any ticket tells of."""
    moments = [tickets.moments(name) for name in ("created_at", "first_responded_at", "resolved_at")]
    return max(int(moment.max(initial=NEVER)) for moment in moments)
