"""MetricFlow's answers are the marts' numbers: every metric, by month and each of its dimensions.

The marts withhold the values of small groups and MetricFlow does not, so values are compared where they are
published and the counts they come from everywhere.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.end_to_end.company import ROOT, Company
from tools.kpi_macros import macros

Group = tuple[date, str]
"""period_start and dimension_value."""

UNSPOKEN = {
    "channel_consistency",
    "contacts_per_100_customers",
    "contacts_per_100_orders",
    "step_conversion_rate",
    *(
        f"{duration}_{clock}_minutes_{statistic}"
        for duration in ("first_bot_response", "first_response_after_handover")
        for clock in ("calendar", "business")
        for statistic in ("avg", "median", "p90", "p95")
    ),
}
"""KPIs that are no metrics; docs/semantic-layer.md says why."""

UNSEEN = {"perception_gap_nps", "cx_index"}
"""KPIs without a value in the company: nobody asks its employees for NPS, and few rate the pillars."""

MEANS = {"ces", "ces_native", "rating_avg", "cx_useful", "cx_usable", "cx_enjoyable"}
"""KPIs whose value is numerator ÷ denominator, so that those of small groups can be told as well."""

ANY_SURVEY = "any_survey_"
SURVEY_DIMENSIONS = {"survey", "survey_type"}
DIMENSIONS = (
    *("survey", "survey_type", "channel", "touchpoint", "journey_stage", "segment", "country", "language"),
    *("acquisition_channel", "team", "agent", "product", "brand", "priority", "category", "campaign"),
)
COUNTS = {
    "nps": "nps_answers",
    "ces": "ces_answers",
    "rating_avg": "ratings",
    "first_response_calendar_minutes_avg": "first_responses",
    "next_response_calendar_minutes_avg": "next_responses",
    "first_resolution_calendar_minutes_avg": "first_resolutions",
    "resolution_calendar_minutes_avg": "resolutions",
}
"""KPIs that are no quotient of two metrics -> the metric that is their n."""

ROOMS = {
    "feedback": "feedback",
    "submissions": "submission",
    "first_responses": "first_response",
    "first_solves": "first_solve",
    "resolutions": "resolution",
    "replies": "reply",
    "service_levels": "service_level",
    "live_contacts": "live_contact",
    "backlog": "backlog",
    "interactions": "interaction",
    "customer_months": "customer_month",
}
"""Semantic models with KPIs -> their entity."""


@dataclass(frozen=True)
class Layer:
    """The published file and MetricFlow's engine on its semantic manifest."""

    connection: duckdb.DuckDBPyConnection
    engine: Any
    metrics: Mapping[str, tuple[str, ...]]  # metric -> the metrics it is derived from
    rooms: Mapping[str, str]  # metric -> its semantic model
    dimensions: Mapping[str, frozenset[str]]  # semantic model -> its dimensions

    def answer(self, metrics: list[str], group_by: list[str]) -> list[dict[str, Any]]:
        """What `mf query` gives for these metrics and groups."""
        from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

        request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=group_by)
        cursor = self.connection.execute(self.engine.explain(request).sql_statement.sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def published(self, kpi: str, grain: str, dimension: str) -> dict[Group, dict[str, Any]]:
        """The mart's rows of a KPI that have data, suppressed ones too."""
        measures = ("value", "numerator", "denominator", "n")
        [mart] = [group["mart"] for group in CATALOG if kpi in [entry["kpi"] for entry in group["kpis"]]]
        columns = [kpi, *(f"{kpi}_{measure}" for measure in measures[1:])]
        rows = self.connection.execute(
            f"select period_start, dimension_value, {', '.join(columns)} from marts.{mart} "
            f"where grain = '{grain}' and dimension = '{dimension}' and {kpi}_n is not null"
        ).fetchall()
        return {(row[0], row[1]): dict(zip(measures, row[2:], strict=True)) for row in rows}


class _Client:
    """As much of a SQL client as MetricFlow needs to write a query."""

    def __init__(self) -> None:
        from metricflow.protocols.sql_client import SqlEngine
        from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer

        self.sql_engine_type = SqlEngine.DUCKDB
        self.sql_plan_renderer = DuckDbSqlPlanRenderer()


CATALOG = macros()["kpi_catalog"]()
KPIS = {entry["kpi"] for group in CATALOG for entry in group["kpis"]}


@pytest.fixture(scope="module")
def layer(second_night: Company) -> Iterator[Layer]:
    from metricflow.engine.metricflow_engine import MetricFlowEngine
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    path = second_night.published.parent / "semantic" / "target" / "semantic_manifest.json"
    manifest = parse_manifest_from_dbt_generated_manifest(manifest_json_string=path.read_text())
    client: Any = _Client()
    inputs = {
        metric.name: tuple(part.name for part in metric.type_params.metrics or ())
        for metric in manifest.metrics
    }
    room_of_measure = {
        measure.name: model.name for model in manifest.semantic_models for measure in model.measures
    }
    measures = {
        metric.name: metric.type_params.measure.name
        for metric in manifest.metrics
        if metric.type_params.measure is not None
    }

    def room(metric: str) -> str:
        return room_of_measure[measures[metric]] if metric in measures else room(inputs[metric][0])

    with duckdb.connect(str(second_night.published), read_only=True) as connection:
        yield Layer(
            connection,
            MetricFlowEngine(SemanticManifestLookup(manifest), client),
            inputs,
            {metric: room(metric) for metric in inputs},
            {m.name: frozenset(d.name for d in m.dimensions) for m in manifest.semantic_models},
        )


def _is_comparable(metric: str, dimension: str) -> bool:
    """Whether metric and mart mean the same by this dimension."""
    if metric == "ces_native":
        return dimension == "survey"
    if metric == "ticket_csat":  # the mart credits who solved the ticket, the metric who the survey names
        return dimension in ("all", "segment")
    if metric in ("rating_avg", "cx_index", "cx_useful", "cx_usable", "cx_enjoyable"):
        return True
    if dimension in SURVEY_DIMENSIONS:  # the marts' rows of each survey hold both types
        return metric.startswith(ANY_SURVEY)
    return not metric.startswith(ANY_SURVEY)


def _agrees(told: Any, published: Any) -> bool:
    """Counts exactly, amounts and means to 1e-9; nothing agrees with nothing alone."""
    if told is None or published is None or isinstance(told, int):
        return bool(told == published)
    return math.isclose(told, published, rel_tol=1e-9, abs_tol=1e-9)


def _compare(layer: Layer, room: str, grain: str, dimension: str) -> set[str]:
    """Hold every metric of a semantic model against its mart; the KPIs a published value was met of."""
    kpis = {
        metric: metric.removeprefix(ANY_SURVEY)
        for metric, its_room in layer.rooms.items()
        if its_room == room and metric.removeprefix(ANY_SURVEY) in KPIS and _is_comparable(metric, dimension)
    }
    if not kpis:
        return set()
    parts = {part for metric in kpis for part in layer.metrics[metric]}
    counts = {COUNTS[metric] for metric in kpis if metric in COUNTS}
    of_dimension = f"{ROOMS[room]}__{dimension}"
    group_by = ([f"metric_time__{grain}"] if grain != "all" else []) + (
        [of_dimension] if dimension != "all" else []
    )
    told: dict[Group, dict[str, Any]] = {}
    for row in layer.answer(sorted({*kpis, *parts, *counts}), group_by):
        instant = datetime(1900, 1, 1) if grain == "all" else row[f"metric_time__{grain}"]
        value = "all" if dimension == "all" else row[of_dimension] or "(none)"
        assert (instant.date(), value) not in told, "two rows of one group"
        told[instant.date(), value] = row
    seen = set()
    for metric, kpi in kpis.items():
        published = layer.published(kpi, grain, dimension)
        if metric == "ces_native":  # surveys of mixed scales have none
            told_groups = set(published)
        else:
            # a day on which no ticket moved is a row of the backlog, and none of the KPIs
            told_groups = {
                group
                for group, row in told.items()
                if row[metric] is not None and (room != "backlog" or row[metric])
            }
        assert told_groups <= set(published), f"{metric} has groups without data"
        for group, row in published.items():
            where = f"{metric} by {grain} and {dimension}, {group}"
            mine = told[group]
            value = row["value"]
            if value is None and kpi in MEANS:
                value = row["numerator"] / row["denominator"]
            if value is not None:
                seen.add(kpi)
                assert _agrees(mine[metric], value), where
            if metric in COUNTS:
                assert mine[COUNTS[metric]] == row["n"], where
            elif len(layer.metrics[metric]) == 2 and row["denominator"] is not None:
                numerator, denominator = layer.metrics[metric]
                assert _agrees(mine[numerator], row["numerator"]), where
                assert _agrees(mine[denominator], row["denominator"]), where
    return seen


@pytest.mark.parametrize("room", ROOMS)
def test_the_metrics_are_the_marts_numbers(layer: Layer, room: str) -> None:
    grains = ("month",) if room == "customer_months" else ("week", "month", "all")
    seen = set().union(*(_compare(layer, room, grain, "all") for grain in grains))
    for dimension in DIMENSIONS:
        if dimension in layer.dimensions[room]:
            seen |= _compare(layer, room, "month", dimension)
    kpis = {metric for metric, its_room in layer.rooms.items() if its_room == room and metric in KPIS}
    assert kpis - seen == kpis & UNSEEN, "a KPI was held against nothing"


def test_every_kpi_is_a_metric_or_it_is_said_why_not(layer: Layer) -> None:
    assert KPIS - set(layer.metrics) == UNSPOKEN
    assert set(ROOMS) == {layer.rooms[kpi] for kpi in KPIS & set(layer.metrics)}
    manual = (ROOT / "docs" / "semantic-layer.md").read_text(encoding="utf-8")
    for kpi in UNSPOKEN:
        assert kpi in manual or f"{kpi.split('_calendar_')[0].split('_business_')[0]}_…" in manual, kpi


def test_the_backlog_of_a_month_is_that_of_its_last_day(layer: Layer) -> None:
    told = {
        row["metric_time__month"].date(): row["tickets_unsolved"]
        for row in layer.answer(["tickets_unsolved"], ["metric_time__month"])
    }
    marts = layer.connection.execute(
        "select date_trunc('month', date_day)::date, sum(unsolved) from marts.ticket_backlog_daily "
        "where dimension = 'all' and date_day in "
        "(select max(date_day) from marts.dim_dates group by month_start_date) group by all"
    ).fetchall()
    assert told == dict(marts)


def test_buyers_and_customers_of_today(layer: Layer) -> None:
    """A metric of one table by a dimension of another, joined by the customer."""
    told = {
        row["customer__relationship"]: row["buyers"]
        for row in layer.answer(["buyers"], ["customer__relationship"])
    }
    facts = layer.connection.execute(
        "select relationship, count(distinct t.customer_key) from marts.fct_transactions t "
        "left join marts.dim_customers using (customer_key) "
        "where kind in ('order', 'renewal') and not is_fully_refunded group by all"
    ).fetchall()
    assert told == dict(facts)


COUNTED: dict[str, list[dict[str, Any]]] = {
    "fct_feedback": [
        {"metric": "nps", "respondent_type": "customer", "nps_class": "promoter", "is_headline": True},
        {"metric": "nps", "respondent_type": "customer", "nps_class": "detractor", "is_headline": False},
        {"metric": "nps", "respondent_type": "employee", "nps_class": "passive", "is_headline": True},
        {"metric": "csat", "respondent_type": "customer", "is_satisfied": True, "is_headline": True},
    ],
    "fct_submissions": [
        {"respondent_type": "customer", "is_headline": True, "is_answered": True},
        {"respondent_type": "customer", "is_headline": False, "is_answered": False},
        {"respondent_type": "employee", "is_headline": True, "is_answered": False},
    ],
    "fct_tickets": [
        {"direction": "inbound", "is_one_touch": True, "touch_count": 1},
        {"direction": "outbound", "is_one_touch": False, "touch_count": 9},
    ],
    "fct_ticket_replies": [
        {"direction": "inbound", "outcome": "replied", "next_response_calendar_minutes": 5.0},
        {"direction": "outbound", "outcome": "replied", "next_response_calendar_minutes": 7.0},
    ],
    "fct_ticket_slas": [
        {"is_inbound": True, "state": "met", "metric": "next_response"},
        {"is_inbound": False, "state": "breached", "metric": "next_response"},
    ],
    "fct_live_contacts": [
        {"direction": "inbound", "is_abandoned": False, "handle_minutes": 5.0},
        {"direction": "outbound", "is_abandoned": True, "handle_minutes": 7.0},
    ],
    "fct_touchpoints": [{"outcome": "failure"}, {"outcome": "none"}],
    "fct_transactions": [
        {"kind": "order", "is_fully_refunded": False, "customer_key": "a"},
        {"kind": "order", "is_fully_refunded": True, "customer_key": "b"},
        {"kind": "refund", "is_fully_refunded": False, "customer_key": "b"},
    ],
}
"""Rows of facts, of which the first alone counts in what the sample company has little of or nothing."""

DAYS = {
    **dict.fromkeys(
        ("responded_date", "invited_date", "first_responded_date", "turn_ended_date"), "2024-01-15"
    ),
    **dict.fromkeys(("decided_date", "event_date", "occurred_date", "first_solved_date"), "2024-01-15"),
    "resolved_date": "2024-02-15",
    "resolved_at": "2024-02-15",
    "is_answered": True,
}


def test_who_counts_and_when(layer: Layer) -> None:
    """Headline surveys, customers, inbound tickets alone; a first solve on its own day, not the last's."""
    told = {
        ("nps", "nps_answers", "any_survey_nps", "expected_nps_answers"): (100, 1, 0, 1),
        ("response_rate", "invitations", "any_survey_invitations"): (100, 1, 2),
        ("one_touch_rate", "touched_solves"): (100, 1),
        ("next_response_calendar_minutes_avg", "next_responses"): (5, 1),
        ("sla_next_response_attainment_rate", "sla_decided"): (100, 1),
        ("contact_abandonment_rate", "handle_minutes_avg"): (0, 5),
        ("failure_rate", "outcomes"): (100, 1),
        ("orders", "buyers"): (1, 1),
    }
    with duckdb.connect(":memory:") as connection:
        connection.execute("attach ':memory:' as cx; create schema cx.marts; use cx")
        tables = layer.connection.execute(
            f"select table_name, sql from duckdb_tables() where table_name in {(*COUNTED, 'dim_dates')}"
        ).fetchall()
        for table, sql in tables:
            connection.execute(sql)
            columns = {name for name, *_ in connection.execute(f"describe marts.{table}").fetchall()}
            for place, given in enumerate(COUNTED.get(table, ())):
                row = {name: value for name, value in DAYS.items() if name in columns}
                row |= (
                    {"source": "s"} | {name: str(place) for name in columns if name.endswith("_id")} | given
                )
                marks = ", ".join("?" for _ in row)
                connection.execute(
                    f"insert into marts.{table} ({', '.join(row)}) values ({marks})", [*row.values()]
                )
        synthetic = replace(layer, connection=connection)
        for metrics, values in told.items():
            months = synthetic.answer([*metrics], ["metric_time__month"])
            assert [
                (row["metric_time__month"].date(), *(row[metric] for metric in metrics)) for row in months
            ] == [(date(2024, 1, 1), *values)]
        [resolved] = synthetic.answer(["touches_per_resolution"], ["metric_time__month"])
        assert (resolved["metric_time__month"].month, resolved["touches_per_resolution"]) == (2, 1)


def test_the_command_of_the_manual(second_night: Company, tmp_path: Path) -> None:
    """`cx metrics` answers while the pipeline holds its working files: it opens the published one alone."""
    answer = tmp_path / "answer.csv"
    query = ("query", "--metrics", "nps,csat", "--group-by", "metric_time__month,feedback__channel")
    with duckdb.connect(str(second_night.data / "warehouse" / "working.duckdb")) as working:
        working.execute(f"attach '{second_night.data / 'warehouse' / 'cx.duckdb'}' as cx")
        second_night.cx("metrics", *query, "--csv", str(answer))
    with answer.open(newline="") as file:
        told = {
            (row["metric_time__month"][:10], row["feedback__channel"] or "(none)"): (row["nps"], row["csat"])
            for row in csv.DictReader(file)
        }
    published: dict[tuple[str, str], list[float | None]] = {}
    for place, kpi in enumerate(("nps", "csat")):
        for month, channel, value in second_night.rows(
            f"select period_start::varchar, dimension_value, 100.0 * {kpi}_numerator / {kpi}_denominator "
            f"from marts.kpi_{kpi} where grain = 'month' and dimension = 'channel' and {kpi}_n > 0"
        ):
            published.setdefault((month, channel), [None, None])[place] = value
    assert published
    assert set(told) == set(published)
    for group, values in published.items():
        for text, value in zip(told[group], values, strict=True):
            assert _agrees(float(text) if text else None, value)
