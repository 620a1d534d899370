"""The settings: one typed, immutable object from `cx_pipeline.toml` and the environment.

What enters: the file that `CX_CONFIG` names (default `cx_pipeline.toml`; absent means defaults) and
every `CX_…` variable, which overrides it (`CX_REPORTING__MIN_N=3`, lists and tables as JSON).
What leaves: `load_settings() -> Settings`, or `SettingsError`, whose text names each wrong key, its
value and what is allowed.  Anyone may call it; it imports nothing heavy and writes nothing.
The docstring below a setting is its description in docs/settings.md.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date, time
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args, get_origin
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


def _currency(value: str) -> str:
    if not (len(value) == 3 and value.isascii() and value.isupper() and value.isalpha()):
        raise ValueError("must be an ISO 4217 code such as 'KRW'")
    return value


def _region(value: str) -> str:
    if not (len(value) == 2 and value.isascii() and value.isupper() and value.isalpha()):
        raise ValueError("must be an ISO 3166-1 alpha-2 code such as 'KR'")
    return value


def _scale(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("must be [lowest, highest] with lowest < highest")
    return value


def _two_ends(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] == value[1]:
        raise ValueError("needs two different ends")
    return value


TimeZone = Annotated[str, AfterValidator(_zone)]
Name = Annotated[str, AfterValidator(_name)]
Region = Annotated[str, AfterValidator(_region)]
SurveyType = Literal["relational", "transactional"]


class _Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class Headline(_Section):
    """The survey type whose answers are the headline of each survey KPI; the other is a dimension."""

    nps: SurveyType = "relational"
    """Of `nps`."""
    csat: SurveyType = "transactional"
    """Of `csat`."""
    ces: SurveyType = "transactional"
    """Of `ces`."""


class Reporting(_Section):
    """How the KPIs are cut and computed."""

    time_zone: TimeZone = "UTC"
    """The zone in which days, weeks, months and quarters begin."""
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    """The currency money is converted to (by the seed `fx_rates.csv`)."""
    min_n: PositiveInt = 5
    """Fewer distinct respondents or customers than this, and the value of a group is not shown."""
    ces_scale: Annotated[tuple[float, float], AfterValidator(_scale)] = (1, 7)
    """The scale `ces` is published on; a change makes the next night a full refresh."""
    response_window_days: PositiveInt = 14
    """Days an invitation may still be answered; before they have passed `response_rate` is provisional."""
    fcr_window_days: PositiveInt = 7
    """Days without a re-contact after which a first solve counts as first-contact resolution."""
    churn_after_days: PositiveInt = 90
    """Days after the last order at which a customer without a contract is no longer live."""
    headline: Headline = Headline()


class Support(_Section):
    """How the support KPIs are reckoned."""

    default_schedule: str = "default"
    """The schedule (of the seed `business_hours.csv`) of tickets that name none."""
    service_level_seconds: PositiveInt = 20
    """Seconds within which a call or chat must be answered to meet the service level."""


class Schedule(_Section):
    """When the nightly job runs by itself, and the first night it can be run for."""

    first_night: date = date(2015, 1, 1)
    """The first day of the nights' calendar."""
    at: time = time(2, 0)
    """The time of day, `HH:MM`."""
    time_zone: TimeZone | None = None
    """The zone of `at`; by default the reporting time zone."""


class Gate(_Section):
    """What a held batch does to the night."""

    on_held: Literal["stop", "publish_stale"] = "stop"
    """`stop`: the night ends before dbt.  `publish_stale`: it goes on without the held batches."""


class Privacy(_Section):
    """How identities are keyed and texts redacted at the edge."""

    key: SecretStr | None = None
    """The identity key; only as the environment variable, never in a file."""
    key_file: Path | None = None
    """The file that holds the identity key; by default `<data_dir>/state/identity.key`, made once."""
    agent_ids: Literal["keyed", "as_is"] = "keyed"
    """`as_is` lands agents' own ids: only where staff have agreed."""
    links_file: Path | None = None
    """A CSV that joins ids of one person: namespace, customer_id, same_as_namespace, same_as_customer_id."""
    phone_regions: tuple[Region, ...] = ("KR", "US")
    """Countries whose national phone numbers are recognised (ISO 3166-1 alpha-2)."""


class EntitySettings(_Section):
    """What the settings declare for an entity, whatever its source."""

    attributes: tuple[Name, ...] = ()
    """Attributes that may land; each is a dimension of the entity's KPIs."""


class Rescale(_Section):
    """A linear change of scale."""

    model_config = ConfigDict(populate_by_name=True)
    from_: Annotated[tuple[float, float], AfterValidator(_two_ends), Field(alias="from")]
    """The two ends of the input's scale."""
    to: tuple[float, float]
    """What they become."""


