"""The settings: one typed, immutable object from `cx_pipeline.toml` and the environment.

What enters: the file that `CX_CONFIG` names (default `cx_pipeline.toml`; absent means defaults) and
every `CX_…` variable, which overrides it (`CX_REPORTING__MIN_N=3`, lists and tables as JSON).
What leaves: `load_settings() -> Settings`, or `SettingsError`, whose text names each wrong key, its
value and what is allowed.  Anyone may call it; it imports nothing heavy and writes nothing.
The docstring below a setting is its description in docs/settings.md.
"""

from __future__ import annotations

from cx_pipeline.settings.alerts import AlertChannel
from cx_pipeline.settings.loading import DEFAULT_CONFIG, SettingsError, load_settings, variable_name
from cx_pipeline.settings.model import INBOX_SOURCE, DataPaths, Settings
from cx_pipeline.settings.sections import EntitySettings, Scalar
from cx_pipeline.settings.sources import (
    Column,
    FileMapping,
    FileSource,
    Rescale,
    RowMapping,
    ServiceSource,
    Source,
)

__all__ = [
    "DEFAULT_CONFIG",
    "INBOX_SOURCE",
    "AlertChannel",
    "Column",
    "DataPaths",
    "EntitySettings",
    "FileMapping",
    "FileSource",
    "Rescale",
    "RowMapping",
    "Scalar",
    "ServiceSource",
    "Settings",
    "SettingsError",
    "Source",
    "load_settings",
    "variable_name",
]
