"""Great Expectations, held on a short lead: rules and a frame in, the rows that break each rule out.

What enters: rules of one suite and a pandas frame.  What leaves: for each rule the rows (counted from
0) that Great Expectations itself reports as unexpected, or the error it ran into, never a mixture: an
exception within an expectation is neither bad data nor a pass.  `judge` calls it, and imports this
module only when there is something to judge.

One ephemeral context serves a whole judgement; nothing is stored, nothing is sent anywhere.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read while Great Expectations is imported

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.registry import get_expectation_impl

from cx_pipeline.gate.suite import Rule, SuiteError

logging.getLogger("great_expectations").setLevel(logging.ERROR)

_MAP_EXPECTATIONS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

ROW = "row"
"""The name the frame's index has while Great Expectations looks at it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule found in one frame: the rows that break it, counted from 0, or an error."""

    broken: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    error: str | None = None


class Session:
    """One ephemeral context and the suites built in it."""

    def __init__(self) -> None:
        self._context = gx.get_context(mode="ephemeral")
        self._context.enable_analytics(False)
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = self._context.data_sources.add_pandas("gate").add_dataframe_asset("rows")
        self._data = asset.add_batch_definition_whole_dataframe("all")
        self._built: dict[str, Any] = {}

    def build(self, name: str, rules: Sequence[Rule]) -> None:
        """Make `rules` known as `name`; SuiteError where Great Expectations does not take one as it is."""
        expectations = [_expectation(rule, name) for rule in rules]
        suite = gx.ExpectationSuite(name=name, expectations=expectations)
        kept = [(e.meta or {}).get("rule") for e in suite.expectations]
        if kept != [rule.name for rule in rules]:
            lost = ", ".join(rule.name for rule in rules if rule.name not in kept)
            raise SuiteError(
                f"the suite {name}: Great Expectations kept {len(kept)} of {len(rules)} rules; "
                f"it dropped {lost or 'none but changed their order'}: correct those entries"
            )
        definition = gx.ValidationDefinition(
            name=name, data=self._data, suite=self._context.suites.add(suite)
        )
        self._built[name] = self._context.validation_definitions.add(definition)

    def run(self, name: str, rules: Sequence[Rule], frame: pd.DataFrame) -> dict[str, Outcome]:
        """Put the rules built as `name` to `frame`: rule -> what it found."""
        if name not in self._built:
            self.build(name, rules)
        frame = frame.set_axis(pd.RangeIndex(len(frame), name=ROW))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pandas, for what Great Expectations does with it
            result = self._built[name].run(
                batch_parameters={"dataframe": frame},
                result_format={
                    "result_format": "COMPLETE",
                    "unexpected_index_column_names": [ROW],
                    "exclude_unexpected_values": True,
                },
            )
        outcomes = {one.expectation_config.meta["rule"]: _outcome(one, frame) for one in result.results}
        silent = "Great Expectations gave no result for it"
        return {rule.name: outcomes.get(rule.name, Outcome(error=silent)) for rule in rules}


def _expectation(rule: Rule, suite: str) -> Expectation:
    where = f"the suite {suite}, rule {rule.name}"
    try:
        kind = get_expectation_impl(rule.expectation)
    except GreatExpectationsError:
        raise SuiteError(
            f"{where}: Great Expectations knows no {rule.expectation}; see its gallery for the name"
        ) from None
    if not issubclass(kind, _MAP_EXPECTATIONS):
        raise SuiteError(
            f"{where}: {rule.expectation} judges a whole column, so no row can be named that breaks it; "
            "use one that judges values"
        )
    given: dict[str, Any] = {**rule.kwargs, "meta": {"rule": rule.name}, "severity": rule.severity}
    if rule.where:
        given["row_condition"] = {"type": "pass_through", "pass_through_filter": rule.where}
    try:
        return kind(**given)
    except (ValueError, TypeError) as error:  # pydantic's ValidationError is a ValueError
        text = " ".join(str(error).split())
        raise SuiteError(f"{where}: Great Expectations refuses its kwargs: {text}") from error


def _outcome(one: Any, frame: pd.DataFrame) -> Outcome:
    error = _error(one.exception_info, frame)
    if error is not None:
        return Outcome(error=error)
    if "unexpected_index_list" not in one.result or "unexpected_count" not in one.result:
        return Outcome(error="Great Expectations named no rows")
    listed = one.result["unexpected_index_list"]
    broken = np.asarray(listed[0][ROW] if listed else [], dtype=np.int64)
    if len(broken) != one.result["unexpected_count"] or bool(one.success) != (len(broken) == 0):
        return Outcome(
            error=f"Great Expectations counted {one.result['unexpected_count']} rows and named {len(broken)}"
        )
    return Outcome(np.unique(broken))


def _error(info: Mapping[str, Any] | None, frame: pd.DataFrame) -> str | None:
    """What went wrong inside an expectation, from either shape of `exception_info`; None if nothing."""
    if not info:
        return None
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            return _without_values(str(entry.get("exception_message") or "unknown error"), frame)
    return None


def _without_values(message: str, frame: pd.DataFrame) -> str:
    """The message's first line; what it quotes is shown only where it is a column's name."""

    def shown(match: re.Match[str]) -> str:
        return match[0] if match[0][1:-1] in frame.columns else "…"

    return _QUOTED.sub(shown, message.strip().splitlines()[0])[:300]
