"""Pulling files: what lies in the inbox becomes batches, each content once.

What enters: the settings, a source's name and the night.  What leaves: landed batches and a `PullReport`
that says of every file what became of it.  One bad file never keeps another from landing; only what makes
every batch wrong (the identity key, a damaged store) raises.  Called by the Dagster assets and by tests,
under the night's lock.

A content is loaded unless it is the latest from its path, or (for a path never loaded before) current at
another path of the source: then an alias is landed, a batch without rows that remembers the copy.  When the
mapping changed, everything is loaded anew as the next generation, provided every path in force is there.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa

from cx_pipeline.contract import ENTITIES
from cx_pipeline.files import write_whole
from cx_pipeline.landing.batch import Batch
from cx_pipeline.landing.session import Session, mapping_fingerprint, rejected_table
from cx_pipeline.landing.store import (
    BatchWriter,
    LandingError,
)
from cx_pipeline.settings import INBOX_SOURCE, DataPaths, FileMapping, Settings
from cx_pipeline.sources.files.inbox import Drop, Inbox, survey
from cx_pipeline.sources.files.reader import open_reader
from cx_pipeline.sources.rows.mapping import Mapper
from cx_pipeline.sources.rows.records import Chunk, FileError, Reader

Progress = Callable[[int, int], None]
"""Hears the bytes read of an entity's files to load, and how many there are."""

Outcome = Literal["loaded", "alias", "skipped", "failed"]
_HEADER_LENGTH = 120
_HEADERS = 100
_SETTLED_SECONDS = 2.0  # a file younger than this is hashed again next time


@dataclass(frozen=True, slots=True)
class FileReport:
    """What became of one file: `origin` is its redacted path in the inbox; `read` = `landed` + `rejected`.

    `notes` say in one line each what people should know; of a failed file, why it failed.
    """

    entity: str
    origin: str
    outcome: Outcome
    notes: tuple[str, ...] = ()
    batch_id: str | None = None
    read: int = 0
    landed: int = 0
    rejected: int = 0
    extra: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over the files of one entity."""

    loaded: int = 0
    alias: int = 0
    skipped: int = 0
    failed: int = 0
    read: int = 0
    landed: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True)
class PullReport:
    """What one pull of one source did.  `notes` are for people, one line each, redacted."""

    source: str
    night: str
    files: tuple[FileReport, ...]
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[FileReport, ...]:
        return tuple(f for f in self.files if f.outcome == "failed")

    def of(self, entity: str) -> tuple[FileReport, ...]:
        """The files of one entity, in the order they were dealt with."""
        return tuple(f for f in self.files if f.entity == entity)

    @property
    def totals(self) -> dict[str, Totals]:
        """Counts by entity, of the entities with a file."""
        result: dict[str, Totals] = {}
        for name in dict.fromkeys(f.entity for f in self.files):
            files = self.of(name)
            counts = {s: sum(f.outcome == s for f in files) for s in ("loaded", "alias", "skipped", "failed")}
            rows = {c: sum(getattr(f, c) for f in files) for c in ("read", "landed", "rejected")}
            result[name] = Totals(**counts, **rows)
        return result


# ---------------------------------------------------------------- contents


_Identity = tuple[int, int, int, int]


def identity_of(path: Path) -> _Identity:
    """What changes with every change of a file: size, modification, inode and status times."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns


class _Contents:
    """SHA-256 of files, remembered between nights for files that have not changed."""

    def __init__(self, paths: DataPaths) -> None:
        self._file = paths.state / "inbox.json"
        self._known: dict[str, list[object]] = {}
        self._changed = False
        if self._file.exists():
            try:
                self._known = json.loads(self._file.read_text(encoding="utf-8"))
            except (OSError, ValueError):  # a cache: made again
                self._known = {}

    @staticmethod
    def _name(path: Path) -> str:
        """Paths may hold personal data: the cache keeps a hash of them."""
        return hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:32]

    def sha256(self, path: Path) -> tuple[str, _Identity]:
        """The hash of a file and what it was taken of; FileError where it cannot be read."""
        try:
            before = identity_of(path)
            known = self._known.get(self._name(path))
            if known is not None and tuple(known[:4]) == before:
                return str(known[4]), before
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            after = identity_of(path)
        except OSError as error:
            raise FileError(f"cannot be read: {error.strerror}") from error
        if before != after:
            raise FileError("changed while it was read: it is tried again next night")
        if time.time() - max(before[1], before[3]) / 1e9 > _SETTLED_SECONDS:
            self._known[self._name(path)] = [*before, digest]
            self._changed = True
        return digest, before

    def save(self) -> None:
        if self._changed:
            write_whole(self._file, json.dumps(self._known, sort_keys=True).encode())


