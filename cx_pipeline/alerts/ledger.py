"""What was found and who was told: `state/alerts/ledger.json`.

What enters: the judgement of a night, later what was sent.  What leaves: per channel what is still to be
told.  The functions are pure; `read_ledger` and `write_ledger` are the edges, and `locked` keeps two
processes (a night, the daemon's sensor) from telling the same thing twice.

A message is sent first and recorded after, so that nothing is lost: a kill between the two makes the next
run send that one message again, and no other.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cx_pipeline.alerts.finding import Finding, Judgement
from cx_pipeline.files import make_folder, write_whole
from cx_pipeline.settings.alerts import SEVERITIES, AlertChannel

REMEMBERED = timedelta(days=100)
"""How long a finding is remembered after it was last seen: longer than a quarter stays the newest one."""

_PASSING = frozenset({"worsening"})
"""Kinds that are events of a period: told once, without a note when the next period has come."""

Told = Literal["open", "over"]


class LedgerError(Exception):
    """The ledger cannot be read; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A finding with its history.  Instants are ISO 8601 in UTC.

    `due` are the channels that were to be told while it was open: they are told even if it is over by
    the time they take a message again.
    """

    finding: Finding
    opened_at: str
    seen_at: str
    due: tuple[str, ...] = ()
    over_at: str | None = None
    how: str | None = None
    told: Mapping[str, Told] = field(default_factory=dict)


Ledger = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Pending:
    """What a channel has not been told yet."""

    new: tuple[Entry, ...]
    over: tuple[Entry, ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.over)


def ledger_path(state: Path) -> Path:
    return state / "alerts" / "ledger.json"


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the ledger while it is read, told from and written."""
    path = state / "alerts" / "ledger.lock"
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_ledger(state: Path) -> dict[str, Entry]:
    """Every remembered finding by its key; empty where nothing was ever found."""
    path = ledger_path(state)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {key: _entry(given) for key, given in document.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LedgerError(
            f"{path} is no ledger of alerts: restore it from a backup, or delete it and what is open "
            "is told once more"
        ) from error


def _entry(given: dict[str, Any]) -> Entry:
    return Entry(**{**given, "finding": Finding(**given["finding"]), "due": tuple(given["due"])})


def write_ledger(state: Path, ledger: Ledger) -> None:
    document = {key: asdict(entry) for key, entry in sorted(ledger.items())}
    write_whole(ledger_path(state), json.dumps(document, ensure_ascii=False, indent=1).encode())


def noted(
    ledger: Ledger, judgement: Judgement, channels: Mapping[str, AlertChannel], now: datetime
) -> dict[str, Entry]:
    """The ledger after a night: what was found is open, what is found no longer is over."""
    at = now.isoformat(timespec="seconds")
    after = dict(ledger)
    for finding in judgement.found:
        due = tuple(name for name, channel in channels.items() if wants(channel, finding))
        known = after.get(finding.key, Entry(finding, opened_at=at, seen_at=at))
        seen = replace(known, finding=finding, seen_at=at, over_at=None, how=None, due=due)
        if known.over_at and finding.kind not in _PASSING:
            # There again: told again, but not to those who were never told that it had ended.
            still = {channel: told for channel, told in known.told.items() if told == "open"}
            seen = replace(seen, opened_at=at, told=still)
        after[finding.key] = seen
    found = {finding.key for finding in judgement.found}
    for key, entry in ledger.items():
        is_judged = entry.finding.kind in judgement.judged
        if is_judged and entry.over_at is None and key not in found and key not in judgement.undecided:
            after[key] = replace(entry, over_at=at, how=judgement.how.get(key))
    return after


def wants(channel: AlertChannel, finding: Finding) -> bool:
    """Whether the channel is to be told of the finding."""
    is_severe = SEVERITIES.index(finding.severity) >= SEVERITIES.index(channel.min_severity)
    return channel.enabled and is_severe and finding.kind in channel.kinds


def pending(ledger: Ledger, name: str, channel: AlertChannel) -> Pending:
    """What the channel has not been told; what came and went while it failed counts as new."""
    wanted = [entry for entry in ledger.values() if wants(channel, entry.finding)]
    return Pending(
        new=_ordered(
            entry
            for entry in wanted
            if name not in entry.told and (entry.over_at is None or name in entry.due)
        ),
        over=_ordered(
            entry
            for entry in wanted
            if entry.over_at and entry.told.get(name) == "open" and entry.finding.kind not in _PASSING
        ),
    )


def _ordered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    def order(entry: Entry) -> tuple[int, float, str]:
        finding = entry.finding
        return -SEVERITIES.index(finding.severity), -finding.weight, finding.key

    return tuple(sorted(entries, key=order))


def told(ledger: Ledger, name: str, sent: Pending) -> dict[str, Entry]:
    """The ledger after the channel took the message."""
    after = dict(ledger)
    for entry in (*sent.new, *sent.over):
        state: Told = "over" if entry.over_at else "open"
        after[entry.finding.key] = replace(entry, told={**after[entry.finding.key].told, name: state})
    return after


def pruned(ledger: Ledger, channels: Mapping[str, AlertChannel], now: datetime) -> dict[str, Entry]:
    """The ledger without what is over and told everywhere, and without what nobody has seen for long."""
    return {key: entry for key, entry in ledger.items() if not _is_done(entry, channels, now)}


def _is_done(entry: Entry, channels: Mapping[str, AlertChannel], now: datetime) -> bool:
    if now - datetime.fromisoformat(entry.seen_at) > REMEMBERED:
        return True
    if entry.over_at is None or entry.finding.kind in _PASSING:
        return False
    listening = (name for name, channel in channels.items() if wants(channel, entry.finding))
    return not any(
        entry.told.get(name) == "open" or (name not in entry.told and name in entry.due) for name in listening
    )


def open_findings(ledger: Ledger) -> tuple[Entry, ...]:
    """What is open, the gravest first."""
    return _ordered(entry for entry in ledger.values() if entry.over_at is None)
