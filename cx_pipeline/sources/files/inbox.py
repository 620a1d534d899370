"""The inbox: which dropped file belongs to which source.

What enters: the settings and the folders below the inbox.  What leaves: the files each source claims for
each entity, in the order of their paths, and what nobody can use, by name.  Nothing is read or changed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import INBOX_SOURCE, FileSource, Settings
from cx_pipeline.sources.files.reader import EXTENSIONS, extension

_TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", ".swp", "~")


@dataclass(frozen=True, slots=True, order=True)
class Drop:
    """One dropped file; `name` is its path below the entity's folder, with forward slashes, NFC."""

    entity: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Inbox:
    """What lies in the inbox: files by (source, entity), files two sources claim, and what nobody can use."""

    claimed: dict[tuple[str, str], list[Drop]]
    disputed: list[tuple[Drop, tuple[str, ...]]]
    strange: list[str]


def _printable(name: str) -> str:
    """A path as text; bytes that are no UTF-8 become \\udcXX spelled out."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "backslashreplace").decode("utf-8"))


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower().endswith(_TEMPORARY)


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: `*` and `?` within a name, `**` across folders, `[…]` a set."""
    pattern = unicodedata.normalize("NFC", pattern).removeprefix("./")
    pieces, place = [], 0
    while place < len(pattern):
        rest = pattern[place:]
        if rest.startswith("**/"):
            pieces.append("(?:[^/]+/)*")
            place += 3
        elif rest.startswith("**"):
            pieces.append(".*")
            place += 2
        elif rest[0] == "*":
            pieces.append("[^/]*")
            place += 1
        elif rest[0] == "?":
            pieces.append("[^/]")
            place += 1
        elif rest[0] == "[" and (end := rest.find("]", 2)) > 0:
            body = rest[1:end].replace("\\", r"\\")
            pieces.append(f"[^{body[1:]}]" if body.startswith("!") else f"[{body}]")
            place += end + 1
        else:
            pieces.append(re.escape(rest[0]))
            place += 1
    return re.compile("".join(pieces))


def matches(name: str, pattern: str) -> bool:
    """Whether a path below the entity's folder fits a pattern; without `/` the file's own name must."""
    subject = name if "/" in pattern else PurePosixPath(name).name
    return _glob(pattern).fullmatch(subject) is not None


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not _is_hidden(f))
        for name in names:
            path = Path(place) / name
            if not _is_hidden(name) and path.is_file():
                yield _printable(path.relative_to(folder).as_posix()), path


def survey(settings: Settings) -> Inbox:
    """Look through the inbox.  Files of a disabled source stay its own: nobody else loads them."""
    claimed: dict[tuple[str, str], list[Drop]] = {}
    disputed: list[tuple[Drop, tuple[str, ...]]] = []
    strange: list[str] = []
    root = settings.paths.inbox
    if not root.is_dir():
        return Inbox({}, [], [])
    for child in sorted(root.iterdir()):
        if _is_hidden(child.name):
            continue
        if child.name not in ENTITIES or not child.is_dir():
            kind = "folder" if child.is_dir() else "file"
            strange.append(f"{kind} {_printable(child.name)}: files belong into {', '.join(ENTITIES)}")
            continue
        for name, path in sorted(_files(child)):
            if extension(name) is None:
                strange.append(
                    f"{child.name}/{name}: its name ends in none of {', '.join(EXTENSIONS)} (or .gz)"
                )
                continue
            drop = Drop(child.name, name, path)
            owners = tuple(
                source
                for source, configured in settings.sources.items()
                if isinstance(configured, FileSource)
                and child.name in configured.entities
                and any(matches(name, p) for p in configured.entities[child.name].files)
            )
            if len(owners) > 1:
                disputed.append((drop, owners))
            else:
                claimed.setdefault((owners[0] if owners else INBOX_SOURCE, child.name), []).append(drop)
    return Inbox(claimed, disputed, strange)
