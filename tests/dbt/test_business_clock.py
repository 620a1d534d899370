"""The schedules' clocks, searched for a counter-example: odd zones, random hours and holidays, any instants.

The clock F counts a schedule's open time.  It is read here as `int_schedule_pieces` is described, and held
against the walk through the local days and against what must be true of any such clock.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dbt.business_walk import BusinessCalendar, micros
from tests.dbt.harness import build_warehouse

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ZONES = (
    *("Africa/Casablanca", "Africa/Cairo", "America/Caracas", "America/Havana", "America/New_York"),
    *("America/Sao_Paulo", "America/St_Johns", "Antarctica/Troll", "Asia/Gaza", "Asia/Kathmandu"),
    *("Asia/Pyongyang", "Asia/Tehran", "Australia/Lord_Howe", "Europe/Dublin", "Europe/London"),
    *("Pacific/Apia", "Pacific/Chatham", "UTC"),
)
FIRST, LAST = datetime(2011, 1, 1), datetime(2018, 12, 31)


def time_of_day(rng: random.Random) -> int:
    """Seconds, often near the hours in which clocks are changed."""
    return rng.choice([rng.randrange(0, 4 * 12) * 300, rng.randrange(24 * 4) * 900, rng.randrange(86_400)])


def text(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}" if seconds < 86_400 else "24:00"


def random_seeds(seed: int) -> tuple[str, str]:
    """Hours of one schedule a zone, and their holidays; and two spans about the hour that does not exist."""
    rng = random.Random(seed)
    hours = ["schedule_id,time_zone,weekday,opens_at,closes_at,valid_from,valid_to"]
    holidays = ["schedule_id,date,closed_from,closed_to,name"]
    for span in ("02:15,03:10", "03:12,05:00"):
        hours.append(f"gap,America/New_York,sun,{span},,")
    for zone in ZONES:
        for weekday in WEEK:
            edges = sorted({0, 86_400, *(time_of_day(rng) for _ in range(4))})
            for opens, closes in pairwise(edges):
                if rng.random() < 0.5:
                    valid = rng.choice([",", ",", "2013-06-01,2016-10-30", ",2015-03-29"])
                    hours.append(f"{zone},{zone},{weekday},{text(opens)},{text(closes)},{valid}")
        for _ in range(60):
            day = FIRST.date() + timedelta(days=rng.randrange(8 * 365))
            start, end = sorted((time_of_day(rng), time_of_day(rng) + 1))
            part = rng.choice([",", f"{text(start)},{text(end)}"])
            holidays.append(f"{zone},{day},{part},")
    return "\n".join(hours), "\n".join(holidays)


@dataclass(frozen=True)
class Clock:
    """One schedule's F, as `int_schedule_pieces` holds it."""

    starts: list[int]
    is_open: list[bool]
    before: list[int]

    def read(self, instant: int) -> int:
        place = bisect_right(self.starts, instant) - 1
        return self.before[place] + (instant - self.starts[place] if self.is_open[place] else 0)


CALENDAR = BusinessCalendar(*random_seeds(7))


@pytest.fixture(scope="module")
def clocks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Clock]]:
    hours, holidays = random_seeds(7)
    tickets = [
        {"ticket_id": str(at.year), "created_at": at.isoformat(), "status": "open"} for at in (FIRST, LAST)
    ]
    with build_warehouse(
        tmp_path_factory.mktemp("clock"),
        {"tickets": tickets},
        select=["+int_schedule_pieces"],
        seeds={"business_hours": hours, "holidays": holidays},
    ) as warehouse:
        found: dict[str, Clock] = {}
        for name, starts_at, is_open, before in warehouse.rows(
            "select schedule_id, starts_at, is_open, open_micros_before from int_schedule_pieces "
            "order by schedule_id, starts_at"
        ):
            clock = found.setdefault(name, Clock([], [], []))
            clock.starts.append(micros(starts_at))
            clock.is_open.append(is_open)
            clock.before.append(before)
        yield found


instants = st.integers(micros(FIRST), micros(LAST))
schedules = st.sampled_from(["gap", *ZONES])
stretches = st.one_of(st.integers(0, 90_000_000_000), st.integers(0, 100 * 86_400_000_000))


@settings(max_examples=1500, deadline=None)
@given(schedules, instants, stretches)
def test_it_counts_what_the_walk_through_the_days_finds(
    clocks: dict[str, Clock], schedule: str, a: int, length: int
) -> None:
    b = a + length
    counted = clocks[schedule].read(b) - clocks[schedule].read(a)
    assert counted == CALENDAR.schedule(schedule).open_between(a, b)
    assert 0 <= counted <= length


@settings(max_examples=1000, deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 10**6), st.integers(-(10**10), 10**10), stretches)
def test_it_counts_right_around_every_edge(
    clocks: dict[str, Clock], schedule: str, place: int, shift: int, length: int
) -> None:
    """From near the edge of a piece: where a draw of two instants seldom falls."""
    clock = clocks[schedule]
    inner = [
        at for at in clock.starts[:: max(len(clock.starts) // 997, 1)] if micros(FIRST) < at < micros(LAST)
    ]
    a = inner[place % len(inner)] + shift // 10 ** (place % 11)
    counted = clock.read(a + length) - clock.read(a)
    assert counted == CALENDAR.schedule(schedule).open_between(a, a + length)


@settings(max_examples=500, deadline=None)
@given(schedules, instants, stretches, stretches)
def test_parts_add_up_and_no_clock_runs_back(
    clocks: dict[str, Clock], schedule: str, a: int, first: int, second: int
) -> None:
    read = clocks[schedule].read
    whole = read(a + first + second) - read(a)
    assert whole == (read(a + first) - read(a)) + (read(a + first + second) - read(a + first))
    assert whole >= read(a + first) - read(a) >= 0


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), instants, st.integers(1, 5 * 8 * 3_600_000_000))
def test_so_much_open_time_later_the_clock_has_counted_it_and_not_a_microsecond_before(
    clocks: dict[str, Clock], schedule: str, a: int, allowed: int
) -> None:
    """The instant a target is due: the first at which the clock has come so far."""
    left, due = allowed, None
    for start, end in CALENDAR.schedule(schedule).spans_after(a):
        if end - start >= left:
            due = start + left
            break
        left -= end - start
    if due is not None and due < micros(LAST):
        read = clocks[schedule].read
        assert read(due) - read(a) == allowed
        assert read(due - 1) - read(a) == allowed - 1


def test_hours_that_would_end_before_they_begin_are_none(clocks: dict[str, Clock]) -> None:
    """02:15 is not there and is 03:15; closing at 03:10 is earlier: only 03:12 to 05:00 is open."""
    sunday = datetime(2013, 3, 10)
    read = clocks["gap"].read
    assert read(micros(sunday + timedelta(hours=12))) - read(micros(sunday)) == 108 * 60_000_000
