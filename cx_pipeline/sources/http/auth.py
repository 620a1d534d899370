"""How a call proves who it is.  Every value is a secret and is never shown."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field


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
