"""`cx sources`: the configured sources, what waits for them, and whether each answers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cx_pipeline.cli.output import echo_json, echo_table, json_option

if TYPE_CHECKING:
    from cx_pipeline.landing import Batch
    from cx_pipeline.settings import FileMapping, Settings
    from cx_pipeline.sources.files.inbox import Drop


_CHECK_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one source delivers of one entity.  `waiting`: files whose content is not landed yet."""

    source: str
    entity: str
    files: int
    waiting: int
    last_landed: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a source can be read; `problems` say what to do, `reached` what of a service answered."""

    source: str
    problems: tuple[str, ...]
    reached: tuple[str, ...] = ()

    @property
    def answers(self) -> bool:
        return not self.problems


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def sources(ctx: click.Context, as_json: bool) -> None:
    """List the sources and the files waiting."""
    if ctx.invoked_subcommand:
        return
    from cx_pipeline.settings import load_settings

    found = deliveries(load_settings())
    if as_json:
        echo_json([asdict(delivery) for delivery in found])
        return
    header = ("source", "entity", "files", "waiting", "last landed")
    echo_table(
        header,
        [
            (each.source, each.entity, f"{each.files:,}", f"{each.waiting:,}", each.last_landed or "never")
            for each in found
        ],
    )


@sources.command()
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Tell whether each source answers.

    Of a service: what its credential can and cannot reach. Ends with 1 where a source does not answer: its
    folder or a file that waits cannot be read, a pattern matches no file, a credential is missing or refused.
    """
    from cx_pipeline.settings import load_settings

    settings = load_settings()
    found = answers(settings) + service_answers(settings)
    if as_json:
        echo_json([asdict(answer) | {"answers": answer.answers} for answer in found])
    else:
        for answer in found:
            mark = click.style("✓", fg="green") if answer.answers else click.style("✗", fg="red")
            reached = f": {', '.join(answer.reached)}" if answer.reached else ""
            told = "".join(f"\n    {text}" for text in answer.problems)
            click.echo(f"{mark} {answer.source}{reached}{told}")
    ctx.exit(0 if all(answer.answers for answer in found) else 1)


@sources.command()
@click.argument("name")
def suggest(name: str) -> None:
    """Propose which question of a survey measures what.

    Prints settings made from the service's own questions, to be read, mended and copied.
    """
    from cx_pipeline.landing import connect
    from cx_pipeline.settings import load_settings
    from cx_pipeline.sources.connector import understood
    from cx_pipeline.sources.http.errors import ServiceError

    settings = load_settings()
    if name not in settings.services:
        known = ", ".join(settings.services) or "none is configured"
        raise click.UsageError(f"{name!r} is no service; there are: {known}")
    connector = connect(settings, name, patience=_CHECK_PATIENCE_SECONDS)
    try:
        with understood():
            proposed = connector.suggest()
        click.echo(proposed, nl=False)
    except NotImplementedError:
        raise click.ClickException(
            f"{name}: {settings.services[name].type} has no questions to map"
        ) from None
    except ServiceError as error:
        raise click.ClickException(f"{name}: {error}") from None
    finally:
        connector.link.close()


def deliveries(settings: Settings) -> list[Delivery]:
    """Every source and entity that is configured, delivers files or has landed; sources in their order."""
    from cx_pipeline.contract import ENTITIES
    from cx_pipeline.settings import ServiceSource
    from cx_pipeline.sources.connectors import find
    from cx_pipeline.sources.files.inbox import survey

    claimed = survey(settings).claimed
    landed = _landed(settings)
    found = []
    for name, source in settings.all_sources.items():
        delivered = find(source.type).delivers(source) if isinstance(source, ServiceSource) else ()
        for entity in ENTITIES:
            key = (name, entity)
            drops = claimed.get(key, [])
            if not drops and entity not in delivered and entity not in source.entities and key not in landed:
                continue
            waiting = len(_waiting(drops, landed.get(key, {})))
            last = max((batch.landed_at for batch in landed.get(key, {}).values()), default=None)
            found.append(Delivery(name, entity, len(drops), waiting, last))
    return found


