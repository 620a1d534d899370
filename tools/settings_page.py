"""Prints docs/settings.md, made from the settings' model (`make docs` writes it)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from datetime import time
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from cx_pipeline.settings import (
    AlertChannel,
    Column,
    EntitySettings,
    FileMapping,
    FileSource,
    Rescale,
    RowMapping,
    ServiceSource,
    Settings,
    variable_name,
)
from cx_pipeline.sources import connectors

HEAD = """# Settings

Settings live in one file, `cx_pipeline.toml` (another one by the environment variable `CX_CONFIG`). Every
value can be overridden by an environment variable: `CX_`, then the key in capitals, its parts joined by two
underscores:

```sh
CX_DATA_DIR=/srv/cx CX_REPORTING__MIN_N=10 CX_SOURCES__SHOP__ENABLED=false cx nightly
CX_PRIVACY__PHONE_REGIONS='["KR", "JP"]' cx nightly        # lists and tables as JSON
```

An empty variable sets nothing. A variable or key that no setting has, and a value that is not allowed, stop
every command with exit code 2 and one line each: the key, the value, where it came from, and what is allowed.
The identity key is a secret: it comes from `CX_PRIVACY__KEY` or a file of its own, never from the settings
file, and is never printed. `cx doctor` shows what is in force. `CX_DEBUG=1` is no setting: it lets an
unexpected error show its traceback.

Relative paths start at the directory the command runs in.

This page is made from `cx_pipeline/settings/` by `make docs`.
"""


def type_name(annotation: Any) -> str:  # noqa: PLR0911 - one return a kind of type
    """A type as people say it: "integer", "'stop' or 'publish_stale'", "list of text"."""
    plain = {
        "str": "text",
        "int": "integer",
        "float": "number",
        "bool": "true or false",
        "time": "time",
        "date": "date",
    }
    plain |= {"Path": "path", "SecretStr": "secret text", "NoneType": ""}
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin is tuple:
        of = type_name(inner[0])
        return f"list of {of}" if inner[-1] is Ellipsis else f"[{', '.join([of] * len(inner))}]"
    if origin in (dict, Mapping):
        return f"table of {type_name(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}]"
    if isinstance(annotation, type):
        return plain[annotation.__name__]
    if {str, float, bool} <= set(inner):
        return "text, number, true or false"
    if hasattr(annotation, "__metadata__"):
        return type_name(inner[0])
    return " or ".join(name for name in map(type_name, inner) if name)


def default_of(field: FieldInfo) -> str:
    """The default as it would stand in the file; empty where there is none or it is described."""
    value = field.default
    if value in (None, PydanticUndefined, {}, ()):
        return ""
    if isinstance(value, tuple):
        return "`[" + ", ".join(f'"{v}"' if isinstance(v, str) else f"{v:g}" for v in value) + "]`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int):
        return f"`{value}`"
    return f"`{value.strftime('%H:%M') if isinstance(value, time) else value}`"


def rows(model: type[BaseModel], path: tuple[str, ...], skip: tuple[str, ...] = ()) -> Iterator[str]:
    """A table row for each plain setting of `model`; `path` is where its table stands."""
    yield "| key | type | default | variable | meaning |"
    yield "|---|---|---|---|---|"
    for name, field in model.model_fields.items():
        if name in skip or _section(field) is not None:
            continue
        key = field.alias or name
        variable = variable_name((*path, key)).replace("<NAME>", "<name>").replace("<ENTITY>", "<entity>")
        variable = variable.replace("<COLUMN>", "<column>")
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{key}` | {type_name(field.annotation)} | {default_of(field)} | `{variable}` | {meaning} |"


def _section(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _intro(model: type[BaseModel]) -> str:
    return inspect.cleandoc(model.__doc__ or "").replace(".  ", ". ")


def _services() -> Iterator[str]:
    """What every service has, and what each connector adds."""
    path = ("sources", "<name>")
    yield from ("", "## Services", "", _intro(ServiceSource).split("\n\n")[0])
    yield "It has the keys of `[sources.<name>]` and these; [connectors](connectors.md) tells of pulls."
    yield ""
    yield from rows(ServiceSource, path, skip=tuple(FileSource.model_fields))
    for name in connectors.names():
        model = connectors.find(name).settings_type
        yield from ("", f'### `type = "{name}"`', "", _intro(model), "")
        yield from rows(model, path, skip=tuple(n for n in ServiceSource.model_fields if n != "type"))
        mapping = get_args(model.model_fields["entities"].annotation)[1]
        if mapping is not RowMapping:
            skip = tuple(RowMapping.model_fields)
            yield from ("", "`[sources.<name>.<entity>]`: " + _intro(mapping), "")
            yield from rows(mapping, (*path, "<entity>"), skip=skip)


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD, "## At the top", "", *rows(Settings, (), skip=("entities", "sources"))]
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is None:
            continue
        plain = rows(section, (name,), skip=("channels",))
        parts += ["", f"## `[{name}]`", "", _intro(section), "", *plain]
        for inner_name, inner_field in section.model_fields.items():
            inner = _section(inner_field)
            if inner is not None:
                parts += ["", f"### `[{name}.{inner_name}]`", "", _intro(inner), ""]
                parts += rows(inner, (name, inner_name))
    source = ("sources", "<name>")
    column = (*source, "<entity>", "columns", "<column>")
    for title, model, path, skip in (
        ("[alerts.channels.<name>]", AlertChannel, ("alerts", "channels", "<name>"), ()),
        ("[entities.<entity>]", EntitySettings, ("entities", "<entity>"), ()),
        ("[sources.<name>]", FileSource, source, ("entities",)),
        ("[sources.<name>.<entity>]", FileMapping, (*source, "<entity>"), ("columns", "attributes")),
        ("[sources.<name>.<entity>.columns]", Column, column, ("rescale",)),
    ):
        parts += ["", f"## `{title}`", "", _intro(model), "", *rows(model, path, skip)]
    parts += [
        "",
        "`rescale = { from = [low, high], to = [low, high] }` ("
        + _intro(Rescale).rstrip(".").lower()
        + ") moves the ends of the first onto the ends of",
        "the second. `[sources.<name>.<entity>.attributes]` has the same shape, with the names that",
        "`[entities.<entity>] attributes` declares.",
        "",
        "[The interfaces](design.md) have a worked example, and `cx_pipeline.toml` is one.",
        *_services(),
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - printing is what it is for
