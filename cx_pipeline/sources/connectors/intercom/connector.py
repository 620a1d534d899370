"""Intercom's settings, streams and ways of paging.

What enters: the settings and a `Link`.  What leaves: streams over the searches of conversations (each then
read whole, for its parts) and of contacts.  `records.py` has what a record says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr

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
from cx_pipeline.sources.connectors.intercom import records
from cx_pipeline.sources.connectors.intercom.directory import Directory, search
from cx_pipeline.sources.http.auth import bearer
from cx_pipeline.sources.http.errors import BrokenAnswer, NotFound, Refused
from cx_pipeline.sources.http.limits import RateLimit

_VERSION = "2.11"
_HOSTS = {"us": "api.intercom.io", "eu": "api.eu.intercom.io", "au": "api.au.intercom.io"}
_CALLS, _SECONDS = 160, 10.0  # the least an app has is 1 000 a minute, counted in slices of ten seconds
_CONVERSATIONS = 50  # a page: each of them is read on its own
_CONTACTS = 150
_LATE_SECONDS = 600  # what is new may take minutes to be found
_DAY_SECONDS = 86_400
_MOST_PARTS = 500


class IntercomSource(ServiceSource):
    """An Intercom workspace."""

    type: Literal["intercom"] = "intercom"
    """Intercom."""
    region: Literal["us", "eu", "au"] = "us"
    """Where the workspace's data is hosted."""
    token: SecretStr | None = None
    """An access token; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds the token."""
    identify_by: Literal["email", "external_id", "id"] = "email"
    """`email` joins a person's records across sources; `external_id` is your own id, `id` Intercom's."""


class Intercom(Connector[IntercomSource]):
    """Pulls one Intercom workspace."""

    settings_type = IntercomSource
    entities = ("customers", "feedback", "tickets", "ticket_events")

    @cached_property
    def _client(self) -> Any:
        per_minute = self.settings.calls_per_minute
        return self.link.client(
            self.settings.base_url or f"https://{_HOSTS[self.settings.region]}",
            auth=bearer(self.secret("token")),
            limit=RateLimit(per_minute) if per_minute else RateLimit(_CALLS, _SECONDS),
            headers={"Intercom-Version": _VERSION},
        )

    @cached_property
    def _directory(self) -> Directory:
        return Directory(self._client, identify_by=self.settings.identify_by)

    def streams(self) -> Sequence[Stream]:
        return (
            Stream("contacts", ("customers",), self._contacts),
            Stream("conversations", ("tickets", "ticket_events", "feedback"), self._conversations),
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        hour_ago = int(self.link.clock.now().timestamp()) - 3600
        yield "who the credential is", lambda: self._client.get("me")
        yield (
            "conversations",
            lambda: part(search(self._client, "conversations", hour_ago, size=1), "conversations", list),
        )
        yield "contacts", lambda: part(search(self._client, "contacts", hour_ago, size=1), "data", list)
        yield "teammates", lambda: part(self._client.get("admins"), "admins", list)
        yield "teams", lambda: part(self._client.get("teams"), "teams", list)

    # ------------------------------------------------------------ streams

    def _contacts(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        """Contacts, which are searched by whole days: a day is asked for from the day before it on."""
        custom = asked(self.settings.entities.get("customers"), "custom_attributes")
        for found, after in self._search("contacts", "data", cursor, window):
            self._directory.learn(found)
            rows = rows_of(found, lambda contact: records.customer(contact, self._directory, custom))
            yield Page({"customers": rows}, after, fields_of(found))

    def _conversations(self, cursor: Json, window: Window | None) -> Iterator[Page]:
        custom = asked(self.settings.entities.get("tickets"), "custom_attributes")
        for found, after in self._search("conversations", "conversations", cursor, window):
            whole = [self._whole(record) for record in found]
            self._directory.look_up(whole)
            rows = {
                "tickets": rows_of(whole, lambda one: records.ticket(one, self._directory, custom)),
                "ticket_events": rows_of(whole, lambda one: records.ticket_events(one, self._directory)),
                "feedback": rows_of(whole, lambda one: records.rating(one, self._directory)),
            }
            yield Page(rows, after, fields_of(found))

    def _whole(self, record: Any) -> Any:
        """The conversation with its parts; as the search has it where it is gone by now."""
        if not isinstance(record, dict) or "id" not in record:
            return record
        try:
            whole = self._client.get(f"conversations/{record['id']}")
        except NotFound:
            return record
        part(whole, "id", str)
        parts = whole.get("conversation_parts") or {}
        if (parts.get("total_count") or 0) > _MOST_PARTS:
            self.link.note(f"a conversation has more than {_MOST_PARTS} parts: its oldest cannot be had")
        return whole

    def _search(
        self, what: str, name: str, cursor: Json, window: Window | None
    ) -> Iterator[tuple[list[dict[str, Any]], Json]]:
        """Pages of a search in the order of change, with the cursor that follows each."""
        by_day = what == "contacts"
        size = _CONTACTS if by_day else _CONVERSATIONS
        end = int(window.end.timestamp()) if window else None
        where = cursor or {"since": self._start(window), "after": None, "newest": 0}
        is_resumed = where["after"] is not None
        while True:
            since = where["since"] - (_DAY_SECONDS if by_day else 1)
            try:
                answer = search(self._client, what, since, size=size, after=where["after"])
            except Refused:
                if not is_resumed:
                    raise
                # the place in the pages a former pull left is no longer known: from its newest record on
                where = {**where, "since": max(where["newest"], where["since"]), "after": None}
                is_resumed = False
                continue
            is_resumed = False
            found: list[dict[str, Any]] = part(answer, name, list)
            newest = max([where["newest"], *records.seconds(found, "updated_at")])
            following = ((answer.get("pages") or {}).get("next") or {}).get("starting_after")
            if following is not None and following == where["after"]:
                raise BrokenAnswer(
                    "the service's pages turn in a circle: the next night tries again from here"
                )
            is_last = following is None or not found or (end is not None and newest >= end and not by_day)
            where = (
                {"since": max(newest - _LATE_SECONDS, where["since"]), "after": None, "newest": newest}
                if is_last
                else {"since": where["since"], "after": following, "newest": newest}
            )
            yield found, where
            if is_last:
                return

    def _start(self, window: Window | None) -> int:
        start = window.start if window else self.settings.start
        return int(start.timestamp()) if start else _DAY_SECONDS
