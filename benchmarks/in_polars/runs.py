"""Runs of a target's clock and the stretches of a ticket's life they pass: what service levels are judged by.

What enters: `Landed`, the spine, `Stories`, the facts of tickets.  What leaves: targets, runs, spans of runs.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.events import Landed, day_of, is_done
from benchmarks.in_polars.landed import ALWAYS, FOREVER, seed
from benchmarks.in_polars.stories import Stories, in_force

_CAT = pl.Categorical()
_OF_STRETCH = ["opened", "version", "status", "row_solve", "priority", "schedule"]


def read_targets() -> pl.DataFrame:
    """The targets by number; `pauses` are the statuses in which their clock stands."""
    kinds = {"target_minutes": pl.Float64(), "valid_from": pl.Date(), "valid_to": pl.Date()}
    is_wait = pl.col("metric") == "requester_wait"
    own = pl.col("pauses_on").fill_null("").str.split(" ")
    return (
        seed("sla_targets", **kinds)
        .sort("metric", "priority", "valid_from", nulls_last=True)
        .with_row_index("target", offset=1)
        .select(
            "target",
            pl.col("metric", "priority").cast(_CAT),
            "target_minutes",
            "clock",
            (pl.col("target_minutes") * 60_000_000).round().cast(pl.Int64).alias("target_us"),
            pl.col("valid_from").fill_null(ALWAYS),
            pl.col("valid_to").fill_null(FOREVER),
            pl.when(is_wait)
            .then(pl.concat_list(own, pl.lit(["pending", "solved", "closed"])))
            .otherwise(own)
            .alias("pauses"),
        )
        .with_columns((pl.col("pauses").list.eval(pl.element() != "").list.any()).alias("can_pause"))
    )


def _target_of(rows: pl.DataFrame, targets: pl.DataFrame) -> pl.Series:
    """The target of each row's metric and priority on the day its run began; else the metric's own."""
    asked = rows.select("metric", "priority", "started_day").with_row_index("asked").sort("started_day")
    ordered = targets.select("target", "metric", "priority", "valid_from", "valid_to").sort("valid_from")
    found = []
    for of, by in (
        (ordered.filter(pl.col("priority").is_not_null()), ["metric", "priority"]),
        (ordered.filter(pl.col("priority").is_null()).drop("priority"), ["metric"]),
    ):
        met = asked.join_asof(of, left_on="started_day", right_on="valid_from", by=by, check_sortedness=False)
        in_time = pl.when(pl.col("started_day") < pl.col("valid_to")).then(pl.col("target"))
        found.append(met.sort("asked").select(in_time).to_series())
    return found[0].fill_null(found[1])


def runs_of(landed: Landed, stories: Stories, facts: pl.DataFrame) -> pl.DataFrame:
    """What a target's clock is held against: a start, and what fulfilled it."""
    answering = pl.col("is_touch") | pl.col("is_done_now") | (pl.col("kind") == "row_response")
    answered = stories.answers.filter(answering).group_by("t", "turn").agg(pl.col("row").min().alias("ended"))
    begun = facts.select(
        "t",
        "is_inbound",
        "started_at",
        "started_us",
        "status",
        "has_history",
        "is_inexact",
        "as_of_us",
        pl.when(pl.col("is_inbound")).then("opening").otherwise("first_contact").alias("started"),
        pl.when(pl.col("resolved_at").is_not_null()).then("last_solve").alias("solve"),
        (~pl.col("is_exact")).alias("is_run_inexact"),
    ).lazy()
    met = stories.valued.lazy().select(
        pl.col("row").alias("ended"),
        pl.col("moment").alias("fulfilled_at"),
        pl.col("clock_us").alias("fulfilled_us"),
        (pl.col("is_touch") | (pl.col("kind") == "row_response")).alias("is_reply"),
    )
    by = (
        pl.when(pl.col("is_reply"))
        .then(pl.lit("reply"))
        .when(pl.col("is_reply").is_not_null())
        .then(pl.lit("solve"))
    )
    first_turn = stories.answers.lazy().select(pl.col("row").alias("started"), "turn")
    first = (
        begun.join(first_turn, on="started", how="left")
        .join(answered.lazy(), on=["t", "turn"], how="left")
        .join(met, on="ended", how="left")
        .with_columns(
            pl.lit("first_response").alias("metric"), pl.lit(0, pl.Int64).alias("turn"), by.alias("met_by")
        )
    )
    solves = [
        begun.with_columns(pl.col("solve").alias("ended"))
        .join(met, on="ended", how="left")
        .with_columns(
            pl.lit(metric).alias("metric"),
            pl.lit(0, pl.Int64).alias("turn"),
            pl.when(pl.col("is_reply").is_not_null()).then(pl.lit("solve")).alias("met_by"),
        )
        for metric in ("full_resolution", "requester_wait")
    ]
    met_by = pl.col("outcome").replace_strict(
        {"replied": "reply", "solved": "solve"}, default=None, return_dtype=pl.String
    )
    later = (
        stories.turns.lazy()
        .select(
            "t",
            "turn",
            pl.col("asked").alias("started"),
            pl.col("asked_at").alias("started_at"),
            pl.col("asked_us").alias("started_us"),
            "ended",
            pl.col("ended_at").alias("fulfilled_at"),
            pl.col("ended_us").alias("fulfilled_us"),
            met_by.alias("met_by"),
        )
        .join(begun.drop("started", "started_at", "started_us"), on="t")
        .with_columns(pl.lit("next_response").alias("metric"), pl.lit(False).alias("is_run_inexact"))
    )
    columns = [
        "t",
        "metric",
        "turn",
        "is_inbound",
        "started",
        "started_at",
        "started_us",
        "ended",
        "fulfilled_at",
        "fulfilled_us",
        "met_by",
        "status",
        "has_history",
        "is_inexact",
        "is_run_inexact",
        "as_of_us",
    ]
    done_at = pl.col("fulfilled_at")
    is_wait = pl.col("metric") == "requester_wait"
    return (
        pl.concat([part.select(columns) for part in (first, *solves, later)])
        .with_columns(
            pl.col("metric").cast(_CAT),
            day_of(pl.col("started_at")).alias("started_day"),
            done_at.fill_null(landed.as_of_us).alias("ended_at"),
            pl.when(done_at.is_null())
            .then(pl.col("as_of_us"))
            .otherwise(pl.col("fulfilled_us"))
            .alias("ended_us"),
            pl.when(pl.col("started_at").is_null() | (done_at < pl.col("started_at")))
            .then(pl.lit("no_clock"))
            .when(pl.col("is_run_inexact"))
            .then(pl.lit("inexact_time"))
            .when(~pl.col("has_history") & (is_wait | (done_at.is_null() & is_done(pl.col("status")))))
            .then(pl.lit("no_events"))
            .when(is_wait & pl.col("is_inexact"))
            .then(pl.lit("inexact_time"))
            .alias("bar"),
        )
        .with_row_index("run")
        .collect()
    )


