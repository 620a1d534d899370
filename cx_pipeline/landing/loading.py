"""Loading files of one source, wherever they were found: each content once, all of one mapping.

What enters: files with their hashes, and what has landed.  What leaves: landed batches, and a `FileReport`
each.  One bad file never keeps another from landing.  Called by the pulls of the inbox and of objects.

A content is loaded unless it is the latest from its path, or (for a path never loaded before) current at
another path of the source: then an alias is landed, a batch without rows that remembers the copy.  When the
mapping changed, everything is loaded anew as the next generation, provided every path in force is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa

from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing.batch import Batch
from cx_pipeline.landing.contents import Found, identity_of
from cx_pipeline.landing.report import FileReport
from cx_pipeline.landing.session import Session, finished, mapping_fingerprint, rejected_table
from cx_pipeline.landing.store import BatchWriter
from cx_pipeline.settings import FileMapping, Settings
from cx_pipeline.sources.files.reader import open_reader
from cx_pipeline.sources.rows.mapping import Binding, Mapper
from cx_pipeline.sources.rows.records import Chunk, FileError, Reader, SecondReadingError

Progress = Callable[[int, int], None]
"""Hears the bytes read of an entity's files to load, and how many there are."""

_HEADER_LENGTH = 120
_HEADERS = 100


def _chunks(reader: Reader, binding: Binding, entity: str) -> Iterator[Chunk]:
    """The reader's chunks; trouble with the file itself is a `FileError`, trouble with our disk is not."""
    chunks = reader.chunks(binding.wanted, binding.numbers(ENTITIES[entity]))
    while True:
        try:
            chunk = next(chunks, None)
        except OSError as error:
            raise FileError(f"cannot be read: {error.strerror}") from error
        if chunk is None:
            return
        yield chunk


def _open(
    found: Found, mapping: FileMapping, on_bytes: Callable[[int], None] | None, all_lines: bool
) -> Reader:
    try:
        return open_reader(found.drop.path, mapping, on_bytes, all_lines=all_lines)
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
                    else self._land_file(draft, f, newest.get(_series(f.origin)), done, total)
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

    def _land_file(self, draft: Batch, f: Found, newest: Batch | None, done: int, total: int) -> Batch:
        try:
            return self._land(draft, f, newest, done, total)
        except SecondReadingError:
            return self._land(draft, f, newest, done, total, all_lines=True)

    def _land(
        self, draft: Batch, f: Found, newest: Batch | None, done: int, total: int, *, all_lines: bool = False
    ) -> Batch:
        read_bytes = 0

        def on_bytes(count: int) -> None:
            nonlocal read_bytes
            read_bytes = min(read_bytes + count, f.identity[0])
            if self.on_progress is not None:
                self.on_progress(done + read_bytes, total)

        reader = _open(f, self._mapping(draft.entity), on_bytes, all_lines)
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
                for chunk in _chunks(reader, mapper.binding, draft.entity):
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
        return replace(finished(draft, mapper, landed, rejected), extra=extra, renamed=renamed)
