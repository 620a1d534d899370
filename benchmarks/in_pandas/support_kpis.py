"""The support KPIs: what counts, by every period and dimension.

What enters: tickets' stories, turns, decided service levels.  What leaves: durations with exact percentiles,
rates, volumes and means in the table of KPIs.  Called by `tickets`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from benchmarks.in_pandas.arrays import last_within
from benchmarks.in_pandas.backlog import moved_rows
from benchmarks.in_pandas.cells import folded, placed
from benchmarks.in_pandas.dimensions import DIMENSIONS, Values
from benchmarks.in_pandas.dues import BREACHED, MET, Decided
from benchmarks.in_pandas.landed import NEVER, Array
from benchmarks.in_pandas.moments import Turns
from benchmarks.in_pandas.percentiles import Durations
from benchmarks.in_pandas.periods import GRAINS
from benchmarks.in_pandas.service_levels import METRICS, Runs
from benchmarks.in_pandas.spine import Kind
from benchmarks.in_pandas.survey_kpis import free_mean, rate
from benchmarks.in_pandas.ticket_answers import Story, outcomes, turn_minutes
from benchmarks.in_pandas.written import Kpi, KpiTable

FLAGS = {
    "is_first_contact_resolved": "fcr_rate",
    "is_one_touch": "one_touch_rate",
    "is_reopened_or_followed_up": "reopen_rate",
    "is_self_served": "self_served_rate",
    "is_bot_contained": "bot_contained_rate",
    "is_auto_solved": "auto_solved_rate",
}
MEANS = {
    "agent_reply_count": "replies_per_resolution",
    "touch_count": "touches_per_resolution",
    "handoff_count": "handoffs_per_ticket",
    "transfer_count": "transfers_per_ticket",
}


@dataclass(frozen=True)
class Units:
    """What is counted together: rows of the spine and their days; what is added up of each, by name."""

    row: Array
    day: Array
    sums: dict[str, Array]
    codes: dict[str, Array] = field(default_factory=dict)
    """The codes of dimensions, where they are not those of the rows."""

    def of(self, values: Values, dimension: str) -> Array:
        """The codes of a dimension."""
        return self.codes[dimension] if dimension in self.codes else values.codes(dimension, self.row)


def support_kpis(
    table: KpiTable, values: Values, story: Story, turns: Turns, decided: tuple[Runs, Decided]
) -> None:
    """All of them."""
    calendar = values.calendar
    units = {
        "solve": _solves(values, story),
        "promise": _promises(values, story, *decided),
        "moved": _moved(values),
        "resolved": _resolved(values, story),
    }
    durations = _durations(values, story, turns)
    for name in ("all", *DIMENSIONS):
        grains = GRAINS[1:] if name == "agent" else GRAINS
        for kind, some in units.items():
            place, places = placed(
                values.dimension(name, some.of(values, name)), calendar.in_ended_month(some.day)
            )
            shape = (len(places), calendar.days)
            cells = place * calendar.days + some.day - calendar.first
            sums = {key: folded(cells, shape, weights) for key, weights in some.sums.items()}
            sums["n"] = folded(cells, shape)
            for grain in grains:
                counted = {key: calendar.folded(values_, grain) for key, values_ in sums.items()}
                for kpi in _KPIS[kind](counted):
                    table.add(calendar, grain, name, places, kpi)
        of_durations = values.dimension(name, values.codes(name, durations.row))
        place, places = placed(of_durations, calendar.in_ended_month(durations.day))
        for grain in grains:
            for kpi in durations.kpis(place, len(places), grain):
                table.add(calendar, grain, name, places, kpi)


def _solves(values: Values, story: Story) -> Units:
    row, _ = story.durations["first_resolution"]
    at = np.flatnonzero((row >= 0) & story.is_inbound)
    sums = {}
    for flag in FLAGS:
        is_so, applies = story.flags[flag]
        sums[flag], sums[f"{flag}_n"] = (is_so & applies)[at].astype(float), applies[at].astype(float)
    return Units(row[at], values.day[row[at]], sums)


def _resolved(values: Values, story: Story) -> Units:
    row, _ = story.durations["requester_wait"]
    at = np.flatnonzero((row >= 0) & story.is_inbound)
    sums = {}
    for name in MEANS:
        count, applies = story.counts[name]
        known = np.where(applies, count, 0)[at].astype(float)
        sums[name], sums[f"{name}_2"], sums[f"{name}_n"] = known, known * known, applies[at].astype(float)
    return Units(row[at], values.day[row[at]], sums)


def _moved(values: Values) -> Units:
    rows = moved_rows(values)
    opened, solved = values.spine.kind[rows] == Kind.OPENED, values.marks.is_done_now[rows]
    sums = {"opened": opened, "solved": solved, "reopened": values.marks.is_reopen[rows]}
    return Units(rows, values.day[rows], {name: flag.astype(float) for name, flag in sums.items()})


def _promises(values: Values, story: Story, runs: Runs, decided: Decided) -> Units:
    """Service levels kept or broken: of who fulfilled them, else as the ticket stood when they broke."""
    spine = values.spine
    is_met = decided.state == MET
    at = np.flatnonzero((is_met | (decided.state == BREACHED)) & story.is_inbound[runs.ticket])
    ended, ticket = runs.ended[at], runs.ticket[at]
    is_open = ended < 0
    broken_at = decided.breached_at[at]
    stood = last_within(
        spine.moment, spine.first[ticket], spine.end[ticket], np.where(is_open, broken_at, NEVER)
    )
    row = np.where(is_open, stood, ended)
    codes = {}
    for name in DIMENSIONS:
        own = values.codes(name, row)
        own[is_open] = values.standing(name, row[is_open], broken_at[is_open])
        codes[name] = own
    codes["priority"] = decided.priority[at]
    sums = {"met": is_met[at].astype(float)}
    for number, metric in enumerate(METRICS):
        is_own = runs.metric[at] == number
        sums[metric], sums[f"{metric}_n"] = (is_own & is_met[at]).astype(float), is_own.astype(float)
    return Units(row, decided.day[at], sums, codes)


def _durations(values: Values, story: Story, turns: Turns) -> Durations:
    rows, calendars, businesses, sizes = [], [], [], {}
    for metric, (row, (minutes, business)) in story.durations.items():
        at = np.flatnonzero((row >= 0) & story.is_inbound & ~np.isnan(minutes))
        rows.append(row[at])
        calendars.append(minutes[at])
        businesses.append(business[at])
        sizes[metric] = len(at)
    ticket = values.spine.ticket[turns.asked]
    at = np.flatnonzero((outcomes(values, turns) == 0) & story.is_inbound[ticket])
    minutes, business = turn_minutes(values, turns)
    rows.append(turns.ended[at])
    calendars.append(minutes[at])
    businesses.append(business[at])
    sizes["next_response"] = len(at)
    row = np.concatenate(rows)
    clocks = {"calendar": np.concatenate(calendars), "business": np.concatenate(businesses)}
    return Durations(row, values.day[row], sizes, clocks, values.calendar)


def _solve_kpis(sums: dict[str, Array]) -> Iterator[Kpi]:
    for flag, kpi in FLAGS.items():
        yield rate(kpi, sums[flag], sums[f"{flag}_n"])


def _promise_kpis(sums: dict[str, Array]) -> Iterator[Kpi]:
    yield rate("sla_attainment_rate", sums["met"], sums["n"])
    for metric in METRICS:
        yield rate(f"sla_{metric}_attainment_rate", sums[metric], sums[f"{metric}_n"])


def _moved_kpis(sums: dict[str, Array]) -> Iterator[Kpi]:
    opened, solved, reopened = (sums[name] for name in ("opened", "solved", "reopened"))
    volumes = {"opened": opened, "solved": solved, "reopened": reopened, "net": opened + reopened - solved}
    for name, count in volumes.items():
        yield Kpi(f"tickets_{name}", sums["n"], count, count)


def _resolved_kpis(sums: dict[str, Array]) -> Iterator[Kpi]:
    for name, kpi in MEANS.items():
        yield free_mean(kpi, sums[name], sums[f"{name}_2"], sums[f"{name}_n"])


_KPIS = {"solve": _solve_kpis, "promise": _promise_kpis, "moved": _moved_kpis, "resolved": _resolved_kpis}
