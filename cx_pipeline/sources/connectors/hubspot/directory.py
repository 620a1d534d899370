"""Who is who in one HubSpot account, looked up once a pull.

What enters: HubSpot's numbers.  What leaves: the ids people land under, names of teams.  Nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cx_pipeline.sources.connector import part

if TYPE_CHECKING:
    from cx_pipeline.sources.http.client import Client

_AT_ONCE = 100


class Directory:
    """Remembers whom it met.  `by_email`: people are known by their address, where they have one."""

    def __init__(self, client: Client, *, by_email: bool) -> None:
        self._client = client
        self._by_email = by_email
        self._addresses: dict[str, str | None] = {}

    def learn(self, contacts: Iterable[Any]) -> None:
        """Remember the addresses of contacts that came anyway."""
        if not self._by_email:
            return
        for one in contacts:
            if isinstance(one, dict) and "id" in one and isinstance(one.get("properties"), dict):
                self._addresses[str(one["id"])] = one["properties"].get("email")

    def look_up(self, numbers: Iterable[Any]) -> None:
        """Look up those contacts not known yet, a hundred a call."""
        if not self._by_email:
            return
        unknown = sorted({str(n) for n in numbers if n} - self._addresses.keys())
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            body = {"inputs": [{"id": key} for key in some], "properties": ["email"]}
            found = part(self._client.post("crm/v3/objects/contacts/batch/read", body), "results", list)
            self._addresses |= dict.fromkeys(some)
            self.learn(found)

    def contacts_of_tickets(self, tickets: Sequence[dict[str, Any]]) -> dict[str, str]:
        """The contact of each ticket that has one (of several the eldest), looked up."""
        keys = [str(one["id"]) for one in tickets if isinstance(one, dict) and "id" in one]
        found: dict[str, str] = {}
        for start in range(0, len(keys), _AT_ONCE):
            inputs = [{"id": key} for key in keys[start : start + _AT_ONCE]]
            answer = self._client.post("crm/v4/associations/tickets/contacts/batch/read", {"inputs": inputs})
            for one in part(answer, "results", list):
                if one.get("to"):
                    eldest = min(int(to["toObjectId"]) for to in one["to"])
                    found[str(one["from"]["id"])] = str(eldest)
        self.look_up(found.values())
        return found

    def contact(self, number: Any) -> str | None:
        """The id a contact lands under: the address, else the number."""
        return None if not number else self._addresses.get(str(number)) or str(number)

    def owner(self, number: Any) -> str | None:
        """The id the owner of records lands under: the address, else the number."""
        if not number:
            return None
        found = self._by_owner.get(str(number)) or {}
        return (found.get("email") if self._by_email else None) or str(number)

    def user(self, number: Any) -> str | None:
        """The id a user (who acts) lands under, the same as the owner they are."""
        if not number:
            return None
        found = self._by_user.get(str(number)) or {}
        return (found.get("email") if self._by_email else found.get("id")) or str(number)

    def team(self, number: Any) -> str | None:
        """A team's name; its number where no owner is in it any more."""
        return self._teams.get(str(number), str(number)) if number else None

    @cached_property
    def _owners(self) -> list[dict[str, Any]]:
        """The owners, those who left included."""
        found: list[dict[str, Any]] = []
        for is_archived in ("false", "true"):
            after: str | None = None
            while True:
                answer = self._client.get(
                    "crm/v3/owners", {"archived": is_archived, "limit": _AT_ONCE, "after": after}
                )
                found += [one for one in part(answer, "results", list) if "id" in one]
                following = ((answer.get("paging") or {}).get("next") or {}).get("after")
                if following is None or following == after:
                    break
                after = following
        return found

    @cached_property
    def _by_owner(self) -> dict[str, dict[str, Any]]:
        return {str(one["id"]): one for one in reversed(self._owners)}

    @cached_property
    def _by_user(self) -> dict[str, dict[str, Any]]:
        keyed = [(one.get("userId") or one.get("userIdIncludingInactive"), one) for one in self._owners]
        return {str(key): one for key, one in reversed(keyed) if key}

    @cached_property
    def _teams(self) -> dict[str, str]:
        return {
            str(team["id"]): str(team["name"])
            for owner in self._owners
            for team in owner.get("teams") or ()
            if "id" in team and team.get("name")
        }
