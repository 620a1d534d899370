"""A company that works around the world, at random: schedules, holidays, tickets dense where clocks go wrong.

What enters: a seed and a number of tickets.  What leaves: the seeds' CSV texts, and a `Company`: the tickets
and events as Arrow tables for the warehouse and as rows per ticket for whoever walks through them.  Instants
lie close to changes of the clocks, edges of opening hours, holidays and turns of years from 1995 to 2037.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tests.dbt.business_walk import BusinessCalendar, at_micros, micros

Row = dict[str, Any]
Micros = npt.NDArray[np.int64]

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND
FIRST_YEAR, LAST_YEAR = 1995, 2037
END = micros(datetime(LAST_YEAR, 12, 31, 12))
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MON_FRI = WEEK[:5]
SUN_THU = ("sun", *WEEK[:4])


def _hours(schedule: str, zone: str, weekdays: tuple[str, ...], spans: str, valid: str = ",") -> list[str]:
    return [
        f"{schedule},{zone},{weekday},{span.replace('-', ',')},{valid}"
        for weekday in weekdays
        for span in spans.split()
    ]


BUSINESS_HOURS = "\n".join(
    [
        "schedule_id,time_zone,weekday,opens_at,closes_at,valid_from,valid_to",
        *_hours("default", "America/New_York", MON_FRI, "09:00-17:00"),
        *_hours("seoul", "Asia/Seoul", MON_FRI, "09:00-18:00"),
        *_hours("seoul", "Asia/Seoul", ("sat",), "09:00-13:00", ",2004-07-01"),
        *_hours("tel_aviv", "Asia/Jerusalem", SUN_THU, "08:30-17:30"),
        *_hours("london", "Europe/London", MON_FRI, "09:00-17:30"),
        *_hours("kolkata", "Asia/Kolkata", (*MON_FRI, "sat"), "09:30-18:30"),
        *_hours("lord_howe", "Australia/Lord_Howe", WEEK, "00:00-24:00"),
        *_hours("always", "America/New_York", WEEK, "00:00-24:00"),
        *_hours("lunch", "Europe/Berlin", MON_FRI, "08:00-12:00 11:30-12:15 13:00-17:00"),
        *_hours("seconds", "Europe/Paris", WEEK, "08:59:30-12:00:01 12:00:02-19:07:45"),
        *_hours("night", "America/Chicago", WEEK, "22:00-24:00 00:00-06:00"),
        *_hours("moving", "America/New_York", MON_FRI, "09:00-17:00", ",2007-03-12"),
        *_hours("moving", "America/New_York", WEEK, "06:00-22:00", "2007-03-12,2016-11-06"),
        *_hours("moving", "Asia/Tokyo", MON_FRI, "10:00-19:00", "2016-11-06,2030-01-01"),
        *_hours("samoa", "Pacific/Apia", WEEK, "08:00-16:00"),
        *_hours("sao_paulo", "America/Sao_Paulo", WEEK, "00:00-01:30 12:00-24:00"),
        *_hours("atlantis", "Atlantis/Capital", MON_FRI, "09:00-17:00"),
    ]
)
SCHEDULES = sorted({line.split(",")[0] for line in BUSINESS_HOURS.splitlines()[1:]} - {"atlantis"})

SLA_TARGETS = """metric,priority,target_minutes,clock,pauses_on,valid_from,valid_to
first_response,urgent,30,calendar,,,
first_response,high,45.5,business,,,2015-01-01
first_response,high,20,business,pending,2015-01-01,
first_response,,240,business,on_hold,,2033-01-01
next_response,urgent,10,calendar,pending,,
next_response,high,60,business,pending on_hold,,
next_response,normal,100000,business,,,
next_response,,480,calendar,on_hold,2001-01-01,2030-06-15
full_resolution,urgent,600,calendar,pending,,
full_resolution,high,960,business,pending on_hold solved closed,,
full_resolution,low,40000,business,pending,,
full_resolution,,2880,calendar,solved closed pending,,2020-01-01
full_resolution,,2700,business,new,2020-01-01,
requester_wait,urgent,120,calendar,,,
requester_wait,high,480,business,on_hold,,
requester_wait,,1620,business,,1999-12-31,
"""


def _holidays() -> str:
    rows = ["schedule_id,date,closed_from,closed_to,name"]
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        for schedule in ("default", "always", "moving", "night"):
            rows.append(f"{schedule},{year}-07-04,,,Independence Day")
        for schedule in ("london", "lunch", "seconds", "default"):
            rows += [
                f"{schedule},{year}-12-24,12:00,24:00,Christmas Eve",
                f"{schedule},{year}-12-25,,,Christmas",
            ]
        rows += [
            f"seoul,{year}-01-01,,,New Year",
            f"seoul,{year}-05-08,,12:00,Parents",
            f"lord_howe,{year}-12-31,18:00:30,24:00,the evening of the year",
            f"lord_howe,{year}-01-01,00:00,06:00,the morning after",
            f"seconds,{year}-03-15,10:00,11:00,a visit",
            f"seconds,{year}-03-15,10:30,12:30:15,a longer visit",
        ]
    # In the hour that is not there, and in the one that comes twice.
    rows += ["always,2024-03-10,02:15,03:10,a drill", "always,2024-11-03,01:30,03:00,another drill"]
    return "\n".join(rows)


HOLIDAYS = _holidays()


def clock_changes(zone: ZoneInfo) -> list[int]:
    """Every instant of FIRST_YEAR…LAST_YEAR at which the zone's offset changes, to the second."""

    def offset(seconds: int) -> timedelta | None:
        return datetime.fromtimestamp(seconds, UTC).astimezone(zone).utcoffset()

    changes = []
    days = range(int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()), END // SECOND, 86_400)
    known = offset(days[0])
    for day in days[1:]:
        found = offset(day)
        if found != known:
            low, high = day - 86_400, day
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == known else (low, middle)
            changes.append(high * SECOND)
            known = found
    return changes


