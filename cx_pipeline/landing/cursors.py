"""Cursors: how far each stream of a service has landed.

What enters and leaves: `Cursor`s, one small JSON file each below `state/cursors/<source>/`, written whole.  A
cursor of another generation than the one in force is void: the stream is pulled from its beginning.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cx_pipeline.files import fsync_folder, write_whole
from cx_pipeline.settings import DataPaths


@dataclass(frozen=True, slots=True)
class Cursor:
    """`value` is what the connector gave with the last page that landed; `pages` counts since the start.

    `is_complete`: the stream came to its end at least once.  `fields`: what its records had the last time.
    `repeats`: on a night without news it gave again what had landed, as many do with their newest records.
    """

    generation: int
    value: Any = None
    pages: int = 0
    is_complete: bool = False
    fields: tuple[str, ...] = ()
    repeats: bool = False


class Cursors:
    """The cursors of one source."""

    def __init__(self, paths: DataPaths, source: str, generation: int) -> None:
        self._folder = paths.state / "cursors" / source
        self._generation = generation

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def read(self, name: str) -> Cursor:
        """The cursor of a stream (or of a backfill of it); a fresh one where there is none in force."""
        try:
            given = json.loads(self._path(name).read_text(encoding="utf-8"))
            found = Cursor(**given | {"fields": tuple(given["fields"])})
        except (FileNotFoundError, ValueError, TypeError, KeyError):  # lost or damaged: pulled anew
            return Cursor(self._generation)
        return found if found.generation == self._generation else Cursor(self._generation)

    def write(self, name: str, cursor: Cursor) -> None:
        write_whole(self._path(name), json.dumps(asdict(cursor), sort_keys=True).encode())

    def remove(self, name: str) -> None:
        """Forget a backfill that is through."""
        if self._path(name).exists():
            self._path(name).unlink()
            fsync_folder(self._folder)
