"""Google Play: reviews with a comment, of the last week (docs/connectors/google_play.md).

What enters: the settings and a `Link`.  What leaves: a stream an app, of ratings with their comments.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urljoin

from pydantic import Field, SecretStr

from cx_pipeline.settings import ServiceSource
from cx_pipeline.sources.connector import Connector, Json, Page, Row, Stream, Window, fields_of, rows_of
from cx_pipeline.sources.http.auth import Auth, Renewing, client_credentials
from cx_pipeline.sources.http.errors import CredentialMissing, CredentialRefused, Refused
from cx_pipeline.sources.http.limits import RateLimit
from cx_pipeline.sources.recent import Recent

_SCOPE = "https://www.googleapis.com/auth/androidpublisher"
_TOKENS = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CALLS_PER_HOUR = 180
_LOOKBACK = timedelta(days=8)  # all the service has
_PACKAGE = r"^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+$"
_OFFERED = (
    "appVersionName",
    "appVersionCode",
    "androidOsVersion",
    "device",
    "thumbsUpCount",
    "thumbsDownCount",
)


class GooglePlaySource(ServiceSource):
    """Apps on Google Play.  The credential is the JSON key of a service account."""

    type: Literal["google_play"] = "google_play"
    """Google Play reviews."""
    packages: Annotated[tuple[Annotated[str, Field(pattern=_PACKAGE)], ...], Field(min_length=1)]
    """The apps' package names, `com.example.shop`."""
    key: SecretStr | None = None
    """The service account's key, the whole JSON text; only as the environment variable."""
    key_file: Path | None = None
    """The file that holds the key, as Google Cloud gives it."""
    token_url: str = _TOKENS
    """Where access tokens are given; below `base_url` where it is relative."""


class GooglePlay(Connector[GooglePlaySource]):
    """Pulls the reviews of some apps."""

    settings_type = GooglePlaySource
    entities = ("feedback",)
    remembers = False

    @cached_property
    def _base(self) -> str:
        return self.settings.base_url or "https://androidpublisher.googleapis.com"

    @cached_property
    def _limit(self) -> RateLimit:
        calls = self.settings.calls_per_minute
        return RateLimit(calls) if calls else RateLimit(_CALLS_PER_HOUR, 3600.0)

    @cached_property
    def _client(self) -> Any:
        return self.link.client(self._base, auth=Renewing(self._granted, self.link.clock), limit=self._limit)

    def _granted(self) -> tuple[Auth, float]:
        """An access token for a claim the service account signs (RFC 7523)."""
        import jwt

        key = self._key()
        now = int(self.link.clock.now().timestamp())
        claim = {
            "iss": key["client_email"],
            "scope": _SCOPE,
            "aud": _TOKENS,
            "iat": now - 30,
            "exp": now + 3000,
        }
        try:
            signed = jwt.encode(
                claim, key["private_key"], algorithm="RS256", headers={"kid": key.get("private_key_id")}
            )
        except (ValueError, TypeError, jwt.PyJWTError):
            raise CredentialMissing(f"the key of {self.link.source} holds no usable private_key") from None
        address = urljoin(self._base.rstrip("/") + "/", self.settings.token_url)
        client = self.link.client(address, auth=Auth(), limit=RateLimit(60))
        try:
            return client_credentials(
                lambda form: client.post(address, form, as_form=True),
                {"grant_type": _GRANT, "assertion": signed},
            )
        except Refused:
            raise CredentialRefused(
                f"Google refuses the service account's key of {self.link.source}: it was deleted or "
                "disabled, or this machine's clock is wrong; make a new key"
            ) from None

    def _key(self) -> dict[str, str]:
        try:
            key = json.loads(self.secret("key"))
            if not all(isinstance(key[name], str) for name in ("client_email", "private_key")):
                raise TypeError
        except (ValueError, TypeError, KeyError):
            raise CredentialMissing(
                f"the key of {self.link.source} is no service account's JSON key: download it again, whole"
            ) from None
        return dict(key)

    def streams(self) -> Sequence[Stream]:
        return tuple(
            Stream(f"reviews_{package}", ("feedback",), partial(self._reviews, package))
            for package in self.settings.packages
        )

    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for package in self.settings.packages:
            yield f"reviews of {package}", partial(self._client.get, _path(package), {"maxResults": 1})

    def _reviews(self, package: str, cursor: Json, window: Window | None) -> Iterator[Page]:
        key = hashlib.sha256(self.secret("key").encode()).digest()
        recent = Recent(partial(self._fetch, package), _changed_at, _LOOKBACK, key)
        for reviews, after in recent.pages(cursor, window, self.settings.start):
            fields = fields_of(reviews)
            yield Page({"feedback": rows_of(reviews, partial(_review, package))}, after, fields)

    def _fetch(self, package: str, token: str | None) -> tuple[list[Any], str | None]:
        answer = self._client.get(_path(package), {"maxResults": 100, "token": token})
        pagination = answer.get("tokenPagination") or {}
        # an app without reviews has no list at all
        return answer.get("reviews") or [], pagination.get("nextPageToken") or None


def _path(package: str) -> str:
    return f"androidpublisher/v3/applications/{package}/reviews"


def _user_comment(review: dict[str, Any]) -> dict[str, Any]:
    """What the customer wrote last; the developer's replies stand beside it."""
    comments = [entry["userComment"] for entry in review["comments"] if "userComment" in entry]
    found: dict[str, Any] = max(comments, key=_instant)
    return found


def _instant(comment: dict[str, Any]) -> datetime:
    at = comment["lastModified"]
    return datetime.fromtimestamp(int(at["seconds"]), UTC) + timedelta(
        microseconds=int(at.get("nanos") or 0) // 1000
    )


def _changed_at(review: dict[str, Any]) -> datetime:
    return _instant(_user_comment(review))


def _review(package: str, review: dict[str, Any]) -> Iterator[Row]:
    comment = _user_comment(review)
    text = comment.get("originalText") or comment.get("text") or ""
    at = _instant(comment)
    language = comment.get("reviewerLanguage")
    yield {name: comment[name] for name in _OFFERED if name in comment} | {
        "response_id": review["reviewId"],
        "survey_id": package,
        "product": package,
        "metric": "rating",
        "score": comment["starRating"],
        "scale_min": 1,
        "scale_max": 5,
        "comment": text.replace("\t", "\n").strip() or None,  # a tab parts the title from the text
        "language": language.replace("_", "-") if language else None,
        "channel": "store",
        "responded_at": at,
        "updated_at": at,
    }


CONNECTOR = GooglePlay
