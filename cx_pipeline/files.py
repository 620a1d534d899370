"""Writing files so that what stands under a name is whole: temporary name, fsync, rename, fsync.

Anyone may call it; it knows nothing of the project.
"""

from __future__ import annotations

import os
from pathlib import Path


def fsync_folder(folder: Path) -> None:
    """Make the renames within `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_file(path: Path) -> None:
    """Make the content of `path` durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents so that each new name survives a power cut."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        fsync_folder(made.parent)


def temporary_beside(path: Path) -> Path:
    """The name under which the next version of `path` is written: hidden, and never ending like it."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def put_in_place(temporary: Path, path: Path) -> None:
    """Make the finished `temporary` durable and rename it to `path` in the same folder."""
    fsync_file(temporary)
    temporary.replace(path)
    fsync_folder(path.parent)


def write_whole(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader sees the old file or the new one, whenever we die."""
    make_folder(path.parent)
    temporary = temporary_beside(path)
    temporary.write_bytes(content)
    put_in_place(temporary, path)
