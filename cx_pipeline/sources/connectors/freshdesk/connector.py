"""Freshdesk's settings, streams and ways of paging.

What enters: the settings and a `Link`.  What leaves: streams over the lists of tickets (with the
conversations of each), contacts and satisfaction ratings.  `listing.py` walks the lists, `records.py` has
what a record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from cx_pipeline.settings import ServiceSource
from cx_pipeline.sources.connector import Connector, Json, Page, Stream, Window, asked, fields_of, rows_of
from cx_pipeline.sources.connectors.freshdesk import records
from cx_pipeline.sources.connectors.freshdesk.directory import Directory
from cx_pipeline.sources.connectors.freshdesk.listing import (
    LARGEST_PAGE,
    Listing,
    array,
    contacts,
    ratings,
    tickets,
    walk,
)
from cx_pipeline.sources.http.auth import basic
from cx_pipeline.sources.http.errors import NotFound
from cx_pipeline.sources.http.limits import RateLimit

_CALLS_PER_MINUTE = 100
_LISTS_PER_MINUTE = ((700, 200), (400, 100), (20, 20))  # by a plan's calls: lists have a limit of their own

Status = Literal["new", "open", "pending", "on_hold", "solved", "closed", "spam"]
Faces = Literal["csat", "rating", "useful", "usable", "enjoyable"]


class FreshdeskSource(ServiceSource):
    """A Freshdesk account."""

    type: Literal["freshdesk"] = "freshdesk"
    """Freshdesk."""
    subdomain: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")]
    """The account: `acme` of `acme.freshdesk.com`."""
    token: SecretStr | None = None
    """An agent's API key; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the API key."""
    identify_by: Literal["email", "id"] = "email"
    """`email` joins a person's records across sources; `id` uses Freshdesk's own numbers."""
    statuses: dict[str, Status] = {}
    """What the account's own statuses mean: `{ "8" = "pending" }`; by default `open`."""
    questions: dict[str, Faces] = {"default_question": "csat"}
    """What the questions of its satisfaction surveys measure; the others are left out, with `{}` all are."""


