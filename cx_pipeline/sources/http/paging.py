"""Ways in which services cut a long answer into pages.

What enters: how to fetch one page.  What leaves: the pages, with the cursor from which the next one follows;
each way is resumable from that cursor.  Nothing here knows a service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from cx_pipeline.sources.http.errors import BrokenAnswer

Answer = TypeVar("Answer")


def by_cursor(
    fetch: Callable[[str], Answer], next_of: Callable[[Answer], str | None], cursor: str
) -> Iterator[tuple[Answer, str | None]]:
    """(answer, cursor or link of the next) until there is none; `BrokenAnswer` where it turns in a circle."""
    seen: set[str] = set()
    following: str | None = cursor
    while following is not None:
        if following in seen:
            raise BrokenAnswer("the service's pages turn in a circle: the next night tries again from here")
        seen.add(following)
        answer = fetch(following)
        following = next_of(answer)
        yield answer, following


def by_offset(
    fetch: Callable[[int], Sequence[Any]], size: int, start: int = 0
) -> Iterator[tuple[Sequence[Any], int]]:
    """(records, offset of the next) until a page holds fewer than `size`."""
    offset = start
    while True:
        records = fetch(offset)
        offset += min(len(records), size)  # a repeated row must not push another one out
        yield records, offset
        if len(records) < size:
            return


def windows(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """The span from `start` to `end`, cut into windows of at most `step`."""
    while start < end:
        yield start, min(start + step, end)
        start += step


def split(
    start: datetime,
    end: datetime,
    fetch: Callable[[datetime, datetime], Answer],
    is_capped: Callable[[Answer], bool],
    narrowest: timedelta = timedelta(seconds=1),
) -> Iterator[tuple[Answer, datetime, datetime]]:
    """(answer, start, end) of windows narrow enough that the service does not cap them, in order.

    `BrokenAnswer` where even the narrowest window is capped.
    """
    waiting = [(start, end)]
    while waiting:
        low, high = waiting.pop()
        answer = fetch(low, high)
        if not is_capped(answer):
            yield answer, low, high
        elif high - low <= narrowest:
            raise BrokenAnswer(
                f"the service caps its answer even between {low:%Y-%m-%d %H:%M:%S} and {high:%H:%M:%S} UTC: "
                "ask its support for a larger export"
            )
        else:
            middle = low + max((high - low) // 2 // narrowest, 1) * narrowest
            waiting += [(middle, high), (low, middle)]


def by_instant(
    fetch: Callable[[int | None, int], tuple[Sequence[Any], bool]],
    seconds_of: Callable[[Any], int | None],
    cursor: dict[str, Any] | None,
    start: int | None,
) -> Iterator[tuple[Sequence[Any], dict[str, Any]]]:
    """(records, cursor) of a service that sorts by when records changed and numbers its pages.

    `fetch(since, page)` gives the records changed since a second (None: all), and whether there are more.
    Numbered pages shift while records change, so each page is asked for from the second the one before ended
    with, and from the second before that, should "since" leave it out: what comes twice is known by its key.
    Only where one second fills a page, or the service does not sort, are the numbers followed.
    """
    where = cursor or {"from": start, "page": 1, "newest": None, "is_sorted": True}
    has_more = True
    while has_more:
        records, has_more = fetch(where["from"], where["page"])
        has_more = has_more and bool(records)
        if not records and where["page"] == 1:
            return
        seconds = [second for record in records if (second := seconds_of(record)) is not None]
        newest = max([*seconds, where["newest"] or 0])
        is_sorted = where["is_sorted"] and seconds == sorted(seconds)
        if not has_more or (is_sorted and newest - 1 > (where["from"] or 0)):
            since = newest - 1 if newest else where["from"]
            where = {"from": since, "page": 1, "newest": newest, "is_sorted": True}
        else:
            where = {**where, "page": where["page"] + 1, "newest": newest, "is_sorted": is_sorted}
        yield records, where
