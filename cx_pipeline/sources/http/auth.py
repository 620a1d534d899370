"""How a call proves who it is.  Every value is a secret and is never shown."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from cx_pipeline.sources.http.clock import Clock

_EARLY_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Auth:
    """The headers (and query parameters) that authenticate a call; every value is a secret."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


def bearer(token: str) -> Auth:
    """`Authorization: Bearer …`."""
    return Auth({"Authorization": f"Bearer {token}"})


def basic(user: str, password: str) -> Auth:
    """`Authorization: Basic …`."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Auth({"Authorization": f"Basic {pair}"})


class Renewing:
    """Proof that lasts a while: `make` gives it with the seconds it lasts, anew shortly before its end."""

    def __init__(self, make: Callable[[], tuple[Auth, float]], clock: Clock) -> None:
        self._make = make
        self._clock = clock
        self._auth: Auth | None = None
        self._until = 0.0

    def __call__(self) -> Auth:
        if self._auth is None or self._clock.monotonic() >= self._until:
            self._auth, seconds = self._make()
            self._until = self._clock.monotonic() + max(seconds - _EARLY_SECONDS, seconds / 2)
        return self._auth

    def forget(self) -> None:
        """The service refused what it gave: the next call asks for it anew."""
        self._auth = None


def client_credentials(
    post: Callable[[Mapping[str, str]], Mapping[str, object]], fields: Mapping[str, str]
) -> tuple[Auth, float]:
    """The access token an OAuth 2 server gives for `fields` (RFC 6749, 7523), and the seconds it lasts."""
    answer = post(fields)
    token, seconds = answer["access_token"], answer.get("expires_in")
    return bearer(str(token)), float(seconds) if isinstance(seconds, int | float | str) else 600.0
