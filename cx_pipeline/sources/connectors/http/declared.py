"""The settings that declare an API: where its records are, how its pages follow, what tells a change.

What enters: nothing.  What leaves: the models of `[sources.<name>]` and `[sources.<name>.<entity>]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, SecretStr, model_validator

from cx_pipeline.settings import RowMapping, Scalar, ServiceSource

_NEEDED = {
    "cursor": ("next", "page_param"),
    "offset": ("page_param",),
    "page": ("page_param",),
    "window": ("since_param", "until_param"),
}


class HttpMapping(RowMapping):
    """One entity of an API.  Names of fields are paths: `user.email`, `answers.0.value`."""

    path: str
    """The address below `base_url`."""
    method: Literal["GET", "POST"] = "GET"
    """`POST` sends the parameters as a JSON body."""
    params: Mapping[str, Scalar] = {}
    """Parameters of every call."""
    records: str = ""
    """The path to the list of records in an answer; by default the answer is the list."""
    paging: Literal["none", "cursor", "link", "offset", "page", "window"] = "none"
    """How the pages follow one another."""
    next: str | None = None
    """The path in an answer to the next page's cursor or link; without it links are the `Link` header's."""
    more: str | None = None
    """The path in an answer that says whether there is more (true or false)."""
    page_param: str | None = None
    """The parameter that holds the cursor, the offset or the page's number."""
    first_page: int = 1
    """The number of the first page."""
    size_param: str | None = None
    """The parameter that holds the size of a page."""
    page_size: PositiveInt | None = None
    """Records a page."""
    window_hours: PositiveInt = 24
    """`window`: hours one call asks for."""
    window_cap: PositiveInt | None = None
    """`window`: so many records mean that the answer was cut; its window is then halved."""
    cursor: str | None = None
    """The field of a record that grows with every change: an instant of the last change, or a number."""
    cursor_format: str = "iso"
    """How the cursor is written: `iso`, `epoch_s`, `epoch_ms`, `number`, or a strptime format."""
    since_param: str | None = None
    """The parameter that asks for what changed from an instant (or number) on."""
    until_param: str | None = None
    """The parameter that asks for what changed before an instant."""
    overlap_minutes: Annotated[int, Field(ge=0)] = 10
    """How long before the newest change the next night asks again, for records that came late."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        for name in _NEEDED.get(self.paging, ()):
            if getattr(self, name) is None:
                raise ValueError(f'paging = "{self.paging}" needs {name}')
        if self.since_param and not self.cursor and self.paging != "window":
            raise ValueError("since_param needs cursor, the field that tells how far a night came")
        if (self.page_size is None) != (self.size_param is None):
            raise ValueError("size_param and page_size go together")
        return self


class HttpSource(ServiceSource):
    """An HTTP service that answers with JSON."""

    type: Literal["http"] = "http"
    """Any HTTP JSON API."""
    base_url: str
    """The service's address, `https://api.example.com/v1`."""
    auth: Literal["none", "bearer", "basic", "header", "query", "oauth2"] = "bearer"
    """How the token is sent; `oauth2` gets one by client credentials."""
    auth_name: str | None = None
    """`header`, `query`: the name of the header or parameter."""
    user: str | None = None
    """`basic`: the user. `oauth2`: the client's id."""
    token_url: str | None = None
    """`oauth2`: where tokens are given."""
    scope: str | None = None
    """`oauth2`: the scope asked for."""
    token: SecretStr | None = None
    """The token, password, key or client secret; only as the environment variable."""
    token_file: Path | None = None
    """The file that holds it."""
    headers: Mapping[str, str] = {}
    """Headers of every call; none of them a secret."""
    entities: Mapping[str, HttpMapping] = {}
    """A table for each entity, written `[sources.<name>.<entity>]`."""

    @model_validator(mode="after")
    def _can_authenticate(self) -> Self:
        needed = {
            "basic": ("user",),
            "header": ("auth_name",),
            "query": ("auth_name",),
            "oauth2": ("user", "token_url"),
        }
        for name in needed.get(self.auth, ()):
            if getattr(self, name) is None:
                raise ValueError(f'auth = "{self.auth}" needs {name}')
        return self
