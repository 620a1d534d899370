"""Feedback: the newest row of each answer, scored on its scale, beside what was known of its customer.

What enters: landed feedback, the customers.  What leaves: a frame of scored answers, written as
`feedback_answers`.  Called by `answers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.in_pandas import written
from benchmarks.in_pandas.customers import Customers
from benchmarks.in_pandas.landed import (
    NEVER,
    Array,
    chosen,
    instants,
    is_one_of,
    latest,
    local_days,
    read,
    seed,
)

TEXT = [
    "source",
    "survey_id",
    "question_id",
    "metric",
    "scale_direction",
    "language",
    "customer_key",
    "respondent_type",
    "agent_key",
    "team",
    "product",
    "channel",
    "touchpoint",
    "journey_stage",
    "delivery_status",
    "brand",
]
OTHER = [
    "batch_sequence",
    "position",
    "response_id",
    "submission_id",
    "ticket_id",
    "transaction_id",
    "comment",
    "score",
    "scale_min",
    "scale_max",
    "weight",
    "invited_at",
    "responded_at",
    "updated_at",
    "is_deleted",
    "is_test",
]


def read_feedback(landing: Path) -> pd.DataFrame:
    """The newest rows, deleted ones and tests among them."""
    return latest(read(landing, "feedback", OTHER, TEXT), "response_id")


def scored(rows: pd.DataFrame, seeds: Path, customers: Customers) -> pd.DataFrame:
    """What was answered or asked, with its scale, its score on it, and its customer's kind."""
    rows = chosen(rows, ~(rows["is_deleted"].to_numpy(bool) | rows["is_test"].to_numpy(bool)))
    metric = rows["metric"]
    survey = _survey_of(rows, seeds)
    is_text = is_one_of(metric, "comment", "idea")
    nps, csat, ces = (is_one_of(metric, name) for name in ("nps", "csat", "ces"))
    survey_type = survey["survey_type"]
    no_type = survey_type.isna().to_numpy()
    rows["survey_type"] = survey_type
    rows["is_headline"] = np.select(
        [nps, csat | ces],
        [is_one_of(survey_type, "relational") | no_type, is_one_of(survey_type, "transactional") | no_type],
        True,
    )
    lowest = _first_of(rows["scale_min"], survey["scale_min"], np.where(nps, 0.0, 1.0))
    highest = _first_of(rows["scale_max"], survey["scale_max"], np.select([nps, ces], [10.0, 7.0], 5.0))
    satisfied_from = np.where(
        _fits(rows["scale_min"], survey["scale_min"]) & _fits(rows["scale_max"], survey["scale_max"]),
        survey["satisfied_from"],
        np.nan,
    )
    directions = ("higher_is_better", "lower_is_better")
    direction = np.where(
        rows["scale_direction"].isna(), survey["direction"], _places(rows["scale_direction"], directions)
    )
    direction = np.where((direction < 0) & ~ces, 0, direction)
    score = rows["score"].to_numpy(float)
    oriented = np.select([direction == 0, direction == 1], [score, lowest + highest - score], np.nan)
    span = highest - lowest
    top = np.select(
        [np.isin(span, (1, 2)), np.isin(span, (3, 4, 5, 6, 9, 10))],
        [highest, highest - 1],
        lowest + 0.75 * span,
    )
    rows["has_comment"] = _has_text(rows["comment"])
    rows["is_answered"] = np.where(is_text, rows["has_comment"], ~np.isnan(score))
    rows["scale_min"], rows["scale_max"] = (
        np.where(is_text, np.nan, lowest),
        np.where(is_text, np.nan, highest),
    )
    rows["direction"], rows["satisfied_from"] = direction, satisfied_from
    rows["oriented_score"], rows["oriented_position"] = oriented, (oriented - lowest) / span
    classes = np.select([oriented >= 9, oriented >= 7, ~np.isnan(score)], [0, 1, 2], -1)
    rows["nps_class"] = np.where(nps, classes, -1)
    rows["is_scored_csat"] = csat & ~np.isnan(oriented)
    rows["is_satisfied"] = csat & (oriented >= np.where(np.isnan(satisfied_from), top, satisfied_from))
    rows["effort_score"] = np.where(ces, 1 + 6 * (highest - oriented) / span, np.nan)
    rows["is_low_effort"] = ces & (3 * (oriented - lowest) >= 2 * span)
    rows["invited"], rows["responded"] = instants(rows["invited_at"]), instants(rows["responded_at"])
    rows["invited_day"], rows["responded_day"] = (
        local_days(rows[name].to_numpy()) for name in ("invited", "responded")
    )
    return _with_customers(rows, customers)


