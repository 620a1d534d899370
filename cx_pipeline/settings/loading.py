"""Reading the settings file and the environment, and explaining what is wrong in them.

What enters: the file that `CX_CONFIG` names and every `CX_…` variable.  What leaves: `Settings`, or
`SettingsError` with one line a wrong key.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings.model import Settings
from cx_pipeline.settings.sections import nearest
from cx_pipeline.settings.sources import FileSource, Source, secret_fields, source_model

DEFAULT_CONFIG = "cx_pipeline.toml"


class SettingsError(Exception):
    """The settings cannot be used; the text says which key, its value and what is allowed."""


_PREFIX = "CX_"
_NOT_SETTINGS = ("CX_CONFIG", "CX_DEBUG")
"""Variables that say how to run, not what is set: the settings file, and tracebacks for errors."""


def variable_name(key: tuple[str, ...]) -> str:
    """The environment variable of a setting: ("reporting", "min_n") is CX_REPORTING__MIN_N."""
    return _PREFIX + "__".join(key).upper()


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The `CX_…` variables as a nested document; an empty variable sets nothing.

    A value that is JSON for a list or a table is read as such; all others stay text, which the
    settings' types turn into numbers, booleans and times.
    """
    document: dict[str, Any] = {}
    variables = {
        name.lower(): (name, text)
        for name, text in environment.items()
        if name.startswith(_PREFIX) and name not in _NOT_SETTINGS and text
    }
    for lower, (name, text) in sorted(variables.items()):
        *parents, leaf = lower.removeprefix(_PREFIX.lower()).split("__")
        if [*parents, leaf][0] not in Settings.model_fields:
            allowed = [variable_name((field,)) for field in Settings.model_fields] + ["CX_CONFIG"]
            raise SettingsError(
                f"{name} in the environment sets nothing; the settings are "
                f"{', '.join(allowed)}, and what lies below them with two underscores"
            )
        table = document
        for part in parents:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise SettingsError(
                    f"{name} in the environment sets part of what another variable sets whole"
                )
        table[leaf] = _decoded(text)
    return document


def _decoded(text: str) -> Any:
    if text[0] in "[{":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merged(below: Any, above: Any) -> Any:
    """`above` over `below`, table by table."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {key: _merged(below.get(key), value) for key, value in above.items()}
    return above


_ABSENT = object()


def _value_at(document: Any, location: tuple[int | str, ...]) -> Any:
    for part in location:
        is_there = (
            part in document
            if isinstance(document, dict)
            else isinstance(document, list) and isinstance(part, int) and part < len(document)
        )
        if not is_there:
            return _ABSENT
        document = document[part]
    return document


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models_in(inner)]


def _annotations_at(location: tuple[int | str, ...], document: dict[str, Any]) -> list[Any]:
    """The types the model gives to what lies at `location`; none where it knows no such key."""
    annotations: list[Any] = [Settings]
    if location[:1] == ("sources",) and len(location) > 1:  # a source's model depends on its type
        annotations, location = [_model_of(_value_at(document, location[:2]))], location[2:]
    for part in location:
        annotations = [below for annotation in annotations for below in _below(annotation, part)]
    return annotations


def _model_of(source: Any) -> type[Source]:
    try:
        return source_model(source.get("type", "files") if isinstance(source, dict) else "files")
    except ValueError:
        return FileSource


def _below(annotation: Any, part: int | str) -> list[Any]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, Source) and part in ENTITIES:
            return [get_args(annotation.model_fields["entities"].annotation)[1]]
        fields = annotation.model_fields.items()
        return [field.annotation for name, field in fields if part in (name, field.alias)]
    inner = get_args(annotation)
    if get_origin(annotation) in (dict, Mapping):
        return [inner[1]]
    if get_origin(annotation) is tuple:
        return list(inner)
    return [below for each in inner for below in _below(each, part)]


def _holds_secret(annotation: Any) -> bool:
    if annotation is SecretStr:
        return True
    inner = [field.annotation for model in _models_in(annotation) for field in model.model_fields.values()]
    return any(_holds_secret(each) for each in (*get_args(annotation), *inner))


def _is_secret(value: Any) -> bool:
    """Whether a value is an address with a password, or with a query, which may be a signature."""
    return isinstance(value, str) and "://" in value and ("@" in value or "?" in value)


def _explain(
    error: ValidationError, document: dict[str, Any], environment: dict[str, Any], where: str
) -> str:
    """One line a wrong setting: its key, its value and where that came from, what is allowed."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        location = tuple(part for part in problem["loc"] if part != "[key]")
        if location[:1] == ("sources",) and location[2:3] == ("entities",):
            written = (*location[:2], *location[3:])  # as people write it: [sources.shop.transactions]
            location = written if _value_at(document, written) is not _ABSENT else location
        lines.append(f"  {_problem_line(location, problem['type'], problem['msg'], document, environment)}")
    return f"The settings ({where} and the environment) cannot be used:\n" + "\n".join(lines)


