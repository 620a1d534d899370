"""The survey KPIs: answers, invitations and filled-in forms as units, their sums by period and dimension.

What enters: `feedback_answers`.  What leaves: rows of `kpi_answers`.
"""

from __future__ import annotations

import polars as pl

from benchmarks.in_polars import intervals
from benchmarks.in_polars.kpis import Kpi, KpiTable, average, share
from benchmarks.in_polars.periods import by_period, grains_of, kept_places, placed

DIMENSIONS = [
    "survey",
    "survey_type",
    "channel",
    "touchpoint",
    "journey_stage",
    "segment",
    "country",
    "language",
    "acquisition_channel",
    "team",
    "agent",
    "product",
    "brand",
]
PILLARS = ("useful", "usable", "enjoyable")
_N, _A, _B, _X, _XX = (pl.col(name) for name in ("n", "a", "b", "x", "xx"))


def _nps() -> list[Kpi]:
    ends = intervals.nps(_A, _B, _N)
    return [
        Kpi("nps", 100.0 * (_A - _B) / _N, _N, _A - _B, _N, ends),
        share("promoter_rate", _A, _N),
        share("passive_rate", _N - _A - _B, _N),
        share("detractor_rate", _B, _N),
    ]


def _scale(name: str, low: float, high: float) -> Kpi:
    return average(name, _X, _XX, _N, (pl.lit(low), pl.lit(high)))


FAMILIES: dict[str, list[Kpi]] = {
    "nps": _nps(),
    "csat": [share("csat", _A, _N), share("dsat", _N - _A, _N)],
    "ces": [
        _scale("ces", 1.0, 7.0),
        average("ces_ease", 8 * _N - _X, 64 * _N - 16 * _X + _XX, _N, (pl.lit(1.0), pl.lit(7.0))),
        share("ces_low_effort_rate", _A, _N),
    ],
    "rating": [_scale("rating_avg", 1.0, 5.0)],
    **{pillar: [_scale(f"cx_{pillar}", 0.0, 100.0)] for pillar in PILLARS},
    "invitation": [share("response_rate", _A, _N)],
    "form": [share("comment_rate", _A, _N)],
}


def _gaps(family: str) -> Kpi:
    ea, eb, en, ca, cb, cn = (pl.col(name) for name in ("ea", "eb", "en", "ca", "cb", "cn"))
    n = pl.min_horizontal(en, cn)
    if family == "csat":
        return Kpi(
            "perception_gap_csat",
            100.0 * ea / en - 100.0 * ca / cn,
            n,
            ends=intervals.newcombe(ea, en, ca, cn),
        )
    ends = intervals.nps_difference((ea, eb, en), (ca, cb, cn))
    return Kpi("perception_gap_nps", 100.0 * (ea - eb) / en - 100.0 * (ca - cb) / cn, n, ends=ends)


def dimensions(answers: pl.DataFrame) -> list[pl.Expr]:
    """The dimensions of a unit by their names, `all` among them."""
    renamed = {"survey": "survey_id", "agent": "agent_key"}
    return [
        pl.lit("all").cast(pl.Categorical).alias("all"),
        *(pl.col(renamed.get(name, name)).alias(name) for name in DIMENSIONS),
    ]


def _forms(answers: pl.DataFrame) -> pl.DataFrame:
    """One row a form of a customer: what any of its questions tells, and the dimensions of its first one."""
    said = pl.col("is_answered") | pl.col("has_comment")
    is_scored = pl.col("metric").is_in(["nps", "csat", "ces"])
    form = (
        answers.lazy()
        .select(
            "source",
            "submission_id",
            "question_id",
            "response_id",
            "delivery_status",
            "invited_date",
            "responded_date",
            "is_answered",
            "has_comment",
            "is_headline",
            "metric",
        )
        .with_row_index("row")
        .sort("question_id", "response_id", nulls_last=True)
        .group_by("source", "submission_id")
        .agg(
            pl.col("invited_date").filter(pl.col("delivery_status") == "delivered").min(),
            pl.col("responded_date").filter(said).min(),
            said.any().alias("is_answered"),
            pl.col("has_comment").any(),
            (pl.col("is_headline") & is_scored).any().alias("has_headline"),
            is_scored.any().alias("has_score"),
            pl.col("row").first(),
        )
        .with_columns((pl.col("has_headline") | ~pl.col("has_score")).alias("is_headline"))
        .drop("source", "submission_id", "has_headline", "has_score")
        .collect()
    )
    told = answers.select("respondent_type", *dimensions(answers))[form["row"]]
    return form.hstack(told).filter(pl.col("respondent_type") == "customer")


