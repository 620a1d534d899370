"""What runs a script by hand: DuckDB statements over a landing store, in a process whose cost can be read.

What enters: the data folder of a company, the script.  What leaves: a DuckDB file with the answers.
Called by the `…_by_hand` modules; `by_hand.sql` holds the macros their scripts share.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def script_statements(data: Path, script: Path) -> list[str]:
    """The statements of `by_hand.sql` and then those of `script`, for the company in `data`."""
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8") + script.read_text(encoding="utf-8")
    text = text.replace("{landing}", str(data / "landing"))
    return text.replace("{seeds}", str(Path(__file__).with_name("seeds"))).split(";\n")


def answer(statements: Iterable[str], answers: Path) -> None:
    """Run the statements one after the other, into the DuckDB file `answers`."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": os.environ.get("DUCKDB_MEMORY_LIMIT", "80%"),
        "temp_directory": str(answers.with_suffix(".tmp")),
        "threads": 2,
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(str(answers), config=settings) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in statements:
            connection.execute(statement)
