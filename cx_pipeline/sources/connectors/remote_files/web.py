"""Files at web addresses.  A web server lists nothing: the settings name each file.

What enters: a client and names.  What leaves: objects whose version is what the server says of them, and
their contents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from cx_pipeline.sources.connector import RemoteObject
from cx_pipeline.sources.http.errors import BrokenAnswer, NotFound, Refused

if TYPE_CHECKING:
    from cx_pipeline.sources.http.client import Client

_TRIES = 8


class Web:
    """Files below one web address."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def objects(self, patterns: Sequence[str]) -> list[RemoteObject]:
        return [self._look(name) for name in sorted(set(patterns))]

    def _look(self, name: str) -> RemoteObject:
        try:
            headers = self._client.head(quote(name))
        except (Refused, NotFound):  # it knows no HEAD, or the file is gone: fetching will tell
            return RemoteObject(name, "", 0)
        return RemoteObject(name, _version(headers), _size(headers))

    def reach(self, patterns: Sequence[str]) -> None:
        for name in patterns:
            with suppress(Refused):
                self._client.head(quote(name))

    def fetch(self, one: RemoteObject, target: Path) -> None:
        """The whole file: one that is of another version than its headers said is asked for again."""
        expected = one
        for _ in range(_TRIES):
            headers = self._client.save(quote(one.name), target)
            is_page = headers.get("content-type", "").startswith("text/html")
            if not is_page and (not expected.version or _version(headers) == expected.version):
                return
            expected = self._look(one.name)
        raise BrokenAnswer(
            f"{one.name} changes with every call, or a web page comes in its place: look at it"
        )


def _version(headers: Mapping[str, str]) -> str:
    """What changes with the content: the entity tag, else time and size; empty where it tells neither."""
    tag = headers.get("etag")
    if tag:
        return tag.removeprefix("W/")
    time = headers.get("last-modified")
    return f"{time} {_size(headers)}" if time else ""


def _size(headers: Mapping[str, str]) -> int:
    size = headers.get("content-length", "0")
    return int(size) if size.isdecimal() else 0
