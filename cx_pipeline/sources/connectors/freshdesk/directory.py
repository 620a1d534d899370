"""Who is who in one Freshdesk account, and what its teams and products are called; looked up once a pull.

What enters: Freshdesk's numbers.  What leaves: the ids people land under, names of groups and products.
Nothing of it is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cx_pipeline.sources.connector import part
from cx_pipeline.sources.connectors.freshdesk.listing import LARGEST_PAGE, array
from cx_pipeline.sources.http.errors import NotFound

if TYPE_CHECKING:
    from cx_pipeline.sources.http.client import Client


class Directory:
    """Remembers whom it met.  `by_email`: people are known by their address, where they have one."""

    def __init__(self, client: Client, *, by_email: bool, note: Callable[[str], None]) -> None:
        self._client = client
        self._by_email = by_email
        self._note = note
        self._addresses: dict[int, str | None] = {}

    def learn(self, people: Iterable[Any]) -> None:
        """Remember the addresses of contacts that came anyway."""
        if self._by_email:
            for person in people:
                if isinstance(person, dict) and isinstance(number := person.get("id"), int):
                    self._addresses[number] = person.get("email") or self._addresses.get(number)

    def look_up(self, numbers: Iterable[Any]) -> None:
        """Look up those contacts not known yet, one a call."""
        if not self._by_email:
            return
        for number in sorted({n for n in numbers if isinstance(n, int)} - self._addresses.keys()):
            try:
                found = self._client.get(f"contacts/{number}")
                part(found, "id", int)
                self.learn([found])
            except NotFound:
                self._addresses[number] = None

    def contact(self, number: int | None) -> str | None:
        """The id a contact lands under: the address, else the number."""
        return None if number is None else self._addresses.get(number) or str(number)

    def agent(self, number: int | None) -> str | None:
        """The id an agent lands under: the address, else the number."""
        if number is None:
            return None
        return (self._agents.get(number) if self._by_email else None) or str(number)

    def group(self, number: int | None) -> str | None:
        return None if number is None else self._groups.get(number) or str(number)

    def product(self, number: int | None) -> str | None:
        return None if number is None else self._products.get(number) or str(number)

    @cached_property
    def _agents(self) -> dict[int, str | None]:
        return {one["id"]: (one.get("contact") or {}).get("email") for one in self._all("agents")}

    @cached_property
    def _groups(self) -> dict[int, str | None]:
        return {one["id"]: one.get("name") for one in self._all("groups")}

    @cached_property
    def _products(self) -> dict[int, str | None]:
        return {one["id"]: one.get("name") for one in self._all("products")}

    def _all(self, what: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        page = 1
        try:
            while True:
                some = array(self._client.get(what, {"page": page, "per_page": LARGEST_PAGE}))
                found += [one for one in some if "id" in one]
                if len(some) < LARGEST_PAGE:
                    return found
                page += 1
        except NotFound:  # not ScopeMissing: a scope that comes back must not leave numbers behind
            self._note(f"{what} are not there: their numbers stand for their names or addresses")
            return found
