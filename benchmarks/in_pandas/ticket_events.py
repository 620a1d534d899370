"""Ticket events: the newest of each id, on tickets that count, repeats under new ids apart.

What enters: landed events, the tickets.  What leaves: a frame of events, not yet in order.
Called by `tickets`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.in_pandas.arrays import starts_of
from benchmarks.in_pandas.landed import Array, chosen, codes_in, instants, is_one_of, latest, read
from benchmarks.in_pandas.ticket_rows import Tickets

TEXT = ("source", "ticket_id", "event_type", "actor_role", "agent_key", "value", "session_id")
OTHER = [
    "batch_sequence",
    "position",
    "event_id",
    "occurred_at",
    "is_public",
    "wait_seconds",
    "is_deleted",
    "is_test",
    "date_only",
    "updated_at",
]
CONTENT = ("event_type", "actor_role", "agent_key", "value", "session_id")


def read_events(landing: Path) -> pd.DataFrame:
    """The newest rows, deleted ones and tests among them."""
    rows = latest(read(landing, "ticket_events", OTHER, TEXT), "event_id")
    rows["occurred"] = instants(rows["occurred_at"])
    return rows.drop(columns=["occurred_at", "updated_at", "batch_sequence", "position"])


def counted_events(rows: pd.DataFrame, tickets: Tickets, as_of: int) -> pd.DataFrame:
    """The events of tickets that count, up to a moment, each told once."""
    ticket = tickets.numbers_of(
        codes_in(tickets.ids, rows["ticket_id"]), codes_in(tickets.sources, rows["source"])
    )
    is_counted = tickets.counts[ticket] & (ticket >= 0) & (rows["occurred"].to_numpy() <= as_of)
    is_counted &= ~(rows["is_deleted"].to_numpy(bool) | rows["is_test"].to_numpy(bool))
    rows["ticket"] = ticket
    rows = chosen(rows.drop(columns=["source", "ticket_id"]), is_counted)
    is_said = is_one_of(rows["event_type"], "reply", "call")
    rows["is_public"] = np.where(rows["is_public"].isna(), is_said, rows["is_public"] == True)  # noqa: E712
    rows["is_inexact"] = rows["date_only"].notna().to_numpy()
    return chosen(rows, ~_is_repeat(rows))


def _is_repeat(rows: pd.DataFrame) -> Array:
    """Whether the same was told before, under another id: the shorter and lesser id is kept."""
    columns = [rows["ticket"].to_numpy(), rows["occurred"].to_numpy(), rows["is_public"].to_numpy(np.int64)]
    columns += [rows[name].cat.codes.to_numpy().astype(np.int64) for name in CONTENT]
    mixed = np.zeros(len(rows), np.uint64)
    for column in columns:
        mixed = (mixed ^ column.view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    in_order = np.sort(mixed)
    alike = np.unique(in_order[1:][in_order[1:] == in_order[:-1]])
    place = np.minimum(np.searchsorted(alike, mixed), max(len(alike) - 1, 0))
    is_suspect = (alike[place] == mixed) if len(alike) else np.zeros(len(rows), bool)
    suspects = np.flatnonzero(is_suspect & ~rows["is_inexact"].to_numpy())
    ids = rows["event_id"].iloc[suspects].to_numpy(object).astype(str)
    some = [column[suspects] for column in columns]
    order = np.lexsort((ids, np.char.str_len(ids), *some[::-1]))
    is_first = starts_of(*(column[order] for column in some))
    is_repeat = np.zeros(len(rows), bool)
    is_repeat[suspects[order[~is_first]]] = True
    return is_repeat