def _survey_of(rows: pd.DataFrame, seeds: Path) -> pd.DataFrame:
    """What is declared of each row's survey and metric, looked up once for each two of them."""
    surveys = seed(seeds, "surveys")
    for name in ("scale_min", "scale_max", "satisfied_from"):
        surveys[name] = surveys[name].astype(float)
    metrics = rows["metric"].cat.categories
    code = (
        rows["survey_id"].cat.codes.to_numpy().astype(np.int64) * len(metrics)
        + rows["metric"].cat.codes.to_numpy()
    )
    found, place = np.unique(code, return_inverse=True)
    ids = np.array([*rows["survey_id"].cat.categories, None], dtype=object)
    pairs = pd.DataFrame(
        {"survey_id": ids[found // len(metrics)], "metric": metrics.to_numpy(object)[found % len(metrics)]}
    )
    declared = pairs.merge(surveys, on=["survey_id", "metric"], how="left")
    types = pairs["survey_id"].map(surveys.groupby("survey_id")["survey_type"].min())
    declared["survey_type"] = declared["survey_type"].fillna(types).astype("category")
    declared["direction"] = _places(
        declared["direction"].astype("category"), ("higher_is_better", "lower_is_better")
    )
    return declared.take(place).reset_index(drop=True)


def _places(column: pd.Series[Any], values: tuple[str, ...]) -> Array:
    places = np.append(pd.Index(values).get_indexer(column.cat.categories), -1)
    return np.asarray(places[column.cat.codes.to_numpy()])


def _first_of(given: pd.Series[Any], declared: pd.Series[Any], otherwise: Array) -> Array:
    first = np.where(given.isna(), declared, given)
    return np.where(np.isnan(first), otherwise, first)


def _fits(given: pd.Series[Any], declared: pd.Series[Any]) -> Array:
    return np.asarray(given.isna().to_numpy() | (given.to_numpy() == declared.to_numpy()))


def _has_text(column: pd.Series[Any]) -> Array:
    trimmed = pc.utf8_trim(pa.array(column, pa.string(), from_pandas=True), " ")
    return np.asarray(
        pc.fill_null(pc.greater(pc.binary_length(trimmed), 0), False).to_numpy(zero_copy_only=False)
    )


def _with_customers(rows: pd.DataFrame, customers: Customers) -> pd.DataFrame:
    """With what the customer was like at the time; language and brand where the row tells none."""
    moment = np.where(rows["responded"] == NEVER, rows["invited"], rows["responded"])
    version = customers.version_at(customers.numbers_of(rows["customer_key"]), moment)
    for name in ("segment", "country", "acquisition_channel"):
        rows[name] = taken(customers.rows[name], version)
    for name in ("language", "brand"):
        rows[name] = filled(rows[name], taken(customers.rows[name], version))
    return rows


def taken(column: pd.Series[Any], rows: Array) -> pd.Series[Any]:
    """The categories of some rows, none where -1."""
    codes = np.append(column.cat.codes.to_numpy(), -1)[rows]
    return pd.Series(pd.Categorical.from_codes(codes, column.cat.categories))


def filled(column: pd.Series[Any], otherwise: pd.Series[Any]) -> pd.Series[Any]:
    """A categorical column, and where it has no value that of another."""
    values = column.cat.categories.union(otherwise.cat.categories)
    codes, others = (
        column.cat.set_categories(values).cat.codes,
        otherwise.cat.set_categories(values).cat.codes,
    )
    return pd.Series(pd.Categorical.from_codes(np.where(codes < 0, others, codes), values))


def write_feedback(folder: Path, rows: pd.DataFrame) -> None:
    """Write `feedback_answers`."""
    submission = rows["submission_id"].where(rows["submission_id"].notna(), rows["response_id"])
    text = {name: written.texts(rows[name]) for name in TEXT if name != "scale_direction"}
    more = (
        "survey_type",
        "segment",
        "country",
        "acquisition_channel",
        "response_id",
        "ticket_id",
        "transaction_id",
        "comment",
    )
    numbers = [
        "score",
        "scale_min",
        "scale_max",
        "satisfied_from",
        "weight",
        "oriented_score",
        "oriented_position",
        "effort_score",
    ]
    scored_csat = rows["is_scored_csat"].to_numpy()
    ces = ~np.isnan(rows["effort_score"].to_numpy())
    columns = text | {name: written.texts(rows[name]) for name in more}
    columns |= {name: written.numbers(rows[name].to_numpy(float)) for name in numbers}
    columns |= {
        "submission_id": written.texts(submission),
        "scale_direction": written.names(
            rows["direction"].to_numpy(), ("higher_is_better", "lower_is_better")
        ),
        "nps_class": written.names(rows["nps_class"].to_numpy(), ("promoter", "passive", "detractor")),
        "is_headline": written.flags(rows["is_headline"].to_numpy()),
        "is_answered": written.flags(rows["is_answered"].to_numpy()),
        "is_satisfied": written.flags(rows["is_satisfied"].to_numpy(), scored_csat),
        "is_dissatisfied": written.flags(~rows["is_satisfied"].to_numpy(), scored_csat),
        "is_low_effort": written.flags(rows["is_low_effort"].to_numpy(), ces),
        "invited_at": written.moments(rows["invited"].to_numpy()),
        "responded_at": written.moments(rows["responded"].to_numpy()),
        "invited_date": written.dates(rows["invited_day"].to_numpy()),
        "responded_date": written.dates(rows["responded_day"].to_numpy()),
    }
    written.write(folder, "feedback_answers", columns)
