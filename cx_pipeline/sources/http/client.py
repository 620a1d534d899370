"""The client: one call at a time, tried again with patience, kept within limits, discreet about secrets.

What enters: a base address, how to authenticate (an `Auth`, or what makes one for each call), limits.  What
leaves: what JSON or bytes the service answered, or a `ServiceError` whose text says what to do and quotes
neither secret, query nor body.  Called by connectors, which get one from their `Link`.

https only, unless the host is this machine.  A redirect to another host is followed without credentials, and
none by a call that sends something.  429, 5xx, time-outs, broken connections and broken or truncated bodies
are tried again: after what the service asks for (`Retry-After`, else its limit's reset), else after a
jittered, doubling pause.  Over all calls of a client pauses and time-outs take no longer than `patience`
seconds, and pauses the service asked for no longer than four times that.  A refused token that can be renewed
is, once.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
import orjson
import tenacity

from cx_pipeline.sources.http.auth import Auth, Renewing
from cx_pipeline.sources.http.clock import Clock
from cx_pipeline.sources.http.errors import (
    BrokenAnswer,
    CredentialMissing,
    CredentialRefused,
    NotFound,
    Refused,
    ScopeMissing,
    ServiceError,
    Unreachable,
)
from cx_pipeline.sources.http.limits import RateLimit, retry_after, their_now

# Both log addresses with their queries, and httpcore headers too: neither belongs in a log.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

LARGEST_ANSWER_BYTES = 64 << 20
_TIMEOUT_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_ATTEMPTS = 8
_ATTEMPTS_ASKED_FOR = 60  # a service that says when to come again is given more
_LONGEST_PAUSE = 60.0
_LONGEST_ANSWER_SECONDS = 600.0  # of a body that trickles in, each piece in time
_LONGEST_FILE_SECONDS = 4 * 3600.0
_REDIRECTS = 5
_PORTS = {"https": 443, "http": 80}
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SKEW_SECONDS = 300.0
_HEADERS = {"Accept": "application/json", "User-Agent": "cx-pipeline"}

Params = Mapping[str, str | int | float | bool | None]
Result = TypeVar("Result")


class _Transient(Exception):
    """Worth another try; `after` is what the service asks to wait, in seconds."""

    def __init__(self, problem: str, after: float | None = None) -> None:
        super().__init__(problem)
        self.after = after


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class _Form:
    """A body that is sent as a form."""

    fields: Any


class Client:
    """Calls one service.  `calls` counts the requests sent; `skew`: seconds its clock is ahead of ours."""

    def __init__(
        self,
        base_url: str,
        *,
        auth: Auth | Callable[[], Auth],
        limit: RateLimit,
        clock: Clock,
        source: str,
        headers: Mapping[str, str] | None = None,
        largest_bytes: int = LARGEST_ANSWER_BYTES,
        patience: float = 900.0,
        timeout: float = _TIMEOUT_SECONDS,
        random_: random.Random | None = None,
    ) -> None:
        self._base = base_url.rstrip("/") + "/"
        self._host = _safe_host(self._base, source)
        if isinstance(auth, Auth):
            _check_holdable(auth)
        self._auth = auth
        self._limit = limit
        self._clock = clock
        self._source = source
        self._headers = {**_HEADERS, **(headers or {})}
        self._largest = largest_bytes
        self._patience = patience
        self._patience_asked_for = 4 * patience
        self._longest_wait = patience
        self._random = random_ or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._client = httpx.Client(
            timeout=httpx.Timeout(min(timeout, patience), connect=min(_CONNECT_SECONDS, timeout, patience)),
            follow_redirects=False,
        )
        self.calls = 0
        self.skew = 0.0

    def close(self) -> None:
        self._client.close()

    # ------------------------------------------------------------ what connectors call

    def get(self, path: str, params: Params | None = None, *, limit: RateLimit | None = None) -> Any:
        """The JSON at `path` (below the base address, or an address of the same host, as next links are)."""
        return self._patiently("GET", path, params, _json, limit=limit)

    def get_linked(
        self, path: str, params: Params | None = None, *, limit: RateLimit | None = None
    ) -> tuple[Any, str | None]:
        """The JSON at `path`, and the address its `Link` header calls the next one."""
        return self._patiently("GET", path, params, _linked_json, limit=limit)

    def post(
        self,
        path: str,
        body: object,
        params: Params | None = None,
        *,
        limit: RateLimit | None = None,
        as_form: bool = False,
    ) -> Any:
        """The JSON answered to `body`, sent as JSON (or as a form).  Only for calls that may be repeated."""
        return self._patiently(
            "POST", path, params, _json, limit=limit, body=_Form(body) if as_form else body
        )

    def download(self, path: str, params: Params | None = None, *, limit: RateLimit | None = None) -> bytes:
        """The bytes at `path`."""
        return self._patiently("GET", path, params, _bytes, limit=limit)

    def head(self, path: str, *, limit: RateLimit | None = None) -> Mapping[str, str]:
        """What the headers say of `path`, without its content."""
        return self._patiently("HEAD", path, None, _headers, limit=limit)

    def save(self, path: str, target: Path, *, limit: RateLimit | None = None) -> Mapping[str, str]:
        """Write the bytes at `path` to a file, whatever their number; what the headers said of them."""
        return self._patiently("GET", path, None, _headers, limit=limit, target=target)

    # ------------------------------------------------------------ patience

    def _patiently(
        self,
        method: str,
        path: str,
        params: Params | None,
        read: Callable[[_Answer], Result],
        *,
        limit: RateLimit | None,
        body: object = None,
        target: Path | None = None,
    ) -> Result:
        url = urljoin(self._base, path.removeprefix("/") if not urlsplit(path).scheme else path)
        if _safe_host(url, self._source) != self._host:  # a next link may also have lost its https
            raise BrokenAnswer(
                f"{self._host} points to another host: its answers cannot be trusted, tell its support"
            )
        name = f"{method} {self._host}{urlsplit(url).path}"
        limit = limit or self._limit
        renewals, unasked = itertools.count(1), itertools.count(1)

        def attempt() -> Result:
            if limit.told_seconds(self._clock) > self._longest_wait:
                raise Unreachable(
                    f"{name}: its limit of calls is used up for {limit.told_seconds(self._clock) / 60:.0f} "
                    "more minutes: nothing more is pulled now, the next pull goes on from here"
                )
            limit.wait(self._clock)
            since = self._clock.monotonic()
            try:
                answer = self._send(method, url, params, body, target)
            except _Transient:
                self._patience -= self._clock.monotonic() - since  # a time-out is waited for too
                raise
            limit.learn(answer.headers, self._clock)
            if answer.status == 401 and isinstance(self._auth, Renewing) and next(renewals) == 1:
                self._auth.forget()
                raise _Transient("answered 401", after=0.0)
            return self._read(name, answer, read)

        def stop(state: tenacity.RetryCallState) -> bool:
            if _asked_for(state) is None:
                return next(unasked) >= _ATTEMPTS or self._pause(state) > self._patience
            longest = min(self._longest_wait, self._patience_asked_for)
            return state.attempt_number >= _ATTEMPTS_ASKED_FOR or self._pause(state) > longest

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Transient),
            wait=self._pause,
            stop=stop,
            before_sleep=self._spend,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except _Transient as problem:
            raise Unreachable(
                f"{name}: {problem}, and went on doing so: nothing more is pulled now, the next pull "
                "goes on from here; if it lasts, look at the service's status page"
            ) from None

    def _pause(self, state: tenacity.RetryCallState) -> float:
        after = _asked_for(state)
        if after is None:
            return min(2.0 ** (state.attempt_number - 1), _LONGEST_PAUSE) * self._random.uniform(0.5, 1.0)
        return after + self._random.uniform(0.0, 0.5)

    def _spend(self, state: tenacity.RetryCallState) -> None:
        if _asked_for(state) is None:
            self._patience -= state.upcoming_sleep
        else:
            self._patience_asked_for -= state.upcoming_sleep

    # ------------------------------------------------------------ one call

    def _send(
        self, method: str, url: str, params: Params | None, body: object, target: Path | None
    ) -> _Answer:
        query: dict[str, Any] = {k: v for k, v in (params or {}).items() if v is not None}
        auth = self._auth if isinstance(self._auth, Auth) else self._auth()
        _check_holdable(auth)
        headers = {**self._headers, **auth.headers}
        query |= auth.params
        for _ in range(_REDIRECTS):
            answer = self._exchange(method, url, query, headers, body=body, target=target)
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or location is None:
                return answer
            if method not in ("GET", "HEAD"):
                raise Refused(f"{self._host} redirects a {method}: check sources.{self._source}.base_url")
            url = urljoin(url, location)
            is_ours = _safe_host(url, self._source) == self._host
            headers = headers if is_ours else {**_HEADERS}
            query = {**auth.params} if is_ours else {}
        raise Refused(f"{self._host} redirects without end: check sources.{self._source}.base_url")

    def _exchange(
        self,
        method: str,
        url: str,
        query: Mapping[str, Any],
        headers: Mapping[str, str],
        *,
        body: object,
        target: Path | None,
    ) -> _Answer:
        self.calls += 1
        content: dict[str, Any] = {"data": body.fields} if isinstance(body, _Form) else {"json": body}
        try:
            address = httpx.URL(url).copy_merge_params(query)  # the query of a next link stays
            with self._client.stream(method, address, headers=dict(headers), **content) as response:
                received = bytearray()
                if target is not None and response.is_success:
                    with target.open("wb") as file:
                        for piece in self._pieces(response, _LONGEST_FILE_SECONDS):
                            file.write(piece)
                else:
                    received = self._received(response)
                self._look_at_clock(response.headers)
                return _Answer(response.status_code, response.headers, bytes(received))
        except httpx.TimeoutException:
            raise _Transient("did not answer in time") from None
        except httpx.InvalidURL:
            raise Refused(
                f"{self._host} is asked for an address that is none: check sources.{self._source}"
            ) from None
        except httpx.DecodingError:
            raise _Transient("sent an answer that is damaged") from None
        except httpx.TransportError as error:
            raise _Transient(f"could not be reached, or broke off ({type(error).__name__})") from None

    def _received(self, response: httpx.Response) -> bytearray:
        received = bytearray()
        for piece in self._pieces(response, _LONGEST_ANSWER_SECONDS):
            received += piece
            if len(received) > self._largest:
                raise BrokenAnswer(
                    f"{self._host} answers with more than {self._largest >> 20} MiB: ask for smaller pages"
                )
        return received

    def _pieces(self, response: httpx.Response, longest: float) -> Iterator[bytes]:
        end = self._clock.monotonic() + longest
        for piece in response.iter_bytes():
            yield piece
            if self._clock.monotonic() > end:
                raise _Transient("took too long over its answer")

    def _look_at_clock(self, headers: Mapping[str, str]) -> None:
        now = self._clock.now()
        self.skew = (their_now(headers, now) - now).total_seconds()

    def _read(self, name: str, answer: _Answer, read: Callable[[_Answer], Result]) -> Result:
        if answer.status < 300:
            return read(answer)
        if answer.status in (408, 425, 429) or answer.status >= 500:
            after = retry_after(answer.headers, self._clock.now())
            raise _Transient(f"answered {answer.status}", after)
        raise _refusal(name, self._source, answer.status)

    @property
    def skew_note(self) -> str | None:
        """What to tell where the service's clock and ours are far apart."""
        if abs(self.skew) < _SKEW_SECONDS:
            return None
        return (
            f"the clock of {self._host} is {abs(self.skew) / 60:.0f} minutes "
            f"{'ahead of' if self.skew > 0 else 'behind'} this machine's: set this machine's clock (NTP)"
        )


