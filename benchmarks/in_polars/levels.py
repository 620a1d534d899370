"""Service levels: what each target's clock is held against, when it was due, and whether it was met.

What enters: `Landed`, the spine, `Stories`, the facts of tickets, `Clocks`.  What leaves: one row a run of a
target's clock, of which `level_answers` is the table `sla_answers`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.clocks import Clocks
from benchmarks.in_polars.events import Landed, day_of, instant
from benchmarks.in_polars.runs import read_targets, runs_of, spans_of, stretches_of
from benchmarks.in_polars.stories import Stories


def _dues(spans: pl.DataFrame, targets: pl.DataFrame, clocks: Clocks) -> pl.DataFrame:
    """Each run beside the target that decides it: when it was due, when breached, and what was in force."""
    of = ["run", "held"]
    held = spans.filter(pl.col("target").is_not_null()).select("run", pl.col("target").alias("held")).unique()
    is_paused = (
        pl.col("pauses").list.contains(pl.col("stood").cast(pl.String)).fill_null(False)
        & pl.col("stood").is_not_null()
    )
    length = (
        pl.when(pl.col("clock") == "business")
        .then("open_us")
        .otherwise(pl.col("ends_at") - pl.col("begins_at"))
    )
    counted = (
        spans.join(held, on="run")
        .join(targets.select(pl.col("target").alias("held"), "target_us", "clock", "pauses"), on="held")
        .with_columns(
            (pl.col("target") == pl.col("held")).fill_null(False).alias("is_governing"),
            is_paused.alias("is_paused"),
        )
        .with_columns(pl.when(pl.col("is_paused")).then(0).otherwise(length).alias("counted_us"))
        .drop("pauses")
        .sort("run", "held", "at")
        .with_columns(pl.col("counted_us").cum_sum().over(of).alias("after_us"))
    )
    after, target_us = pl.col("after_us"), pl.col("target_us")
    reached = counted.filter((after >= target_us) & (after - pl.col("counted_us") < target_us)).select(
        *of,
        pl.col("begins_at").alias("reached_from"),
        pl.col("schedule_id").alias("reached_schedule"),
        (target_us - after + pl.col("counted_us")).alias("reached_after"),
    )
    ends = counted.filter("is_last").select(
        *of,
        pl.col("ends_at").alias("ended_at"),
        pl.col("schedule_id").alias("last_schedule"),
        pl.col("priority").alias("last_priority"),
        pl.col("is_governing").alias("is_in_force"),
        "is_paused",
    )
    overdue = counted.filter(
        pl.col("is_governing")
        & (after >= target_us)
        & ((pl.col("begins_at") < pl.col("ends_at")) | pl.col("is_last"))
    ).select(*of, "begins_at", "ends_at", "priority", pl.int_range(pl.len()).over(of).alias("place"))
    due = counted.group_by(of).agg(
        target_us.first(), pl.col("clock").first(), pl.col("counted_us").sum().alias("elapsed_us")
    )
    due = due.join(ends, on=of, how="left").join(reached, on=of, how="left")
    for place in (0, 1):
        its = overdue.filter(pl.col("place") == place).drop("place")
        due = due.join(
            its.rename({name: f"{name}_{place}" for name in ("begins_at", "ends_at", "priority")}),
            on=of,
            how="left",
        )
    is_reached = pl.col("reached_from").is_not_null()
    due = due.with_columns(
        pl.coalesce("reached_from", "ended_at").alias("due_from"),
        pl.when(is_reached).then("reached_schedule").otherwise("last_schedule").alias("due_schedule"),
        pl.coalesce("reached_after", target_us - pl.col("elapsed_us")).alias("due_after"),
    )
    reading = due["due_after"] + clocks.read(due["due_schedule"], due["due_from"])
    at_clock = clocks.when(due["due_schedule"], reading)
    by_calendar = pl.col("due_from") + pl.col("due_after")
    due = due.with_columns(
        pl.when(pl.col("clock") == "calendar").then(by_calendar).otherwise(at_clock).alias("due_at")
    )
    is_first = (pl.max_horizontal("due_at", "begins_at_0") < pl.col("ends_at_0")) | (
        pl.col("ends_at_0") == pl.col("ended_at")
    )
    is_first = is_first.fill_null(False)
    breach = [
        pl.when((pl.col("due_at") >= pl.col("ended_at")).fill_null(False))
        .then(None)
        .when(is_first)
        .then(pl.col(f"{name}_0"))
        .otherwise(pl.col(f"{name}_1"))
        .alias(f"breach_{name}")
        for name in ("begins_at", "priority")
    ]
    begins = pl.col("breach_begins_at")
    return (
        due.with_columns(breach)
        .with_columns(
            pl.when(begins.is_not_null()).then(pl.max_horizontal("due_at", begins)).alias("breached_at")
        )
        .filter(pl.col("breached_at").is_not_null() | pl.col("is_in_force"))
        .sort(
            "run",
            "breached_at",
            "is_in_force",
            "held",
            descending=[False, False, True, False],
            nulls_last=True,
        )
        .unique("run", keep="first", maintain_order=True)
        .select(
            "run",
            pl.col("held").alias("target"),
            "elapsed_us",
            "is_paused",
            "due_at",
            "breached_at",
            "breach_priority",
            "last_schedule",
            "last_priority",
            "reached_schedule",
        )
    )


def levels_of(
    landed: Landed, spine: pl.DataFrame, stories: Stories, facts: pl.DataFrame, clocks: Clocks
) -> pl.DataFrame:
    """One row a run: its start and end, and the verdict."""
    targets = read_targets()
    runs = runs_of(landed, stories, facts)
    dues = _dues(spans_of(landed, runs, stretches_of(landed, spine), targets), targets, clocks)
    told = targets.select("target", "target_minutes", "clock", "can_pause")
    is_breached, fulfilled = pl.col("breached_at").is_not_null(), pl.col("fulfilled_at").is_not_null()
    return (
        runs.join(dues, on="run", how="left")
        .join(told, on="target", how="left")
        .with_columns(
            pl.when(is_breached)
            .then(pl.coalesce("reached_schedule", "last_schedule"))
            .otherwise("last_schedule")
            .alias("schedule_id"),
            pl.when(is_breached).then("breach_priority").otherwise("last_priority").alias("priority"),
            pl.when(pl.col("bar").is_not_null())
            .then("bar")
            .when(pl.col("target").is_null())
            .then(pl.lit("no_target"))
            .when(pl.col("can_pause") & ~pl.col("has_history"))
            .then(pl.lit("no_events"))
            .when(pl.col("can_pause") & pl.col("is_inexact"))
            .then(pl.lit("inexact_time"))
            .alias("reason"),
        )
        .with_columns(
            pl.when(pl.col("reason").is_not_null())
            .then(pl.lit("not_applicable"))
            .when(is_breached)
            .then(pl.lit("breached"))
            .when(fulfilled)
            .then(pl.lit("met"))
            .when(pl.col("is_paused"))
            .then(pl.lit("paused"))
            .otherwise(pl.lit("pending"))
            .alias("state"),
            pl.when(pl.col("reason").is_null())
            .then(day_of(pl.coalesce("breached_at", "fulfilled_at")))
            .alias("decided_date"),
        )
    )


def level_answers(landed: Landed, levels: pl.DataFrame) -> pl.DataFrame:
    """The table `sla_answers`."""
    tickets, is_told = landed.tickets, pl.col("reason").is_null()
    stands = pl.col("is_paused").fill_null(False) & pl.col("fulfilled_at").is_null()
    return levels.select(
        tickets["source"].gather(levels["t"]),
        tickets["ticket_id"].gather(levels["t"]),
        "metric",
        pl.col("turn").alias("turn_number"),
        instant(pl.col("started_at")),
        instant(pl.col("fulfilled_at")),
        "met_by",
        "target_minutes",
        "clock",
        "schedule_id",
        "priority",
        "reason",
        "state",
        pl.when(is_told & ~stands).then(instant(pl.col("due_at"))).alias("due_at"),
        pl.when(is_told).then(instant(pl.col("breached_at"))).alias("breached_at"),
        pl.when(is_told).then(pl.col("elapsed_us") / 60_000_000.0).alias("elapsed_minutes"),
        "decided_date",
    )
