"""What dbt's Jinja needs to render for the linter, without a database: `var`, `adapter` and `dbt`.

sqlfluff loads this package by `library_path` in `.sqlfluff`.  A dispatched macro renders as a call of a
function of its name, one that makes a relation as a select.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

_PROJECT = Path(__file__).resolve().parents[2] / "dbt_project" / "dbt_project.yml"
_VARIABLES: dict[str, Any] = yaml.safe_load(_PROJECT.read_text(encoding="utf-8"))["vars"]


def var(name: str, default: Any = None) -> Any:
    """The project's own default of a variable."""
    return _VARIABLES.get(name, default)


def _dispatch(name: str, macro_namespace: str | None = None) -> Callable[..., str]:
    def call(*arguments: Any, **named: Any) -> str:
        values = ", ".join(str(value) for value in (*arguments, *named.values()))
        if name == "days_of":
            return f"select date_day from {arguments[0]}"
        return f"{name}({values})"

    return call


adapter = SimpleNamespace(dispatch=_dispatch)
dbt = SimpleNamespace(type_string=lambda: "varchar")
