"""A real PostgreSQL on this machine, started for a test and gone after it.

It runs below a folder of the test, on a free port of 127.0.0.1, as an unprivileged user (`postgres` where the
tests run as root).  Where no PostgreSQL is installed and none can be, the test is skipped, and says so.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Postgres:
    """A running server; `url` reaches its database `shop`, `psql` runs a script in it."""

    port: int

    @property
    def url(self) -> str:
        return f"postgresql://reader:s3cret-pass@127.0.0.1:{self.port}/shop"

    def psql(self, script: str, database: str = "shop") -> None:
        import psycopg

        with psycopg.connect(
            host="127.0.0.1", port=self.port, user="owner", dbname=database, autocommit=True
        ) as connection:
            connection.execute(script)


def _programs() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True
    )
    return next((place for place in places if (place / "initdb").exists()), None)


def _installed() -> Path:
    programs = _programs()
    if programs is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "postgresql"]
        subprocess.run(install, capture_output=True, check=False, timeout=300)
        programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL is installed, and it cannot be installed here")
    return programs


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[Postgres]:
    """A server with an empty database `shop` (its owner: `owner`) and a user `reader` who owns nothing."""
    programs = _installed()
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cx-postgres-"))
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)

    def run(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), *arguments],
            check=True,
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
        )

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "owner", "--auth=trust", "--no-sync")
        rules = "host all owner 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        (folder / "data" / "pg_hba.conf").write_text(rules)
        server = Postgres(_free_port())
        settings = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        run("pg_ctl", "-D", data, "-w", "-t", "60", "-l", str(folder / "log"), "-o", settings, "start")
        try:
            server.psql("create database shop", "postgres")
            server.psql("create user reader password 's3cret-pass'")
            yield server
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
