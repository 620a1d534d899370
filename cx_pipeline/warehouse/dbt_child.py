"""dbt as a child that never outlives the night that started it.

A night killed in mid-build leaves its dbt process behind, still writing to the working files.  So dbt
is started through a small launcher that (on Linux) asks the kernel to end it with its parent, and that
holds a shared lock for as long as it lives; the next night waits for that lock before it builds.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path

from cx_pipeline.files import write_whole

_PR_SET_PDEATHSIG = 1
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


def write_launcher(folder: Path) -> Path:
    """The executable to run instead of `dbt`, made in `folder`."""
    launcher, lock = folder / "dbt", folder / "dbt.lock"
    content = (
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(_PACKAGE_ROOT)!r})\n"
        "from cx_pipeline.warehouse.dbt_child import run_dbt\n"
        f"run_dbt({str(lock)!r})\n"
    ).encode()
    if not launcher.exists() or launcher.read_bytes() != content:
        write_whole(launcher, content)
        launcher.chmod(0o755)
    return launcher


def run_dbt(lock: str) -> None:
    """What the launcher does: tie this process to its parent, take the lock, become dbt."""
    if sys.argv[1:] == ["--version"]:  # asked before every command; importing dbt would cost seconds
        print(f"Core:\n  - installed: {version('dbt-core')}")  # noqa: T201 - the answer
        return
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    from dbt.cli.main import cli

    cli()


def wait_for_orphans(folder: Path, seconds: float = 600) -> None:
    """Wait until no dbt process of a dead night is left; TimeoutError with what to do after `seconds`."""
    lock = folder / "dbt.lock"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TimeoutError(
                        f"a dbt process of an earlier night still runs (it holds {lock}): stop it"
                    ) from None
                time.sleep(0.2)
            else:
                return
    finally:
        os.close(descriptor)
