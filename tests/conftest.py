"""The order of the test files: what takes longest starts first, so that no process has it left at the end.

pytest-xdist gives out whole files in the order of collection (`make test` tells it to).  The company that
most of `end_to_end` reads is made by whoever asks first, and everybody else who asks waits: one file asks
for it, and those of `dbt`, which do not, come before the rest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_FIRST = ("end_to_end/test_alerts.py", "dbt", "end_to_end", "connectors")
_HERE = Path(__file__).parent


def _place(item: pytest.Item) -> int:
    where = item.path.relative_to(_HERE)
    ways = (where.as_posix(), where.parts[0])
    return min((place for place, name in enumerate(_FIRST) if name in ways), default=len(_FIRST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by folder as above; within one, files and tests stay in their order."""
    items.sort(key=_place)