def _landed(settings: Settings) -> dict[tuple[str, str], dict[str, Batch]]:
    """The last batch of each path, by source and entity."""
    from cx_pipeline.landing import list_batches

    landed: dict[tuple[str, str], dict[str, Batch]] = {}
    for batch in list_batches(settings.paths):  # by sequence: the last one of a path stands
        landed.setdefault((batch.source, batch.entity), {})[batch.origin] = batch
    return landed


def _waiting(drops: Sequence[Drop], landed: dict[str, Batch]) -> list[Drop]:
    """The files whose content is not landed."""
    known = {batch.content_sha256 for batch in landed.values()}
    return [drop for drop in drops if _sha256(drop.path) not in known]


def answers(settings: Settings) -> list[Answer]:
    """Whether each source's folders and waiting files can be read and each of its patterns matches a file."""
    from cx_pipeline.settings import INBOX_SOURCE, FileMapping
    from cx_pipeline.sources.files.inbox import matches, survey

    inbox = settings.paths.inbox
    surveyed = survey(settings)
    landed = _landed(settings)
    found = []
    for name, source in settings.file_sources.items():
        if name == INBOX_SOURCE and settings.services and not inbox.is_dir():
            continue  # a company may have services alone
        problems = [] if inbox.is_dir() else [f"{inbox} is not there: make it, and drop files below it"]
        for entity, mapping in source.entities.items():
            folder = inbox / entity
            if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
                problems.append(f"{folder} cannot be read: change its owner or mode")
                continue
            drops = surveyed.claimed.get((name, entity), [])
            problems += [
                f"no file below {folder} matches {pattern!r}"
                for pattern in mapping.files
                if not any(matches(drop.name, pattern) for drop in drops)
            ]
        for (owner, entity), drops in surveyed.claimed.items():
            if owner == name:
                mapping = source.entities.get(entity, FileMapping())
                problems += _unreadable(drops, landed.get((owner, entity), {}), mapping)
        problems += [
            f"{drop.path} is claimed by {' and '.join(owners)}: narrow their patterns"
            for drop, owners in surveyed.disputed
            if name in owners
        ]
        found.append(Answer(name, tuple(problems)))
    return found


def _unreadable(drops: Sequence[Drop], landed: dict[str, Batch], mapping: FileMapping) -> Iterator[str]:
    """What keeps files from landing: of those that wait, each is read to its end."""
    from cx_pipeline.sources.files.reader import why_unreadable

    allowed = [drop for drop in drops if os.access(drop.path, os.R_OK)]
    yield from (
        f"{drop.path}: its owner or mode keeps it from being read" for drop in drops if drop not in allowed
    )
    for drop in _waiting(allowed, landed):
        if problem := why_unreadable(drop.path, mapping):
            yield f"{drop.path}: {problem}"


def service_answers(settings: Settings) -> list[Answer]:
    """What each service's credential can and cannot reach, asked of all services at once."""
    from concurrent.futures import ThreadPoolExecutor

    if not settings.services:
        return []
    with ThreadPoolExecutor(len(settings.services)) as pool:
        return list(pool.map(lambda name: _service_answer(settings, name), settings.services))


def _service_answer(settings: Settings, name: str) -> Answer:
    from cx_pipeline.landing import connect
    from cx_pipeline.sources.connector import reaches

    connector = connect(settings, name, patience=_CHECK_PATIENCE_SECONDS)
    try:
        reached = list(reaches(connector))
    finally:
        connector.link.close()
    return Answer(
        name,
        tuple(dict.fromkeys(f"{one.what}: {one.problem}" for one in reached if one.problem)),
        tuple(one.what for one in reached if not one.problem),
    )


def unclaimed(settings: Settings) -> list[str]:
    """What lies in the inbox and nothing reads: a misspelt folder, an unknown kind of file."""
    from cx_pipeline.sources.files.inbox import survey

    return [text for text in survey(settings).strange if not text.lower().startswith("file readme")]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
