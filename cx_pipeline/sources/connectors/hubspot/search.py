"""How HubSpot's searches are walked: each stops at 10 000 results, however it is paged.

What enters: how to post a search, and the cursor.  What leaves: the records page by page, with the cursor
that leads on from each.  No second page of a search is ever asked for: the next search begins with the
instant the last page ended with, or, where that instant filled the page, with its records in the order of
their numbers.  So no window is too full, and a pull resumes from any cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cx_pipeline.sources import instants
from cx_pipeline.sources.connector import Json, part
from cx_pipeline.sources.http.errors import BrokenAnswer

LARGEST_PAGE = 200
_LATE_MS = 600_000  # what changed may take minutes to be found
_ARCHIVED_PAGE = 100


@dataclass(frozen=True, slots=True)
class Search:
    """A search of the objects `what`, in the order of their property `changed`."""

    what: str
    changed: str
    properties: tuple[str, ...]
    size: int = LARGEST_PAGE

    def body(self, filters: list[dict[str, Any]], sorted_by: str, ends_before: int | None) -> dict[str, Any]:
        if ends_before is not None:
            filters = [*filters, _filter(self.changed, "LT", ends_before)]
        return {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sorted_by, "direction": "ASCENDING"}],
            "properties": sorted({*self.properties, self.changed}),
            "limit": self.size,
        }

    def instants(self, found: list[dict[str, Any]]) -> list[int]:
        """When the records changed, in milliseconds since 1970; those that do not say are left out."""
        times = (
            instants.parsed((one.get("properties") or {}).get(self.changed))
            or instants.parsed(one.get("updatedAt"))
            for one in found
        )
        return [round(time.timestamp() * 1000) for time in times if time is not None]


def _filter(name: str, operator: str, value: int | str) -> dict[str, Any]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def walk(
    search: Search,
    post: Callable[[str, Any], Json],
    cursor: Json | None,
    *,
    start: datetime | None,
    end: datetime | None,
) -> Iterator[tuple[list[dict[str, Any]], Json]]:
    """(records of a page, cursor that leads on), from the cursor or `start` on.

    A cursor is `since` (milliseconds), and within a crowded instant the number (`id`) last read of it.
    """
    where = cursor or {"since": round(start.timestamp() * 1000) if start else 0, "id": None, "newest": 0}
    until = round(end.timestamp() * 1000) if end else None
    while True:
        if where["id"] is None:
            filters, sorted_by = [_filter(search.changed, "GTE", where["since"])], search.changed
        else:
            filters = [
                _filter(search.changed, "EQ", where["since"]),
                _filter("hs_object_id", "GT", where["id"]),
            ]
            sorted_by = "hs_object_id"
        answer = post(f"crm/v3/objects/{search.what}/search", search.body(filters, sorted_by, until))
        found: list[dict[str, Any]] = part(answer, "results", list)
        has_more = bool(found) and bool(((answer.get("paging") or {}).get("next") or {}).get("after"))
        following = _following(search, where, found, has_more)
        yield found, following
        if not has_more and where["id"] is None:
            return
        if following == where:
            raise BrokenAnswer("the service's pages turn in a circle: the next night tries again from here")
        where = following


def _following(
    search: Search, where: dict[str, Any], found: list[dict[str, Any]], has_more: bool
) -> dict[str, Any]:
    """The cursor after a page.  It goes on from the place that a full page surely reaches, however the page
    is ordered, and should some of its records be there only because HubSpot repeats them.
    """
    times = search.instants(found)
    newest = max([where["newest"], *times])
    if not has_more:
        if where["id"] is not None:  # the end of a crowded instant
            return {"since": where["since"] + 1, "id": None, "newest": newest}
        return {"since": max(where["since"], newest - _LATE_MS), "id": None, "newest": newest}
    if where["id"] is None:
        if (reached := _surely(times, search.size)) is not None and reached > where["since"]:
            return {"since": reached, "id": None, "newest": newest}
        return {"since": where["since"], "id": "0", "newest": newest}
    numbers = [int(one["id"]) for one in found if str(one.get("id")).isdigit()]
    last = _surely([number for number in numbers if number > int(where["id"])], search.size)
    return {"since": where["since"], "id": where["id"] if last is None else str(last), "newest": newest}


def _surely(values: list[int], size: int) -> int | None:
    """The value a page of `size` records has come to, where it may hold some more."""
    return sorted(values)[min(size, len(values)) - 1] if values else None


def archived(
    what: str, properties: str, get: Callable[[str, Any], Json], cursor: Json | None
) -> Iterator[tuple[list[dict[str, Any]], Json]]:
    """(records archived since the last night, cursor that leads on); the list cannot be asked for by time."""
    where = cursor or {"after": None, "since": None, "newest": None}
    while True:
        answer = get(
            f"crm/v3/objects/{what}",
            {"archived": "true", "limit": _ARCHIVED_PAGE, "properties": properties, "after": where["after"]},
        )
        results: list[dict[str, Any]] = part(answer, "results", list)
        since = instants.parsed(where["since"])
        fresh = [
            one
            for one in results
            if since is None or (at := instants.parsed(one.get("archivedAt"))) is None or at >= since
        ]
        times = instants.instants(results, "archivedAt")
        newest = max(
            [*times, *([known] if (known := instants.parsed(where["newest"])) else [])], default=None
        )
        reached = instants.text(newest) if newest else None
        after = ((answer.get("paging") or {}).get("next") or {}).get("after")
        is_last = after is None or after == where["after"]
        where = (
            {"after": None, "since": reached, "newest": reached}
            if is_last
            else {"after": after, "since": where["since"], "newest": reached}
        )
        yield fresh, where
        if is_last:
            return