def _units(answers: pl.DataFrame) -> pl.DataFrame:
    """What is counted for which family of KPIs: `a` and `b` are counted, `x` is added."""
    metric = pl.col("metric").cast(pl.String)
    names = ("all", *DIMENSIONS)
    a = (
        pl.when(metric == "nps")
        .then(pl.col("nps_class") == "promoter")
        .when(metric == "csat")
        .then(pl.col("is_satisfied"))
        .when(metric == "ces")
        .then(pl.col("is_low_effort"))
    )
    x = (
        pl.when(metric == "ces")
        .then(pl.col("effort_score"))
        .when(metric == "rating")
        .then(1 + 4 * pl.col("oriented_position"))
        .when(metric.is_in(PILLARS))
        .then(100 * pl.col("oriented_position"))
    )
    is_employee = pl.col("respondent_type") == "employee"
    counted = (pl.col("respondent_type") == "customer") | metric.is_in(["nps", "csat"])
    family = pl.when(is_employee).then(pl.lit("expected_") + metric).otherwise(metric)
    scores = (
        answers.lazy()
        .filter(pl.col("oriented_score").is_not_null() & counted)
        .select(
            family.cast(pl.Categorical).alias("family"),
            pl.col("responded_date").alias("day"),
            "is_headline",
            *dimensions(answers),
            a.fill_null(False).alias("a"),
            (pl.col("nps_class") == "detractor").fill_null(False).alias("b"),
            x.cast(pl.Float64).alias("x"),
        )
    )
    forms = _forms(answers).lazy()
    of_forms = [
        forms.filter(pl.col(day).is_not_null()).select(
            pl.lit(name).cast(pl.Categorical).alias("family"),
            pl.col(day).alias("day"),
            "is_headline",
            *names,
            pl.col(flag).alias("a"),
            pl.lit(False).alias("b"),
            pl.lit(None, pl.Float64).alias("x"),
        )
        for name, day, flag in (
            ("invitation", "invited_date", "is_answered"),
            ("form", "responded_date", "has_comment"),
        )
    ]
    return pl.concat([scores, *of_forms]).collect()


def survey_kpis(table: KpiTable, answers: pl.DataFrame) -> None:
    """The KPIs of answers, invitations, forms, and of employees beside customers, a dimension at a time."""
    units = _units(answers)
    for name in ("all", *DIMENSIONS):
        counts = units if name in ("survey", "survey_type") else units.lazy().filter("is_headline").collect()
        daily = (
            counts.lazy()
            .group_by("family", "day", name)
            .agg(
                pl.len().cast(pl.Int64).alias("n"),
                _A.sum().cast(pl.Int64),
                _B.sum().cast(pl.Int64),
                _X.sum(),
                (_X * _X).sum().alias("xx"),
            )
            .collect()
        )
        daily = placed(daily, name, kept_places(units, name, table.last_day, ("family",)), ("family",))
        sums = [pl.col(column).sum() for column in ("n", "a", "b", "x", "xx")]
        cells = by_period(daily, grains_of(name), ("family", "place"), sums)
        by_family = {str(key[0]): cell for key, cell in cells.partition_by("family", as_dict=True).items()}
        for family, kpis in FAMILIES.items():
            if family in by_family:
                table.add(name, by_family[family], kpis)
        for family in ("csat", "nps"):
            if f"expected_{family}" in by_family and family in by_family:
                on = ["place", "grain", "period_start"]
                one, other = (
                    by_family[which].select(
                        *on, *(pl.col(column).alias(f"{letter}{column}") for column in "nab")
                    )
                    for which, letter in ((f"expected_{family}", "e"), (family, "c"))
                )
                table.add(name, one.join(other, on=on), [_gaps(family)])