def stretches_of(landed: Landed, spine: pl.DataFrame) -> pl.DataFrame:
    """The stretches of a ticket's life a target's clock may stand in, or be another in."""
    rows = (
        spine.lazy()
        .filter(pl.col("kind").is_in(_OF_STRETCH) | pl.col("next_at").is_null())
        .select("t", "row", "moment", "clock_us", "as_of_us", "status", "schedule_id", "priority", "version")
        .collect()
    )
    known = in_force(rows, landed, ["priority"])["priority"]
    said = pl.col("priority")
    is_same = pl.col("t") == pl.col("t").shift(-1)

    def following(name: str) -> pl.Expr:
        return pl.when(is_same).then(pl.col(name).shift(-1))

    return rows.select(
        "t",
        pl.col("row").alias("at"),
        pl.col("moment").alias("begins_at"),
        pl.col("clock_us").alias("begins_us"),
        "schedule_id",
        pl.col("status").alias("stood"),
        pl.when(said.is_null()).then(known).when(said != "").then(said).alias("priority"),
        following("row").alias("next_row"),
        following("moment").fill_null(landed.as_of_us).alias("ends_at"),
        following("clock_us").fill_null(pl.col("as_of_us")).alias("ends_us"),
    )


def spans_of(
    landed: Landed, runs: pl.DataFrame, stretches: pl.DataFrame, targets: pl.DataFrame
) -> pl.DataFrame:
    """The stretches of each run, with the target that governs there."""
    free = runs.filter(pl.col("bar").is_null())
    schedule, priority = pl.col("schedule_id"), pl.col("priority")
    is_one = (schedule.to_physical().min() == schedule.to_physical().max()) & (
        priority.is_null().all()
        | ((priority.null_count() == 0) & (priority.to_physical().min() == priority.to_physical().max()))
    )
    whole = (
        stretches.group_by("t")
        .agg(schedule.first(), priority.first(), is_one.alias("is_one"))
        .filter("is_one")
        .drop("is_one")
    )
    simple = free.join(whole, on="t")
    simple = simple.with_columns(_target_of(simple, targets).alias("target"))
    pausing = targets.select("target", "can_pause")
    simple = (
        simple.join(pausing, on="target")
        .filter(~pl.col("can_pause"))
        .select(
            "run",
            pl.col("started").alias("at"),
            pl.col("started_at").alias("begins_at"),
            pl.col("ended_at").alias("ends_at"),
            (pl.col("ended_us") - pl.col("started_us")).alias("open_us"),
            pl.lit(None, _CAT).alias("stood"),
            "schedule_id",
            "priority",
            pl.lit(True).alias("is_last"),
            "target",
        )
    )
    parts = (
        free.join(simple.select("run"), on="run", how="anti")
        .join(stretches, on="t", suffix="_stretch")
        .filter(
            (pl.col("ended").is_null() | (pl.col("ended") >= pl.col("at")))
            & (pl.col("next_row").is_null() | (pl.col("started") < pl.col("next_row")))
        )
    )
    parts = parts.with_columns(_target_of(parts, targets).alias("target")).select(
        "run",
        "at",
        pl.max_horizontal("begins_at", "started_at").alias("begins_at"),
        pl.min_horizontal("ends_at", "ended_at").alias("ends_at"),
        (pl.min_horizontal("ends_us", "ended_us") - pl.max_horizontal("begins_us", "started_us")).alias(
            "open_us"
        ),
        "stood",
        "schedule_id",
        "priority",
        (pl.col("next_row").is_null() | (pl.col("next_row") > pl.col("ended")).fill_null(False)).alias(
            "is_last"
        ),
        "target",
    )
    return pl.concat([simple, parts.select(simple.columns)])