# ---------------------------------------------------------------- one file


@dataclass(frozen=True, slots=True)
class Found:
    """A file with its content's hash, or why it cannot be read; `identity` begins with its size in bytes."""

    drop: Drop
    origin: str
    sha256: str = ""
    identity: _Identity = (0, 0, 0, 0)
    problem: str = ""


def _chunks(reader: Reader, wanted: frozenset[str]) -> Iterator[Chunk]:
    """The reader's chunks; trouble with the file itself is a `FileError`, trouble with our disk is not."""
    chunks = reader.chunks(wanted)
    while True:
        try:
            chunk = next(chunks, None)
        except OSError as error:
            raise FileError(f"cannot be read: {error.strerror}") from error
        if chunk is None:
            return
        yield chunk


def _open(found: Found, mapping: FileMapping, on_bytes: Callable[[int], None] | None) -> Reader:
    try:
        return open_reader(found.drop.path, mapping, on_bytes)
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}") from error


def _series(origin: str) -> str:
    """What files of one export have in common: their path but for its digits (`tickets_2026-11-21.csv`)."""
    return re.sub(r"\d+", "#", origin)


class FileLoading(Session):
    """Loads files of one source, wherever they were found: each content once, all of one mapping."""

    def __init__(
        self,
        settings: Settings,
        source: str,
        night: date,
        mappings: Mapping[str, FileMapping],
        on_progress: Progress | None = None,
    ) -> None:
        super().__init__(settings, source, night)
        self.mappings = mappings
        self.on_progress = on_progress
        self.outcomes: list[FileReport] = []
        self.notes: list[str] = []

    def fetched(self, f: Found, latest: dict[str, Batch]) -> Found:
        """The file with its hash and, where it is not in `latest`, its content at hand; `FileError`."""
        return f

    def done(self, f: Found) -> None:
        """The file is through: loaded, or known."""

    def fail(self, entity: str, origin: str, message: str) -> None:
        self.outcomes.append(FileReport(entity, f"{entity}/{origin}", "failed", (message,)))

    # ------------------------------------------------------------ one entity

    def load_entity(self, entity: str, found: list[Found]) -> None:
        fingerprint = mapping_fingerprint(self.settings, self.source, entity)
        mine = [b for b in self.batches if b.source == self.source and b.entity == entity]
        generation = max((b.generation for b in mine), default=1)
        before = {b.origin: b for b in mine if b.generation == generation - 1}
        latest = {b.origin: b for b in mine if b.generation == generation}
        if any(b.mapping_fingerprint != fingerprint for b in latest.values()):
            generation, before, latest = self._remap(entity, found, generation, mine, latest)
        self._note_lost(entity, before, latest, found)
        ordered = self._in_order(found, before, latest)
        self._load_all(entity, ordered, latest, mine, generation=generation, fingerprint=fingerprint)

    def _remap(
        self,
        entity: str,
        found: list[Found],
        generation: int,
        mine: list[Batch],
        latest: dict[str, Batch],
    ) -> tuple[int, dict[str, Batch], dict[str, Batch]]:
        """The mapping changed: the next generation where every path in force can be loaded again."""
        readable = {f.origin for f in found if not f.problem}
        gone = sorted(set(latest) - readable)
        if gone:
            self.notes.append(
                f"the mapping of {entity} changed, but {len(gone)} of {len(latest)} files in force "
                f"({gone[0]}{', …' if len(gone) > 1 else ''}) cannot be read again: the new "
                "mapping holds for new content only; put them back to have everything loaded anew"
            )
            return generation, {}, latest
        contents: dict[str, set[str]] = {}
        for b in mine:
            if b.generation == generation and not b.alias:
                contents.setdefault(b.origin, set()).add(b.content_sha256)
        overwritten = sum(len(c) > 1 for c in contents.values())
        note = f"the mapping of {entity} changed: its {len(latest)} files are loaded anew"
        if overwritten:
            note += (
                f"; {overwritten} of them had been overwritten: rows that only their former contents held "
                "are no longer in force"
            )
        self.notes.append(note)
        return generation + 1, latest, {}

    def _note_lost(
        self, entity: str, before: dict[str, Batch], latest: dict[str, Batch], found: list[Found]
    ) -> None:
        """A reload that was cut short goes on by itself, unless a file vanished meanwhile."""
        if lost := sorted(set(before) - set(latest) - {f.origin for f in found}):
            self.notes.append(
                f"{len(lost)} files of {entity} ({lost[0]}{', …' if len(lost) > 1 else ''}) vanished before "
                "they were loaded anew: their rows are not in force; put them back"
            )

    @staticmethod
    def _in_order(found: list[Found], before: dict[str, Batch], latest: dict[str, Batch]) -> list[Found]:
        """By path; what is loaded anew first, in its former order, so that the same rows win."""

        def rank(f: Found) -> tuple[int, int, str]:
            if f.origin in before and f.origin not in latest:
                return 0, before[f.origin].sequence, f.origin
            return 1, 0, f.origin

        return sorted(found, key=rank)

    def _load_all(
        self,
        entity: str,
        found: list[Found],
        latest: dict[str, Batch],
        mine: list[Batch],
        *,
        generation: int,
        fingerprint: str,
    ) -> None:
        occurrences: dict[tuple[str, str], int] = {}
        for b in mine:
            key = (b.origin, b.content_sha256)
            occurrences[key] = occurrences.get(key, 0) + 1
        current = max((b.generation for b in mine), default=0)
        newest = {
            _series(b.origin): b
            for b in sorted(mine, key=lambda b: b.sequence)
            if b.generation == current and not b.alias
        }
        total = sum(f.identity[0] for f in found if self.is_new(f, latest))
        done = 0
        for known in found:
            if known.problem:
                self.fail(entity, known.origin, known.problem)
                continue
            try:
                f = self.fetched(known, latest)
            except FileError as error:
                self.fail(entity, known.origin, str(error))
                continue
            if not self.is_new(f, latest):
                self.done(f)
                self.outcomes.append(FileReport(entity, f"{entity}/{f.origin}", "skipped"))
                continue
            copied = f.origin not in latest and any(b.content_sha256 == f.sha256 for b in latest.values())
            draft = self.draft(
                entity,
                origin=f.origin,
                content_sha256=f.sha256,
                occurrence=occurrences.get((f.origin, f.sha256), 0),
                generation=generation,
                fingerprint=fingerprint,
                mode=self._mapping(entity).mode,
            )
            try:
                batch = (
                    self._land_alias(draft)
                    if copied
                    else self._land(draft, f, newest.get(_series(f.origin)), done, total)
                )
            except FileError as error:
                self.fail(entity, f.origin, str(error))
                continue
            except (pa.ArrowException, ValueError, OverflowError) as error:
                # a value no reader foresaw: its text may hold data, so only its kind is told
                self.fail(entity, f.origin, f"cannot be processed ({type(error).__name__}): please report it")
                continue
            done += f.identity[0]
            self.done(f)
            self.sequence = batch.sequence
            latest[f.origin] = batch
            occurrences[f.origin, f.sha256] = occurrences.get((f.origin, f.sha256), 0) + 1
            if not batch.alias:
                newest[_series(batch.origin)] = batch

    @staticmethod
    def is_new(f: Found, latest: dict[str, Batch]) -> bool:
        return f.origin not in latest or latest[f.origin].content_sha256 != f.sha256

    def _mapping(self, entity: str) -> FileMapping:
        return self.mappings.get(entity, FileMapping())

    def _land_alias(self, draft: Batch) -> Batch:
        batch = replace(draft, alias=True)
        with BatchWriter(self.paths, batch) as writer:
            writer.finish(batch)
        message = "the same content is current at another path: remembered, not loaded twice"
        self.outcomes.append(
            FileReport(batch.entity, f"{batch.entity}/{batch.origin}", "alias", (message,), batch.batch_id)
        )
        return batch

    def _land(self, draft: Batch, f: Found, newest: Batch | None, done: int, total: int) -> Batch:
        read_bytes = 0

        def on_bytes(count: int) -> None:
            nonlocal read_bytes
            read_bytes = min(read_bytes + count, f.identity[0])
            if self.on_progress is not None:
                self.on_progress(done + read_bytes, total)

        reader = _open(f, self._mapping(draft.entity), on_bytes)
        landed = rejected = 0
        try:
            mapper = Mapper(
                self.settings,
                self.source,
                draft.entity,
                self.keyer,
                reader.headers,
                sequence=draft.sequence,
                key_scope=draft.origin if self._mapping(draft.entity).key_scope == "file" else "",
            )
            with BatchWriter(self.paths, draft) as writer:
                for chunk in _chunks(reader, mapper.binding.wanted):
                    rows, rejects = mapper.map(chunk)
                    landed += len(rows)
                    rejected += len(rejects)
                    writer.write(rows)
                    if rejects:
                        writer.reject(rejected_table(draft, rejects))
                if not self._is_unchanged(f):
                    raise FileError("changed while it was read: it is tried again next night")
                batch = self._finished(draft, mapper, landed, rejected, newest)
                writer.finish(batch)
        finally:
            reader.close()
        self.outcomes.append(
            FileReport(
                batch.entity,
                f"{batch.entity}/{batch.origin}",
                "loaded",
                self._notes_of(batch, reader),
                batch.batch_id,
                batch.read,
                batch.landed,
                batch.rejected,
                batch.extra,
                batch.missing,
            )
        )
        return batch

    @staticmethod
    def _notes_of(batch: Batch, reader: Reader) -> tuple[str, ...]:
        notes = list(reader.notes)
        if batch.rejected:
            notes.append(
                f"{batch.rejected} of {batch.read} rows rejected: see the rejected rows for the reasons"
            )
        if batch.missing:
            notes.append(f"the mapping names headers the file lacks, for {', '.join(batch.missing)}")
        if batch.extra:
            notes.append(f"headers nobody asked for stay out: {', '.join(batch.extra)}")
        if batch.renamed:
            notes.append("a header went and an unknown one came: was a column renamed?")
        if batch.unknown_values:
            counts = ", ".join(f"{name} ({count})" for name, count in batch.unknown_values.items())
            notes.append(f"values outside the contract's lists: {counts}")
        return tuple(notes)

    @staticmethod
    def _is_unchanged(f: Found) -> bool:
        try:
            return identity_of(f.drop.path) == f.identity
        except OSError:
            return False

    def _finished(
        self, draft: Batch, mapper: Mapper, landed: int, rejected: int, newest: Batch | None
    ) -> Batch:
        extra = tuple(self.keyer.redact(h)[:_HEADER_LENGTH] for h in mapper.binding.extra[:_HEADERS])
        renamed = (
            newest is not None
            and bool(set(newest.delivered) - set(mapper.delivered))
            and bool(set(extra) - set(newest.extra))
        )
        return replace(
            draft,
            read=landed + rejected,
            landed=landed,
            rejected=rejected,
            delivered=mapper.delivered,
            missing=mapper.binding.missing,
            extra=extra,
            renamed=renamed,
            unknown_values=dict(sorted(mapper.tally.unknown_values.items())),
            ambiguous_times=mapper.tally.ambiguous_times,
            nonexistent_times=mapper.tally.nonexistent_times,
            date_only=tuple(sorted(mapper.tally.date_only)),
        )


