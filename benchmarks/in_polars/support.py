"""The support KPIs: durations with exact percentiles, rates, volumes and effort, by period and dimension.

What enters: `Stories`, the facts of tickets, service levels.  What leaves: rows of `kpi_answers`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars.events import Landed
from benchmarks.in_polars.intervals import t_975
from benchmarks.in_polars.kpis import Kpi, KpiTable, average, share
from benchmarks.in_polars.landmarks import minutes
from benchmarks.in_polars.periods import by_period, grains_of, kept_places, placed
from benchmarks.in_polars.stories import DIMENSIONS, Segments, Stories, in_force, said_or_known

DURATIONS = {
    "first_response": "response",
    "first_bot_response": "first_bot_reply",
    "first_response_after_handover": "after_handover",
    "first_resolution": "first_solve",
    "resolution": "last_solve",
    "requester_wait": "lasting_solve",
    "agent_wait": "lasting_solve",
    "on_hold": "lasting_solve",
    "unassigned": "lasting_solve",
}
"""The durations of a ticket, and the landmark whose values they belong to."""
CLOCKS = ("calendar", "business")
PERCENTILES = {"median": 0.5, "p90": 0.9, "p95": 0.95}
RATES = {
    "fcr_rate": "is_first_contact_resolved",
    "one_touch_rate": "is_one_touch",
    "reopen_rate": "is_reopened_or_followed_up",
    "self_served_rate": "is_self_served",
    "bot_contained_rate": "is_bot_contained",
    "auto_solved_rate": "is_auto_solved",
}
SERVICE_LEVELS = ("first_response", "next_response", "full_resolution", "requester_wait")
EFFORT = {
    "replies_per_resolution": "agent_reply_count",
    "touches_per_resolution": "touch_count",
    "handoffs_per_ticket": "handoff_count",
    "transfers_per_ticket": "transfer_count",
}
_ALL = pl.lit("all").cast(pl.Categorical).alias("all")


def _durations(landed: Landed, stories: Stories, facts: pl.DataFrame) -> pl.DataFrame:
    """One row a duration that is known of an inbound ticket."""
    valued = stories.valued.lazy().select("row", "day", *DIMENSIONS)
    inbound = facts.lazy().filter("is_inbound")
    found = [
        inbound.filter(pl.col(f"{metric}_calendar_minutes").is_not_null())
        .select(
            pl.col(landmark).alias("row"),
            *(pl.col(f"{metric}_{clock}_minutes").alias(clock) for clock in CLOCKS),
        )
        .join(valued, on="row")
        .select(pl.lit(metric).cast(pl.Categorical).alias("metric"), *CLOCKS, "day", *DIMENSIONS)
        for metric, landmark in DURATIONS.items()
    ]
    is_inbound = landed.tickets["is_inbound"].gather(stories.turns["t"])
    replied = stories.turns.filter((stories.turns["outcome"] == "replied") & is_inbound).lazy()
    found.append(
        replied.select(
            pl.lit("next_response").cast(pl.Categorical).alias("metric"),
            minutes(pl.col("asked_at"), pl.col("ended_at")).alias("calendar"),
            minutes(pl.col("asked_us"), pl.col("ended_us")).alias("business"),
            "day",
            *DIMENSIONS,
        )
    )
    return pl.concat(pl.collect_all(found)).with_columns(_ALL)


def _duration_kpis(metric: str) -> list[Kpi]:
    found = []
    for clock in CLOCKS:
        n, total = pl.col(f"{clock}_n"), pl.col(f"{clock}_sum")
        known = pl.when(n > 1).then(n - 1)
        reach = t_975(known) * pl.col(f"{clock}_deviation") / n.sqrt()
        name = f"{metric}_{clock}_minutes"
        found.append(Kpi(f"{name}_avg", total / n, n, total, n, (total / n - reach, total / n + reach)))
        found += [Kpi(f"{name}_{ending}", pl.col(f"{clock}_{ending}"), n) for ending in PERCENTILES]
    return found


def duration_kpis(table: KpiTable, landed: Landed, stories: Stories, facts: pl.DataFrame) -> None:
    """Means and percentiles of durations on both clocks, a dimension at a time."""
    units = _durations(landed, stories, facts)
    measured = [
        made
        for clock in CLOCKS
        for value in [pl.col(clock)]
        for made in (
            value.count().cast(pl.Int64).alias(f"{clock}_n"),
            value.sum().alias(f"{clock}_sum"),
            value.std().alias(f"{clock}_deviation"),
            *(
                value.quantile(share_of, "linear").alias(f"{clock}_{name}")
                for name, share_of in PERCENTILES.items()
            ),
        )
    ]
    for name in ("all", *DIMENSIONS):
        rows = placed(
            units.select("metric", *CLOCKS, "day", name), name, kept_places(units, name, table.last_day)
        )
        cells = by_period(rows, grains_of(name), ("metric", "place"), measured)
        for (metric,), its in cells.partition_by("metric", as_dict=True).items():
            table.add(name, its, _duration_kpis(str(metric)))


def promises_of(
    landed: Landed, spine: pl.DataFrame, stories: Stories, levels: pl.DataFrame, segments: Segments
) -> pl.DataFrame:
    """Service levels met or breached: of their fulfiller's values, else of those in force at the breach."""
    decided = levels.filter(pl.col("is_inbound") & pl.col("state").is_in(["met", "breached"])).select(
        "t",
        "metric",
        "ended",
        (pl.col("state") == "met").alias("is_met"),
        pl.col("decided_date").alias("day"),
        "priority",
        "breached_at",
        "fulfilled_at",
    )
    others = [name for name in DIMENSIONS if name != "priority"]
    columns = ["metric", "is_met", "day", *DIMENSIONS]
    fulfilled = decided.filter(pl.col("fulfilled_at").is_not_null()).join(
        stories.valued.select(pl.col("row").alias("ended"), *others), on="ended"
    )
    open_ones = decided.filter(pl.col("fulfilled_at").is_null()).sort("breached_at")
    rows = (
        spine.select("t", "moment", "assignee", "team", "category", "version")
        .join(open_ones.select("t").unique(), on="t", how="semi")
        .sort("moment", maintain_order=True)
    )
    standing = open_ones.join_asof(
        rows, left_on="breached_at", right_on="moment", by="t", check_sortedness=False
    )
    known = in_force(
        standing, landed, ["channel", "product", "brand", "priority", "team", "category", "agent_key"]
    )
    customer = landed.tickets["customer_key"].gather(standing["t"])
    _, team, category, agent = said_or_known(standing, known)
    unfulfilled = standing.with_columns(
        known["channel"],
        known["product"],
        known["brand"],
        team,
        category,
        agent,
        segments.of(customer, standing["breached_at"]),
    )
    return pl.concat([fulfilled.select(columns), unfulfilled.select(columns)])


