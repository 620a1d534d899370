"""Sends one message to one channel, through Apprise.

What enters: the channel's settings and the message.  What leaves: None, or what went wrong in one line
without a secret.  It raises nothing: a channel must never fail a night.  Apprise is imported here alone.

Apprise and the libraries below it log addresses with their tokens when a call fails.  So their log records
are taken in while a message is sent and go nowhere else; of the warnings the words are kept, less every
part of the address.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cx_pipeline.alerts.render import Message
from cx_pipeline.privacy.redact import Redactor
from cx_pipeline.settings.alerts import AlertChannel

if TYPE_CHECKING:
    from apprise import NotifyBase

_NOISY = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")
_SHORTEST_SECRET = 4
_LONGEST_PROBLEM = 200


class ChannelError(Exception):
    """The channel has no usable address; the text says what to do, without the address."""


def address(name: str, channel: AlertChannel) -> str:
    """The channel's Apprise address; ChannelError where it has none."""
    variable = f"CX_ALERTS__CHANNELS__{name.upper()}__URL"
    if channel.url is not None:
        return channel.url.get_secret_value().strip()
    if channel.url_file is None:
        raise ChannelError(
            f"channel {name} has no address: set {variable}, or alerts.channels.{name}.url_file"
        )
    try:
        lines = channel.url_file.read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeDecodeError) as error:
        problem = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ChannelError(f"channel {name}: {channel.url_file} cannot be read ({problem})") from None
    if not lines:
        raise ChannelError(f"channel {name}: {channel.url_file} is empty; it must hold the Apprise address")
    return lines[0]


def send(name: str, channel: AlertChannel, message: Message) -> str | None:
    """Send the message; None, or why it could not be sent."""
    try:
        url = address(name, channel)
    except ChannelError as error:
        return str(error)
    with _overheard() as said:
        try:
            plugin = _plugin(url)
            sent = plugin is not None and _notify(plugin, message)
        except Exception as error:  # noqa: BLE001 - somebody else's code for a hundred services: whatever it raises, the night stands
            return f"the service could not be called ({type(error).__name__})"
    if plugin is None:  # Apprise's own words would repeat the address
        return "its address is none Apprise can use; see docs/alerts.md"
    if sent:
        return None
    service = str(plugin.service_name)
    why = scrubbed("; ".join(dict.fromkeys(said)), url) or "no reason was given"
    return f"{service} did not take the message: {why}"


def _plugin(url: str) -> NotifyBase | None:
    from apprise import Apprise, AppriseAsset, OverflowMode

    asset = AppriseAsset(async_mode=False, app_id="cx_pipeline", app_desc="cx_pipeline")
    plugin = Apprise.instantiate(url, asset=asset)
    if plugin is not None and "overflow=" not in url:
        plugin.overflow_mode = OverflowMode.SPLIT  # a service with short messages gets several, not none
    return plugin


def _notify(plugin: NotifyBase, message: Message) -> bool:
    from apprise import Apprise, NotifyFormat, NotifyType

    kinds = {
        None: NotifyType.SUCCESS,
        "info": NotifyType.INFO,
        "warning": NotifyType.WARNING,
        "critical": NotifyType.FAILURE,
    }
    apprise = Apprise(plugin, asset=plugin.asset)
    return bool(
        apprise.notify(
            body=message.body,
            title=message.title,
            notify_type=kinds[message.severity],
            body_format=NotifyFormat.TEXT,
        )
    )


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """What Apprise and what is below it would log, kept from every log; the warnings' words."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("apprise") and record.levelno >= logging.WARNING:
                said.append(record.getMessage())

    listener = Listener()
    loggers = [logging.getLogger(name) for name in _NOISY]
    before = [(logger.propagate, logger.level, list(logger.handlers)) for logger in loggers]
    for logger in loggers:
        logger.propagate, logger.handlers = False, [listener]
        logger.setLevel(logging.WARNING)
    try:
        yield said
    finally:
        for logger, (propagate, level, handlers) in zip(loggers, before, strict=True):
            logger.propagate, logger.handlers = propagate, handlers
            logger.setLevel(level)


def scrubbed(text: str, url: str) -> str:
    """`text` in one line without any part of `url` that may be a secret, and without addresses of people."""
    scheme, _, rest = url.rpartition("://")
    cut = re.compile(r"[/:@?&=#,\s]+")
    parts = {rest, unquote(rest), *cut.split(rest), *cut.split(unquote(rest)), *map(unquote, cut.split(rest))}
    line = " ".join(text.split())
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _SHORTEST_SECRET and part.lower() != scheme.lower():
            line = re.sub(re.escape(part), "…", line, flags=re.IGNORECASE)
    return Redactor().redact(line)[:_LONGEST_PROBLEM]
