"""What lies around a ticket's landmarks: its instants and readings, its turns, its queue, and who came back.

What enters: `Landed`, the spine, `Stories`, `Clocks`.  What leaves: one row a ticket.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.clocks import Clocks
from benchmarks.in_polars.events import Landed
from benchmarks.in_polars.stories import Stories

MINUTE_US = 60_000_000.0
LIVE = ["chat", "phone"]


def minutes(earlier: pl.Expr, later: pl.Expr) -> pl.Expr:
    """Minutes between two instants or readings, 0 where they are the other way round."""
    return (later - earlier).clip(0) / MINUTE_US


def _come_back(landed: Landed, solves: pl.DataFrame) -> pl.DataFrame:
    """Per solved ticket: when it was followed up, and when its customer next came with a matter like it."""
    contacts = landed.contacts.lazy()
    follow_ups = (
        solves.lazy()
        .join(
            contacts.filter(pl.col("parent_ticket_id").is_not_null()).select(
                "source", "parent_ticket_id", "created_at"
            ),
            left_on=["source", "ticket_id"],
            right_on=["source", "parent_ticket_id"],
        )
        .filter(pl.col("moment") < pl.col("created_at"))
        .group_by("t")
        .agg(pl.col("created_at").min().alias("follow_up_at"))
        .collect()
    )
    category = pl.col("category").fill_null(pl.lit("", pl.Categorical()))
    inbound = (
        contacts.filter(pl.col("is_inbound") & pl.col("customer_key").is_not_null())
        .select("customer_key", category.alias("category"), pl.col("created_at").alias("contact_at"))
        .sort("contact_at")
        .collect()
    )
    asked = solves.sort("moment")

    def next_of(rows: pl.DataFrame, by: list[str]) -> pl.Series:
        return asked.join_asof(
            rows,
            left_on="moment",
            right_on="contact_at",
            by=by,
            strategy="forward",
            allow_exact_matches=False,
            check_sortedness=False,
            coalesce=False,
        )["contact_at"]

    some = next_of(inbound.drop("category"), ["customer_key"])
    alike = next_of(inbound, ["customer_key", "category"])
    unsorted = next_of(inbound.filter(pl.col("category") == "").drop("category"), ["customer_key"])
    like = pl.when(pl.col("category").is_null()).then(some).otherwise(pl.min_horizontal(alike, unsorted))
    return asked.select("t", like.alias("contact_at")).join(follow_ups, on="t", how="left")


def _queue(landed: Landed, spine: pl.DataFrame, joined: pl.DataFrame, clocks: Clocks) -> pl.DataFrame:
    """What the ticket's clock read when a live contact's wait for its first touch began."""
    waited = (pl.col("touch_wait_seconds") * 1_000_000).round(mode="half_away_from_zero").cast(pl.Int64)
    since = pl.coalesce(pl.col("first_touch_at") - waited, "touch_waiting_since")
    waiting = (
        joined.filter(
            pl.col("row_response_at").is_null() & since.is_not_null() & pl.col("channel").is_in(LIVE)
        )
        .select("t", since.alias("since"), pl.max_horizontal(since, "created_at").alias("looked_at"))
        .sort("looked_at")
    )
    rows = spine.select(
        "t", "moment", "schedule_id", (pl.col("clock_us") - pl.col("schedule_us")).alias("ahead_us")
    )
    seen = rows.join(waiting.select("t"), on="t", how="semi").sort("moment", maintain_order=True)
    placed = waiting.join_asof(seen, left_on="looked_at", right_on="moment", by="t", check_sortedness=False)
    reading = clocks.read(placed["schedule_id"], placed["since"])
    return placed.select("t", (pl.col("ahead_us") + reading).alias("since_us"))


def joined_landmarks(landed: Landed, spine: pl.DataFrame, stories: Stories, clocks: Clocks) -> pl.DataFrame:
    """Each ticket with all that its answers are made of."""
    summary = stories.summary
    touches = spine.lazy().filter("is_touch").select("t", "row").collect()
    after = (
        touches.filter(touches["row"] > summary["handover"].gather(touches["t"]))
        .group_by("t")
        .agg(pl.col("row").min().alias("after_handover"))
    )
    state = summary.join(after, on="t", how="left", maintain_order="left")
    response = pl.coalesce("row_response", "first_touch").alias("response")
    state = state.with_columns(response)
    read = {
        "first_touch": ("at",),
        "row_response": ("at",),
        "first_contact": ("at", "us"),
        "first_bot_reply": ("at", "us"),
        "handover": ("at", "us"),
        "after_handover": ("at", "us"),
        "response": ("at", "us"),
        "first_solve": ("at", "us"),
        "last_solve": ("at", "us"),
        "opening": ("us",),
        "first_reopen": ("at",),
    }
    gathered = [
        spine["moment" if which == "at" else "clock_us"].gather(state[name]).alias(f"{name}_{which}")
        for name, found in read.items()
        for which in found
    ]
    more = {
        "touch_wait_seconds": ("wait_seconds", "first_touch"),
        "touch_waiting_since": ("waiting_since", "first_touch"),
        "last_status": ("status", "end"),
        "solver": ("author", "first_solve"),
        "satisfaction_value": ("value", "last_satisfaction"),
    }
    gathered += [spine[column].gather(state[name]).alias(told) for told, (column, name) in more.items()]
    joined = landed.tickets.hstack(state.drop("t")).with_columns(gathered)
    replied = pl.col("outcome") == "replied"
    turns = stories.turns.group_by("t").agg(
        minutes(pl.col("asked_at"), pl.col("ended_at"))
        .filter(replied)
        .mean()
        .alias("next_response_calendar_minutes"),
        ((pl.col("ended_us") - pl.col("asked_us")) / MINUTE_US)
        .filter(replied)
        .mean()
        .alias("next_response_business_minutes"),
        *(
            (pl.col("outcome") == outcome).sum().cast(pl.Int64).alias(f"{outcome}_turn_count")
            for outcome in ("replied", "solved", "open")
        ),
    )
    solves = (
        joined.filter(pl.col("first_solve").is_not_null())
        .select(
            "t",
            "source",
            "ticket_id",
            "customer_key",
            pl.col("first_solve_at").alias("moment"),
            "first_solve",
        )
        .join(stories.valued.select("row", "category"), left_on="first_solve", right_on="row")
    )
    for part in (turns, _come_back(landed, solves), _queue(landed, spine, joined, clocks)):
        joined = joined.join(part, on="t", how="left", maintain_order="left")
    return joined
