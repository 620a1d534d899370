"""The judge judged: business time by walking the days, against figures worked out by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.dbt.business_walk import BusinessCalendar, UnknownTime, at_micros, micros

ALL_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours(name: str, zone: str, weekdays: tuple[str, ...], *spans: str) -> list[str]:
    return [
        f"{name},{zone},{weekday},{span.split('-')[0]},{span.split('-')[1]},,"
        for weekday in weekdays
        for span in spans
    ]


HOURS = "\n".join(
    [
        "schedule_id,time_zone,weekday,opens_at,closes_at,valid_from,valid_to",
        *hours("new_york", "America/New_York", ALL_WEEK[:5], "09:00-17:00"),
        *hours("always", "America/New_York", ALL_WEEK, "00:00-24:00"),
        *hours("lord_howe", "Australia/Lord_Howe", ALL_WEEK, "00:00-24:00"),
        *hours("apia", "Pacific/Apia", ALL_WEEK, "09:00-12:00", "13:00-17:00"),
        *hours("sao_paulo", "America/Sao_Paulo", ALL_WEEK, "00:00-02:00", "23:00-24:00"),
        *hours("overlapping", "UTC", ALL_WEEK, "09:00-13:00", "12:00-17:00", "12:30-12:45"),
        "changing,Asia/Seoul,mon,09:00,18:00,,2024-01-08",
        "changing,Asia/Seoul,mon,10:00,12:00:30,2024-01-08,",
        *hours("nowhere", "Atlantis/Capital", ALL_WEEK, "09:00-17:00"),
    ]
)
HOLIDAYS = """schedule_id,date,closed_from,closed_to,name
always,2024-03-10,02:15,03:10,in the hour that does not exist
new_york,2024-07-04,,,Independence Day
new_york,2024-07-03,13:00,24:00,the afternoon before
"""


@pytest.fixture(scope="module")
def calendar() -> BusinessCalendar:
    return BusinessCalendar(HOURS, HOLIDAYS)


@pytest.mark.parametrize(
    ("schedule", "start", "end", "minutes"),
    [
        # Friday 16:30 to Monday 09:15 in New York, an hour of the Sunday missing.
        ("new_york", "2024-03-08 21:30", "2024-03-11 13:15", 45),
        # Wednesday 3 July 12:00 to Friday 5 July 10:00: an hour before the half holiday, one after the whole.
        ("new_york", "2024-07-03 16:00", "2024-07-05 14:00", 120),
        # Saturdays and Sundays.
        ("new_york", "2024-07-06 00:00", "2024-07-08 04:00", 0),
        # The local 9 March: a whole day.
        ("always", "2024-03-09 05:00", "2024-03-10 05:00", 24 * 60),
        # The local 10 March has 23 hours.  Closed from 02:15 (so 03:15) to 03:10, which is earlier: never.
        ("always", "2024-03-10 05:00", "2024-03-11 04:00", 23 * 60),
        # The local 3 November has 25 hours.
        ("always", "2024-11-03 04:00", "2024-11-04 05:00", 25 * 60),
        # Lord Howe's clock leaps by half an hour: 23.5 and 24.5 hours.
        ("lord_howe", "2024-10-05 13:30", "2024-10-06 13:00", 23.5 * 60),
        ("lord_howe", "2024-04-06 13:00", "2024-04-07 13:30", 24.5 * 60),
        # Samoa left out 30 December 2011: its hours fall on the 31st and count once.
        ("apia", "2011-12-29 10:00", "2011-12-31 10:00", 2 * 7 * 60),
        # São Paulo's day of 4 November 2018 began at 01:00: 23:00-24:00 is an hour, 00:00-02:00 is one.
        ("sao_paulo", "2018-11-04 01:00", "2018-11-04 06:00", 120),
        # On 17 February 2018 the hour before midnight came twice.
        ("sao_paulo", "2018-02-18 00:00", "2018-02-18 05:00", 4 * 60),
        ("overlapping", "2024-01-01 00:00", "2024-01-02 00:00", 8 * 60),
        # Monday 1 January 09:00-18:00, Monday 8 January 10:00-12:00:30.
        ("changing", "2024-01-01 00:00", "2024-01-08 23:00", 9 * 60 + 120.5),
        ("changing", "2024-01-01 00:00:00.000001", "2024-01-01 00:00:00.000003", 2e-6 / 60),
    ],
)
def test_open_minutes(
    calendar: BusinessCalendar, schedule: str, start: str, end: str, minutes: float
) -> None:
    a, b = micros(datetime.fromisoformat(start)), micros(datetime.fromisoformat(end))
    assert calendar.schedule(schedule).open_between(a, b) == round(minutes * 60e6)


def test_what_is_not_known_is_said() -> None:
    calendar = BusinessCalendar(HOURS, HOLIDAYS)
    for name, reason in (("nowhere", "unknown_time_zone"), ("none", "unknown_schedule")):
        with pytest.raises(UnknownTime) as caught:
            calendar.schedule(name)
        assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["new_york", "always", "lord_howe", "apia", "sao_paulo", "changing"])
def test_the_open_stretches_are_where_the_open_time_is(calendar: BusinessCalendar, name: str) -> None:
    """Walked the other way, minute by minute: a minute is open where a stretch holds it."""
    schedule = calendar.schedule(name)
    start = datetime(2011, 12, 25) if name == "apia" else datetime(2018, 10, 31)
    a = micros(start)
    stretches = []
    for low, high in schedule.spans_after(a):
        if low >= a + micros(start + timedelta(days=12)) - a:
            break
        stretches.append((low, high))
    assert stretches == sorted(stretches)
    minute = 60_000_000
    for number in range(10 * 24 * 60):
        low = a + number * minute
        inside = sum(max(min(end, low + minute) - max(begin, low), 0) for begin, end in stretches)
        assert schedule.open_between(low, low + minute) == inside, at_micros(low)