def _asked_for(state: tenacity.RetryCallState) -> float | None:
    """The seconds the service asked to wait before it is called again; None where it asked for nothing."""
    problem = state.outcome.exception() if state.outcome else None
    return problem.after if isinstance(problem, _Transient) else None


def _refusal(name: str, source: str, status: int) -> ServiceError:
    if status == 401:
        return CredentialRefused(
            f"{name}: the credential of {source} is refused (401): it expired or was revoked; make a new one"
        )
    if status == 403:
        return ScopeMissing(
            f"{name}: the credential of {source} may not read this (403): "
            "give it the scope that docs/connectors names"
        )
    if status in (404, 410):
        return NotFound(f"{name}: is not there ({status}): check the account and what sources.{source} names")
    return Refused(
        f"{name}: the service refuses the request ({status}): check the settings of sources.{source}"
    )


def _check_holdable(auth: Auth) -> None:
    if not all(value.isascii() and value.isprintable() for value in auth.headers.values()):
        raise CredentialMissing("the credential holds characters no header may hold: copy it again, whole")


def _safe_host(url: str, source: str) -> str:
    """The host of an address secrets may travel to; `Refused` where they may not."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(f"sources.{source} leads to an address that is none: check its settings") from None
    if parts.hostname is None or not (parts.scheme == "https" or _is_loopback(parts.scheme, parts.hostname)):
        raise Refused(
            f"sources.{source}: {parts.scheme}://{parts.hostname} is not https: secrets would travel openly"
        )
    return parts.hostname if port in (None, _PORTS[parts.scheme]) else f"{parts.hostname}:{port}"


def _is_loopback(scheme: str, host: str) -> bool:
    return scheme == "http" and host in _LOOPBACK


def _json(answer: _Answer) -> Any:
    try:
        return orjson.loads(answer.body)
    except orjson.JSONDecodeError:  # whole numbers beyond 64 bits and half characters are for the patient one
        pass
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _Transient("sent no valid JSON") from None


def _linked_json(answer: _Answer) -> tuple[Any, str | None]:
    links = httpx.Response(200, headers=[("Link", answer.headers.get("link", ""))]).links
    return _json(answer), links.get("next", {}).get("url")


def _bytes(answer: _Answer) -> bytes:
    return answer.body


def _headers(answer: _Answer) -> Mapping[str, str]:
    return answer.headers