class Column(_Section):
    """Where one contract column comes from: a header (`amount = "금액"`) or a table with these keys."""

    model_config = ConfigDict(populate_by_name=True)
    from_: Annotated[str | None, Field(alias="from")] = None
    """The header in the file."""
    constant: Scalar | None = None
    """The same value in every row; instead of `from`."""
    values: dict[str, Scalar] = {}
    """Input value → contract value; `"*"` is any other value."""
    rescale: Rescale | None = None
    """A linear change of scale: `{ from = [0, 100], to = [0, 1] }`."""
    format: str | None = None
    """A strptime format such as `%d/%m/%Y %H:%M`; by default the file's `date_format`."""
    time_zone: TimeZone | None = None
    """The zone of values without an offset; by default the file's."""

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

    Without `columns` the header must be the contract's own column names; with it, headers not
    mentioned still match contract columns of the same name.
    """

    files: tuple[str, ...] = ()
    """Glob patterns below `<inbox>/<entity>/`; one, or a list."""
    encoding: str | None = None
    """By default found by byte-order mark, then UTF-8, then CP949."""
    delimiter: str | None = None
    """By default a comma (a tab for .tsv); `whitespace` for runs of blanks."""
    sheet: str | None = None
    """The sheet of a workbook; by default the first."""
    null_values: tuple[str, ...] = ("",)
    """Texts that mean "no value"."""
    date_format: str | None = None
    """A strptime format of all its dates; by default ISO 8601."""
    time_zone: TimeZone | None = None
    """The zone of values without an offset; by default the source's."""
    mode: Literal["upsert", "replace"] = "upsert"
    """`replace`: what an earlier file at the same path held is withdrawn."""
    key_scope: Literal["source", "file"] = "source"
    """`file` keeps generated ids of distinct files apart."""
    never_empty: bool = False
    """An empty file is then a critical failure: its batch is held."""
    freshness_hours: PositiveInt | None = None
    """Hours after which the newest record is too old: its batch is held."""
    columns: dict[str, Column] = {}
    """Contract column → where it comes from."""
    attributes: dict[Name, Column] = {}
    """Declared attribute → where it comes from."""

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("files"), str):
            return value | {"files": (value["files"],)}
        return value


