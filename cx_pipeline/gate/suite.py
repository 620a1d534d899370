"""The suites: `expectations/<entity>.yaml`, read strictly.

What enters: the YAML files and the contract.  What leaves: a `Suite` an entity, or `SuiteError` saying
what is wrong, where and what to do.  Nothing is skipped or guessed: an unknown key, a misspelt
severity, a rule named twice, a column nobody knows or a rule that is not what the contract says stops
the night.  Reading needs no Great Expectations, so the rules are known where assets are defined; that
Great Expectations takes every rule as it stands is checked by `engine` when it builds them.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from cx_pipeline.contract import ENTITIES, Entity
from cx_pipeline.gate.columns import added_columns
from cx_pipeline.gate.contract_rules import contract_rules
from cx_pipeline.gate.facts import FACT_COLUMNS

EXPECTATIONS = Path(__file__).parents[2] / "expectations"

Kind = Literal["row", "batch"]
Severity = Literal["critical", "warning", "info"]

_KEYS = {"rule", "expectation", "kwargs", "where", "kind", "severity", "description"}
_NEEDED = _KEYS - {"where"}
_SNAKE_CASE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
_COLUMN_KWARGS = ("column", "column_A", "column_B")


class SuiteError(Exception):
    """A suite cannot be used; the text says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: an expectation of Great Expectations with a name people know it by.

    `kind` row: put to every row; a row that breaks it is quarantined (severity `warning`) or only
    counted (`info`).  `kind` batch: put to the facts of a batch; breaking it holds the batch
    (`critical`) or is only reported (`warning`, `info`).  `where` is a condition, in the syntax of
    `pandas.DataFrame.query`, on the rows the rule is put to.
    """

    name: str
    expectation: str
    kwargs: Mapping[str, Any]
    where: str | None
    kind: Kind
    severity: Severity
    description: str

    @property
    def columns(self) -> frozenset[str]:
        """Every column the rule reads."""
        named = {self.kwargs[key] for key in _COLUMN_KWARGS if key in self.kwargs}
        return frozenset(named | set(self.kwargs.get("column_list", ())) | _names_in(self.where))


@dataclass(frozen=True, slots=True)
class Suite:
    """The rules of one entity, in the order of the file."""

    entity: str
    rules: tuple[Rule, ...]

    def of_kind(self, kind: Kind) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.rules if rule.kind == kind)

    @property
    def fingerprint(self) -> str:
        """16 hex digits over every rule: the same for the same rules."""
        text = json.dumps([asdict(rule) for rule in self.rules], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@lru_cache(maxsize=4)
def load_suites(folder: Path = EXPECTATIONS) -> dict[str, Suite]:
    """The suite of every entity; SuiteError where one is missing, wrong or of no entity."""
    strays = sorted(path.name for path in folder.glob("*.y*ml") if path.stem not in ENTITIES)
    if strays:
        raise SuiteError(
            f"{folder / strays[0]}: {Path(strays[0]).stem!r} is no entity; "
            f"name the file after one of {', '.join(ENTITIES)}"
        )
    return {name: load_suite(folder / f"{name}.yaml") for name in ENTITIES}


def load_suite(path: Path) -> Suite:
    """Read one suite; SuiteError where it is not exactly what it must be."""
    entity = ENTITIES[path.stem]
    document = _read(path)
    if not isinstance(document, dict) or set(document) != {"entity", "rules"}:
        raise SuiteError(f"{path}: must have exactly the keys 'entity' and 'rules'")
    if document["entity"] != entity.name:
        raise SuiteError(f"{path}: entity is {document['entity']!r}; it must be {entity.name!r}, as the file")
    if not isinstance(document["rules"], list) or not document["rules"]:
        raise SuiteError(f"{path}: 'rules' must be a list with at least one rule")
    rules = tuple(_rule(entry, f"{path}, rule {n}") for n, entry in enumerate(document["rules"], 1))
    _check_names(rules, path)
    for rule in rules:
        _check_columns(rule, entity, path)
    _check_against_contract(rules, entity, path)
    return Suite(entity.name, rules)


def _read(path: Path) -> object:
    import yaml

    base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class StrictLoader(base):  # type: ignore[misc, valid-type]
        """Refuses a key given twice, of which YAML would keep the last."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = [key.value for key, _ in node.value]
            for key in keys:
                if keys.count(key) > 1:
                    raise SuiteError(
                        f"{path}, line {node.start_mark.line + 1}: {key!r} is given twice; keep one"
                    )
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SuiteError(
            f"{path} is missing: every entity needs its suite; restore it from version control"
        ) from None
    except UnicodeDecodeError:
        raise SuiteError(f"{path} is not UTF-8: save it as UTF-8") from None
    try:
        return yaml.load(text, StrictLoader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise SuiteError(f"{path} is no YAML: {' '.join(str(error).split())}") from error


def _rule(entry: object, where: str) -> Rule:
    if not isinstance(entry, dict):
        raise SuiteError(f"{where}: must be a mapping with the keys {', '.join(sorted(_NEEDED))}")
    where = f"{where} ({entry['rule']})" if isinstance(entry.get("rule"), str) else where
    unknown, missing = set(entry) - _KEYS, _NEEDED - set(entry)
    if unknown:
        names = ", ".join(sorted(map(str, unknown)))
        raise SuiteError(f"{where}: unknown key {names}; the keys are {', '.join(sorted(_KEYS))}")
    if missing:
        raise SuiteError(f"{where}: {', '.join(sorted(missing))} is missing")
    for key in ("rule", "expectation", "description", *(("where",) if "where" in entry else ())):
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise SuiteError(f"{where}: {key} must be a text")
    if not _SNAKE_CASE.match(entry["rule"]):
        raise SuiteError(f"{where}: a rule's name is snake_case, such as score_within_scale")
    _check_one_of(entry["kind"], get_args(Kind), "kind", where)
    _check_one_of(entry["severity"], get_args(Severity), "severity", where)
    if entry["kind"] == "row" and entry["severity"] == "critical":
        raise SuiteError(
            f"{where}: severity critical holds a whole batch, so it is for batch rules; "
            "a row rule is 'warning' (the row is quarantined) or 'info' (it is only counted)"
        )
    kwargs = entry["kwargs"]
    if not isinstance(kwargs, dict) or not all(isinstance(key, str) for key in kwargs):
        raise SuiteError(f"{where}: kwargs must be a mapping")
    for key, instead in (
        ("mostly", "every broken row counts; leave it out"),
        ("severity", "state it beside the rule's name"),
        ("meta", "leave it out"),
        ("row_condition", "use 'where'"),
        ("condition_parser", "use 'where'"),
    ):
        if key in kwargs:
            raise SuiteError(f"{where}: kwargs.{key} is not for suites: {instead}")
    return Rule(
        entry["rule"],
        entry["expectation"],
        kwargs,
        entry.get("where"),
        entry["kind"],
        entry["severity"],
        " ".join(entry["description"].split()),
    )


def _check_one_of(value: object, allowed: tuple[str, ...], key: str, where: str) -> None:
    if value not in allowed:
        raise SuiteError(f"{where}: {key} is {value!r}; it must be one of {', '.join(allowed)}")


def _check_names(rules: tuple[Rule, ...], path: Path) -> None:
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise SuiteError(f"{path}: the rule {name} is there twice; give one another name or delete it")


def _names_in(condition: str | None) -> set[str]:
    if condition is None:
        return set()
    return {node.id for node in ast.walk(ast.parse(condition, mode="eval")) if isinstance(node, ast.Name)}


def _check_columns(rule: Rule, entity: Entity, path: Path) -> None:
    known = set(FACT_COLUMNS) if rule.kind == "batch" else set(row_columns(entity))
    where = f"{path}, rule {rule.name}"
    try:
        columns = rule.columns
    except SyntaxError:
        raise SuiteError(
            f"{where}: where is {rule.where!r}, which is no condition of pandas' query"
        ) from None
    if not columns:
        raise SuiteError(f"{where}: names no column, so no row could be named that breaks it")
    unknown = sorted(map(str, columns - known))
    if unknown:
        raise SuiteError(
            f"{where}: unknown column {', '.join(unknown)}; a {rule.kind} rule may use {_list(known)}"
        )


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def row_columns(entity: Entity) -> tuple[str, ...]:
    """The columns a row rule of `entity` may use: the landed ones and those the gate adds."""
    return (*(f.landed_name for f in entity.fields), *added_columns(entity))


def _check_against_contract(rules: tuple[Rule, ...], entity: Entity, path: Path) -> None:
    stated = {rule.name: rule for rule in rules}
    for expected in contract_rules(entity):
        rule = stated.get(expected.name)
        if rule is None:
            raise SuiteError(
                f"{path}: the contract implies the rule {expected.name}, which is missing; add it"
            )
        is_as_expected = (
            rule.expectation == expected.expectation
            and dict(rule.kwargs) == expected.kwargs
            and rule.where == expected.where
            and (rule.kind, rule.severity) == ("row", "warning")
        )
        if not is_as_expected:
            raise SuiteError(
                f"{path}, rule {rule.name}: differs from the contract, which says {expected.expectation} "
                f"{expected.kwargs} where {expected.where or 'anything'}, severity warning; change "
                "the contract, or this back"
            )
