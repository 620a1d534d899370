"""What files hold, as hashes, remembered between nights for files that have not changed.

What enters: paths.  What leaves: `Found`, a file with its content's hash or why it cannot be read.  Used by
the pulls of files and of objects.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

from cx_pipeline.files import write_whole
from cx_pipeline.settings import DataPaths
from cx_pipeline.sources.files.inbox import Drop
from cx_pipeline.sources.rows.records import FileError

_SETTLED_SECONDS = 2.0  # a file younger than this is hashed again next time

Identity = tuple[int, int, int, int]


def identity_of(path: Path) -> Identity:
    """What changes with every change of a file: size, modification, inode and status times."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns


class Contents:
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

    def sha256(self, path: Path) -> tuple[str, Identity]:
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


@dataclass(frozen=True, slots=True)
class Found:
    """A file with its content's hash, or why it cannot be read; `identity` begins with its size in bytes."""

    drop: Drop
    origin: str
    sha256: str = ""
    identity: Identity = (0, 0, 0, 0)
    problem: str = ""
