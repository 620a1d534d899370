"""The settings of files that lie elsewhere, and their objects.

What enters: the settings and a `Link`.  What leaves: the objects of an entity, and their contents as local
files.  `https` goes through the client all connectors share (`web.py`), everything else through fsspec
(`store.py`).  Reading the files is the file readers' work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, SecretStr, model_validator

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import FileMapping, Scalar, ServiceSource
from cx_pipeline.sources.connector import ObjectConnector, RemoteObject

if TYPE_CHECKING:
    from cx_pipeline.sources.http.auth import Auth

_WEB = ("http", "https")


class Place(Protocol):
    """Where objects lie."""

    def objects(self, patterns: Sequence[str]) -> list[RemoteObject]:
        """The objects that match one of the patterns, by name."""

    def fetch(self, one: RemoteObject, target: Path) -> None:
        """Write an object's content to a file."""

    def reach(self, patterns: Sequence[str]) -> None:
        """See whether the files can be read."""


class RemoteFilesSource(ServiceSource):
    """Files at a URL or in a bucket.  Each entity has the keys of a source of files (`files`, `mode`, …)."""

    type: Literal["remote_files"] = "remote_files"
    """Files at a URL or in a bucket."""
    base_url: Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://")]
    """Where they lie: `https://…`, `s3://bucket/folder`, `gs://…`, `abfs://…`, or what else fsspec knows.
    A web address may end with a query (`?…`), which goes with every call: a signature."""
    user: str | None = None
    """`https`: the user of basic authentication. `s3`: the access key's id. Else the user."""
    token: SecretStr | None = None
    """`https`: the bearer token, or the user's password. `s3`: the secret access key. Else the password."""
    token_file: Path | None = None
    """The file that holds it."""
    options: Mapping[str, Scalar] = {}
    """What else the place needs: `region`, `endpoint_override`, `anonymous`, …; none of it a secret."""
    entities: Mapping[str, FileMapping] = {}
    """A mapping for each entity, written `[sources.<name>.<entity>]`."""

    @model_validator(mode="after")
    def _claims_files(self) -> Self:
        for entity, mapping in self.entities.items():
            if not mapping.files:
                raise ValueError(f'{entity} claims no file: give it files = "pattern"')
            wild = [name for name in mapping.files if any(sign in name for sign in "*?[")]
            if wild and urlsplit(self.base_url).scheme in _WEB:
                raise ValueError(
                    f"{entity}.files: a web server lists no files, name them: {wild[0]} is a pattern"
                )
        return self


class RemoteFiles(ObjectConnector[RemoteFilesSource]):
    """Pulls the files of one place."""

    settings_type = RemoteFilesSource
    entities = tuple(ENTITIES)

    @classmethod
    def delivers(cls, settings: RemoteFilesSource) -> tuple[str, ...]:
        return tuple(entity for entity in ENTITIES if entity in settings.entities)

    @classmethod
    def secrets(cls, settings: RemoteFilesSource) -> tuple[str, ...]:
        is_open = settings.user is None and settings.token is None and settings.token_file is None
        return () if is_open else ("token",)

    @cached_property
    def _place(self) -> Place:
        secret = self.secret("token") if self.secrets(self.settings) else None
        if urlsplit(self.settings.base_url).scheme in _WEB:
            from cx_pipeline.sources.connectors.remote_files.web import Web
            from cx_pipeline.sources.http.limits import RateLimit

            limit = RateLimit(self.settings.calls_per_minute or 600)
            address, _, signature = self.settings.base_url.partition("?")
            auth = replace(self._auth(secret), params=dict(parse_qsl(signature)))
            return Web(self.link.client(address, auth=auth, limit=limit))
        from cx_pipeline.sources.connectors.remote_files.store import Store

        return Store(self.settings, secret, self.link)

    def _auth(self, secret: str | None) -> Auth:
        from cx_pipeline.sources.http.auth import Auth, basic, bearer

        if secret is None:
            return Auth()
        return basic(self.settings.user, secret) if self.settings.user else bearer(secret)

    def objects(self, entity: str) -> Sequence[RemoteObject]:
        return self._place.objects(self.settings.entities[entity].files)

    def fetch(self, one: RemoteObject, target: Path) -> None:
        self._place.fetch(one, target)

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for entity in self.delivers(self.settings):
            yield entity, partial(self._look, entity)

    def _look(self, entity: str) -> None:
        self._place.reach(self.settings.entities[entity].files)
