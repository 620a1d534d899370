"""What happened on tickets, by their events and by their rows, and what comes first of one moment.

What enters: `Landed`.  What leaves: rows the spine puts in order.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.events import STATUSES, Landed, is_done

_CAT = pl.Categorical()


def happenings(landed: Landed) -> pl.LazyFrame:
    """The events as they are read: by kind, author, and whether they ask or answer."""
    tickets = landed.tickets.lazy().select(
        "t", "created_at", "is_inbound", is_chat=(pl.col("channel") == "chat").fill_null(False)
    )
    kind = pl.col("event_type")
    is_public, author = pl.col("is_public"), pl.col("author")
    read = (
        pl.when(kind.is_in(["reply", "note"]))
        .then(pl.when(is_public).then(pl.lit("reply", _CAT)).otherwise(pl.lit("note", _CAT)))
        .when((kind == "call") & ~is_public)
        .then(pl.lit("other", _CAT))
        .otherwise(kind)
    )
    value = pl.col("value").cast(pl.String)
    is_word = kind.is_in(["status", "satisfaction"])
    events = (
        landed.events.lazy()
        .join(tickets, on="t")
        .with_columns(
            pl.max_horizontal("occurred_at", "created_at").alias("moment"),
            read.alias("kind"),
            pl.col("actor_role")
            .fill_null(pl.when(pl.col("agent_key").is_not_null()).then(pl.lit("agent", _CAT)))
            .alias("author"),
            pl.when(is_word)
            .then(value.str.strip_chars(" ").str.to_lowercase().cast(_CAT))
            .otherwise(pl.col("value"))
            .alias("value"),
            ((kind == "reply") & (pl.col("session_id").is_not_null() | pl.col("is_chat"))).alias("is_live"),
        )
    )
    is_message = pl.col("kind").is_in(["reply", "call"])
    by_customer, by_agent = author == "customer", author == "agent"
    contacted = (
        events.filter(~pl.col("is_inbound") & is_message & by_customer)
        .group_by("t")
        .agg(pl.col("moment").min().alias("first_contact_at"))
    )
    answers = (
        pl.when(pl.col("kind") == "reply")
        .then(by_agent)
        .when(pl.col("kind") == "call")
        .then(by_agent | (by_customer & pl.col("agent_key").is_not_null()))
        .otherwise(False)
    )
    return events.join(contacted, on="t", how="left").select(
        "t",
        "moment",
        "event_id",
        "kind",
        "author",
        "agent_key",
        "value",
        "is_inexact",
        "session_id",
        "wait_seconds",
        "is_live",
        (is_message & by_customer).fill_null(False).alias("is_contact"),
        (answers & (pl.col("is_inbound") | (pl.col("moment") >= pl.col("first_contact_at"))))
        .fill_null(False)
        .alias("is_answer"),
    )


def told_by_rows(landed: Landed, recorded: pl.DataFrame) -> pl.DataFrame:
    """What rows of tickets tell: opening, later versions, and without history the response and solve."""
    tickets = (
        landed.tickets.lazy()
        .join(recorded.lazy().with_columns(pl.lit(True).alias("is_recorded")), on="t", how="left")
        .with_columns(pl.col("is_recorded").fill_null(False))
    )
    is_recorded, status = pl.col("is_recorded"), pl.col("status")
    schedule = pl.col("schedule_id").cast(pl.String).fill_null("").cast(_CAT).alias("row_schedule")
    versions = landed.versions.lazy()
    opened = (
        tickets.drop("schedule_id")
        .join(versions.filter(pl.col("version") == 1).select("t", "schedule_id"), on="t")
        .select(
            "t",
            pl.col("created_at").alias("moment"),
            pl.lit("opened", _CAT).alias("kind"),
            pl.when(is_recorded)
            .then(pl.lit("new", _CAT))
            .when(~is_done(status) | pl.col("resolved_at").is_not_null())
            .then(pl.lit("open", _CAT))
            .alias("value"),
            "is_inexact",
            pl.lit(1, pl.Int64).alias("version"),
            schedule,
        )
    )
    later = (
        versions.filter((pl.col("version") > 1) & (pl.col("updated_at") <= landed.as_of_us))
        .join(landed.tickets.lazy().select("t", "created_at"), on="t")
        .select(
            "t",
            pl.max_horizontal("updated_at", "created_at").alias("moment"),
            pl.lit("version", _CAT).alias("kind"),
            pl.lit(False).alias("is_inexact"),
            "version",
            schedule,
        )
    )
    silent = tickets.filter(~is_recorded)
    told = [
        silent.filter(pl.col(column) <= landed.as_of_us).select(
            "t",
            pl.col(column).alias("moment"),
            pl.lit(kind, _CAT).alias("kind"),
            value.alias("value"),
            pl.lit(False).alias("is_inexact"),
        )
        for column, kind, value in (
            ("first_responded_at", "row_response", pl.lit(None, _CAT)),
            ("resolved_at", "row_solve", pl.when(is_done(status)).then(pl.lit("solved", _CAT))),
        )
    ]
    return pl.concat(pl.collect_all([opened, later, *told]), how="diagonal")


def place() -> pl.Expr:
    """What comes first of what happened at one moment."""
    kind, value, author = pl.col("kind"), pl.col("value"), pl.col("author")
    rank = pl.when(kind == "opened").then(0).when(kind == "version").then(1).when(kind == "created").then(2)
    rank = rank.when(kind.is_in(["team", "assignment", "priority", "category", "schedule"])).then(3)
    rank = rank.when(kind == "handover").then(4)
    by_author = pl.when(author == "customer").then(5).when(author == "bot").then(6).otherwise(7)
    rank = rank.when(kind.is_in(["reply", "call", "note"]) & ~pl.col("is_answer")).then(by_author)
    rank = rank.when(kind.is_in(["reply", "call", "row_response"])).then(8).when(kind == "row_solve").then(14)
    for place, status in enumerate(STATUSES, start=10):
        rank = rank.when((kind == "status") & (value == status)).then(place)
    rank = rank.when(kind == "satisfaction_offered").then(20).when(kind == "satisfaction").then(21)
    length = pl.coalesce(pl.col("event_id").str.len_chars().cast(pl.Int64), pl.col("version"), pl.lit(0))
    return rank.otherwise(22).cast(pl.Int64) * 1000 + length
