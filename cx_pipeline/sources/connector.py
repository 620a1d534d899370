"""What a connector is: the interface between a service's own ways and the pipeline.

A connector knows its service: where records are, how pages follow one another, what a record says in the
contract's words.  It knows nothing of Arrow types, keys, batches or KPIs.  What enters: its settings and a
`Link` (clock, name, HTTP clients).  What leaves: `Stream`s, whose pages the landing room lands one by one,
each before its cursor moves.  docs/connectors.md shows one being written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from cx_pipeline.settings import RowMapping, ServiceSource, variable_name
from cx_pipeline.settings.sources import secret_fields
from cx_pipeline.sources.http.errors import BrokenAnswer, CredentialMissing, ServiceError
from cx_pipeline.sources.rows.records import Row, Unreadable, rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from cx_pipeline.sources.http.auth import Auth
    from cx_pipeline.sources.http.client import Client
    from cx_pipeline.sources.http.clock import Clock
    from cx_pipeline.sources.http.limits import RateLimit

Json = Any
"""What JSON can say: None, bool, int, float, str, list, dict."""

Settings_ = TypeVar("Settings_", bound=ServiceSource)
Kind = TypeVar("Kind")

__all__ = [
    "Connector",
    "Json",
    "Link",
    "ObjectConnector",
    "Page",
    "Reach",
    "RemoteObject",
    "Row",
    "Stream",
    "Unreadable",
    "Window",
    "asked",
    "fields_of",
    "own_fields",
    "part",
    "reaches",
    "rows_of",
    "understood",
]


@dataclass(frozen=True, slots=True)
class Window:
    """Instants in UTC from `start` up to, not including, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page as rows, and the cursor from which the next page follows once this one has landed.

    `rows` has a list for each entity the page speaks of, in the vendor's order; deleted things are rows with
    `is_deleted`.  `cursor` is any JSON value but None; it is written to disk, so it holds no secret and no
    personal data.  `fields` are the names the vendor's records had (for telling that one is gone).
    """

    rows: Mapping[str, Sequence[Row | Unreadable]]
    cursor: Json
    fields: frozenset[str] = frozenset()


Pages = Callable[[Json | None, Window | None], Iterable[Page]]
"""(cursor of the last landed page or None, window or None) → the pages that follow.

Without a window: everything from the cursor on; without a cursor: from the source's `start_date`, or all
there is.  With a window: what changed within it, from the cursor of an interrupted backfill on.  The end of
the iteration means that there is no more for now; the last cursor is where the next night goes on.
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """One series of pages of a service; `name` is its cursor's file name."""

    name: str
    entities: tuple[str, ...]
    pages: Pages


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a credential reaches one thing; `problem` says what to do, None where it does."""

    what: str
    problem: str | None = None


@dataclass(slots=True)
class Link:
    """What a connector gets to work with: its source's name, a clock, and clients whose calls are counted.

    `patience` is for how many seconds in all a client may wait for what fails.  `attributes`: what the
    settings declare, by entity.  `time_zone`: of values without an offset, where the source says none.
    `notes` are for people; `note` adds one.
    """

    source: str
    clock: Clock
    patience: float = 900.0
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_zone: str = "UTC"
    notes: list[str] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    timeout: float = 60.0
    """How many seconds a client waits for an answer."""

    def note(self, line: str) -> None:
        """Tell people something, once."""
        if line not in self.notes:
            self.notes.append(line)

    @property
    def calls(self) -> int:
        """Calls made so far, repeated ones included."""
        return sum(client.calls for client in self.clients)

    def client(
        self, base_url: str, *, auth: Auth | Callable[[], Auth], limit: RateLimit, **options: Any
    ) -> Client:
        """A client of the service at `base_url` (see `cx_pipeline.sources.http.client.Client`)."""
        from cx_pipeline.sources.http.client import Client

        made = Client(
            base_url,
            auth=auth,
            limit=limit,
            clock=self.clock,
            source=self.source,
            patience=self.patience,
            timeout=self.timeout,
            **options,
        )
        self.clients.append(made)
        return made

    def close(self) -> None:
        for client in self.clients:
            client.close()


class Connector(ABC, Generic[Settings_]):
    """One configured service.  `CONNECTOR` in the connector's module names the class.

    `version` is raised whenever the same record would become other rows: everything is then pulled anew.
    Where the service forgets (`remembers` is false) that would lose what it forgot: a changed mapping then
    holds for what comes from now on.
    """

    settings_type: ClassVar[type[ServiceSource]]
    entities: ClassVar[tuple[str, ...]]
    version: ClassVar[int] = 1
    remembers: ClassVar[bool] = True

    def __init__(self, settings: Settings_, link: Link) -> None:
        self.settings = settings
        self.link = link

    @classmethod
    def delivers(cls, settings: Settings_) -> tuple[str, ...]:
        """The entities this connector delivers under `settings`."""
        return cls.entities

    @classmethod
    def secrets(cls, settings: Settings_) -> tuple[str, ...]:
        """The secret settings that must be set under `settings`."""
        return secret_fields(type(settings))

    @abstractmethod
    def streams(self) -> Sequence[Stream]:
        """The streams, in the order they are pulled.  Makes no call."""

    @abstractmethod
    def check(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What the credential should reach: (what it is, one cheap call that proves it)."""

    def suggest(self) -> str:
        """A proposal of settings (TOML) from the service's own questions; NotImplementedError where none."""
        raise NotImplementedError

    def secret(self, name: str) -> str:
        """The secret setting `name`, or the content of the file `<name>_file`; `CredentialMissing`."""
        value = getattr(self.settings, name)
        path = getattr(self.settings, f"{name}_file", None)
        if value is not None:
            text = str(value.get_secret_value()).strip()
        elif path is not None:
            try:
                text = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise CredentialMissing(
                    f"sources.{self.link.source}.{name}_file cannot be read: {path}"
                ) from error
        else:
            text = ""
        if not text:
            variable = variable_name(("sources", self.link.source, name))
            raise CredentialMissing(
                f"no {name} is set: put it into the environment variable {variable}, "
                f"or its file's path into sources.{self.link.source}.{name}_file"
            )
        return text


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """A file that lies elsewhere: its name below the source's address, with forward slashes.

    `version` changes whenever its content may have (empty: unknown, it is always fetched); `size` in bytes.
    """

    name: str
    version: str
    size: int


