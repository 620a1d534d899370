"""Who Zendesk's numbers stand for: people, groups and brands, looked up once a pull.

What enters: a client.  What leaves: the id a person is known by (an e-mail address where wanted), their role,
the names of groups and brands.  Nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cx_pipeline.sources.connector import part
from cx_pipeline.sources.http.errors import NotFound

if TYPE_CHECKING:
    from cx_pipeline.sources.http.client import Client

_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Person:
    """A user: the id they land under (before keying), and `customer` or `agent`."""

    id: str
    role: str | None


class Directory:
    """Remembers whom it looked up.  `by_email`: people are known by their address, where they have one."""

    def __init__(self, client: Client, *, by_email: bool, note: Callable[[str], None]) -> None:
        self._client = client
        self._by_email = by_email
        self._note = note
        self._people: dict[int, Person] = {}

    def person(self, number: int | None) -> Person | None:
        """The person behind a number; one who was not found is known by the number."""
        if number is None or number < 0:
            return None
        return self._people.get(number) or Person(str(number), None)

    def identity(self, number: int | None) -> str | None:
        found = self.person(number)
        return found.id if found else None

    def learn(self, users: Iterable[dict[str, Any]]) -> None:
        """Remember users that came anyway."""
        for user in users:
            if isinstance(user, dict) and isinstance(user.get("id"), int):
                email = user.get("email") if self._by_email else None
                role = user.get("role")
                self._people[user["id"]] = Person(
                    email or str(user["id"]), {"end-user": "customer", None: None}.get(role, "agent")
                )

    def look_up(self, numbers: Iterable[int]) -> None:
        """Look up those not known yet, a hundred a call."""
        unknown = sorted({n for n in numbers if n > 0 and n not in self._people})
        for start in range(0, len(unknown), _AT_ONCE):
            some = unknown[start : start + _AT_ONCE]
            found: list[dict[str, Any]] = []
            try:
                answer = self._client.get("users/show_many.json", {"ids": ",".join(map(str, some))})
                found = part(answer, "users", list)
            except NotFound:
                self._note("users cannot be looked up: people are known by Zendesk's numbers only")
            self._people |= {number: Person(str(number), None) for number in some}
            self.learn(found)

    def group(self, number: int | None) -> str | None:
        """A group's name; its number where it has none."""
        return None if number is None else self._groups.get(number, str(number))

    def brand(self, number: int | None) -> str | None:
        """A brand's name; its number where it has none."""
        return None if number is None else self._brands.get(number, str(number))

    @cached_property
    def _groups(self) -> dict[int, str]:
        return self._names("groups")

    @cached_property
    def _brands(self) -> dict[int, str]:
        return self._names("brands")

    def _names(self, what: str) -> dict[int, str]:
        names: dict[int, str] = {}
        after: str | None = None
        try:
            while True:
                answer = self._client.get(f"{what}.json", {"page[size]": 100, "page[after]": after})
                found: list[dict[str, Any]] = part(answer, what, list)
                names |= {one["id"]: one["name"] for one in found if "id" in one and one.get("name")}
                meta = answer.get("meta") or {}
                after = meta.get("after_cursor")
                if not meta.get("has_more") or after is None:
                    return names
        except NotFound:  # not ScopeMissing: a scope that comes back must not leave numbers behind
            self._note(f"{what} are not there: their numbers stand for their names")
            return names
