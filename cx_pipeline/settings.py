"""The settings: one typed, immutable object from `cx_pipeline.toml` and the environment.

What enters: the file that `CX_CONFIG` names (default `cx_pipeline.toml`; absent means defaults) and
every `CX_…` variable, which overrides it (`CX_REPORTING__MIN_N=3`, lists and tables as JSON).
What leaves: `load_settings() -> Settings`, or `SettingsError`, whose text names each wrong key, its
value and what is allowed.  Anyone may call it; it imports nothing heavy and writes nothing.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date, time
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cx_pipeline.contract import ENTITIES

DEFAULT_CONFIG = "cx_pipeline.toml"
INBOX_SOURCE = "inbox"
"""The source of every dropped file that no configured source claims."""

Scalar = str | int | float | bool


class SettingsError(Exception):
    """The settings cannot be used; the text says which key, its value and what is allowed."""


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be an IANA time zone such as 'Asia/Seoul' or 'UTC'")
    return name


def _name(value: str) -> str:
    if not (
        value.isascii()
        and value.replace("_", "a").isalnum()
        and value[:1].isalpha()
        and value == value.lower()
    ):
        raise ValueError("must be lower-case letters, digits and underscores, starting with a letter")
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, AfterValidator(_name)]
SurveyType = Literal["relational", "transactional"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Headline(_Section):
    """The survey type whose answers are the headline of each survey KPI."""

    nps: SurveyType = "relational"
    csat: SurveyType = "transactional"
    ces: SurveyType = "transactional"


class Reporting(_Section):
    """How the KPIs are cut and computed."""

    time_zone: TimeZone = "UTC"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    min_n: PositiveInt = 5
    ces_scale: tuple[float, float] = (1, 7)
    response_window_days: PositiveInt = 14
    fcr_window_days: PositiveInt = 7
    churn_after_days: PositiveInt = 90
    headline: Headline = Headline()

    @model_validator(mode="after")
    def _scale_has_two_ends(self) -> Self:
        if not self.ces_scale[0] < self.ces_scale[1]:
            raise ValueError("ces_scale must be [lowest, highest] with lowest < highest")
        return self


class Schedule(_Section):
    """When the nightly job runs by itself, and the first night it can be run for."""

    first_night: date = date(2015, 1, 1)
    at: time = time(2, 0)
    time_zone: TimeZone | None = None  # default: the reporting time zone


class Gate(_Section):
    """What a held batch does to the night."""

    on_held: Literal["stop", "publish_stale"] = "stop"


class Privacy(_Section):
    """How identities are keyed and texts redacted at the edge."""

    key: SecretStr | None = None  # only by CX_PRIVACY__KEY
    key_file: Path | None = None  # default: <data_dir>/state/identity.key, made once
    agent_ids: Literal["keyed", "as_is"] = "keyed"
    links_file: Path | None = None  # CSV: namespace, customer_id, same_as_namespace, same_as_customer_id
    phone_regions: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ("KR", "US")


class EntitySettings(_Section):
    """What the settings declare for an entity, whatever its source."""

    attributes: tuple[Name, ...] = ()


class Rescale(_Section):
    """A linear change of scale: `from_` is mapped onto `to`."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: Annotated[tuple[float, float], Field(alias="from")]
    to: tuple[float, float]

    @model_validator(mode="after")
    def _has_two_ends(self) -> Self:
        if self.from_[0] == self.from_[1]:
            raise ValueError("rescale.from needs two different ends")
        return self