class ObjectConnector(Connector[Settings_]):
    """A connector of files: it has no streams of records but objects, which are read as dropped files are."""

    def streams(self) -> Sequence[Stream]:
        return ()

    @abstractmethod
    def objects(self, entity: str) -> Sequence[RemoteObject]:
        """The objects of an entity, in the order of their names."""

    @abstractmethod
    def fetch(self, one: RemoteObject, target: Path) -> None:
        """Write the content of an object, whole, to `target`."""


@contextmanager
def understood() -> Iterator[None]:
    """Where an answer is taken apart: what fails because of its shape becomes `BrokenAnswer`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        # its text may hold data, so only its kind is told
        raise BrokenAnswer(
            f"the service's answer has another shape than it documents ({type(error).__name__}): "
            "look for an update of this pipeline"
        ) from error


def part(answer: Json, name: str, kind: type[Kind]) -> Kind:
    """`answer[name]`, which must be there and of that kind; else `BrokenAnswer`."""
    found = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(found, kind):
        what = "has no" if found is None else "has another type of"
        raise BrokenAnswer(f"the service's answer {what} {name!r}: its interface changed; look for an update")
    return found


def fields_of(records: Iterable[Any]) -> frozenset[str]:
    """The names of all fields of a page's records, for `Page.fields`."""
    return frozenset().union(*(record.keys() for record in records if isinstance(record, dict)))


def asked(mapping: RowMapping | None, prefix: str) -> frozenset[str]:
    """The names the mapping asks for as `<prefix>.<name>`, of the fields a company added to its service."""
    columns = (*mapping.columns.values(), *mapping.attributes.values()) if mapping else ()
    names = (column.from_ for column in columns if column.from_ and column.from_.startswith(f"{prefix}."))
    return frozenset(name[len(prefix) + 1 :] for name in names)


def own_fields(prefix: str, values: object, wanted: frozenset[str]) -> dict[str, Any]:
    """The wanted ones of the fields a company added, as `<prefix>.<name>`; several values are joined."""
    found = values if wanted and isinstance(values, dict) else {}
    return {
        f"{prefix}.{name}": ", ".join(map(str, value)) if isinstance(value, list) else value
        for name in sorted(wanted & found.keys())
        if not isinstance(value := found[name], dict)
    }


def reaches(connector: Connector[Any]) -> Iterable[Reach]:
    """What the connector's credential can and cannot reach."""
    for what, call in connector.check():
        try:
            with understood():
                call()
        except ServiceError as error:
            yield Reach(what, str(error))
            if error.stops_source:
                return
        else:
            yield Reach(what)
