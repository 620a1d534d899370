"""The project's KPI macros without dbt: rendered as dbt renders them, for tools and tests.

What enters: `dbt_project/macros/`.  What leaves: `kpi_environment()`, a Jinja environment in which text with
calls of those macros becomes DuckDB SQL, and whose globals are those macros by name.
`ref` is the bare name of a model, variables have the project's defaults.  Only `tools/` and tests call it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import yaml
from jinja2.runtime import Macro

PROJECT = Path(__file__).resolve().parents[1] / "dbt_project"


class _Return(Exception):
    """How dbt's `return` leaves a macro with a value that is no text."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def _leave(value: object) -> None:
    raise _Return(value)


def _with_return(macro: Macro) -> Callable[..., Any]:
    def call(*args: object, **kwargs: object) -> Any:
        try:
            return macro(*args, **kwargs)
        except _Return as result:
            return result.value

    return call


@cache
def kpi_environment() -> jinja2.Environment:
    """The environment; one a process."""
    paths = sorted((PROJECT / "macros").rglob("*.sql"))
    variables = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])  # noqa: S701 - SQL, not HTML
    by_name: dict[str, Callable[..., Any]] = {}

    def dispatch(name: str) -> Callable[..., Any]:
        return by_name.get(f"duckdb__{name}") or by_name[f"default__{name}"]

    environment.globals |= {
        "adapter": SimpleNamespace(dispatch=dispatch),
        "dbt": SimpleNamespace(type_string=lambda: "varchar"),
        "ref": lambda name: name,
        "var": lambda name, default=None: variables.get(name, default),
        "return": _leave,
        "execute": True,
        "is_incremental": lambda: False,
    }
    # Macros find one another among the globals, as in dbt, not as their neighbours in one text.
    text = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    prefixed = re.sub(r"(\{%-?\s*macro\s+)", r"\1macro__", text)
    module = environment.from_string(prefixed).make_module(environment.globals, shared=True)
    by_name |= {
        name.removeprefix("macro__"): _with_return(value)
        for name, value in vars(module).items()
        if isinstance(value, Macro)
    }
    environment.globals |= by_name
    return environment


def macros() -> dict[str, Callable[..., Any]]:
    """The macros by name."""
    return kpi_environment().globals  # type: ignore[return-value]
