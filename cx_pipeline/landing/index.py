"""Which landed file holds which batches, from the footers, remembered from night to night.

What enters: the landing folder.  What leaves: `landed_files`, on which the list of batches rests.  A file
holds one batch (footer key `cx_batch`) or is a *pack* of many (`cx_packed`, a JSON list), which
`landing.compact` makes.  Reading a footer costs a fifth of a millisecond, looking at a file a
hundredth: the footers read before are kept in `landing/.index.json`, a cache that may be deleted
at any time and is believed only for a file whose inode, time and size are still the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from cx_pipeline.contract import ENTITIES
from cx_pipeline.files import write_whole
from cx_pipeline.landing.batch import FOOTER_KEY, Batch
from cx_pipeline.settings import DataPaths

PACKED_KEY = "cx_packed"
EMPTIED_KEY = "cx_emptied_rows"
_LOOKS = 5
_WORTH_KEEPING = 0.02


class LandingError(Exception):
    """The night cannot land anything; the text says what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class LandedFile:
    """A landed file and its batches, by sequence; `emptied_rows` of its rows hold no more than their key."""

    path: Path
    size_bytes: int
    batches: tuple[Batch, ...]
    is_pack: bool = False
    emptied_rows: int = 0


_Identity = tuple[int, int, int]
_known: dict[Path, tuple[_Identity, LandedFile]] = {}
"""What this process has read: a landed file never changes."""
_loaded: set[Path] = set()
_unsaved: set[Path] = set()


def landed_files(paths: DataPaths, entity: str | None = None) -> list[LandedFile]:
    """Every landed file (of `entity`) by the sequence of its first batch; LandingError where one is broken.

    A reader without the night's lock may see a file go that has been packed meanwhile, and looks again.
    """
    _load(paths)
    for look in range(_LOOKS):
        try:
            found = [_landed(path) for path in batch_files(paths.landing, entity)]
        except FileNotFoundError:
            if look == _LOOKS - 1:
                raise
        else:
            return sorted(found, key=lambda file: (file.batches[0].sequence, file.path.name))
    raise AssertionError


def batch_files(root: Path, entity: str | None = None) -> Iterator[Path]:
    """The Parquet files below landing/, rejected/ or quarantine/, the typed empty ones left out."""
    for name in [entity] if entity else ENTITIES:
        for path in root.glob(f"{name}/source=*/dt=*/*.parquet"):
            if path.parent.parent.name != "source=_none":
                yield path


def save_index(paths: DataPaths) -> bool:
    """Keep the footers read so far for the nights to come, where enough are new; whether it was done."""
    files = landed_files(paths)
    if len(_unsaved) <= len(files) * _WORTH_KEEPING:
        return False
    rows = [
        [
            str(file.path.relative_to(paths.landing)),
            _known[file.path][0],
            file.is_pack,
            file.emptied_rows,
            file.batches,
        ]
        for file in files
    ]
    write_whole(_index(paths), orjson.dumps(rows))
    _unsaved.clear()
    return True


def forget() -> None:
    """Begin as another process would."""
    _known.clear()
    _loaded.clear()
    _unsaved.clear()


def _index(paths: DataPaths) -> Path:
    return paths.landing / ".index.json"


def _load(paths: DataPaths) -> None:
    """Take up what earlier nights read, once a process; what cannot be read is read from the footers."""
    if paths.landing in _loaded:
        return
    _loaded.add(paths.landing)
    try:
        for name, identity, is_pack, emptied_rows, batches in orjson.loads(_index(paths).read_bytes()):
            path = paths.landing / name
            file = LandedFile(
                path, identity[2], tuple(map(Batch.from_dict, batches)), bool(is_pack), int(emptied_rows)
            )
            _known[path] = (tuple(identity), file)
    except (OSError, ValueError, TypeError):
        return


def _landed(path: Path) -> LandedFile:
    stat = path.stat()
    identity = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
    known = _known.get(path)
    if known is None or known[0] != identity:
        known = _known[path] = (identity, _from_footer(path, stat.st_size))
        _unsaved.add(path)
    return known[1]


def _from_footer(path: Path, size: int) -> LandedFile:
    try:
        footer: dict[bytes, bytes] = pq.read_metadata(path).metadata or {}
    except FileNotFoundError:
        raise
    except (pa.ArrowInvalid, OSError) as error:
        raise LandingError(f"{path} is no whole Parquet file: restore it from a backup") from error
    emptied = int(footer.get(EMPTIED_KEY.encode(), b"0"))
    if (text := footer.get(FOOTER_KEY.encode())) is not None:
        return LandedFile(path, size, (Batch.from_json(text),), emptied_rows=emptied)
    if (packed := footer.get(PACKED_KEY.encode())) is not None:
        given: list[dict[str, Any]] = json.loads(packed)
        return LandedFile(path, size, tuple(map(Batch.from_dict, given)), True, emptied)
    raise LandingError(f"{path} is no batch of this pipeline: move it out of the landing folder")
