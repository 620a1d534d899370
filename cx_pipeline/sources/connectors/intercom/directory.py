"""Who is who in one Intercom workspace, looked up once a pull.

What enters: Intercom's ids.  What leaves: the ids people land under, names of teams.  Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cx_pipeline.sources.connector import part

if TYPE_CHECKING:
    from cx_pipeline.sources.http.client import Client

_FILTERS = 15  # the most one group of a search may have
CUSTOMERS = ("user", "lead", "contact")
"""The types of author that are customers."""


def search(client: Client, what: str, since: int, *, size: int, after: str | None = None) -> Any:
    """A page of what changed after `since`, the earliest first."""
    pagination: dict[str, Any] = {"per_page": size}
    if after is not None:
        pagination["starting_after"] = after
    return client.post(
        f"{what}/search",
        {
            "query": {"field": "updated_at", "operator": ">", "value": since},
            "sort": {"field": "updated_at", "order": "ascending"},
            "pagination": pagination,
        },
    )


class Directory:
    """Remembers whom it met.  `identify_by`: people are known by that, where they have it."""

    def __init__(self, client: Client, *, identify_by: str) -> None:
        self._client = client
        self._by = identify_by
        self._people: dict[str, str | None] = {}
        self._asked: set[str] = set()

    def learn(self, people: Iterable[Any]) -> None:
        """Remember contacts that came anyway."""
        for person in people:
            if isinstance(person, dict) and person.get("id") is not None:
                key = str(person["id"])
                self._people[key] = person.get(self._by) or self._people.get(key)

    def look_up(self, conversations: Iterable[Any]) -> None:
        """Look up the contacts of conversations that are not known yet, some a call."""
        if self._by == "id":
            return
        wanted: set[str] = set()
        for conversation in conversations:
            if not isinstance(conversation, dict):
                continue
            contacts = contacts_of(conversation)
            if self._by == "external_id":
                self.learn(contacts)
            author = (conversation.get("source") or {}).get("author") or {}
            if author.get("type") in CUSTOMERS and author.get(self._by):
                self.learn([author])
            wanted |= {str(one["id"]) for one in contacts if isinstance(one, dict) and one.get("id")}
        unknown = sorted(key for key in wanted if not self._people.get(key) and key not in self._asked)
        for start in range(0, len(unknown), _FILTERS):
            some = unknown[start : start + _FILTERS]
            filters = [{"field": "id", "operator": "=", "value": key} for key in some]
            query = {"operator": "OR", "value": filters}
            answer = self._client.post(
                "contacts/search", {"query": query, "pagination": {"per_page": _FILTERS}}
            )
            self.learn(part(answer, "data", list))
            self._asked.update(some)

    def contact(self, key: Any) -> str | None:
        """The id a contact lands under; Intercom's where the wanted one is not known."""
        return None if key is None else self._people.get(str(key)) or str(key)

    def admin(self, key: Any) -> str | None:
        """The id a teammate lands under; None for nobody (0, or none)."""
        if not key:
            return None
        return (self._admins.get(str(key)) if self._by != "id" else None) or str(key)

    def team(self, key: Any) -> str | None:
        """A team's name; its number where it is gone."""
        return (self._teams.get(str(key)) or str(key)) if key else None

    @cached_property
    def _admins(self) -> dict[str, str | None]:
        return self._all("admins", "email")

    @cached_property
    def _teams(self) -> dict[str, str | None]:
        return self._all("teams", "name")

    def _all(self, what: str, value: str) -> dict[str, str | None]:
        found: list[dict[str, Any]] = part(self._client.get(what), what, list)
        return {str(one["id"]): one.get(value) for one in found if "id" in one}


def contacts_of(conversation: dict[str, Any]) -> list[dict[str, Any]]:
    """The contacts of a conversation; older versions of the interface have the bare list."""
    contacts = conversation.get("contacts") or []
    return (contacts.get("contacts") or []) if isinstance(contacts, dict) else contacts
