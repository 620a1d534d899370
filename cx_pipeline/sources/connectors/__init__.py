"""The connectors: one module (or package) a service, named as its `type` in the settings.

What enters: a type's name.  What leaves: the `Connector` class its module gives as `CONNECTOR`.  A new
connector is a new module here and nothing else; docs/connectors.md shows how to write one.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cx_pipeline.sources.connector import Connector


@cache
def names() -> tuple[str, ...]:
    """The types of service there is a connector for, in order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


def find(type_: str) -> type[Connector[Any]]:
    """The connector of a type in `names()`."""
    found: type[Connector[Any]] = importlib.import_module(f"{__name__}.{type_}").CONNECTOR
    return found
