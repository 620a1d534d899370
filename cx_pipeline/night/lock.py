"""One night at a time: an `flock` on `state/night.lock`, whoever starts the night.

What enters: the file's path.  What leaves: the lock, and the name of whoever holds it or died holding
it.  The kernel frees a dead process's lock at once, so nothing has to be cleaned up after a kill; the
file's text outlives its writer and tells the next holder which run died.  Called by the command line
and by the resource that holds the lock for a Dagster run.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: process, run and instant of the start."""

    pid: int
    run_id: str
    night: str
    started_by: str
    started_at: str

    def __str__(self) -> str:
        return (
            f"process {self.pid}, started by {self.started_by} at {self.started_at}, run {self.run_id or '-'}"
        )


class NightBusy(Exception):
    """Another night holds the lock."""

    def __init__(self, holder: Holder | None) -> None:
        self.holder = holder
        super().__init__(f"another night is running ({holder or 'not named yet'}); wait for it or stop it")


class NightLock:
    """The lock.  `acquire`, then `name_run`, then `release`; also a context manager for `release`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        return self._descriptor is not None

    def acquire(self, wait_seconds: float) -> Holder | None:
        """Take the lock; return the run that died holding it, if one did.

        Raises NightBusy, naming the holder, when the lock is still taken after `wait_seconds`.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    holder = _read(descriptor)
                    os.close(descriptor)
                    raise NightBusy(holder) from None
                time.sleep(min(_POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            else:
                self._descriptor = descriptor
                return _read(descriptor)

    def name_run(self, run_id: str, night: str, started_by: str) -> Holder:
        """Write who holds the lock, for those who are refused and for whoever comes after a kill."""
        holder = Holder(
            pid=os.getpid(),
            run_id=run_id,
            night=night,
            started_by=started_by,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._write(json.dumps(asdict(holder)).encode())
        return holder

    def release(self) -> None:
        """Give the lock back; nothing where it is not held."""
        if self._descriptor is None:
            return
        self._write(b"")
        os.close(self._descriptor)
        self._descriptor = None

    def _write(self, content: bytes) -> None:
        assert self._descriptor is not None  # noqa: S101 - only a holder writes
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)
        os.fsync(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def current_holder(path: Path) -> Holder | None:
    """Who holds the lock now, or None where it is free.  Takes nothing."""
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor) or Holder(0, "", "", "somebody", "an unknown time")
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Holder | None:
    content = os.pread(descriptor, 4096, 0)
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):  # empty, or torn by a kill in mid-write
        return None