def _problem_line(
    location: tuple[int | str, ...],
    kind: str,
    message: str,
    document: dict[str, Any],
    environment: dict[str, Any],
) -> str:
    path = tuple(str(part) for part in location)
    key = ".".join(path)
    message = message.removeprefix("Value error, ").replace("Input should be", "must be", 1)
    if not path:
        return message
    by_variable = _value_at(environment, location) is not _ABSENT
    origin = f" (from {variable_name(path)})" if by_variable else ""
    if kind == "extra_forbidden":
        # The value of a key nobody knows stays out: it may be a secret under a misspelt name.
        hint = nearest(path[-1], _known_keys(path[:-1], document))
        return f"{key}{origin} is no setting; {hint} (docs/settings.md)"
    value = _value_at(document, location)
    if _is_secret(value) or any(_holds_secret(each) for each in _annotations_at(location, document)):
        shown = " = (hidden)"
    elif value is _ABSENT or isinstance(value, dict):
        shown = ""  # a table's own message names the part that is wrong
    else:
        shown = f" = {value!r}"
    if by_variable and isinstance(value, str) and kind in ("tuple_type", "dict_type", "model_type"):
        message += '; in the environment lists and tables are JSON, such as \'["a", "b"]\''
    return f"{key}{shown}{origin}: {message}"


def _known_keys(path: tuple[str, ...], document: dict[str, Any]) -> list[str]:
    """The keys that may stand in the table at `path`."""
    models = [model for annotation in _annotations_at(path, document) for model in _models_in(annotation)]
    names = [field.alias or name for model in models for name, field in model.model_fields.items()]
    if any(issubclass(model, Source) for model in models):
        names = [name for name in names if name != "entities"] + list(ENTITIES)
    return names


def _refuse_secrets(document: dict[str, Any]) -> None:
    """No secret stands in the settings file, which is shared and committed."""
    if "key" in (document.get("privacy") or {}):
        raise SettingsError(
            "privacy.key must not stand in a file: use the variable CX_PRIVACY__KEY, or privacy.key_file"
        )
    alerts = document.get("alerts")
    channels = alerts.get("channels") if isinstance(alerts, dict) else None
    for name, channel in (channels if isinstance(channels, dict) else {}).items():
        if isinstance(channel, dict) and "url" in channel:
            variable = variable_name(("alerts", "channels", name, "url"))
            raise SettingsError(
                f"alerts.channels.{name}.url must not stand in a file: it holds secrets; use the variable "
                f"{variable}, or alerts.channels.{name}.url_file"
            )
    sources = document.get("sources")
    for name, source in (sources if isinstance(sources, dict) else {}).items():
        for secret in secret_fields(_model_of(source)) if isinstance(source, dict) else ():
            if secret in source:
                variable = variable_name(("sources", name, secret))
                raise SettingsError(
                    f"sources.{name}.{secret} must not stand in a file: use the variable {variable}, "
                    f"or sources.{name}.{secret}_file"
                )


def _with_texts_as_secrets(document: dict[str, Any]) -> dict[str, Any]:
    """A secret that is JSON, as a service account's key is, is a text all the same."""
    sources = document.get("sources")
    for source in sources.values() if isinstance(sources, dict) else ():
        for secret in secret_fields(_model_of(source)) if isinstance(source, dict) else ():
            if isinstance(source.get(secret), dict | list):
                source[secret] = json.dumps(source[secret])
    return document


def load_settings() -> Settings:
    """Read and validate the settings; SettingsError where they cannot be used."""
    config = Path(os.environ.get("CX_CONFIG") or DEFAULT_CONFIG)
    document: dict[str, Any] = {}
    if config.exists():
        try:
            document = tomllib.loads(config.read_text(encoding="utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise SettingsError(f"{config} cannot be read: {error}") from error
    elif os.environ.get("CX_CONFIG"):
        raise SettingsError(f"CX_CONFIG names {config}, which does not exist")
    _refuse_secrets(document)
    environment = _from_environment(os.environ)
    both = _with_texts_as_secrets(_merged(document, environment))
    try:
        return Settings(**both)
    except ValidationError as error:
        raise SettingsError(_explain(error, both, environment, str(config))) from error
