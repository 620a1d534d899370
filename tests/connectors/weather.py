"""A service in bad weather: every fault a vendor is known for, at random from a seed.

Some faults the client sits out by itself (`PASSING`), some end a stream or the whole pull until the next one
(`LASTING`), and in some answers what is right comes in another form (`ODD`): more fields than ever, rows a
second time or in another order.  All clocks of the service are off by the same some hours.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from tests.connectors.service import Answer, Request, Respond

TIMEOUT_SECONDS = 0.4
"""How long the client should wait for an answer in such weather."""
PASSING = (
    "429 for seconds",
    "429 until a date",
    "429 until a reset",
    "429",
    "500",
    "502",
    "503 for seconds",
    "cut JSON",
    "cut answer",
    "wrong JSON",
    "no answer at all",
    "damaged",
    "reset",
    "time-out",
)
LASTING = (
    "expired token",
    "revoked scope",
    "empty answer",
    "no answer of ours",
    "lost field",
    "retyped field",
)
ODD = ("grown", "repeated", "reordered")
_MOST_IN_A_ROW = 4  # of the client's eight tries: a busy machine may add a time-out of its own
_WHICH_LIST = ("filter", "state")  # parameters that choose a list: no page repeats another list's rows
_NOT_BEFORE = 3  # the first calls are let through, so that the pull is under way


class Weather:
    """`respond` behind faults.  `faults` counts those that came, by name."""

    def __init__(self, respond: Respond, seed: int, passing: float = 0.65, lasting: float = 0.03) -> None:
        self._respond = respond
        self._dice = random.Random(seed)
        self._skew = timedelta(seconds=self._dice.randint(-9000, 9000))
        self._passing = passing
        self._lasting = lasting
        self._in_a_row = 0
        self._seen: dict[str, list[Any]] = {}
        self.requests = 0
        self.faults: Counter[str] = Counter()

    def forget(self) -> None:
        """A pull begins: its pages repeat no rows of the one before, which may lie far ahead of them."""
        self._seen.clear()

    @property
    def lasting(self) -> int:
        """How many faults came that no patience of a client helps against."""
        return sum(self.faults[name] for name in LASTING)

    def __call__(self, request: Request) -> Answer:
        self.requests += 1
        now = datetime.now(UTC) + self._skew
        answer = self._answer(request, now)
        return replace(answer, headers={"Date": format_datetime(now, usegmt=True), **answer.headers})

    def _answer(self, request: Request, now: datetime) -> Answer:
        if self.requests > _NOT_BEFORE and self._dice.random() < self._lasting:
            return self._fault(self._dice.choice(LASTING), request, now)
        if self._in_a_row < _MOST_IN_A_ROW and self._dice.random() < self._passing:
            self._in_a_row += 1
            return self._fault(self._dice.choice(PASSING), request, now)
        self._in_a_row = 0
        answer = self._respond(request)
        return self._odd(request, answer) if answer.status == 200 else answer

    # ------------------------------------------------------------ faults

    def _fault(self, name: str, request: Request, now: datetime) -> Answer:
        body = self._respond(request).body
        faults: dict[str, Callable[[], Answer]] = {
            "429 for seconds": lambda: Answer({"error": "slow down"}, 429, {"Retry-After": "3"}),
            "429 until a date": lambda: Answer({}, 429, {"Retry-After": _date(now, 5)}),
            "429 until a reset": lambda: Answer({}, 429, self._used_up(now)),
            "429": lambda: Answer({"error": "slow down"}, 429),
            "500": lambda: Answer(b"<html>Internal Server Error</html>", 500),
            "502": lambda: Answer(b"<html>Bad Gateway</html>", 502),
            "503 for seconds": lambda: Answer(b"", 503, {"Retry-After": "1"}),
            "cut JSON": lambda: Answer(b'{"tickets": [{"id": 1'),
            "cut answer": lambda: replace(self._respond(request), cut=True),
            "wrong JSON": lambda: Answer(b"<html>please sign in</html>"),
            "no answer at all": lambda: Answer(b""),
            "damaged": lambda: Answer(b"\x1f\x8b\x00broken", 200, {"Content-Encoding": "gzip"}),
            "reset": lambda: Answer(reset=True),
            "time-out": lambda: Answer(hang=TIMEOUT_SECONDS * 1.5),
            "expired token": lambda: Answer({"error": "invalid_token"}, 401),
            "revoked scope": lambda: Answer({"error": "forbidden"}, 403),
            "empty answer": lambda: Answer({}),
            "no answer of ours": lambda: Answer(None),
            "lost field": lambda: Answer(_with_lists(body, None)),
            "retyped field": lambda: Answer(_with_lists(body, {"count": 3})),
        }
        is_envelope = isinstance(body, dict) and "id" not in body
        if name in ("lost field", "retyped field") and not is_envelope:  # of one record: see Careless
            name = "empty answer"
        self.faults[name] += 1
        return faults[name]()

    def _used_up(self, now: datetime) -> dict[str, str]:
        reset = self._dice.choice(("7", str(int(now.timestamp()) + 7)))
        return {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}

    # ------------------------------------------------------------ right, but in another form

    def _odd(self, request: Request, answer: Answer) -> Answer:
        if isinstance(answer.body, bytes) or answer.body is None:
            return answer
        body = json.loads(json.dumps(answer.body))
        which = f"{request.path} {[pair for pair in request.query if pair[0] in _WHICH_LIST]}"
        for where, records in list(_record_lists(body, which)):
            before = self._seen.get(where, [])
            self._seen[where] = json.loads(json.dumps(records))
            name = self._dice.choice((*ODD, None))
            if name == "grown":
                for record in records:
                    record["a_field_nobody_knew"] = self._dice.choice((None, 7, "x", [1], {"a": {"b": "c"}}))
            elif name == "repeated":
                again = [*records, *before]
                records.extend(self._dice.sample(again, min(2, len(again))))
            elif name == "reordered":
                self._dice.shuffle(records)
            if name:
                self.faults[name] += 1
        return replace(answer, body=body)


class Careless:
    """`respond`, but here and there a record's field is lost, or of another type."""

    def __init__(self, respond: Respond, seed: int, chance: float = 0.5) -> None:
        self._respond = respond
        self._dice = random.Random(seed)
        self._chance = chance
        self.mutilated = 0

    def __call__(self, request: Request) -> Answer:
        answer = self._respond(request)
        if answer.status != 200 or not isinstance(answer.body, (dict, list)):
            return answer
        body = json.loads(json.dumps(answer.body))
        for _, records in list(_record_lists(body, request.path)):
            if self._dice.random() < self._chance:
                record = self._dice.choice(records)
                name = self._dice.choice(sorted(record))
                self.mutilated += 1
                if self._dice.random() < 0.5:
                    del record[name]
                else:
                    record[name] = self._dice.choice(({"a": [1]}, [], 7, "x", None, True))
        return replace(answer, body=body)


def emptied(respond: Respond) -> Respond:
    """`respond`, but with none of its records."""

    def empty(request: Request) -> Answer:
        answer = respond(request)
        if answer.status != 200 or not isinstance(answer.body, (dict, list)):
            return answer
        body = json.loads(json.dumps(answer.body))
        for _, records in list(_record_lists(body, request.path)):
            records.clear()
        return replace(answer, body=body)

    return empty


def _date(now: datetime, seconds: int) -> str:
    return format_datetime(now + timedelta(seconds=seconds), usegmt=True)


def _record_lists(body: Any, where: str, depth: int = 2) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The lists of records of an answer, and where: itself, or at most two names deep."""
    if isinstance(body, list) and body and all(isinstance(one, dict) for one in body):
        yield where, body
    elif isinstance(body, dict) and depth:
        for name, value in body.items():
            yield from _record_lists(value, f"{where} {name}", depth - 1)


def _with_lists(body: dict[str, Any], instead: Any) -> dict[str, Any]:
    """An answer whose lists are gone, or became something else."""
    if instead is None:
        return {name: value for name, value in body.items() if not isinstance(value, list)}
    return {name: instead if isinstance(value, list) else value for name, value in body.items()}