class Freshdesk(Connector[FreshdeskSource]):
    """Pulls one Freshdesk account."""

    settings_type = FreshdeskSource
    entities = ("customers", "feedback", "tickets", "ticket_events")

    @classmethod
    def delivers(cls, settings: FreshdeskSource) -> tuple[str, ...]:
        return tuple(e for e in cls.entities if e != "feedback" or settings.questions)

    @cached_property
    def _client(self) -> Any:
        address = self.settings.base_url or f"https://{self.settings.subdomain}.freshdesk.com"
        return self.link.client(
            f"{address.rstrip('/')}/api/v2",
            auth=basic(self.secret("token"), "X"),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
        )

    @cached_property
    def _lists(self) -> RateLimit:
        allowed = self.settings.calls_per_minute or _CALLS_PER_MINUTE
        return RateLimit(next((lists for calls, lists in _LISTS_PER_MINUTE if allowed >= calls), allowed))

    @cached_property
    def _directory(self) -> Directory:
        return Directory(self._client, by_email=self.settings.identify_by == "email", note=self.link.note)

    @cached_property
    def _statuses(self) -> records.Statuses:
        return records.Statuses(self.settings.statuses, self.link.note)

    def streams(self) -> Sequence[Stream]:
        answers = Stream("satisfaction_ratings", ("feedback",), self._ratings)
        return (
            Stream("contacts", ("customers",), partial(self._contacts, None)),
            Stream("deleted_contacts", ("customers",), partial(self._contacts, "deleted")),
            Stream("tickets", ("tickets", "ticket_events"), self._tickets),
            Stream("spam", ("tickets",), partial(self._set_aside, "spam")),
            Stream("deleted_tickets", ("tickets",), partial(self._set_aside, "deleted")),
            *((answers,) if self.settings.questions else ()),
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        one = {"per_page": 1}
        yield "who the credential is", lambda: self._client.get("agents/me")
        yield "tickets", lambda: array(self._client.get("tickets", one))
        yield "contacts", lambda: array(self._client.get("contacts", one))
        yield "agents", lambda: array(self._client.get("agents", one))
        yield "groups", lambda: array(self._client.get("groups", one))
        if self.settings.questions:
            yield "satisfaction ratings", lambda: array(self._client.get("surveys/satisfaction_ratings", one))

    def suggest(self) -> str:
        """The questions of the satisfaction surveys, the main one as csat, the others to be decided on."""
        lines = [f"[sources.{self.link.source}.questions]", 'default_question = "csat"']
        for survey in array(self._client.get("surveys", {"state": "active"})):
            for question in survey.get("questions") or ():
                if (name := str(question["id"])) != "default_question" and not question.get("default"):
                    label = " ".join(str(question.get("label", "")).split())
                    lines.append(f'# {name} = "rating"   # {label}')
        return "\n".join(dict.fromkeys(lines)) + "\n"

    # ------------------------------------------------------------ streams

    def _walk(
        self, listing: Listing, cursor: Json, window: Window | None
    ) -> Iterator[tuple[list[dict[str, Any]], Json]]:
        fetch = partial(self._client.get, limit=self._lists)
        start = window.start if window else self.settings.start
        end = window.end if window else None
        yield from walk(listing, fetch, cursor, start=start, end=end, note=self.link.note)

    def _contacts(self, state: str | None, cursor: Json, window: Window | None) -> Iterator[Page]:
        custom = asked(self.settings.entities.get("customers"), "custom_fields")
        for found, after in self._walk(contacts(state), cursor, window):
            self._directory.learn(found)
            rows = rows_of(
                found, lambda contact: records.customer(contact, self._directory, custom, state is not None)
            )
            yield Page({"customers": rows}, after, fields_of(found))

    def _tickets(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        custom = asked(self.settings.entities.get("tickets"), "custom_fields")
        for found, after in self._walk(tickets(None), cursor, window):
            self._directory.learn(ticket.get("requester") for ticket in found)
            said = {key: self._conversations(key) for one in found if isinstance(key := one.get("id"), int)}
            rows = rows_of(found, lambda one: records.ticket(one, self._directory, self._statuses, custom))
            events = rows_of(
                found,
                lambda one: records.ticket_events(one, said[one["id"]], self._directory, self._statuses),  # noqa: B023 - used up before the next page
            )
            yield Page({"tickets": rows, "ticket_events": events}, after, fields_of(found))

    def _conversations(self, ticket_id: int) -> list[dict[str, Any]]:
        """What was said on a ticket, in Freshdesk's order; nothing where the ticket is gone by now."""
        said: list[dict[str, Any]] = []
        page = 1
        while True:
            try:
                found = array(
                    self._client.get(
                        f"tickets/{ticket_id}/conversations", {"page": page, "per_page": LARGEST_PAGE}
                    )
                )
            except NotFound:
                return said
            said += found
            if len(found) < LARGEST_PAGE:
                return said
            page += 1

    def _set_aside(self, filter_: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Tickets in the spam or the trash, which the list of tickets leaves out."""
        custom = asked(self.settings.entities.get("tickets"), "custom_fields")
        for found, after in self._walk(tickets(filter_), cursor, window):
            self._directory.learn(ticket.get("requester") for ticket in found)
            marked = [{**ticket, filter_: True} for ticket in found]
            rows = rows_of(marked, lambda one: records.ticket(one, self._directory, self._statuses, custom))
            yield Page({"tickets": rows}, after, fields_of(found))

    def _ratings(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        for found, after in self._walk(ratings(), cursor, window):
            self._directory.look_up(rating.get("user_id") for rating in found)
            rows = rows_of(
                found, lambda rating: records.rating(rating, self._directory, self.settings.questions)
            )
            yield Page({"feedback": rows}, after, fields_of(found))
