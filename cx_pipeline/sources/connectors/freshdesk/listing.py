"""How Freshdesk's lists are walked: pages by number, of which it serves no more than 300.

What enters: how to fetch a page, and the cursor.  What leaves: the records page by page, with the cursor
that leads on from each.  A list in the order of change is not paged through: after each full page it is asked
again from that page's last instant on.  So neither the 300 pages nor a ticket that changes (and thereby its
place) while we read can cost a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cx_pipeline.sources import instants
from cx_pipeline.sources.connector import Json
from cx_pipeline.sources.http.errors import BrokenAnswer

LARGEST_PAGE = 100
_LAST_PAGE = 300
_BEFORE_FRESHDESK = datetime(2010, 1, 1, tzinfo=UTC)  # without a start the list has the last 30 days only
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list: its path and query, its parameter for "since" and the field that parameter looks at.

    `is_ordered`: it comes in the order of that field.  `look_back`: how far before its newest record the next
    night begins, for what changes or becomes visible late.
    """

    path: str
    since: str
    instant: str
    look_back: timedelta
    is_ordered: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


def tickets(filter_: str | None) -> Listing:
    """The tickets; with a filter those in the `spam` or `deleted`, which the list leaves out otherwise."""
    params = {"include": "requester,stats", "order_by": "updated_at", "order_type": "asc"}
    if filter_:
        params["filter"] = filter_
    return Listing("tickets", "updated_since", "updated_at", timedelta(minutes=5), True, params)


def contacts(state: str | None) -> Listing:
    """The contacts; with a state those in it."""
    params = {"state": state} if state else {}
    return Listing("contacts", "_updated_since", "updated_at", timedelta(minutes=5), params=params)


def ratings() -> Listing:
    """The satisfaction ratings: they can be asked for by their creation alone, but change after it."""
    return Listing("surveys/satisfaction_ratings", "created_since", "created_at", timedelta(days=30))


def array(answer: Json) -> list[dict[str, Any]]:
    """The list an answer is; `BrokenAnswer` where it is none."""
    if not isinstance(answer, list) or not all(isinstance(record, dict) for record in answer):
        raise BrokenAnswer("the service's answer is no list of records: its interface changed")
    return answer


def walk(
    listing: Listing,
    fetch: Callable[[str, dict[str, Any]], Json],
    cursor: Json | None,
    *,
    start: datetime | None,
    end: datetime | None,
    note: Callable[[str], None],
) -> Iterator[tuple[list[dict[str, Any]], Json]]:
    """(records of a page, cursor that leads on), from the cursor or `start` to the list's end (or `end`)."""
    where = cursor or {"since": instants.text(start or _BEFORE_FRESHDESK), "page": 1, "newest": None}
    before: list[dict[str, Any]] = []
    while True:
        found = array(
            fetch(
                listing.path,
                {
                    **listing.params,
                    listing.since: where["since"],
                    "page": where["page"],
                    "per_page": LARGEST_PAGE,
                },
            )
        )
        if where["page"] > 1 and found and found == before:
            raise BrokenAnswer("the service's pages turn in a circle: the next night tries again from here")
        before = found
        times = instants.instants(found, listing.instant)
        is_past = end is not None and _is_ordered(listing, times) and times[-1] >= end
        is_last = len(found) < LARGEST_PAGE or is_past
        where = _following(listing, where, times, is_last, note)
        yield found, where
        if is_last:
            return


def _is_ordered(listing: Listing, times: list[datetime]) -> bool:
    return listing.is_ordered and bool(times) and times == sorted(times)


def _following(
    listing: Listing,
    where: dict[str, Any],
    times: list[datetime],
    is_last: bool,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """The cursor after a page whose records have these instants."""
    known = instants.parsed(where["newest"])
    newest = max([*times, *([known] if known else [])], default=None)
    since = instants.parsed(where["since"]) or _BEFORE_FRESHDESK
    reached = instants.text(newest) if newest else None
    if is_last:
        since = max(since, newest - listing.look_back) if newest else since
        return {"since": instants.text(since), "page": 1, "newest": reached}
    page = where["page"] + 1
    if _is_ordered(listing, times):
        if times[-1] - _SECOND > since:
            since, page = times[-1] - _SECOND, 1
        elif page > _LAST_PAGE:
            note(f"one second holds more than {LARGEST_PAGE * _LAST_PAGE} tickets: some of them are missing")
            since, page = times[-1] + _SECOND, 1
    return {"since": instants.text(since), "page": page, "newest": reached}
