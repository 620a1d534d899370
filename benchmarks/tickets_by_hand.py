"""The hand-written tickets: runs `tickets_by_hand.sql` in a process of its own, so that its cost can be read.

python -m benchmarks.tickets_by_hand DATA_FOLDER ANSWERS.duckdb
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

DIMENSIONS = ("all", "channel", "priority", "team", "agent", "category", "segment", "product", "brand")
EACH_DIMENSION = "-- each dimension"


def statements(data: Path) -> Iterator[str]:
    """The script's statements in order; one marked so comes once for each dimension."""
    script = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    script = script.replace("{landing}", str(data / "landing"))
    script = script.replace("{seeds}", str(Path(__file__).with_name("seeds")))
    for statement in script.split(";\n"):
        if EACH_DIMENSION not in statement:
            yield statement
            continue
        for name in DIMENSIONS:
            column = "'all'" if name == "all" else name
            day = "cast(null as date)" if name == "agent" else "unit.day"  # agents start at the week
            filled = statement.replace("{name}", name).replace("{dimension}", column)
            yield filled.replace("{day}", day)


def main() -> None:
    """Answer, into a DuckDB file."""
    import duckdb

    data, answers = Path(sys.argv[1]), Path(sys.argv[2])
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": os.environ.get("DUCKDB_MEMORY_LIMIT", "80%"),
        "temp_directory": str(answers.with_suffix(".tmp")),
        "threads": 2,
        "preserve_insertion_order": "false",
    }
    with duckdb.connect(str(answers), config=settings) as connection:
        connection.execute("set timezone = 'UTC'")
        for statement in statements(data):
            connection.execute(statement)


if __name__ == "__main__":
    main()
