"""Tells each channel what it has not been told: one message a night and channel.

What enters: a judgement.  What leaves: the ledger amended, messages sent, and a `Report` of who took
theirs.  Called by the alerts' asset, the sensor of failed runs and the command line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cx_pipeline.alerts import ledger as book
from cx_pipeline.alerts.finding import Judgement
from cx_pipeline.alerts.render import Message, message
from cx_pipeline.settings import Settings
from cx_pipeline.settings.alerts import AlertChannel

Send = Callable[[str, AlertChannel, Message], str | None]
"""(channel, its settings, the message) → None, or why it could not be sent."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the messages: findings told by channel, and the problems of channels that failed."""

    open: int
    sent: dict[str, int]
    failed: dict[str, str]

    @property
    def lines(self) -> list[str]:
        """One line a channel that could not be told."""
        return [
            f"alerts: channel {name}: {problem}; tried again after the next night"
            for name, problem in self.failed.items()
        ]


def tell(
    settings: Settings,
    judgement: Judgement,
    night: str,
    *,
    now: datetime | None = None,
    send: Send | None = None,
) -> Report:
    """Note the judgement, and send every channel what it has not been told."""
    now = now or datetime.now(UTC)
    channels, state = settings.alerts.channels, settings.paths.state
    sent: dict[str, int] = {}
    failed: dict[str, str] = {}
    with book.locked(state):
        before = book.read_ledger(state)
        ledger = book.noted(before, judgement, channels, now)
        if ledger != before:
            book.write_ledger(state, ledger)
        for name, channel in channels.items():
            pending = book.pending(ledger, name, channel)
            if not pending:
                continue
            still_open = sum(book.wants(channel, e.finding) for e in book.open_findings(ledger))
            told = message(pending, night, still_open, settings.alerts.page_url, channel.language)
            problem = (send or _send)(name, channel, told)
            if problem is not None:
                failed[name] = problem
                continue
            ledger = book.told(ledger, name, pending)
            book.write_ledger(state, ledger)
            sent[name] = len(pending.new) + len(pending.over)
        kept = book.pruned(ledger, channels, now)
        if kept != ledger:
            book.write_ledger(state, kept)
    return Report(len(book.open_findings(kept)), sent, failed)


def _send(name: str, channel: AlertChannel, told: Message) -> str | None:
    from cx_pipeline.alerts.send import send

    return send(name, channel, told)
