"""One row a ticket, and one a turn: the tables `ticket_answers` and `reply_answers`.

What enters: `Landed`, the spine, `Stories`, `Clocks`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.clocks import Clocks
from benchmarks.in_polars.events import WEEK_US, Landed, instant, is_done
from benchmarks.in_polars.landmarks import LIVE, MINUTE_US, joined_landmarks, minutes
from benchmarks.in_polars.stories import DIMENSIONS, Stories


def ticket_facts(landed: Landed, spine: pl.DataFrame, stories: Stories, clocks: Clocks) -> pl.DataFrame:
    """`ticket_answers`, with the landmarks its KPIs and service levels ask for; instants are microseconds."""
    c, as_of = pl.col, landed.as_of_us
    has_history, is_inbound = c("has_history"), c("is_inbound")
    status_done = is_done(c("status"))
    row_reopens = pl.coalesce("reopen_count", pl.when((c("resolved_at") <= as_of) & ~status_done).then(1))
    touched, offered = c("touch_count"), pl.coalesce("touch_waiting_since", "first_touch_at")
    facts = (
        joined_landmarks(landed, spine, stories, clocks)
        .lazy()
        .with_columns(
            pl.when(is_inbound).then(c("created_at")).otherwise(c("first_contact_at")).alias("started_at"),
            pl.when(is_inbound).then(c("opening_us")).otherwise(c("first_contact_us")).alias("started_us"),
            (~(is_inbound & c("is_inexact"))).alias("is_exact"),
            pl.when(has_history).then(c("last_status")).otherwise(c("status")).alias("state"),
            (
                c("row_response_at").is_null()
                & c("channel").is_in(LIVE)
                & (c("first_contact_at") >= offered).fill_null(c("first_contact_at").is_null())
            )
            .fill_null(False)
            .alias("is_queued"),
            (has_history | c("has_messages")).alias("is_counted"),
            pl.when(has_history).then(c("seen_reopen_count")).otherwise(row_reopens).alias("reopens"),
            (as_of - c("first_solve_at") >= WEEK_US).alias("is_window_over"),
            *(
                (c(name) - c("first_solve_at") <= WEEK_US).fill_null(False).alias(flag)
                for name, flag in (
                    ("follow_up_at", "is_followed_up"),
                    ("contact_at", "is_contacted"),
                    ("first_reopen_at", "is_reopened_soon"),
                )
            ),
            c("solver").is_in(["customer", "bot"]).fill_null(False).alias("is_by_others"),
        )
        .with_columns(
            is_done(c("state")).alias("is_done"),
            pl.when(has_history)
            .then(c("is_reopened_soon"))
            .otherwise(c("reopens") > 0)
            .alias("is_reopened_early"),
        )
    )
    exact, start, start_us, solved = (
        c("is_exact"),
        c("started_at"),
        c("started_us"),
        c("first_solve_at").is_not_null(),
    )
    early = c("is_reopened_early")
    quiet = ~early & ~c("is_followed_up") & ~c("is_contacted")
    is_judged = (
        is_inbound
        & c("is_window_over")
        & c("is_counted")
        & c("customer_key").is_not_null()
        & early.is_not_null()
    )
    queued_at = c("touch_wait_seconds").is_not_null() | c("touch_waiting_since").is_not_null()
    is_first = exact & (c("first_solve_at") >= start) & (has_history | (c("reopens").fill_null(0) == 0))
    is_last = exact & (c("last_solve_at") >= start) & c("is_done")
    told = [
        pl.when(c("is_queued") & c("touch_wait_seconds").is_not_null())
        .then(c("touch_wait_seconds") / 60)
        .when(c("is_queued") & c("touch_waiting_since").is_not_null())
        .then(minutes(c("touch_waiting_since"), c("response_at")))
        .when(exact)
        .then(minutes(start, c("response_at")))
        .alias("first_response_calendar_minutes"),
        pl.when(c("is_queued") & queued_at)
        .then(minutes(c("since_us"), c("response_us")))
        .when(exact)
        .then(minutes(start_us, c("response_us")))
        .alias("first_response_business_minutes"),
    ]
    for name, when, begins, ends in (
        ("first_bot_response", exact, "started", "first_bot_reply"),
        ("first_response_after_handover", pl.lit(True), "handover", "after_handover"),
        ("first_resolution", is_first, "started", "first_solve"),
        ("resolution", is_last, "started", "last_solve"),
    ):
        told += [
            pl.when(when)
            .then(minutes(c(f"{begins}_{unit}"), c(f"{ends}_{unit}")))
            .alias(f"{name}_{clock}_minutes")
            for unit, clock in (("at", "calendar"), ("us", "business"))
        ]
    is_told = has_history & ~c("is_inexact")
    for name, published in (
        ("waiting", "requester_wait"),
        ("pending", "agent_wait"),
        ("on_hold", "on_hold"),
        ("unassigned", "unassigned"),
    ):
        known = (
            is_told & (c("has_assignments") | c("agent_key").is_null()) if name == "unassigned" else is_told
        )
        told += [
            pl.when(known)
            .then((c(f"{name}_{sums}") + c(f"is_{name}_now") * end) / MINUTE_US)
            .alias(f"{published}_{clock}_minutes")
            for sums, end, clock in (
                ("moments", pl.lit(as_of, pl.Int64), "calendar"),
                ("clocks", c("as_of_us"), "business"),
            )
        ]
    counts = [
        "touch_count",
        "agent_reply_count",
        "customer_reply_count",
        "bot_reply_count",
        "note_count",
        "call_count",
    ]
    told += [pl.when(c("is_counted")).then(c(name)).alias(name) for name in counts]
    told += [pl.when(has_history).then(c(name)).alias(name) for name in ("handoff_count", "transfer_count")]
    told += [c(f"{name}_turn_count").fill_null(0) for name in ("replied", "solved", "open")]
    told += [
        pl.when(is_inbound & solved & c("is_counted") & (touched > 0))
        .then(touched == 1)
        .alias("is_one_touch"),
        pl.when(is_judged & (touched > 0)).then((touched == 1) & quiet).alias("is_first_contact_resolved"),
        pl.when(is_inbound & c("is_window_over") & early.is_not_null())
        .then(early | c("is_followed_up"))
        .alias("is_reopened_or_followed_up"),
        pl.when(is_inbound & solved & c("is_counted"))
        .then((touched == 0) & c("is_by_others"))
        .alias("is_self_served"),
        pl.when(is_judged & (c("bot_reply_count") > 0))
        .then((touched == 0) & c("is_by_others") & quiet)
        .alias("is_bot_contained"),
        pl.when(solved).then((c("solver") == "system").fill_null(False)).alias("is_auto_solved"),
        pl.when(c("is_done")).then(c("last_solve_at")).alias("resolved_at"),
        pl.when(c("is_done")).then(c("last_solve")).alias("lasting_solve"),
        c("state").alias("status"),
        c("reopens").alias("reopen_count"),
        c("first_solve_at").alias("first_solved_at"),
        c("response_at").alias("responded_at"),
    ]
    return facts.with_columns(told).collect()


TICKET_COLUMNS = [
    "source",
    "ticket_id",
    "is_inbound",
    "status",
    "first_solved_at",
    "responded_at",
    "resolved_at",
    *(
        f"{name}_{clock}_minutes"
        for name in (
            "first_response",
            "first_bot_response",
            "first_response_after_handover",
            "next_response",
            "first_resolution",
            "resolution",
            "requester_wait",
            "agent_wait",
            "on_hold",
            "unassigned",
        )
        for clock in ("calendar", "business")
    ),
    "touch_count",
    "agent_reply_count",
    "customer_reply_count",
    "bot_reply_count",
    "note_count",
    "call_count",
    "handoff_count",
    "transfer_count",
    "reopen_count",
    "event_count",
    "replied_turn_count",
    "solved_turn_count",
    "open_turn_count",
    "is_one_touch",
    "is_first_contact_resolved",
    "is_reopened_or_followed_up",
    "is_self_served",
    "is_bot_contained",
    "is_satisfaction_offered",
    "satisfaction_value",
    "started_at",
    "is_auto_solved",
]


def ticket_answers(facts: pl.DataFrame) -> pl.DataFrame:
    """The table `ticket_answers`."""
    times = ["first_solved_at", "responded_at", "resolved_at", "started_at"]
    return facts.select(TICKET_COLUMNS).with_columns(instant(pl.col(times)))


def reply_answers(landed: Landed, stories: Stories) -> pl.DataFrame:
    """The table `reply_answers`."""
    turns, tickets = stories.turns, landed.tickets
    ended, ended_us = pl.col("ended_at"), pl.col("ended_us")
    as_of_us = stories.summary["as_of_us"].gather(turns["t"])
    return turns.select(
        tickets["source"].gather(turns["t"]),
        tickets["ticket_id"].gather(turns["t"]),
        pl.col("turn").alias("turn_number"),
        "outcome",
        instant(pl.col("asked_at")).alias("turn_started_at"),
        instant(ended).alias("turn_ended_at"),
        "message_count",
        *DIMENSIONS,
        minutes(pl.col("asked_at"), ended.fill_null(landed.as_of_us)).alias("turn_calendar_minutes"),
        ((ended_us.fill_null(as_of_us) - pl.col("asked_us")) / MINUTE_US).alias("turn_business_minutes"),
    )