class _InboxPull(FileLoading):
    """One pull of one source of the inbox."""

    def __init__(self, settings: Settings, source: str, night: date, on_progress: Progress | None) -> None:
        if source not in settings.file_sources:
            raise LandingError(
                f"there is no enabled source of files {source!r}; there are "
                f"{', '.join(settings.file_sources)}"
            )
        mappings = settings.file_sources[source].entities
        super().__init__(settings, source, night, mappings, on_progress)
        self.contents = _Contents(self.paths)

    def run(self) -> PullReport:
        inbox = survey(self.settings)
        self._report_strange(inbox)
        for entity in ENTITIES:
            drops = inbox.claimed.get((self.source, entity), [])
            if drops:
                self.load_entity(entity, [self._found(d) for d in drops])
        self.contents.save()
        return PullReport(self.source, self.night, tuple(self.outcomes), tuple(self.notes))

    def _report_strange(self, inbox: Inbox) -> None:
        for drop, owners in inbox.disputed:
            if self.source in owners:
                message = (
                    f"claimed by the sources {' and '.join(owners)}: make their files patterns exclusive"
                )
                self.fail(drop.entity, self.keyer.safe_path(drop.name), message)
        if self.source == INBOX_SOURCE:
            self.notes += [f"not used: {self.keyer.redact(line)}" for line in inbox.strange]
        else:
            for entity, mapping in self.mappings.items():
                if not mapping.files:
                    self.notes.append(
                        f'sources.{self.source}.{entity} claims no file: give it files = "pattern"'
                    )

    def _found(self, drop: Drop) -> Found:
        origin = self.keyer.safe_path(drop.name)
        try:
            return Found(drop, origin, *self.contents.sha256(drop.path))
        except FileError as error:
            return Found(drop, origin, problem=str(error))


def pull_files(
    settings: Settings, source_name: str, night: date, on_progress: Progress | None = None
) -> PullReport:
    """Land what is new in the inbox for one source.

    Never raises for a bad file (see `PullReport.failed`); `LandingError` where nothing may land: the identity
    key is missing, readable by others or another one, or the landing folder is damaged.
    """
    return _InboxPull(settings, source_name, night, on_progress).run()
