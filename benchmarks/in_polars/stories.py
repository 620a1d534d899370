"""What each ticket's spine amounts to: its landmarks and counts, the rows that answer, its turns.

What enters: `Landed`, the spine, customers' segments.  What leaves: `Stories`; landmarks are its rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from benchmarks.in_polars.events import Landed, day_of, is_done

DIMENSIONS = ["channel", "priority", "team", "agent", "category", "segment", "product", "brand"]
_WAITS = ["waiting", "pending", "on_hold", "unassigned"]


@dataclass(frozen=True)
class Segments:
    """The segments of customers from when on, to be asked for many rows at once."""

    keys: pl.DataFrame
    since: pl.Series
    order: pl.Series
    segment: pl.Series

    def of(self, customer: pl.Series, moment: pl.Series) -> pl.Series:
        """The segment of each customer at a moment."""
        number = customer.to_frame("customer_key").join(
            self.keys, on="customer_key", how="left", maintain_order="left"
        )["number"]
        rank = self.since.search_sorted(moment, side="right").cast(pl.Int64)
        asked = (number * 2**24 + rank).fill_null(0)
        at = self.order.search_sorted(asked, side="right").cast(pl.Int64) - 1
        is_own = number.is_not_null() & (at >= 0) & (self.order.gather(at.clip(0)) // 2**24 == number)
        return pl.select(pl.when(is_own).then(self.segment.gather(at.clip(0))).alias("segment")).to_series()


def segments_of(history: pl.DataFrame) -> Segments:
    """From versions of customers with `valid_from`."""
    keys = history.select("customer_key").unique(maintain_order=True).with_row_index("number", offset=1)
    since = history["valid_from"].cast(pl.Int64).sort()
    rows = history.with_columns(pl.col("valid_from").cast(pl.Int64)).join(
        keys.with_columns(pl.col("number").cast(pl.Int64)), on="customer_key", maintain_order="left"
    )
    rank = since.search_sorted(rows["valid_from"], side="right").cast(pl.Int64)
    ordered = rows.with_columns((pl.col("number") * 2**24 + rank).alias("order")).sort("order")
    return Segments(
        keys.with_columns(pl.col("number").cast(pl.Int64)), since, ordered["order"], ordered["segment"]
    )


@dataclass(frozen=True)
class Stories:
    """One row a ticket, one row an answering row of the spine, one row a turn of the customer's."""

    summary: pl.DataFrame
    valued: pl.DataFrame
    turns: pl.DataFrame
    answers: pl.DataFrame


def _summary(spine: pl.DataFrame) -> pl.DataFrame:
    row, kind, value = pl.col("row"), pl.col("kind"), pl.col("value")
    moment, clock = pl.col("moment"), pl.col("clock_us")
    is_solve, by_row = pl.col("is_transition") & (value == "solved"), kind == "row_solve"
    is_close = pl.col("is_transition") & (value == "closed")

    def first(flag: pl.Expr) -> pl.Expr:
        return pl.when(flag).then(row).min()

    def last(flag: pl.Expr) -> pl.Expr:
        return pl.when(flag).then(row).max()

    def count(flag: pl.Expr) -> pl.Expr:
        return flag.sum().cast(pl.Int64)

    is_reply, author = kind == "reply", pl.col("author")
    landmarks = {
        "first_touch": first(pl.col("is_touch")),
        "row_response": first(kind == "row_response"),
        "first_contact": first(pl.col("is_contact")),
        "first_bot_reply": first(is_reply & (author == "bot")),
        "handover": first(kind == "handover"),
        "first_solve": pl.coalesce(first(is_solve), first(is_close), first(by_row)),
        "last_solve": pl.coalesce(last(is_solve), last(is_close), last(by_row)),
        "first_reopen": first(pl.col("is_reopen")),
        "last_satisfaction": last((kind == "satisfaction") & value.is_not_null()),
        "opening": row.min(),
        "end": row.max(),
    }
    counts = {
        "touch_count": pl.col("is_touch"),
        "agent_reply_count": is_reply & (author == "agent"),
        "customer_reply_count": is_reply & (author == "customer"),
        "bot_reply_count": is_reply & (author == "bot"),
        "note_count": kind == "note",
        "call_count": kind == "call",
        "handoff_count": pl.col("is_handoff"),
        "transfer_count": pl.col("is_transfer"),
        "seen_reopen_count": pl.col("is_reopen"),
        "event_count": pl.col("is_event"),
    }
    has = {
        "has_history": kind.is_in(["created", "status"]),
        "has_messages": kind.is_in(["reply", "call"]),
        "has_assignments": kind == "assignment",
        "is_satisfaction_offered": kind == "satisfaction_offered",
    }
    waits = [
        made
        for name in _WAITS
        for change in [pl.col(f"{name}_change")]
        for made in (
            (moment * change).sum().alias(f"{name}_moments"),
            (clock * change).sum().alias(f"{name}_clocks"),
            (-change.sum()).alias(f"is_{name}_now"),
        )
    ]
    return (
        spine.lazy()
        .group_by("t")
        .agg(
            *(landmark.alias(name) for name, landmark in landmarks.items()),
            *(count(flag).alias(name) for name, flag in counts.items()),
            *(flag.any().alias(name) for name, flag in has.items()),
            *waits,
            pl.col("as_of_us").max(),
        )
        .sort("t")
        .collect()
    )


