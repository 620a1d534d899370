"""What happened on each ticket, in its one order, with the values then in force and what its clock read.

What enters: `Landed`, `Clocks`.  What leaves: the spine, in the order of tickets and of what happened;
every ticket's first row is its opening.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.clocks import Clocks
from benchmarks.in_polars.events import STATUSES, WAITING, Landed, is_done
from benchmarks.in_polars.happenings import happenings, place, told_by_rows

_NOTHING = "\x00"
_CAT = pl.Categorical()
_GAP_US = 1_800_000_000


def _carried(value: pl.Expr) -> pl.Expr:
    """The last that was said of a value up to each row of a ticket."""
    said = (
        pl.when(pl.col("is_first") & value.is_null())
        .then(pl.lit(_NOTHING, _CAT))
        .otherwise(value)
        .forward_fill()
    )
    return pl.when(said != _NOTHING).then(said)


def _earlier(name: str) -> pl.Expr:
    return pl.when(~pl.col("is_first")).then(pl.col(name).shift(1))


def _numbered(landed: Landed) -> pl.DataFrame:
    """All rows in their order, with what was in force on and before each."""
    events = happenings(landed).collect()
    recorded = (
        events.lazy().filter(pl.col("kind").is_in(["created", "status"])).select("t").unique().collect()
    )
    rows = (
        pl.concat([events, told_by_rows(landed, recorded)], how="diagonal")
        .lazy()
        .with_columns(pl.col("is_live", "is_contact", "is_answer").fill_null(False))
    )
    kind, value = pl.col("kind"), pl.col("value")
    status_set = (
        pl.when(kind.is_in(["opened", "row_solve"]))
        .then(value)
        .when((kind == "status") & value.is_in(STATUSES))
        .then(value)
    )

    def said(what: str, told: pl.Expr) -> pl.Expr:
        return pl.when(kind == what).then(told)

    def or_empty(told: pl.Expr) -> pl.Expr:
        return told.fill_null(pl.lit("", _CAT))

    row = pl.col("row")
    ordered = (
        rows.with_columns(place().alias("place"))
        .sort("t", "moment", "place", "event_id", nulls_last=True)
        .with_columns(
            (kind == "opened").alias("is_first"), pl.col("event_id").is_not_null().alias("is_event")
        )
        .drop("event_id", "place")
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))
        .with_columns(
            (row - pl.when(pl.col("is_first")).then(row).forward_fill() + 1).alias("num"),
            _carried(status_set).alias("status"),
            _carried(said("assignment", or_empty(pl.col("agent_key")))).alias("assignee"),
            _carried(said("assignment", pl.col("agent_key"))).alias("any_assignee"),
            _carried(said("team", or_empty(value))).alias("team"),
            _carried(said("team", pl.when(value != "").then(value))).alias("any_team"),
            _carried(said("priority", or_empty(value))).alias("priority"),
            _carried(said("category", or_empty(value))).alias("category"),
            _carried(said("schedule", or_empty(value))).alias("said_schedule"),
            _carried(pl.col("row_schedule")).alias("row_schedule"),
            pl.col("version").forward_fill(),
            pl.when(pl.col("t") == pl.col("t").shift(-1)).then(pl.col("moment").shift(-1)).alias("next_at"),
        )
        .collect()
    )
    schedule = pl.coalesce("said_schedule", "row_schedule")
    return (
        ordered.lazy()
        .with_columns(
            pl.when(schedule != "").then(schedule).otherwise(pl.lit("default", _CAT)).alias("schedule_id"),
            _earlier("status").alias("status_before"),
            _earlier("assignee").alias("assignee_before"),
            _earlier("any_assignee").alias("last_assignee"),
            _earlier("any_team").alias("last_team"),
        )
        .drop("said_schedule", "row_schedule", "any_assignee", "any_team")
        .collect()
    )


def _moved(spine: pl.DataFrame, clocks: Clocks, as_of_us: int) -> pl.DataFrame:
    """Of tickets whose schedule changed: the sum of the stretches before each row, and after the last."""
    code = clocks.coded(spine["schedule_id"]).alias("code")
    changes = pl.col("least") != pl.col("most")
    moving = (
        spine.select("t", code)
        .group_by("t")
        .agg(pl.col("code").min().alias("least"), pl.col("code").max().alias("most"))
        .filter(changes)
    )
    rows = spine.select("t", "row", "schedule_id", "clock_us", pl.col("next_at").fill_null(as_of_us)).join(
        moving.select("t"), on="t", how="semi", maintain_order="left"
    )
    open_us = clocks.read(rows["schedule_id"], rows["next_at"]) - rows["clock_us"]
    return rows.select("t", "row", open_us.alias("open_us")).select(
        "row",
        (pl.col("open_us").cum_sum() - pl.col("open_us")).over("t").alias("moved_us"),
        pl.col("open_us").cum_sum().over("t").alias("moved_end_us"),
    )


def _live(spine: pl.DataFrame) -> pl.DataFrame:
    """Of messages of live sessions: whether one before was an answer, and since when the customer waits."""
    of, moment = ["t", "session_id"], pl.col("moment")
    is_apart = pl.col("session_id").is_null() & (moment - moment.shift(1).over(of) > _GAP_US)
    asked = pl.when(pl.col("is_contact")).then(moment)
    within = [*of, "session"]
    return (
        spine.lazy()
        .filter(pl.col("is_live") & (pl.col("kind") == "reply"))
        .select("t", "row", "session_id", "moment", "is_contact", "is_answer")
        .with_columns(is_apart.fill_null(False).alias("is_apart"))
        .with_columns(pl.col("is_apart").cast(pl.Int64).cum_sum().over(of).alias("session"))
        .select(
            "row",
            (pl.col("is_answer").cast(pl.Int64).cum_sum().shift(1).over(within) > 0)
            .fill_null(False)
            .alias("is_answered"),
            asked.cum_min().forward_fill().shift(1).over(within).alias("waiting_since"),
        )
        .collect()
    )


def spine_of(landed: Landed, clocks: Clocks) -> pl.DataFrame:
    """The spine."""
    rows = _numbered(landed)
    rows = rows.with_columns(clocks.read(rows["schedule_id"], rows["moment"]).alias("clock_us"))
    at_last = rows.filter(pl.col("next_at").is_null()).select("row", "schedule_id")
    ends = clocks.read(
        at_last["schedule_id"], pl.repeat(landed.as_of_us, at_last.height, dtype=pl.Int64, eager=True)
    )
    last = at_last.select("row", ends.alias("schedule_end_us"))
    kind, value, status, before = (pl.col(name) for name in ("kind", "value", "status", "status_before"))
    is_said = (kind == "status") & (value == status)
    free = (pl.col("is_answered").fill_null(False)).not_()

    def change(of: pl.Expr, then: pl.Expr) -> pl.Expr:
        return of.fill_null(False).cast(pl.Int64) - then.fill_null(False).cast(pl.Int64)

    def unassigned(state: pl.Expr, who: str) -> pl.Expr:
        return ~is_done(state) & state.is_not_null() & (pl.col(who).is_null() | (pl.col(who) == ""))

    no = {
        "is_touch": pl.col("is_answer") & free,
        "is_waiting_contact": pl.col("is_contact") & ~pl.col("is_answer") & free,
        "is_transition": is_said & (value != before.fill_null(pl.lit("new", _CAT))),
        "is_done_now": ((kind == "row_solve") & value.is_not_null())
        | (is_said & is_done(value) & ~is_done(before)),
        "is_reopen": is_said & is_done(before) & ~is_done(value),
        "is_handoff": (kind == "assignment") & (pl.col("agent_key") != pl.col("last_assignee")),
        "is_transfer": (kind == "team") & (value != "") & (value != pl.col("last_team")),
    }
    return (
        rows.lazy()
        .join(_moved(rows, clocks, landed.as_of_us).lazy(), on="row", how="left", maintain_order="left")
        .join(_live(rows).lazy(), on="row", how="left", maintain_order="left")
        .join(last.lazy(), on="row", how="left", maintain_order="left")
        .with_columns(
            pl.col("clock_us").alias("schedule_us"),
            pl.coalesce("moved_us", "clock_us").alias("clock_us"),
            pl.when(pl.col("next_at").is_null())
            .then(pl.coalesce("moved_end_us", "schedule_end_us"))
            .alias("as_of_us"),
            *(flag.fill_null(False).alias(name) for name, flag in no.items()),
            change(before.is_in(WAITING), status.is_in(WAITING)).alias("waiting_change"),
            change(before == "pending", status == "pending").alias("pending_change"),
            change(before == "on_hold", status == "on_hold").alias("on_hold_change"),
            change(unassigned(before, "assignee_before"), unassigned(status, "assignee")).alias(
                "unassigned_change"
            ),
        )
        .drop(
            "moved_us",
            "moved_end_us",
            "schedule_end_us",
            "is_answered",
            "session_id",
            "is_live",
            "status_before",
            "assignee_before",
            "last_assignee",
            "last_team",
        )
        .collect()
    )
