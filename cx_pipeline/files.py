"""Writing files so that what stands under a name is whole: temporary name, fsync, rename, fsync.

Anyone may call it; it knows nothing of the project.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


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


def exchange(one: Path, other: Path) -> None:
    """Let two files or folders of one file system swap names at one stroke (Linux's `renameat2`).

    Whoever looks sees both as they were or both swapped.  OSError where the system or the file system
    cannot do that (`errno.ENOSYS`, `EINVAL`), and then nothing has changed.
    """
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), str(one))
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(one))
    for folder in {one.parent, other.parent}:
        fsync_folder(folder)