def awkward_instants(calendar: BusinessCalendar, schedule_id: str, rng: np.random.Generator) -> Micros:
    """Sorted: changes of the clocks, and the edges of the hours on days near them, holidays, and any days."""
    schedule = calendar.schedule(schedule_id)
    changes = [at for zone in {row.zone for row in schedule.openings} for at in clock_changes(zone)]
    first, last = date(FIRST_YEAR, 1, 2).toordinal(), date(LAST_YEAR, 12, 28).toordinal()
    days = {at_micros(at).toordinal() + shift for at in changes for shift in (-3, -1, 0, 1)}
    days |= {day.toordinal() + shift for day in schedule.closures for shift in (-1, 0, 1)}
    days |= {date(year, 1, 1).toordinal() for year in range(FIRST_YEAR, LAST_YEAR)}
    days |= set(rng.integers(first, last, 800).tolist())
    edges = {edge for day in days if first < day < last for span in schedule.day(day) for edge in span}
    return np.array(sorted(edges | set(changes)), dtype=np.int64)


@dataclass(frozen=True)
class Company:
    """The same tickets twice: as tables, and as rows by ticket (instants naive UTC; versions old to new)."""

    tickets: pa.Table
    events: pa.Table
    versions: dict[str, list[Row]]
    events_of: dict[str, list[Row]]


def _choice(
    rng: np.random.Generator, values: dict[Any, float], size: int | tuple[int, ...]
) -> npt.NDArray[Any]:
    names = np.empty(len(values), dtype=object)
    names[:] = list(values)
    weights = np.array(list(values.values()), dtype=float)
    chosen: npt.NDArray[Any] = names[rng.choice(len(names), size=size, p=weights / weights.sum())]
    return chosen


def _snapped(
    rng: np.random.Generator, instants: Micros, schedule: npt.NDArray[Any], pools: dict[str, Micros]
) -> Micros:
    """A third of the instants moved on to the next awkward one, where one is near; most of those exactly."""
    moved = instants.copy()
    for name, pool in pools.items():
        [mine] = np.nonzero((schedule == name) & (rng.random(len(instants)) < 0.35))
        place = np.searchsorted(pool, instants[mine])
        mine, place = mine[place < len(pool)], place[place < len(pool)]
        near = pool[place] - instants[mine] < 4 * DAY
        jitter = _choice(rng, {0: 10, 1: 1, -1: 1, SECOND: 1, -SECOND: 1, 37 * MINUTE: 2}, int(near.sum()))
        moved[mine[near]] = pool[place[near]] + jitter.astype(np.int64)
    return moved


STEPS: dict[str, dict[Any, float]] = {  # microseconds, and how often
    "quick": {0: 2, 2 * SECOND: 3, 47 * SECOND: 3, 11 * MINUTE: 4, 2 * HOUR: 1},
    "usual": {0: 1, MINUTE: 2, 40 * MINUTE: 4, 5 * HOUR: 4, DAY: 3, 3 * DAY: 2},
    "slow": {HOUR: 1, 2 * DAY: 3, 9 * DAY: 3, 21 * DAY: 1},
    "lasting": {10 * DAY: 1, 60 * DAY: 1, 60 * 7 * DAY: 0.3},
}
EVENT_TYPES = {
    "reply": 10, "status": 5, "note": 0.7, "call": 0.7, "assignment": 1, "priority": 1.2, "schedule": 0.9,
    "handover": 0.4, "team": 0.3, "satisfaction": 0.2,
}  # fmt: skip
VALUES: dict[str, dict[Any, float]] = {
    "status": {"open": 4, "pending": 4, "on_hold": 3, "solved": 2, "closed": 0.4, "new": 0.4},
    "priority": {"low": 1, "normal": 1, "high": 1, "urgent": 1, None: 0.5},
    "schedule": dict.fromkeys(SCHEDULES, 1.0) | {None: 1, "forgotten": 0.3, "atlantis": 0.3},
    "team": {"tier1": 1, "tier2": 1, None: 0.3},
    "satisfaction": {"good": 1, "bad": 1},
}


