"""Tickets, the versions of their rows, and their events, as landed: the newest of each that count, numbered.

What enters: landed tickets and events.  What leaves: `Landed`; instants are microseconds since 1970, a ticket
is its number `t`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.in_polars.landed import local_day, midnight, scan

STATUSES = ["new", "open", "pending", "on_hold", "solved", "closed"]
DONE, WAITING = ["solved", "closed"], ["new", "open", "on_hold"]
DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
_INSTANTS = ["created_at", "first_responded_at", "resolved_at", "updated_at"]
_CONTENT = ["t", "occurred_at", "event_type", "actor_role", "agent_key", "is_public", "value", "session_id"]


@dataclass(frozen=True)
class Landed:
    """Tickets that count, contacts (merged ones too), versions in order, events without repeats."""

    tickets: pl.DataFrame
    contacts: pl.DataFrame
    versions: pl.DataFrame
    events: pl.DataFrame
    as_of_us: int
    last_day: date


def instant(microseconds: pl.Expr) -> pl.Expr:
    """Microseconds since 1970 as an instant."""
    return microseconds.cast(pl.Datetime("us"))


def day_of(microseconds: pl.Expr) -> pl.Expr:
    """The local day of microseconds since 1970."""
    return local_day(instant(microseconds))


def is_done(status: pl.Expr) -> pl.Expr:
    """Whether a status is solved or closed; an unknown one is not."""
    return status.is_in(DONE).fill_null(False)


def _versions(landing: Path) -> pl.DataFrame:
    """Every row of every ticket, a ticket's in the order in which they came into force."""
    repeated = [
        "source",
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
        "date_only",
    ]
    plain = [
        "ticket_id",
        "batch_sequence",
        "position",
        "parent_ticket_id",
        "merged_into_ticket_id",
        "reopen_count",
        "is_deleted",
        "is_test",
        *_INSTANTS,
    ]
    status = pl.col("status")
    rows = (
        scan(landing, "tickets", plain, repeated)
        .with_columns(
            pl.col(*_INSTANTS).cast(pl.Int64),
            (pl.col("direction") == "inbound").fill_null(True).alias("is_inbound"),
            pl.col("date_only")
            .cast(pl.String)
            .str.contains("created_at", literal=True)
            .fill_null(False)
            .alias("is_inexact"),
            (pl.col("merged_into_ticket_id").is_not_null() | (status == "merged").fill_null(False)).alias(
                "is_merged"
            ),
            (pl.col("is_deleted") | pl.col("is_test") | (status == "spam").fill_null(False)).alias(
                "is_left_out"
            ),
        )
        .drop("direction", "date_only", "merged_into_ticket_id", "is_deleted", "is_test")
        .collect()
    )
    key = ["source", "ticket_id"]
    numbers = rows.select(key).unique(maintain_order=True).with_row_index("t")
    return (
        rows.join(numbers, on=key)
        .sort("t", "updated_at", "batch_sequence", "position")
        .unique(["t", "updated_at"], keep="last", maintain_order=True)
        .drop("batch_sequence", "position")
    )


def _events(landing: Path, tickets: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The newest rows of events on `tickets`, and the last instant of any event."""
    plain = [
        "batch_sequence",
        "position",
        "ticket_id",
        "event_id",
        "occurred_at",
        "is_public",
        "wait_seconds",
        "updated_at",
        "is_deleted",
        "is_test",
    ]
    repeated = ["source", "event_type", "actor_role", "agent_key", "value", "session_id", "date_only"]
    rows = (
        scan(landing, "ticket_events", plain, repeated)
        .with_columns(
            pl.col("date_only").is_not_null().alias("is_inexact"),
            pl.col("occurred_at", "updated_at").cast(pl.Int64),
        )
        .drop("date_only")
        .collect()
    )
    is_again = rows.select(pl.col("event_id").hash().is_duplicated()).to_series()
    order = ["updated_at", "batch_sequence", "position"]
    newest = rows.filter(is_again).sort(order).unique(["source", "event_id"], keep="last")
    rows = pl.concat([rows.filter(~is_again), newest]).drop(order)
    last = rows["occurred_at"].max()
    numbers = tickets.lazy().select("source", "ticket_id", "t")
    public = pl.col("is_public").fill_null(pl.col("event_type").is_in(["reply", "call"]).fill_null(False))
    found = (
        rows.lazy()
        .filter(~pl.col("is_deleted") & ~pl.col("is_test"))
        .join(numbers, on=["source", "ticket_id"])
        .drop("source", "ticket_id", "is_deleted", "is_test")
        .with_columns(public)
        .collect()
    )
    return found, last if isinstance(last, int) else 0


def _without_repeats(events: pl.DataFrame) -> pl.DataFrame:
    """The events less those that tell the same as another under a new id; the first id stays."""
    is_twin = events.select(pl.struct(_CONTENT).hash().is_duplicated() & ~pl.col("is_inexact")).to_series()
    first = (
        events.filter(is_twin)
        .sort(pl.col("event_id").str.len_chars(), "event_id")
        .unique(_CONTENT, keep="first", maintain_order=True)
    )
    return pl.concat([events.filter(~is_twin), first])


def read_landed(landing: Path) -> Landed:
    """All that is told of tickets."""
    versions = _versions(landing)
    newest = versions.filter(pl.col("t") != pl.col("t").shift(-1).fill_null(-1).cast(pl.Int64))
    events, last_event = _events(landing, newest.filter(~pl.col("is_merged") & ~pl.col("is_left_out")))
    told = newest.select(pl.max_horizontal(*_INSTANTS[:3]).max()).item()
    days = pl.select(day_of(pl.lit(max(told, last_event))).alias("day"))
    as_of = days.select(midnight(pl.col("day") + pl.duration(days=1)).cast(pl.Int64)).item()
    contacts = newest.filter(~pl.col("is_left_out") & (pl.col("created_at") <= as_of))
    tickets = contacts.filter(~pl.col("is_merged")).drop("is_merged", "is_left_out", "updated_at")
    renumbered = tickets.select("t").with_row_index("number")
    columns = ["channel", "priority", "team", "agent_key", "category", "product", "brand", "schedule_id"]
    in_force = (
        versions.lazy()
        .select("t", "updated_at", *columns)
        .join(renumbered.lazy(), on="t", maintain_order="left")
        .drop("t")
        .rename({"number": "t"})
        .with_columns((pl.int_range(pl.len(), dtype=pl.Int64).over("t") + 1).alias("version"))
        .collect()
    )
    seen = (
        events.lazy()
        .filter(pl.col("occurred_at") <= as_of)
        .join(renumbered.lazy(), on="t")
        .drop("t")
        .rename({"number": "t"})
        .collect()
    )
    return Landed(
        tickets.drop("t").with_row_index("t"), contacts, in_force, _without_repeats(seen), as_of, days.item()
    )