class Column(_Section):
    """Where one contract column comes from.

    Exactly one of `from` (a header of the file) and `constant`.  `values` maps input values to
    contract values (`"*"` is any other value); `rescale` moves a number linearly; `format` is a
    strptime format and `time_zone` the zone of values without an offset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    from_: Annotated[str | None, Field(alias="from")] = None
    constant: Scalar | None = None
    values: dict[str, Scalar] = {}
    rescale: Rescale | None = None
    format: str | None = None
    time_zone: TimeZone | None = None

    @model_validator(mode="before")
    @classmethod
    def _header_alone(cls, value: object) -> object:
        return {"from": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.from_ is None) == (self.constant is None):
            raise ValueError("give either from = 'header of the file' or constant = value")
        return self


class FileMapping(_Section):
    """How the files of one source become rows of one entity.

    `files` are glob patterns below `<inbox>/<entity>/`.  Without `columns` the header must be the
    contract's own column names; with it, headers not mentioned still match contract columns of the
    same name.
    """

    files: tuple[str, ...] = ()
    encoding: str | None = None  # default: found by byte-order mark, then UTF-8, then CP949
    delimiter: str | None = None  # default: comma, tab for .tsv; "whitespace" for runs of blanks
    sheet: str | None = None  # default: the first sheet of a workbook
    null_values: tuple[str, ...] = ("",)
    date_format: str | None = None  # default: ISO 8601
    time_zone: TimeZone | None = None  # default: the source's
    mode: Literal["upsert", "replace"] = "upsert"
    key_scope: Literal["source", "file"] = "source"
    never_empty: bool = False
    freshness_hours: PositiveInt | None = None
    columns: dict[str, Column] = {}
    attributes: dict[Name, Column] = {}

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("files"), str):
            return value | {"files": (value["files"],)}
        return value


class Source(_Section):
    """One configured source.  `entities` holds a mapping for each entity it delivers."""

    type: Literal["files"] = "files"
    enabled: bool = True
    id_namespace: str | None = None  # default: the source's name
    relationship: Literal["contractual", "non_contractual"] = "non_contractual"
    time_zone: TimeZone | None = None  # of values without an offset; default: the reporting zone
    entities: dict[str, FileMapping] = {}

    @model_validator(mode="before")
    @classmethod
    def _entities_by_name(cls, value: object) -> object:
        """`[sources.shop.transactions]` is the mapping of the entity `transactions`."""
        if not isinstance(value, dict):
            return value
        mappings = {k: v for k, v in value.items() if k in ENTITIES}
        rest = {k: v for k, v in value.items() if k not in ENTITIES}
        return rest | {"entities": rest.get("entities", {}) | mappings}

    @model_validator(mode="after")
    def _columns_are_the_contracts(self) -> Self:
        for entity, mapping in self.entities.items():
            if entity not in ENTITIES:
                raise ValueError(f"{entity!r} is no entity; one of {', '.join(ENTITIES)}")
            unknown = set(mapping.columns) - set(ENTITIES[entity].names)
            if unknown:
                raise ValueError(
                    f"{entity}.columns: {', '.join(sorted(unknown))} is no column of {entity}; "
                    f"the columns are {', '.join(ENTITIES[entity].names)}"
                )
        return self


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


class Settings(BaseSettings):
    """All settings.  Made by `load_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="CX_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Path("data")
    inbox_dir: Path | None = None  # default: <data_dir>/inbox
    lock_wait: Annotated[int, Field(ge=0)] = 3600  # seconds the schedule and the UI wait for a running night
    reporting: Reporting = Reporting()
    schedule: Schedule = Schedule()
    gate: Gate = Gate()
    privacy: Privacy = Privacy()
    entities: dict[str, EntitySettings] = {}
    sources: dict[Name, Source] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)

    @model_validator(mode="after")
    def _entities_exist(self) -> Self:
        unknown = set(self.entities) - set(ENTITIES)
        if unknown:
            raise ValueError(f"entities: {', '.join(sorted(unknown))} unknown; one of {', '.join(ENTITIES)}")
        return self

    @cached_property
    def paths(self) -> DataPaths:
        return DataPaths(self.data_dir.resolve(), self.inbox_dir and self.inbox_dir.resolve())

    @cached_property
    def all_sources(self) -> dict[str, Source]:
        """The enabled sources by name, the inbox's own last."""
        named = {name: source for name, source in self.sources.items() if source.enabled}
        return {name: s for name, s in named.items() if name != INBOX_SOURCE} | {
            INBOX_SOURCE: named.get(INBOX_SOURCE, Source())
        }

    @property
    def reporting_zone(self) -> ZoneInfo:
        return ZoneInfo(self.reporting.time_zone)

    @property
    def schedule_zone(self) -> ZoneInfo:
        return ZoneInfo(self.schedule.time_zone or self.reporting.time_zone)

    def attributes(self, entity: str) -> tuple[str, ...]:
        """The attributes the settings declare for `entity`, each a dimension of its KPIs."""
        return self.entities[entity].attributes if entity in self.entities else ()


def _unknown_variables(environment: dict[str, str]) -> list[str]:
    known = {f"CX_{name.upper()}" for name in Settings.model_fields} | {"CX_CONFIG"}
    return sorted(
        name for name in environment if name.startswith("CX_") and name.split("__")[0].upper() not in known
    )


_SECRET = ("key", "token", "password", "secret")


def _given(document: dict[str, Any], location: tuple[int | str, ...]) -> str:
    """The offending value as text, never where its key names a secret."""
    if any(word in str(part).lower() for part in location for word in _SECRET):
        return "(hidden)"
    value: Any = document
    for part in location:
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return "(from the environment)"
    return repr(value)


def _explain(error: ValidationError, document: dict[str, Any], where: str) -> str:
    lines = [f"The settings in {where} cannot be used:"]
    for problem in error.errors(include_input=False, include_url=False):
        location = problem["loc"]
        key = ".".join(str(part) for part in location) or "settings"
        message = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            message = "is no setting; see docs/settings.md"
        lines.append(f"  {key} = {_given(document, location)}: {message}")
    return "\n".join(lines)


def load_settings() -> Settings:
    """Read and validate the settings; SettingsError where they cannot be used."""
    config = Path(os.environ.get("CX_CONFIG", DEFAULT_CONFIG))
    document: dict[str, Any] = {}
    if config.exists():
        try:
            document = tomllib.loads(config.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{config} cannot be read: {error}") from error
    elif "CX_CONFIG" in os.environ:
        raise SettingsError(f"CX_CONFIG names {config}, which does not exist")
    unknown = _unknown_variables(dict(os.environ))
    if unknown:
        raise SettingsError(
            f"{', '.join(unknown)} in the environment sets nothing; the settings are "
            f"CX_CONFIG, {', '.join(f'CX_{name.upper()}[__…]' for name in Settings.model_fields)}"
        )
    if "key" in document.get("privacy", {}):
        raise SettingsError("privacy.key must not stand in a file: use CX_PRIVACY__KEY or privacy.key_file")
    try:
        return Settings(**document)
    except ValidationError as error:
        raise SettingsError(_explain(error, document, str(config))) from error