def random_company(  # noqa: PLR0915 (column after column)
    seed: int, tickets: int, calendar: BusinessCalendar
) -> Company:
    """Tickets with 1 to 3 versions of their row and 0 to 14 events each, all drawn as columns."""
    rng = np.random.default_rng(seed)
    pools = {name: awkward_instants(calendar, name, rng) for name in SCHEDULES}
    everywhere = np.unique(np.concatenate(list(pools.values())))

    # The tickets' rows as they were first.
    schedule = _choice(
        rng, dict.fromkeys(SCHEDULES, 1.0) | {None: 1.5, "forgotten": 0.1, "atlantis": 0.1}, tickets
    )
    home = np.where(schedule == None, "default", schedule)  # noqa: E711 (element by element)
    created = rng.choice(everywhere, tickets)
    for name, pool in pools.items():
        mine = home == name
        created[mine] = rng.choice(pool, int(mine.sum()))
    created = created + (rng.random(tickets) < 0.6) * rng.integers(-2 * DAY, 2 * DAY, tickets)
    created[rng.random(tickets) < 0.5] //= SECOND
    created = np.where(created < 10**13, created * SECOND, created)
    created = np.clip(created, micros(datetime(FIRST_YEAR, 1, 2)), END - 3 * DAY)
    channel = _choice(rng, {"email": 5, "chat": 2, "phone": 1, None: 0.5}, tickets)
    direction = _choice(rng, {"inbound": 9, "outbound": 1}, tickets)
    kind = _choice(rng, {"told": 95, "bare": 3, "silent": 2}, tickets)
    pace = _choice(rng, {"quick": 3, "usual": 6, "slow": 0.7, "lasting": 0.12}, tickets)
    stays_open = np.where(
        created > END - 60 * 7 * DAY, rng.random(tickets) < 0.4, rng.random(tickets) < 0.0007
    )

    # Their events.
    count = np.where(kind == "silent", 0, rng.integers(1, 11, tickets))
    owner = np.repeat(np.arange(tickets), count)
    step = np.empty(len(owner), dtype=np.int64)
    for name, steps in STEPS.items():
        mine = pace[owner] == name
        drawn = _choice(rng, steps, int(mine.sum())).astype(np.int64)
        step[mine] = (
            (drawn * rng.choice([1.0, 0.5, rng.random()], len(drawn))).astype(np.int64) // SECOND * SECOND
        )
    elapsed = np.cumsum(step)
    before = np.concatenate([[0], elapsed])[np.cumsum(count) - count]
    instant = _snapped(rng, created[owner] + elapsed - before[owner], home[owner], pools)
    event_type = _choice(rng, EVENT_TYPES, len(owner))
    bare = (kind[owner] == "bare") & (event_type == "status")
    event_type[bare] = "reply"
    role = _choice(rng, {"customer": 4, "agent": 5, "bot": 1, "system": 0.5}, len(owner))
    value = np.full(len(owner), None, dtype=object)
    for name, values in VALUES.items():
        mine = event_type == name
        value[mine] = _choice(rng, values, int(mine.sum()))

    # Each told ticket's opening, and for most the solve it ends with.
    latest = created.copy()
    np.maximum.at(latest, owner, instant)
    [opened] = np.nonzero(kind == "told")
    ends = (kind == "told") & ~stays_open
    solve_at = latest + _choice(rng, {0: 1, 2 * SECOND: 2, HOUR: 3, 2 * DAY: 2}, tickets).astype(np.int64)
    solve_at = _snapped(rng, solve_at, home, pools)
    solve_at = np.maximum(solve_at, latest)
    [ended] = np.nonzero(ends)
    said = _choice(rng, {"solved": 20, "closed": 1}, len(ended))
    owner = np.concatenate([owner, opened, ended])
    instant = np.concatenate([instant, created[opened], solve_at[ended]])
    event_type = np.concatenate([event_type, np.full(len(opened), "created"), np.full(len(ended), "status")])
    role = np.concatenate([role, np.full(len(opened), "customer"), np.full(len(ended), "agent")])
    value = np.concatenate([value, np.full(len(opened), None), said]).astype(object)
    kept = instant <= END
    owner, instant, event_type, role, value = (a[kept] for a in (owner, instant, event_type, role, value))
    agent = _choice(rng, {"a1": 1, "a2": 1, "a3": 1}, len(owner))
    agent[(role != "agent") & (event_type != "assignment")] = None
    agent[(event_type == "assignment") & (rng.random(len(owner)) < 0.3)] = None
    speaks = (event_type == "reply") | (event_type == "call")
    session = _choice(rng, {None: 8, "s1": 1, "s2": 1}, len(owner))
    session[~speaks] = None
    waited = np.where(
        speaks & (rng.random(len(owner)) < 0.4), rng.integers(0, 40_000, len(owner)) / 4, np.nan
    )

    shuffled = rng.permutation(len(owner))
    owner, instant, event_type, role, value, agent, session, waited = (
        a[shuffled] for a in (owner, instant, event_type, role, value, agent, session, waited)
    )
    event_columns: dict[str, list[Any]] = {
        "event_id": [f"e{number}" for number in rng.permutation(len(owner)).tolist()],
        "ticket_id": [f"t{number}" for number in owner.tolist()],
        "occurred_at": [at_micros(at) for at in instant.tolist()],
        "event_type": event_type.tolist(),
        "actor_role": role.tolist(),
        "agent_key": agent.tolist(),
        "value": value.tolist(),
        "session_id": session.tolist(),
        "wait_seconds": [None if math.isnan(wait) else wait for wait in waited.tolist()],
    }

    # The versions of their rows.
    version_count = rng.choice([1, 1, 1, 2, 3], tickets)
    owner = np.repeat(np.arange(tickets), version_count)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(version_count) - version_count, version_count)
    between = np.repeat(rng.choice([7 * MINUTE, 7 * HOUR, 3 * DAY], tickets), version_count)
    updated = created[owner] + number * between
    several = version_count[owner] > 1
    later_schedule = _choice(rng, dict.fromkeys(SCHEDULES, 1.0) | {None: 1, "forgotten": 0.2}, len(owner))
    changed = (number > 0) & (rng.random(len(owner)) < 0.4)
    row_says_solved = (kind != "told") & (rng.random(tickets) < 0.7)
    responded = (kind != "told") & (rng.random(tickets) < 0.8)
    resolved_at = created + rng.integers(0, 9 * DAY // SECOND, tickets) * SECOND
    responded_at = created + rng.integers(0, 2 * DAY // SECOND, tickets) * SECOND

    def instants(values: Micros, where: npt.NDArray[np.bool_]) -> list[datetime | None]:
        return [
            at_micros(at) if is_there else None
            for at, is_there in zip(values.tolist(), where.tolist(), strict=True)
        ]

    ticket_columns: dict[str, list[Any]] = {
        "ticket_id": [f"t{ticket}" for ticket in owner.tolist()],
        "batch_sequence": (number + 1).tolist(),
        "customer_key": [None] * len(owner),
        "channel": channel[owner].tolist(),
        "direction": direction[owner].tolist(),
        "category": [None] * len(owner),
        "product": [None] * len(owner),
        "brand": [None] * len(owner),
        "priority": _choice(rng, VALUES["priority"], len(owner)).tolist(),
        "team": _choice(rng, VALUES["team"], len(owner)).tolist(),
        "agent_key": _choice(rng, {"a1": 1, "a2": 1, None: 2}, len(owner)).tolist(),
        "schedule_id": np.where(changed, later_schedule, schedule[owner]).tolist(),
        "status": np.where(row_says_solved[owner], "solved", "open").tolist(),
        "created_at": instants(created[owner], np.full(len(owner), True)),
        "updated_at": instants(updated, several),
        "first_responded_at": instants(responded_at[owner], responded[owner]),
        "resolved_at": instants(resolved_at[owner], row_says_solved[owner]),
        "reopen_count": [None if is_told else 0 for is_told in (kind[owner] == "told").tolist()],
    }
    return Company(
        _table(ticket_columns), _table(event_columns), _by_ticket(ticket_columns), _by_ticket(event_columns)
    )


def _table(columns: dict[str, list[Any]]) -> pa.Table:
    arrays = {}
    for name, values in columns.items():
        if name.endswith("_at"):
            in_micros = [None if value is None else micros(value) for value in values]
            arrays[name] = pa.array(in_micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
        else:
            arrays[name] = pa.array(values, pa.string() if set(values) == {None} else None)
    return pa.table(arrays)


def _by_ticket(columns: dict[str, list[Any]]) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = defaultdict(list)
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        rows[row["ticket_id"]].append(row)
    return rows
