"""HubSpot's settings and streams.

What enters: the settings and a `Link`.  What leaves: streams over the searches of contacts, tickets and
feedback submissions, and over what was archived.  `search.py` walks the searches, `records.py` has what a
record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from cx_pipeline.settings import ServiceSource
from cx_pipeline.sources.connector import (
    Connector,
    Json,
    Page,
    Stream,
    Window,
    asked,
    fields_of,
    part,
    rows_of,
)
from cx_pipeline.sources.connectors.hubspot import records
from cx_pipeline.sources.connectors.hubspot.directory import Directory
from cx_pipeline.sources.connectors.hubspot.search import LARGEST_PAGE, Search, archived, walk
from cx_pipeline.sources.http.auth import bearer
from cx_pipeline.sources.http.errors import NotFound
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.surveys import Question

_CALLS, _SECONDS = 90, 10.0  # of the smallest plan's 100 in ten seconds
_SEARCHES = 4  # a second, of 5
_HISTORIES = 50  # the most records a call reads with their history

Status = Literal["new", "open", "pending", "on_hold", "solved", "closed", "spam"]


class HubSpotSource(ServiceSource):
    """A HubSpot account."""

    type: Literal["hubspot"] = "hubspot"
    """HubSpot."""
    token: SecretStr | None = None
    """The access token of a private app; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""
    identify_by: Literal["email", "id"] = "email"
    """`email` joins a person's records across sources; `id` uses HubSpot's own numbers."""
    stages: dict[str, Status] = {}
    """What the pipelines' stages mean, by number or name: `{ "Waiting on parts" = "on_hold" }`."""
    surveys: dict[str, Question] = {}
    """What surveys measure, by number, where their type does not say: `{ "12" = { metric = "csat" } }`."""
    read_events: bool = True
    """Whether to read what happened on tickets; it needs the scope `conversations.read`."""
    read_feedback: bool = True
    """Whether to read feedback submissions, which not every subscription has."""
    page_size: Annotated[int, Field(ge=1, le=200)] = 200
    """Records a page of a search; at most 200."""