def _folded(table: KpiTable, units: pl.DataFrame, sums: dict[str, pl.Expr], kpis: list[Kpi]) -> None:
    """KPIs made of sums alone: units are added up by day once a dimension."""
    added = [total.sum().cast(pl.Int64).alias(name) for name, total in sums.items()]
    all_units = units.with_columns(_ALL)
    for name in ("all", *DIMENSIONS):
        daily = placed(
            all_units.group_by("day", name).agg(added), name, kept_places(all_units, name, table.last_day)
        )
        table.add(
            name,
            by_period(daily, grains_of(name), ("place",), [pl.col(column).sum() for column in sums]),
            kpis,
        )


def count_kpis(
    table: KpiTable,
    stories: Stories,
    facts: pl.DataFrame,
    *,
    promises: pl.DataFrame,
    moved: pl.DataFrame,
) -> None:
    """Rates, volumes and effort."""
    valued = stories.valued.select("row", "day", *DIMENSIONS)
    inbound = facts.filter("is_inbound")

    def shares(named: dict[str, tuple[pl.Expr, pl.Expr]]) -> tuple[dict[str, pl.Expr], list[Kpi]]:
        sums = {
            f"{name}/{part}": expr
            for name, pair in named.items()
            for part, expr in zip("nk", pair, strict=True)
        }
        return sums, [share(name, pl.col(f"{name}/k"), pl.col(f"{name}/n")) for name in named]

    solves = inbound.select(pl.col("first_solve").alias("row"), *RATES.values()).join(valued, on="row")
    _folded(
        table,
        solves,
        *shares({name: (pl.col(flag).is_not_null(), pl.col(flag)) for name, flag in RATES.items()}),
    )
    is_met = pl.col("is_met")
    levels_met = {"sla_attainment_rate": (is_met.is_not_null(), is_met)} | {
        f"sla_{metric}_attainment_rate": (pl.col("metric") == metric, is_met & (pl.col("metric") == metric))
        for metric in SERVICE_LEVELS
    }
    _folded(table, promises, *shares(levels_met))
    flow = {name: pl.col(name) for name in ("is_opening", "is_done_now", "is_reopen")}
    opened, solved, reopened, n = (pl.col(name) for name in (*flow, "n"))
    volumes = {
        "tickets_opened": opened,
        "tickets_solved": solved,
        "tickets_reopened": reopened,
        "tickets_net": opened + reopened - solved,
    }
    _folded(
        table,
        moved,
        {"n": opened.is_not_null(), **flow},
        [Kpi(name, value, n, value) for name, value in volumes.items()],
    )
    resolved = inbound.select(pl.col("lasting_solve").alias("row"), *EFFORT.values()).join(valued, on="row")
    sums: dict[str, pl.Expr] = {}
    for name, column in EFFORT.items():
        value = pl.col(column).cast(pl.Int64)
        sums |= {f"{name}/n": value.is_not_null(), f"{name}/x": value, f"{name}/xx": value * value}
    means = [average(name, pl.col(f"{name}/x"), pl.col(f"{name}/xx"), pl.col(f"{name}/n")) for name in EFFORT]
    _folded(table, resolved, sums, means)
