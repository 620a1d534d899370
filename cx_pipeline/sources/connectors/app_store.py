"""App Store: customer reviews (docs/connectors/app_store.md).

What enters: the settings and a `Link`.  What leaves: a stream an app, of ratings with their comments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr

from cx_pipeline.settings import ServiceSource
from cx_pipeline.sources.connector import Connector, Json, Page, Row, Stream, Window, part, rows_of
from cx_pipeline.sources.http.auth import Auth, Renewing, bearer
from cx_pipeline.sources.http.errors import CredentialMissing
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.recent import Recent

_CALLS_PER_MINUTE = 50
_TOKEN_SECONDS = 900  # the service allows 20 minutes at most
_LOOKBACK = timedelta(days=30)


class AppStoreSource(ServiceSource):
    """Apps on the App Store.  The credential is a key of the App Store Connect API (`.p8`)."""

    type: Literal["app_store"] = "app_store"
    """App Store reviews."""
    apps: Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9]+$")], ...], Field(min_length=1)]
    """The apps' Apple ids, numbers such as `682658836`."""
    key_id: str
    """The key's id, `2X9R4HXF34`."""
    issuer_id: str | None = None
    """The team's issuer id; leave it out for a person's own key."""
    key: SecretStr | None = None
    """The private key, the whole text of the `.p8` file; only as the environment variable."""
    key_file: Path | None = None
    """The `.p8` file."""


class AppStore(Connector[AppStoreSource]):
    """Pulls the reviews of some apps."""

    settings_type = AppStoreSource
    entities = ("feedback",)

    @cached_property
    def _client(self) -> Any:
        return self.link.client(
            self.settings.base_url or "https://api.appstoreconnect.apple.com",
            auth=Renewing(self._signed, self.link.clock),
            limit=RateLimit(self.settings.calls_per_minute or _CALLS_PER_MINUTE),
        )

    def _signed(self) -> tuple[Auth, float]:
        """A token signed with the key, for some minutes."""
        import jwt

        now = int(self.link.clock.now().timestamp())
        who = {"iss": self.settings.issuer_id} if self.settings.issuer_id else {"sub": "user"}
        claim = who | {"iat": now - 30, "exp": now + _TOKEN_SECONDS, "aud": "appstoreconnect-v1"}
        key = self.secret("key").replace("\\n", "\n")
        try:
            token = jwt.encode(claim, key, algorithm="ES256", headers={"kid": self.settings.key_id})
        except (ValueError, TypeError, jwt.PyJWTError):
            raise CredentialMissing(
                f"the key of {self.link.source} is no .p8 key of App Store Connect: copy the whole text"
            ) from None
        return bearer(token), _TOKEN_SECONDS

    def streams(self) -> Sequence[Stream]:
        return tuple(
            Stream(f"reviews_{app}", ("feedback",), partial(self._reviews, app)) for app in self.settings.apps
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for app in self.settings.apps:
            yield f"reviews of {app}", partial(self._client.get, _path(app), {"limit": 1})

    def _reviews(self, app: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        key = hashlib.sha256(self.secret("key").encode()).digest()
        recent = Recent(partial(self._fetch, app), _created_at, _LOOKBACK, key)
        for reviews, after in recent.pages(cursor, window, self.settings.start):
            fields = frozenset().union(*(r["attributes"] for r in reviews if "attributes" in r))
            yield Page({"feedback": rows_of(reviews, partial(_review, app))}, after, fields)

    def _fetch(self, app: str, link: str | None) -> tuple[list[Any], str | None]:
        first = {"sort": "-createdDate", "limit": 200}
        answer = self._client.get(_path(app), first) if link is None else self._client.get(link)
        return part(answer, "data", list), (answer.get("links") or {}).get("next")


def _path(app: str) -> str:
    return f"v1/apps/{app}/customerReviews"


def _created_at(review: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(review["attributes"]["createdDate"])


def _review(app: str, review: dict[str, Any]) -> Iterator[Row]:
    said = review["attributes"]
    text = "\n".join(part.strip() for part in (said.get("title"), said.get("body")) if part and part.strip())
    yield {
        "response_id": review["id"],
        "survey_id": app,
        "product": app,
        "metric": "rating",
        "score": said["rating"],
        "scale_min": 1,
        "scale_max": 5,
        "comment": text or None,
        "channel": "store",
        "territory": said.get("territory"),
        "responded_at": said["createdDate"],
        "updated_at": said["createdDate"],
    }


CONNECTOR = AppStore
