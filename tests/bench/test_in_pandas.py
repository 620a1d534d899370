"""What the program in pandas is made of, each held against something simpler or a worked example."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from benchmarks.company import SEEDS
from benchmarks.in_pandas import intervals
from benchmarks.in_pandas.arrays import last_within, rounded, running, spelled_out
from benchmarks.in_pandas.cells import Dimension, placed
from benchmarks.in_pandas.clock import read_clocks
from benchmarks.in_pandas.landed import NO_DAY, latest, local_days
from benchmarks.in_pandas.percentiles import Durations
from benchmarks.in_pandas.periods import Calendar
from benchmarks.in_pandas.spine import held
from benchmarks.in_pandas.written import Kpi, KpiTable


def day(text: str) -> int:
    """A date as its number."""
    return int(np.datetime64(text, "D").astype(np.int64))


def moment(text: str) -> int:
    """An instant as microseconds."""
    return int(np.datetime64(text, "us").astype(np.int64))


def test_bisection_stays_within_each_rows_stretch() -> None:
    """The last key that is not after what is wanted, or none; with `below`, the last before it."""
    keys = np.array([1, 3, 3, 7, 2, 4])
    first, end = np.array([0, 0, 0, 4, 4, 2]), np.array([4, 4, 4, 6, 6, 2])
    wanted = np.array([3, 0, 9, 4, 1, 5])
    assert last_within(keys, first, end, wanted).tolist() == [2, -1, 3, 5, -1, -1]
    assert last_within(keys, first, end, wanted, below=True).tolist() == [0, -1, 3, 4, -1, -1]


def test_ranges_and_sums_start_afresh() -> None:
    """Ranges are spelled out row by row, an empty one not at all; sums run from each start on."""
    rows, numbers = spelled_out(np.array([2, 5, 0]), np.array([4, 5, 1]))
    assert (rows.tolist(), numbers.tolist()) == ([0, 0, 2], [2, 3, 0])
    starts = np.array([True, False, True, False])
    assert running(np.array([1, 2, 3, 4]), starts).tolist() == [1, 3, 3, 7]


def test_a_value_holds_until_the_next_and_never_beyond_its_ticket() -> None:
    """What one ticket set does not hold for the next."""
    is_set, first = np.array([True, False, False, False, True]), np.array([0, 0, 2, 2, 2])
    assert held(is_set, np.arange(5), first, -2).tolist() == [0, 0, -2, -2, 4]


def test_halves_are_rounded_away_from_zero() -> None:
    """As SQL rounds amounts, and numpy does not."""
    assert rounded(np.array([0.0000005, -0.0000005])).tolist() == [0.000001, -0.000001]


def test_worked_intervals() -> None:
    """NPS of 10,9,9,8,7,6,0, and CSAT of three in five and of two in four."""
    low, high = intervals.nps(np.array([3.0]), np.array([2.0]), np.array([7.0]))
    assert (low[0], high[0]) == (pytest.approx(-39.58, abs=0.005), pytest.approx(59.58, abs=0.005))
    low, high = intervals.wilson(np.array([3.0, 2.0]), np.array([5.0, 4.0]))
    assert low == pytest.approx([23.07, 15.00], abs=0.005)
    assert high == pytest.approx([88.24, 85.00], abs=0.005)


def test_business_hours_over_a_change_of_the_clocks() -> None:
    """Friday 16:30 in New York to Monday 09:15, the clocks set forward in between: 45 minutes."""
    clocks = read_clocks(SEEDS, day("2024-03-01"), day("2024-03-31"))
    us = np.array([int(clocks.names.get_indexer(pd.Index(["us"]))[0])])
    asked, answered = (np.array([moment(text)]) for text in ("2024-03-08T21:30", "2024-03-11T13:15"))
    earlier, later = clocks.reading(us, asked), clocks.reading(us, answered)
    assert (later - earlier).tolist() == [45 * 60_000_000]
    assert clocks.instant(us, later).tolist() == answered.tolist()
    sunday = clocks.reading(us, np.array([moment("2024-03-10T12:00")]))
    assert (sunday - earlier).tolist() == [30 * 60_000_000]


def test_days_of_the_reporting_zone() -> None:
    """A day in Seoul begins at 15:00 UTC; what has no instant has no day."""
    instants = np.array([moment("2024-03-08T14:59:59"), moment("2024-03-08T15:00"), np.iinfo(np.int64).min])
    assert local_days(instants).tolist() == [day("2024-03-08"), day("2024-03-09"), NO_DAY]


def test_the_newest_row_of_a_key_is_kept() -> None:
    """By updated_at, unknown being oldest, then by batch and position; the same id elsewhere is another."""
    rows = pd.DataFrame(
        {
            "source": pd.Categorical(["a", "a", "a", "b", "a"]),
            "id": ["1", "1", "1", "1", "2"],
            "updated_at": np.array(["2024-01-02", "", "2024-01-02", "2023-01-01", ""], "datetime64[us]"),
            "batch_sequence": [1, 9, 1, 1, 1],
            "position": [0, 0, 1, 0, 0],
        }
    )
    assert latest(rows, "id")["position"].tolist() == [1, 0, 0]
    assert latest(rows, "id")["source"].tolist() == ["a", "b", "a"]


def test_the_largest_values_keep_their_place() -> None:
    """Two hundred do, the lesser name where as many have either; the others and none come after.

    Units of months that have ended tell which are largest: v000 has most units, but none of those.
    """
    names = pd.Index([f"v{number:03}" for number in range(202)])
    codes = np.append(np.arange(202), [201, -1, 0, 0])
    ended = Calendar(day("2026-01-05"), day("2026-10-14"), day("2026-10-14")).in_ended_month(
        np.where(codes == 0, day("2026-10-01"), day("2026-09-30"))
    )
    place, places = placed(Dimension("team", codes, names), ended)
    assert places[0] == "v201"
    assert places[-2:] == ["(other)", "(none)"]
    assert [places[number] for number in place[[0, 199, 200, 201, 203]]] == [
        "(other)",
        "v199",
        "(other)",
        "v201",
        "(none)",
    ]


def test_percentiles_are_exact() -> None:
    """As numpy has them, in each place and period."""
    draw = np.random.default_rng(7)
    size = 500
    days, place, values = draw.integers(0, 40, size), draw.integers(0, 3, size), draw.random(size)
    values[::7] = np.nan
    calendar = Calendar(0, 39, 39)
    durations = Durations(np.arange(size), days, {"wait": size}, {"calendar": values}, calendar)
    kpis = {kpi.name: kpi for kpi in durations.kpis(place, 3, "week")}
    weeks = calendar.period_of("week", days)
    for row in range(3):
        for week in np.unique(weeks):
            own = values[(place == row) & (weeks == week) & ~np.isnan(values)]
            if len(own):
                found = kpis["wait_calendar_minutes_p90"].value[row, week]
                assert found == pytest.approx(np.quantile(own, 0.9))
                assert kpis["wait_calendar_minutes_avg"].n[row, week] == len(own)


def test_periods_are_compared_only_when_they_have_ended(tmp_path: Path) -> None:
    """A month beside the one before; the last, which has not ended, beside none; a missing one is nothing."""
    calendar = Calendar(day("2024-01-01"), day("2024-04-10"), day("2024-04-10"))
    n = np.array([[4, 0, 2, 1], [1, 3, 0, 0]])
    with KpiTable(tmp_path) as table:
        table.add(calendar, "month", "team", ["a", "b"], Kpi("csat", n, n * 10.0))
    told = pq.read_table(tmp_path / "kpi_answers.parquet").to_pandas()
    assert told["dimension_value"].tolist() == ["a", "a", "a", "b", "b"]
    assert told["n"].tolist() == [4, 2, 1, 1, 3]
    assert told["change"].isna().tolist() == [True, True, True, True, False]
    assert told["change"].iloc[-1] == 20.0