def in_force(rows: pl.DataFrame, landed: Landed, names: list[str]) -> pl.DataFrame:
    """What the ticket's version in force on each row (`t`, `version`) says."""
    base = (
        landed.versions.with_row_index("at")
        .group_by("t")
        .agg(pl.col("at").min())
        .sort("t")["at"]
        .cast(pl.Int64)
    )
    return landed.versions.select(names)[base.gather(rows["t"]) + rows["version"] - 1]


def said_or_known(rows: pl.DataFrame, known: pl.DataFrame, who: str = "assignee") -> list[pl.Series]:
    """Priority, team, category and agent: as events said (none too), else as the version in force says."""
    found = []
    for name, of in (
        ("priority", "priority"),
        ("team", "team"),
        ("category", "category"),
        (who, "agent_key"),
    ):
        said = rows[name]
        value = pl.when(said.is_null()).then(known[of]).when(said != "").then(said)
        found.append(pl.select(value.alias("agent" if of == "agent_key" else name)).to_series())
    return found


def stories_of(landed: Landed, spine: pl.DataFrame, segments: Segments) -> Stories:
    """All of it."""
    summary = _summary(spine)
    kind, value, step = (
        pl.col("kind"),
        pl.col("value"),
        (pl.col("is_touch") | pl.col("is_done_now")).cast(pl.Int64),
    )
    answers = (
        spine.lazy()
        .filter(
            pl.col("is_touch")
            | pl.col("is_done_now")
            | pl.col("is_contact")
            | pl.col("is_reopen")
            | (pl.col("is_transition") & is_done(value))
            | kind.is_in(["opened", "row_response", "row_solve"])
            | ((kind == "reply") & (pl.col("author") == "bot")).fill_null(False)
        )
        .with_columns((step.cum_sum() - step).alias("steps"))
        .with_columns(
            (pl.col("steps") - pl.when(pl.col("is_first")).then(pl.col("steps")).forward_fill()).alias("turn")
        )
        .collect()
    )
    rows = answers.filter(~pl.col("is_waiting_contact") | pl.col("is_touch"))
    known = in_force(
        rows, landed, ["channel", "product", "brand", "priority", "team", "category", "agent_key"]
    )
    priority, team, category, agent = said_or_known(rows, known)
    acting = pl.when(pl.col("is_touch") | (pl.col("author") == "agent")).then(pl.col("agent_key"))
    customer = landed.tickets["customer_key"].gather(rows["t"])
    valued = rows.select(
        "t",
        "row",
        "turn",
        "moment",
        "clock_us",
        "kind",
        "author",
        "is_touch",
        "is_done_now",
        "is_reopen",
        "status",
        day_of(pl.col("moment")).alias("day"),
        known["channel"],
        known["product"],
        known["brand"],
        priority,
        team,
        category,
        acting.fill_null(agent).alias("agent"),
        segments.of(customer, rows["moment"]),
    )
    first_touch = summary["first_touch"].gather(answers["t"])
    questions = (
        answers.lazy()
        .filter(pl.col("is_waiting_contact") & (pl.col("row") > first_touch))
        .group_by("t", "turn")
        .agg(pl.col("row").min().alias("asked"), pl.len().cast(pl.Int64).alias("message_count"))
    )
    ended = (
        valued.lazy()
        .filter(pl.col("is_touch") | pl.col("is_done_now"))
        .rename({"moment": "ended_at", "clock_us": "ended_us", "row": "ended"})
    )
    turns = (
        questions.join(ended, on=["t", "turn"], how="left")
        .with_columns(
            pl.when(pl.col("is_touch"))
            .then(pl.lit("replied"))
            .when(pl.col("is_done_now"))
            .then(pl.lit("solved"))
            .otherwise(pl.lit("open"))
            .alias("outcome")
        )
        .collect()
    )
    turns = turns.with_columns(
        spine["moment"].gather(turns["asked"]).alias("asked_at"),
        spine["clock_us"].gather(turns["asked"]).alias("asked_us"),
    )
    return Stories(summary, valued, turns, answers)
