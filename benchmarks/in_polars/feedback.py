"""Customers as they were known over time, and feedback scored by the scales of its surveys.

What enters: landed customers and feedback.  What leaves: `history`, `feedback_answers`.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.in_polars.landed import SINCE_ALWAYS, as_of, latest, local_day, scan, seed

DESCRIBED = ("segment", "country", "language", "acquisition_channel", "brand")
_TOLD = [
    "survey_id",
    "question_id",
    "metric",
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
    "language",
    "scale_direction",
]


def read_customers(landing: Path) -> pl.DataFrame:
    """Every version of the customers whose newest row is neither deleted nor a test."""
    columns = (
        "updated_at",
        "is_deleted",
        "is_test",
        "relationship",
        "signed_up_at",
        "ended_at",
        "acquisition_cost",
    )
    rows = scan(landing, "customers", columns, ("customer_key", "currency", *DESCRIBED))
    out = pl.col("is_deleted") | pl.col("is_test")
    return (
        rows.sort("updated_at")
        .filter(~out & ~out.last().over("customer_key"))
        .drop("is_deleted", "is_test")
        .collect()
    )


def history_of(customers: pl.DataFrame) -> pl.DataFrame:
    """What was known of each customer from when on (`valid_from`), in order of that."""
    first = pl.int_range(pl.len()).over("customer_key") == 0
    since = pl.when(first).then(pl.lit(SINCE_ALWAYS)).otherwise(pl.col("updated_at"))
    return customers.select("customer_key", *DESCRIBED, since.alias("valid_from")).sort("valid_from")


def read_feedback(landing: Path) -> pl.DataFrame:
    """The newest rows of feedback."""
    columns = [
        "batch_sequence",
        "position",
        "response_id",
        "submission_id",
        "score",
        "scale_min",
        "scale_max",
        "comment",
        "ticket_id",
        "transaction_id",
        "invited_at",
        "responded_at",
        "weight",
        "updated_at",
        "is_deleted",
        "is_test",
    ]
    return latest(scan(landing, "feedback", columns, ("source", *_TOLD)).collect(), "response_id")


def _with_scales(rows: pl.DataFrame) -> pl.LazyFrame:
    """The rows that count, with the type, the scale and the direction of their survey."""
    numbers = dict.fromkeys(("scale_min", "scale_max", "satisfied_from"), pl.Float64())
    surveys = (
        seed("surveys", **numbers).lazy().with_columns(pl.col("survey_id", "metric").cast(pl.Categorical))
    )
    declared = surveys.select(
        "survey_id",
        "metric",
        pl.col("survey_type", "direction", "scale_min", "scale_max", "satisfied_from").name.prefix("its_"),
    )
    types = surveys.group_by("survey_id").agg(pl.col("survey_type").min().alias("any_type"))
    metric, low, high = pl.col("metric"), pl.col("scale_min"), pl.col("scale_max")
    on_its_scale = (low.is_null() | (low == pl.col("its_scale_min"))) & (
        high.is_null() | (high == pl.col("its_scale_max"))
    )
    usual_high = pl.when(metric == "nps").then(10.0).when(metric == "ces").then(7.0).otherwise(5.0)
    return (
        rows.lazy()
        .filter(~pl.col("is_deleted") & ~pl.col("is_test"))
        .join(declared, on=["survey_id", "metric"], how="left")
        .join(types, on="survey_id", how="left")
        .with_columns(
            pl.col("submission_id").fill_null(pl.col("response_id")),
            pl.coalesce("its_survey_type", "any_type").cast(pl.Categorical).alias("survey_type"),
            pl.coalesce(low, "its_scale_min", pl.when(metric == "nps").then(0.0).otherwise(1.0)).alias(
                "scale_min"
            ),
            pl.coalesce(high, "its_scale_max", usual_high).alias("scale_max"),
            pl.coalesce(
                pl.col("scale_direction").cast(pl.String),
                "its_direction",
                pl.when(metric != "ces").then(pl.lit("higher_is_better")),
            ).alias("scale_direction"),
            pl.when(on_its_scale).then(pl.col("its_satisfied_from")).alias("satisfied_from"),
        )
    )


def scored(rows: pl.DataFrame, history: pl.DataFrame) -> pl.DataFrame:
    """The table `feedback_answers`, with `has_comment` beside it."""
    metric, score, direction = pl.col("metric"), pl.col("score"), pl.col("scale_direction")
    low, high = pl.col("scale_min"), pl.col("scale_max")
    is_text, span, oriented = metric.is_in(["comment", "idea"]), high - low, pl.col("oriented_score")
    top = (
        pl.when(span.is_in([1.0, 2.0]))
        .then(high)
        .when(span.is_in([3.0, 4.0, 5.0, 6.0, 9.0, 10.0]))
        .then(high - 1)
        .otherwise(low + 0.75 * span)
    )
    is_csat, is_ces = metric == "csat", metric == "ces"
    answers = (
        _with_scales(rows)
        .with_columns(
            pl.when(direction == "higher_is_better")
            .then(score)
            .when(direction == "lower_is_better")
            .then(low + high - score)
            .alias("oriented_score"),
            (pl.col("comment").str.strip_chars(" ") != "").fill_null(False).alias("has_comment"),
        )
        .with_columns(
            pl.when(metric == "nps")
            .then((pl.col("survey_type") == "relational").fill_null(True))
            .when(metric.is_in(["csat", "ces"]))
            .then((pl.col("survey_type") == "transactional").fill_null(True))
            .otherwise(True)
            .alias("is_headline"),
            pl.when(is_text).then(pl.col("has_comment")).otherwise(score.is_not_null()).alias("is_answered"),
            ((oriented - low) / span).alias("oriented_position"),
            pl.when(metric == "nps")
            .then(
                pl.when(oriented >= 9)
                .then(pl.lit("promoter"))
                .when(oriented >= 7)
                .then(pl.lit("passive"))
                .when(score.is_not_null())
                .then(pl.lit("detractor"))
            )
            .alias("nps_class"),
            pl.when(is_csat).then(oriented >= pl.coalesce("satisfied_from", top)).alias("is_satisfied"),
            pl.when(is_ces).then(1 + 6 * (high - oriented) / span).alias("effort_score"),
            pl.when(is_ces).then(3 * (oriented - low) >= 2 * span).alias("is_low_effort"),
            local_day(pl.col("invited_at")).alias("invited_date"),
            local_day(pl.col("responded_at")).alias("responded_date"),
        )
        .with_columns(
            (~pl.col("is_satisfied")).alias("is_dissatisfied"),
            pl.when(~is_text).then(low).alias("scale_min"),
            pl.when(~is_text).then(high).alias("scale_max"),
        )
        .drop("is_deleted", "is_test", pl.selectors.starts_with("its_"), "any_type")
        .collect()
    )
    known = as_of(
        answers, pl.coalesce("responded_at", "invited_at"), history, by="customer_key", since="valid_from"
    )
    return answers.with_columns(
        known["segment"],
        known["country"],
        known["acquisition_channel"],
        answers["language"].fill_null(known["language"]),
        answers["brand"].fill_null(known["brand"]),
    )
