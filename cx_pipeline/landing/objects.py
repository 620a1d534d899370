"""Pulling files that lie elsewhere: what is new or changed there is fetched, and loaded as dropped files are.

What enters: the settings, a connector that lists and fetches objects, the night.  What leaves: landed batches
and a `ServiceReport`.  An object is fetched into `state/fetched/<source>/` and gone from there once it has
landed.  What its place said of it then (`version`) is remembered, so that an unchanged object is not fetched
again; an object that was fetched in vain is known by its content.  Called by `landing.services`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from cx_pipeline.files import write_whole
from cx_pipeline.landing.batch import Batch
from cx_pipeline.landing.contents import Found, identity_of
from cx_pipeline.landing.loading import FileLoading
from cx_pipeline.settings import FileMapping, Settings
from cx_pipeline.sources.connector import ObjectConnector, RemoteObject, understood
from cx_pipeline.sources.files.inbox import Drop
from cx_pipeline.sources.http.errors import ServiceError
from cx_pipeline.sources.rows.records import FileError


class ObjectPull(FileLoading):
    """One pull of one source of objects.  `problems`: (entity or object, what is wrong and what to do)."""

    def __init__(
        self,
        settings: Settings,
        source: str,
        night: date,
        connector: ObjectConnector[Any],
        on_page: Callable[[int], None] | None = None,
    ) -> None:
        mappings = {e: m for e, m in settings.services[source].entities.items() if isinstance(m, FileMapping)}
        super().__init__(settings, source, night, mappings)
        self.connector = connector
        self.on_page = on_page
        self.problems: list[tuple[str, str]] = []
        self.fetches = 0
        self._folder = self.paths.state / "fetched" / source
        self._known_file = self.paths.state / "cursors" / source / "objects.json"
        self._known = self._read_known()
        self._objects: dict[tuple[str, str], RemoteObject] = {}

    def run(self) -> None:
        """Load what is new or changed of each entity."""
        shutil.rmtree(self._folder, ignore_errors=True)  # a killed pull's
        try:
            for entity in self.connector.delivers(self.connector.settings):
                try:
                    with understood():
                        objects = self.connector.objects(entity)
                except ServiceError as error:
                    self.problems.append((entity, self.keyer.redact(str(error))))
                    if error.stops_source:
                        break
                    continue
                self.load_entity(entity, [self._found(entity, one) for one in objects])
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        for failed in (f for f in self.outcomes if f.outcome == "failed"):
            self.problems.append((failed.origin, "; ".join(failed.notes)))

    def _found(self, entity: str, one: RemoteObject) -> Found:
        """What is known of an object without fetching it."""
        drop = Drop(entity, one.name, self._folder / hashlib.sha256(one.name.encode()).hexdigest()[:16])
        self._objects[entity, one.name] = one
        version, sha256 = self._known.get(self._key(entity, one.name), ("", ""))
        found = Found(drop, self.keyer.safe_path(one.name), identity=(one.size, 0, 0, 0))
        return replace(found, sha256=sha256) if one.version and version == one.version else found

    def fetched(self, f: Found, latest: dict[str, Batch]) -> Found:
        if f.sha256 and not self.is_new(f, latest):
            return f
        one = self._objects[f.drop.entity, f.drop.name]
        # the readers tell a file's format by its name
        place = f.drop.path / Path(one.name).name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with understood():
                self.connector.fetch(one, place)
        except ServiceError as error:
            raise FileError(str(error)) from None
        self.fetches += 1
        if self.on_page is not None:
            self.on_page(self.fetches)
        with place.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return replace(f, drop=replace(f.drop, path=place), sha256=sha256, identity=identity_of(place))

    def done(self, f: Found) -> None:
        """Remember the version of what has landed, and clear its copy away."""
        one = self._objects[f.drop.entity, f.drop.name]
        if f.drop.path.is_file():
            f.drop.path.unlink()
        known = (one.version, f.sha256)
        key = self._key(f.drop.entity, one.name)
        if one.version and self._known.get(key) != known:
            self._known[key] = known
            write_whole(self._known_file, json.dumps(self._known, sort_keys=True).encode())

    @staticmethod
    def _key(entity: str, name: str) -> str:
        """Names may hold personal data: a hash of them is kept."""
        return hashlib.sha256(f"{entity}/{name}".encode("utf-8", "surrogatepass")).hexdigest()[:32]

    def _read_known(self) -> dict[str, tuple[str, str]]:
        try:
            given = json.loads(self._known_file.read_text(encoding="utf-8"))
            return {str(key): (str(version), str(sha256)) for key, (version, sha256) in given.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):  # a cache: made again
            return {}
