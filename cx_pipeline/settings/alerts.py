"""The settings of alerts: `[alerts]` and a table a channel, `[alerts.channels.<name>]`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import SecretStr

from cx_pipeline.settings.sections import Name, Section

AlertKind = Literal["night_failed", "check_failed", "source_stale", "target_missed", "worsening"]
ALERT_KINDS: tuple[AlertKind, ...] = get_args(AlertKind)
Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The mildest first."""
Language = Literal["en", "ko"]


class AlertChannel(Section):
    """Where alerts go: one Apprise address (Slack, Teams, e-mail, a webhook …), and what it is told.

    The address holds secrets: it comes from the environment or a file of its own, never from the settings
    file.
    """

    url: SecretStr | None = None
    """The Apprise address, such as `mailto://…` or `slack://…`; only as the environment variable."""
    url_file: Path | None = None
    """The file that holds the address, on its first line."""
    enabled: bool = True
    """`false` sends nothing; what is still open when it is `true` again is told then."""
    language: Language = "en"
    """The language of the messages."""
    min_severity: Severity = "warning"
    """Findings milder than this are not told here."""
    kinds: tuple[AlertKind, ...] = ALERT_KINDS
    """What is told here."""


class Alerts(Section):
    """What is told, and to whom, when a night fails or has something to say."""

    page_url: str | None = None
    """Where people open the scorecard page; each message ends with it."""
    channels: dict[Name, AlertChannel] = {}
    """The channels: `[alerts.channels.<name>]`."""