class HubSpot(Connector[HubSpotSource]):
    """Pulls one HubSpot account."""

    settings_type = HubSpotSource
    entities = ("customers", "feedback", "tickets", "ticket_events")

    @classmethod
    def delivers(cls, settings: HubSpotSource) -> tuple[str, ...]:
        left_out = {"ticket_events": not settings.read_events, "feedback": not settings.read_feedback}
        return tuple(entity for entity in cls.entities if not left_out.get(entity))

    @cached_property
    def _client(self) -> Any:
        per_minute = self.settings.calls_per_minute
        return self.link.client(
            self.settings.base_url or "https://api.hubapi.com",
            auth=bearer(self.secret("token")),
            limit=RateLimit(per_minute) if per_minute else RateLimit(_CALLS, _SECONDS),
        )

    @cached_property
    def _searches(self) -> RateLimit:
        per_minute = self.settings.calls_per_minute
        return RateLimit(min(per_minute, _SEARCHES * 60)) if per_minute else RateLimit(_SEARCHES, 1.0)

    @cached_property
    def _directory(self) -> Directory:
        return Directory(self._client, by_email=self.settings.identify_by == "email")

    @cached_property
    def _stages(self) -> records.Stages:
        found = part(self._client.get("crm/v3/pipelines/tickets"), "results", list)
        return records.Stages(found, self.settings.stages, self.link.note)

    def streams(self) -> Sequence[Stream]:
        events = Stream("ticket_events", ("ticket_events",), self._ticket_events)
        answers = Stream("feedback_submissions", ("feedback",), self._feedback)
        return (
            Stream("contacts", ("customers",), self._contacts),
            Stream("archived_contacts", ("customers",), self._archived_contacts),
            Stream("tickets", ("tickets",), self._tickets),
            Stream("archived_tickets", ("tickets",), self._archived_tickets),
            *((events,) if self.settings.read_events else ()),
            *((answers,) if self.settings.read_feedback else ()),
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for what in (
            "tickets",
            "contacts",
            *(("feedback_submissions",) if self.settings.read_feedback else ()),
        ):
            yield what.replace("_", " "), partial(self._client.get, f"crm/v3/objects/{what}", {"limit": 1})
        yield "pipelines", lambda: self._client.get("crm/v3/pipelines/tickets")
        yield "owners", lambda: self._client.get("crm/v3/owners", {"limit": 1})
        if self.settings.read_events:
            path = "conversations/v3/conversations/threads"
            yield "conversations", lambda: self._client.get(path, {"limit": 1})

    def suggest(self) -> str:
        """The surveys among the first feedback submissions, with the values their answers have."""
        search = self._found("feedback_submissions", records.FEEDBACK)
        found, _ = next(iter(self._walk(search, None, None)))
        return records.surveys_toml(self.link.source, found)

    # ------------------------------------------------------------ streams

    def _found(self, what: str, properties: tuple[str, ...], most: int = LARGEST_PAGE) -> Search:
        changed = "lastmodifieddate" if what == "contacts" else "hs_lastmodifieddate"
        return Search(what, changed, properties, min(most, self.settings.page_size))

    def _walk(
        self, search: Search, cursor: Json, window: Window | None
    ) -> Iterator[tuple[list[dict[str, Any]], Json]]:
        post = partial(self._client.post, limit=self._searches)
        start = window.start if window else self.settings.start
        yield from walk(search, post, cursor, start=start, end=window.end if window else None)

    def _properties(self, entity: str, names: Iterable[str]) -> tuple[tuple[str, ...], frozenset[str]]:
        """The properties to ask for: ours, and those the mapping names."""
        wanted = asked(self.settings.entities.get(entity), "properties")
        return (*names, *sorted(wanted - set(names))), wanted

    def _contacts(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        names, wanted = self._properties("customers", records.CONTACT)
        for found, after in self._walk(self._found("contacts", names), cursor, window):
            self._directory.learn(found)
            rows = rows_of(found, lambda contact: records.customer(contact, self._directory, wanted))
            yield Page({"customers": rows}, after, fields_of(found))

    def _tickets(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        names, wanted = self._properties("tickets", records.TICKET)
        for found, after in self._walk(self._found("tickets", names), cursor, window):
            contacts = self._directory.contacts_of_tickets(found)
            rows = rows_of(
                found,
                lambda one: records.ticket(one, contacts, self._directory, self._stages, wanted),  # noqa: B023 - used up before the next page
            )
            yield Page({"tickets": rows}, after, fields_of(found))

    def _ticket_events(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        search = self._found("tickets", records.HISTORY, _HISTORIES)
        for found, after in self._walk(search, cursor, window):
            keys = [str(one["id"]) for one in found if "id" in one]
            histories = self._histories(keys)
            messages = {key: self._messages(key) for key in keys}
            rows = rows_of(
                found,
                lambda one: records.ticket_events(
                    histories.get(str(one["id"]), one),  # noqa: B023 - used up before the next page
                    messages[str(one["id"])],  # noqa: B023
                    self._directory,
                    self._stages,
                ),
            )
            yield Page({"ticket_events": rows}, after, fields_of(found))

    def _histories(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The tickets with the history of what changes on them."""
        if not keys:
            return {}
        answer = self._client.post(
            "crm/v3/objects/tickets/batch/read",
            {
                "inputs": [{"id": key} for key in keys],
                "properties": list(records.HISTORY),
                "propertiesWithHistory": list(records.CHANGING),
            },
        )
        return {str(one["id"]): one for one in part(answer, "results", list)}

    def _messages(self, key: str) -> list[dict[str, Any]]:
        """What was said in the conversations of a ticket."""
        path = "conversations/v3/conversations/threads"
        threads = {
            str(thread["id"]): (thread.get("threadAssociations") or {}).get("associatedTicketId", key)
            for thread in self._all(path, {"associatedTicketId": key, "association": "TICKET"})
        }
        return [
            message
            for thread, ticket in threads.items()
            if str(ticket) == key
            for message in self._all(f"{path}/{thread}/messages", {})
        ]

    def _all(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The records of all pages; none where the thing is gone by now."""
        after: str | None = None
        while True:
            try:
                answer = self._client.get(path, {**params, "limit": 100, "after": after})
            except NotFound:
                return
            yield from part(answer, "results", list)
            following = ((answer.get("paging") or {}).get("next") or {}).get("after")
            if following is None or following == after:
                return
            after = following

    def _feedback(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        names, wanted = self._properties("feedback", records.FEEDBACK)
        search = self._found("feedback_submissions", names)
        surveys = records.Surveys(self.settings.surveys, self.link.note)
        for found, after in self._walk(search, cursor, window):
            self._directory.look_up((one.get("properties") or {}).get("hs_contact_id") for one in found)
            rows = rows_of(found, lambda one: records.feedback(one, self._directory, surveys, wanted))
            yield Page({"feedback": rows}, after, fields_of(found))

    def _archived_tickets(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        if window is None:
            for found, after in archived("tickets", "createdate", self._client.get, cursor):
                yield Page({"tickets": rows_of(found, records.archived_ticket)}, after)

    def _archived_contacts(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        if window is None:
            for found, after in archived("contacts", "email", self._client.get, cursor):
                self._directory.learn(found)
                rows = rows_of(found, lambda contact: records.archived_contact(contact, self._directory))
                yield Page({"customers": rows}, after)