class Source(_Section):
    """One configured source.  Beside these keys it holds one table an entity it delivers."""

    type: Literal["files"] = "files"
    """The kind of source."""
    enabled: bool = True
    """`false` leaves its history unread and its files alone."""
    id_namespace: str | None = None
    """Sources that number the same customers alike share one; by default the source's name."""
    relationship: Literal["contractual", "non_contractual"] = "non_contractual"
    """Of its customers, where a row does not say."""
    time_zone: TimeZone | None = None
    """The zone of values without an offset; by default the reporting time zone."""
    entities: dict[str, FileMapping] = {}
    """A mapping for each entity, written `[sources.<name>.<entity>]`."""

    @model_validator(mode="before")
    @classmethod
    def _entities_by_name(cls, value: object) -> object:
        """`[sources.shop.transactions]` is the mapping of the entity `transactions`."""
        if not isinstance(value, dict) or not isinstance(value.get("entities", {}), dict):
            return value
        mappings = {k: v for k, v in value.items() if k in ENTITIES}
        rest = {k: v for k, v in value.items() if k not in ENTITIES}
        return rest | {"entities": rest.get("entities", {}) | mappings}

    @model_validator(mode="after")
    def _columns_are_the_contracts(self) -> Self:
        for entity, mapping in self.entities.items():
            if entity not in ENTITIES:
                raise ValueError(f"{entity!r} is no entity; {_nearest(entity, ENTITIES)}")
            for unknown in sorted(set(mapping.columns) - set(ENTITIES[entity].names)):
                raise ValueError(
                    f"{entity}.columns.{unknown} is no column of {entity}; "
                    f"{_nearest(unknown, ENTITIES[entity].names)}"
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


class Settings(_Section):
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
    gate: Gate = Gate()
    privacy: Privacy = Privacy()
    entities: dict[str, EntitySettings] = {}
    """What is declared for an entity: `[entities.<entity>]`."""
    sources: dict[Name, Source] = {}
    """The sources: `[sources.<name>]`."""

    @model_validator(mode="after")
    def _entities_exist(self) -> Self:
        for unknown in sorted(set(self.entities) - set(ENTITIES)):
            raise ValueError(f"entities.{unknown} is no entity; {_nearest(unknown, ENTITIES)}")
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


_PREFIX = "CX_"
_NOT_SETTINGS = ("CX_CONFIG", "CX_DEBUG")
"""Variables that say how to run, not what is set: the settings file, and tracebacks for errors."""


def variable_name(key: tuple[str, ...]) -> str:
    """The environment variable of a setting: ("reporting", "min_n") is CX_REPORTING__MIN_N."""
    return _PREFIX + "__".join(key).upper()


def _nearest(wrong: str, allowed: Iterable[str]) -> str:
    names = list(allowed)
    near = get_close_matches(wrong.lower(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"one of {', '.join(names)}"


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The `CX_…` variables as a nested document; an empty variable sets nothing.

    A value that is JSON for a list or a table is read as such; all others stay text, which the
    settings' types turn into numbers, booleans and times.
    """
    document: dict[str, Any] = {}
    variables = {
        name.lower(): (name, text)
        for name, text in environment.items()
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS and text
    }
    for lower, (name, text) in sorted(variables.items()):
        *parents, leaf = lower.removeprefix(_PREFIX.lower()).split("__")
        if [*parents, leaf][0] not in Settings.model_fields:
            allowed = [variable_name((field,)) for field in Settings.model_fields] + ["CX_CONFIG"]
            raise SettingsError(
                f"{name} in the environment sets nothing; the settings are "
                f"{', '.join(allowed)}, and what lies below them with two underscores"
            )
        table = document
        for part in parents:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise SettingsError(
                    f"{name} in the environment sets part of what another variable sets whole"
                )
        table[leaf] = _decoded(text)
    return document


def _decoded(text: str) -> Any:
    if text[0] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merged(below: Any, above: Any) -> Any:
    """`above` over `below`, table by table."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below.get(key), value) for key, value in above.items()}
    return above


_ABSENT = object()


def _value_at(document: Any, location: tuple[int | str, ...]) -> Any:
    for part in location:
        is_there = (
            part in document
            if isinstance(document, dict)
            else isinstance(document, list) and isinstance(part, int) and part < len(document)
        )
        if not is_there:
            return _ABSENT
        document = document[part]
    return document


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _annotations_at(location: tuple[int | str, ...]) -> list[Any]:
    """The types the model gives to what lies at `location`; none where it knows no such key."""
    annotations: list[Any] = [Settings]
    for part in location:
        annotations = [below for annotation in annotations for below in _below(annotation, part)]
    return annotations


def _below(annotation: Any, part: int | str) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation is Source and part in ENTITIES:
            return [FileMapping]
        fields = annotation.model_fields.items()
        return [field.annotation for name, field in fields if part in (name, field.alias)]
    inner = get_args(annotation)
    if get_origin(annotation) is dict:
        return [inner[1]]
    if get_origin(annotation) is tuple:
        return list(inner)
    return [below for each in inner for below in _below(each, part)]


def _holds_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    inner = [field.annotation for model in _models_in(annotation) for field in model.model_fields.values()]
    return any(_holds_secret(each) for each in (*get_args(annotation), *inner))


def _explain(
    error: ValidationError, document: dict[str, Any], environment: dict[str, Any], where: str
) -> str:
    """One line a wrong setting: its key, its value and where that came from, what is allowed."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        location = tuple(part for part in problem["loc"] if part != "[key]")
        if location[:1] == ("sources",) and location[2:3] == ("entities",):
            written = (*location[:2], *location[3:])  # as people write it: [sources.shop.transactions]
            location = written if _value_at(document, written) is not _ABSENT else location
        lines.append(f"  {_problem_line(location, problem['type'], problem['msg'], document, environment)}")
    return f"The settings ({where} and the environment) cannot be used:\n" + "\n".join(lines)


def _problem_line(
    location: tuple[int | str, ...],
    kind: str,
    message: str,
    document: dict[str, Any],
    environment: dict[str, Any],
) -> str:
    path = tuple(str(part) for part in location)
    key = ".".join(path)
    message = message.removeprefix("Value error, ").replace("Input should be", "must be", 1)
    if not path:
        return message
    by_variable = _value_at(environment, location) is not _ABSENT
    origin = f" (from {variable_name(path)})" if by_variable else ""
    if kind == "extra_forbidden":
        # The value of a key nobody knows stays out: it may be a secret under a misspelt name.
        return f"{key}{origin} is no setting; {_nearest(path[-1], _known_keys(path[:-1]))} (docs/settings.md)"
    value = _value_at(document, location)
    if any(_holds_secret(annotation) for annotation in _annotations_at(location)):
        shown = " = (hidden)"
    elif value is _ABSENT or isinstance(value, dict):
        shown = ""  # a table's own message names the part that is wrong
    else:
        shown = f" = {value!r}"
    if by_variable and isinstance(value, str) and kind in ("tuple_type", "dict_type", "model_type"):
        message += '; in the environment lists and tables are JSON, such as \'["a", "b"]\''
    return f"{key}{shown}{origin}: {message}"


def _known_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand in the table at `path`."""
    models = [model for annotation in _annotations_at(path) for model in _models_in(annotation)]
    names = [field.alias or name for model in models for name, field in model.model_fields.items()]
    if Source in models:
        names = [name for name in names if name != "entities"] + list(ENTITIES)
    return names


def load_settings() -> Settings:
    """Read and validate the settings; SettingsError where they cannot be used."""
    config = Path(os.environ.get("CX_CONFIG") or DEFAULT_CONFIG)
    document: dict[str, Any] = {}
    if config.exists():
        try:
            document = tomllib.loads(config.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{config} cannot be read: {error}") from error
    elif os.environ.get("CX_CONFIG"):
        raise SettingsError(f"CX_CONFIG names {config}, which does not exist")
    if "key" in (document.get("privacy") or {}):
        raise SettingsError(
            "privacy.key must not stand in a file: use the variable CX_PRIVACY__KEY, or privacy.key_file"
        )
    environment = _from_environment(os.environ)
    both = _merged(document, environment)
    try:
        return Settings(**both)
    except ValidationError as error:
        raise SettingsError(_explain(error, both, environment, str(config))) from error
