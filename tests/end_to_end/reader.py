"""A reader in a loop: opens the published file again and again until it is told to stop.

Run as a program with the file's path; prints one line a look: the digest of what it saw, or `ERROR …`.
"""

from __future__ import annotations

import sys
import time

import duckdb


def look(path: str) -> str:
    """The rows of `kpis` and whether the accounts balance, as one short line."""
    with duckdb.connect(path, read_only=True) as connection:
        kpis = connection.execute(
            "select count(*), sum(hash(kpi, grain, period_start, value)) from marts.kpis"
        )
        seen = kpis.fetchall()[0]
        unbalanced = connection.execute(
            "select count(*) from marts.reconciliation where not is_balanced"
        ).fetchall()
        if unbalanced[0][0]:
            return f"ERROR {unbalanced[0][0]} accounts do not balance"
    return f"{seen[0]} {seen[1]}"


if __name__ == "__main__":
    while True:
        begun = time.monotonic()
        try:
            print(look(sys.argv[1]), flush=True)
        except duckdb.Error as error:
            print(f"ERROR {error}", flush=True)
        time.sleep(2 * (time.monotonic() - begun))  # most of the machine is the night's
