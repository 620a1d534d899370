"""All settings as one object, and the places below the data directory that follow from them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings.alerts import Alerts
from cx_pipeline.settings.sections import (
    EntitySettings,
    Gate,
    Landing,
    Name,
    Performance,
    Privacy,
    Reporting,
    Schedule,
    Section,
    Support,
    nearest,
)
from cx_pipeline.settings.sources import AnySource, FileSource, ServiceSource, Source

INBOX_SOURCE = "inbox"
"""The source of every dropped file that no configured source claims."""


class DataPaths:
    """Every place below the data directory.  Nothing is created here."""

    def __init__(self, root: Path, inbox: Path | None) -> None:
        self.root = root
        self.inbox = inbox or root / "inbox"
        self.landing = root / "landing"
        self.rejected = root / "rejected"
        self.quarantine = root / "quarantine"
        self.state = root / "state"
        self.warehouse = root / "warehouse"
        self.published = root / "published"
        self.published_file = self.published / "cx.duckdb"
        self.scorecard_page = self.published / "scorecard.html"


class Settings(Section):
    """All settings.  Made by `load_settings`."""

    data_dir: Path = Path("data")
    """Where all state lives; the inbox too, unless `inbox_dir` says otherwise."""
    inbox_dir: Path | None = None
    """Where files are dropped; by default `<data_dir>/inbox`."""
    lock_wait: Annotated[int, Field(ge=0)] = 3600
    """Seconds the schedule and the UI wait for a night that is running."""
    reporting: Reporting = Reporting()
    support: Support = Support()
    schedule: Schedule = Schedule()
    landing: Landing = Landing()
    gate: Gate = Gate()
    performance: Performance = Performance()
    privacy: Privacy = Privacy()
    alerts: Alerts = Alerts()
    entities: dict[str, EntitySettings] = {}
    """What is declared for an entity: `[entities.<entity>]`."""
    sources: dict[Name, AnySource] = {}
    """The sources: `[sources.<name>]`."""

    @model_validator(mode="after")
    def _entities_exist(self) -> Self:
        for unknown in sorted(set(self.entities) - set(ENTITIES)):
            raise ValueError(f"entities.{unknown} is no entity; {nearest(unknown, ENTITIES)}")
        return self

    @cached_property
    def paths(self) -> DataPaths:
        return DataPaths(self.data_dir.resolve(), self.inbox_dir and self.inbox_dir.resolve())

    @cached_property
    def all_sources(self) -> dict[str, Source]:
        """The enabled sources by name, the inbox's own last."""
        named = {name: source for name, source in self.sources.items() if source.enabled}
        return {name: s for name, s in named.items() if name != INBOX_SOURCE} | {
            INBOX_SOURCE: named.get(INBOX_SOURCE, FileSource())
        }

    @cached_property
    def file_sources(self) -> dict[str, FileSource]:
        """The enabled sources of dropped files, the inbox's own last."""
        return {name: s for name, s in self.all_sources.items() if isinstance(s, FileSource)}

    @cached_property
    def services(self) -> dict[str, ServiceSource]:
        """The enabled sources that are pulled from services."""
        return {name: s for name, s in self.all_sources.items() if isinstance(s, ServiceSource)}

    @property
    def reporting_zone(self) -> ZoneInfo:
        return ZoneInfo(self.reporting.time_zone)

    @property
    def schedule_zone(self) -> ZoneInfo:
        return ZoneInfo(self.schedule.time_zone or self.reporting.time_zone)

    def attributes(self, entity: str) -> tuple[str, ...]:
        """The attributes the settings declare for `entity`, each a dimension of its KPIs."""
        return self.entities[entity].attributes if entity in self.entities else ()
