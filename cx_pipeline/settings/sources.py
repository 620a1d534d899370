"""The settings of sources: `[sources.<name>]`, and the mapping of each entity below it.

What enters: nothing.  What leaves: the models of a source of files and of a service.  A connector's own
settings stand in its module (`cx_pipeline/sources/connectors/<type>.py`) as a subclass of `ServiceSource`;
`type` says which module that is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    SerializeAsAny,
    model_validator,
)

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings.sections import Name, Scalar, Section, TimeZone, nearest


def _two_ends(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] == value[1]:
        raise ValueError("needs two different ends")
    return value


class Rescale(Section):
    """A linear change of scale."""

    model_config = ConfigDict(populate_by_name=True)
    from_: Annotated[tuple[float, float], AfterValidator(_two_ends), Field(alias="from")]
    """The two ends of the input's scale."""
    to: tuple[float, float]
    """What they become."""


class Column(Section):
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


class RowMapping(Section):
    """How the records of a source become rows of one entity, and what is expected of them."""

    null_values: tuple[str, ...] = ("",)
    """Texts that mean "no value"."""
    date_format: str | None = None
    """A strptime format of all its dates; by default ISO 8601."""
    time_zone: TimeZone | None = None
    """The zone of values without an offset; by default the source's."""
    never_empty: bool = False
    """An empty file is then a critical failure: its batch is held."""
    freshness_hours: PositiveInt | None = None
    """Hours after which the newest record is too old: its batch is held."""
    columns: dict[str, Column] = {}
    """Contract column → where it comes from."""
    attributes: dict[Name, Column] = {}
    """Declared attribute → where it comes from."""


class FileMapping(RowMapping):
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
    mode: Literal["upsert", "replace"] = "upsert"
    """`replace`: what an earlier file at the same path held is withdrawn."""
    key_scope: Literal["source", "file"] = "source"
    """`file` keeps generated ids of distinct files apart."""

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("files"), str):
            return value | {"files": (value["files"],)}
        return value


class Source(Section):
    """One configured source.  Beside these keys it holds one table an entity it delivers."""

    type: str
    """The kind of source: `files`, or the service it is pulled from."""
    enabled: bool = True
    """`false` leaves its history unread and pulls nothing."""
    id_namespace: str | None = None
    """Sources that number the same customers alike share one; by default the source's name."""
    relationship: Literal["contractual", "non_contractual"] = "non_contractual"
    """Of its customers, where a row does not say."""
    time_zone: TimeZone | None = None
    """The zone of values without an offset; by default the reporting time zone."""
    entities: Mapping[str, RowMapping] = {}
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
                raise ValueError(f"{entity!r} is no entity; {nearest(entity, ENTITIES)}")
            for unknown in sorted(set(mapping.columns) - set(ENTITIES[entity].names)):
                raise ValueError(
                    f"{entity}.columns.{unknown} is no column of {entity}; "
                    f"{nearest(unknown, ENTITIES[entity].names)}"
                )
        return self


class FileSource(Source):
    """A source of dropped files: one table an entity says which files, and how they are mapped."""

    type: Literal["files"] = "files"
    """Files people drop into the inbox."""
    entities: Mapping[str, FileMapping] = {}
    """A mapping for each entity, written `[sources.<name>.<entity>]`."""


class ServiceSource(Source):
    """A source that is pulled from a service.

    A connector adds its own settings: the account, a credential as `SecretStr` named `<what>` beside a
    `Path` named `<what>_file`, and what may be chosen.  Secrets never stand in the settings file.  `pacing`
    names what changes only how fast it is pulled.
    """

    pacing: ClassVar[frozenset[str]] = frozenset()

    start_date: date | None = None
    """The first day to pull, on the first pull; by default all the service has."""
    base_url: str | None = None
    """Another address than the service's own: a proxy, a sandbox."""
    calls_per_minute: PositiveInt | None = None
    """Calls a minute at most; by default what the service allows."""

    @model_validator(mode="after")
    def _address_holds_no_user(self) -> Self:
        if self.base_url and "@" in urlsplit(self.base_url).netloc:
            raise ValueError("base_url must hold no user or password: give them as the source's page says")
        return self

    @property
    def start(self) -> datetime | None:
        """The instant `start_date` begins, in UTC."""
        return datetime.combine(self.start_date, time.min, UTC) if self.start_date else None


def secret_fields(model: type[Source]) -> tuple[str, ...]:
    """The settings of a source that are secrets."""
    return tuple(
        n for n, f in model.model_fields.items() if SecretStr in (f.annotation, *get_args(f.annotation))
    )


def source_model(type_: object) -> type[Source]:
    """The model of a source of that `type`; ValueError, with what is allowed, where there is none."""
    if type_ == "files":
        return FileSource
    from cx_pipeline.sources import connectors

    if not isinstance(type_, str) or type_ not in connectors.names():
        raise ValueError(
            f"type = {type_!r} is no kind of source; {nearest(str(type_), ('files', *connectors.names()))}"
        )
    return connectors.find(type_).settings_type


def _of_its_type(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return source_model(value.get("type", "files")).model_validate(value)


AnySource = SerializeAsAny[Annotated[Source, BeforeValidator(_of_its_type)]]
"""A source of whatever type: validated by the model of its `type`."""
