"""Staying within what a service allows: a limit of our own, and the limits its answers tell.

Nothing here does I/O but sleep on the clock it is given.  Called by the client.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from cx_pipeline.sources.http.clock import Clock

_REMAINING = (
    "ratelimit-remaining",
    "rate-limit-remaining",
    "x-ratelimit-remaining",
    "x-rate-limit-remaining",
    "x-ratelimit-app-global-minute-remaining",
    "x-hubspot-ratelimit-remaining",
)
_RESET = (
    "ratelimit-reset",
    "rate-limit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "x-ratelimit-app-global-minute-reset",
)
_SLICE_MS = ("x-hubspot-ratelimit-interval-milliseconds",)  # the limit's slice of time, no reset told
_OF_ONE_LIMIT = (
    "zendesk-rate-limit-",
    "zendesk-ratelimit-",
    "ratelimit",
)  # `total=10; remaining=0; resets=41`, `"day";r=0;t=41`
_USED_UP = re.compile(r"\b(?:r|remaining)=0\b.*?\b(?:t|resets?)=(\d+)", re.IGNORECASE)
_EPOCH_FROM = 1_000_000_000  # a reset as large as this is an instant, not a number of seconds
_LONGEST_RESET = 3600.0


class RateLimit:
    """At most `calls` within any `seconds`; one object is shared by all calls that count together."""

    def __init__(self, calls: int, seconds: float = 60.0) -> None:
        self.calls = calls
        self.seconds = seconds
        self._made: deque[float] = deque(maxlen=calls)
        self._not_before = 0.0

    def told_seconds(self, clock: Clock) -> float:
        """For how long the service said it takes no more calls."""
        return max(self._not_before - clock.monotonic(), 0.0)

    def wait(self, clock: Clock) -> None:
        """Sleep until one more call is allowed, and count it."""
        at = max(self._not_before, self._made[0] + self.seconds if len(self._made) == self.calls else 0.0)
        if (left := at - clock.monotonic()) > 0:
            clock.sleep(left)
        self._made.append(clock.monotonic())

    def learn(self, headers: Mapping[str, str], clock: Clock) -> None:
        """Wait for the reset before the next call where the service says that none is left."""
        left = reset_seconds(headers, clock.now())
        if left is not None and told(headers, _REMAINING) == 0:
            self._not_before = clock.monotonic() + left
        for text in (text for name, text in headers.items() if name.lower().startswith(_OF_ONE_LIMIT)):
            if (found := _USED_UP.search(text)) is not None:
                self._not_before = max(self._not_before, clock.monotonic() + float(found[1]))


def told(headers: Mapping[str, str], names: tuple[str, ...]) -> float | None:
    """The number the first of these headers holds, None where there is none."""
    for name in names:
        try:
            return float(headers[name].split(";")[0])
        except (KeyError, ValueError):
            continue
    return None


def reset_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until the service's limit begins anew, where it says."""
    reset = told(headers, _RESET)
    if reset is None:
        slice_ms = told(headers, _SLICE_MS)
        return None if slice_ms is None else min(slice_ms / 1000, _LONGEST_RESET)
    left = reset - their_now(headers, now).timestamp() if reset >= _EPOCH_FROM else reset
    return min(max(left, 0.0), _LONGEST_RESET)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the service asks to wait: `Retry-After` as seconds or HTTP date, else its limit's reset."""
    text = headers.get("retry-after")
    if text is None:
        return reset_seconds(headers, now)
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(text) - their_now(headers, now)).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return None


def their_now(headers: Mapping[str, str], now: datetime) -> datetime:
    """The instant by the service's own clock, which its instants are told by; `now` where it tells none."""
    try:
        theirs = parsedate_to_datetime(headers["date"])
        return theirs if theirs.tzinfo else now
    except (KeyError, ValueError, TypeError):
        return now
