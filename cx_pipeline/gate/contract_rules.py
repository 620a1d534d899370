"""The row rules that follow from the contract: required, closed list, form, bound, finite, time.

What enters: the contract.  What leaves: `contract_rules(entity)`, the rules every suite in
`expectations/` must state exactly so; `suite.load_suite` compares, and a test compares again.  A rule
that no single column of the contract implies (a score within its scale, an answer before its
invitation) stands in the suite alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cx_pipeline.contract import Entity, Field, Type

OLDEST_INSTANT = "1990-01-01T00:00:00+00:00"
"""Instants before this are no instants (customers are exempt: people were born, and joined, before)."""

_ALIVE = "is_deleted != True"
"""A tombstone need say no more than whose it is."""

ENTITY_WITHOUT_OLDEST_INSTANT = "customers"


@dataclass(frozen=True, slots=True)
class ContractRule:
    """A rule as the contract implies it; `kwargs` as Great Expectations takes them, `where` as in a suite."""

    name: str
    expectation: str
    kwargs: dict[str, Any]
    where: str | None = None


def contract_rules(entity: Entity) -> tuple[ContractRule, ...]:
    """The rules the contract implies for `entity`, in the order of its columns."""
    return tuple(rule for field in entity.fields for rule in _rules_of(entity, field))


def _rules_of(entity: Entity, field: Field) -> Iterator[ContractRule]:
    column = field.landed_name
    if field.required:
        yield ContractRule(
            f"{field.name}_present",
            "expect_column_values_to_not_be_null",
            {"column": column},
            None if field.name == entity.key else _ALIVE,
        )
    if field.allowed:
        yield ContractRule(
            f"{field.name}_known",
            "expect_column_values_to_be_in_set",
            {"column": column, "value_set": list(field.allowed)},
        )
    if field.pattern:
        yield ContractRule(
            f"{field.name}_well_formed",
            "expect_column_values_to_match_regex",
            {"column": column, "regex": _whole(field.pattern)},
        )
    if field.type is Type.DECIMAL:
        yield ContractRule(
            f"{field.name}_finite",
            "expect_column_values_to_not_be_in_set",
            {"column": column, "value_set": [math.inf, -math.inf]},
        )
    if field.minimum is not None:
        bound = "positive" if field.exclusive_minimum else "not_negative"
        yield ContractRule(
            f"{field.name}_{bound if field.minimum == 0 else 'within_bounds'}",
            "expect_column_values_to_be_between",
            {"column": column, "min_value": field.minimum}
            | ({"strict_min": True} if field.exclusive_minimum else {}),
        )
    if field.type is Type.TIMESTAMP:
        yield from _time_rules(entity, field)


def _whole(pattern: str) -> str:
    """`pattern` with its end meant strictly: Python's `$` would let a line break follow."""
    return pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern


def _time_rules(entity: Entity, field: Field) -> Iterator[ContractRule]:
    if not field.may_be_ancient and entity.name != ENTITY_WITHOUT_OLDEST_INSTANT:
        yield ContractRule(
            f"{field.name}_not_before_1990",
            "expect_column_values_to_be_between",
            {"column": f"{field.name}_latest", "min_value": OLDEST_INSTANT},
        )
    if not field.may_be_future:
        yield ContractRule(
            f"{field.name}_not_in_future",
            "expect_column_pair_values_a_to_be_greater_than_b",
            {
                "column_A": "pull_horizon",
                "column_B": f"{field.name}_earliest",
                "or_equal": True,
                "ignore_row_if": "either_value_is_missing",
            },
        )
