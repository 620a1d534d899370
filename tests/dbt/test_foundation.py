"""The foundation end to end: landed rows in, published tables out, every row accounted for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cx_pipeline.contract import DEFAULT_SCALES, ENTITIES, Type
from cx_pipeline.contract.entities import METRICS
from tests.dbt.harness import PROJECT_DIR, BuildFailed, Warehouse, build_warehouse

CORE_MARTS = [
    "fct_feedback",
    "fct_transactions",
    "fct_touchpoints",
    "dim_customers",
    "dim_dates",
    "quarantine",
    "reconciliation",
    "nights",
]
SELECT = [f"+{mart}" for mart in CORE_MARTS] + ["+int_period_days", "+int_ticket_events"]


def feedback(response_id: str, **columns: Any) -> dict[str, Any]:
    return {
        "response_id": response_id,
        "metric": "csat",
        "score": 5,
        "responded_at": "2024-03-06T10:00:00",
        **columns,
    }


def ticket(ticket_id: str, **columns: Any) -> dict[str, Any]:
    return {"ticket_id": ticket_id, "status": "solved", "created_at": "2024-03-01T00:00:00", **columns}


ROWS: dict[str, list[dict[str, Any]]] = {
    "feedback": [
        feedback("kept", updated_at="2024-03-02"),
        feedback("kept", updated_at="2024-03-01", score=1),
        feedback("tombstone", updated_at="2024-03-01"),
        feedback("tombstone", updated_at="2024-03-02", is_deleted=True, batch_sequence=2, position=0),
        feedback("trial", is_test=True),
        feedback("broken", score=9),
        feedback("of_a_held_batch", batch_sequence=3, position=0),
        feedback("of_a_dropped_batch", batch_sequence=4, position=0),
        feedback("let_in", batch_sequence=5, position=0),
        feedback("let_in_but_broken", batch_sequence=5, position=1),
        feedback("of_a_replaced_file", batch_sequence=6, position=0),
        feedback("of_the_new_file", batch_sequence=7, position=0),
        feedback("of_an_old_generation", batch_sequence=8, position=0, source="other"),
        feedback("not_yet_judged", batch_sequence=9, position=0, source="other"),
    ],
    "tickets": [
        ticket("t"),
        ticket("spam", status="spam"),
        ticket("merged", merged_into_ticket_id="t"),
    ],
    "ticket_events": [
        {"event_id": f"e_{of}", "ticket_id": of, "event_type": "reply", "occurred_at": "2024-03-01T01:00:00"}
        for of in ("t", "spam", "merged", "unknown")
    ],
    "transactions": [
        {"transaction_id": "o", "customer_key": "c", "amount": 3.0, "occurred_at": "2024-03-01T00:00:00"}
    ],
}
BATCHES: list[dict[str, Any]] = [
    {"entity": "feedback", "batch_sequence": 1, "origin": "1.csv"},
    {"entity": "feedback", "batch_sequence": 2, "origin": "2.csv"},
    {"entity": "feedback", "batch_sequence": 3, "origin": "3.csv", "state": "held"},
    {"entity": "feedback", "batch_sequence": 4, "origin": "4.csv", "state": "dropped"},
    {"entity": "feedback", "batch_sequence": 5, "origin": "5.csv", "state": "accepted"},
    {"entity": "feedback", "batch_sequence": 6, "origin": "6.csv", "mode": "replace"},
    {"entity": "feedback", "batch_sequence": 7, "origin": "6.csv", "mode": "replace"},
    {
        "entity": "feedback",
        "batch_sequence": 8,
        "source": "other",
        "generation": 0,
        "is_current_generation": False,
    },
    {"entity": "feedback", "batch_sequence": 9, "source": "other", "state": "unjudged"},
]
QUARANTINED = [
    {"entity": "feedback", "position": 5, "row_key": "broken", "rules": "score_within_scale"},
    {"entity": "feedback", "batch_sequence": 5, "position": 1, "row_key": "let_in_but_broken", "rules": "r"},
    {"entity": "feedback", "batch_sequence": 3, "position": 0, "row_key": "of_a_held_batch", "rules": "r"},
]
REJECTED = [{"entity": "feedback", "line": 12, "column_name": "score", "reason": "not_a_number"}]


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with build_warehouse(
        tmp_path_factory.mktemp("foundation"),
        ROWS,
        batches=BATCHES,
        quarantined=QUARANTINED,
        rejected=REJECTED,
        nights=[
            {
                "run_id": "r",
                "night": "2024-03-07",
                "started_at": "2024-03-07T02:00:00",
                "ended_at": "2024-03-07T02:05:00",
                "outcome": "published",
            }
        ],
        select=SELECT,
    ) as built:
        yield built


def test_only_what_passed_is_current_and_is_real_is_published(warehouse: Warehouse) -> None:
    published = warehouse.rows("select response_id, score from fct_feedback")
    assert published == [("kept", 5.0), ("let_in", 5.0), ("of_the_new_file", 5.0)]


def test_an_event_goes_with_its_ticket_and_one_of_an_unknown_ticket_stays(warehouse: Warehouse) -> None:
    events = warehouse.rows("select event_id, disposition from int_ticket_events_versions order by all")
    assert events == [
        ("e_merged", "merged"),
        ("e_spam", "spam"),
        ("e_t", "published"),
        ("e_unknown", "published"),
    ]


def test_every_row_read_is_in_the_reconciliation(warehouse: Warehouse) -> None:
    columns = "read, rejected, landed, passed, quarantined, held, of_which_dropped, published, excluded"
    reasons = "superseded, deleted, withdrawn, merged, spam, test, is_balanced"
    rows = warehouse.rows(f"select source, entity, {columns}, {reasons} from reconciliation order by all")
    assert rows == [
        ("other", "feedback", 2, 0, 2, 1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, True),
        ("test", "feedback", 13, 1, 12, 8, 2, 2, 1, 3, 5, 2, 1, 1, 0, 0, 1, True),
        ("test", "ticket_events", 4, 0, 4, 4, 0, 0, 0, 2, 2, 0, 0, 0, 1, 1, 0, True),
        ("test", "tickets", 3, 0, 3, 3, 0, 0, 0, 1, 2, 0, 0, 0, 1, 1, 0, True),
        ("test", "transactions", 1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, True),
    ]


def test_quarantine_holds_the_rejected_and_the_broken_rows_of_batches_that_are_read(
    warehouse: Warehouse,
) -> None:
    rows = warehouse.rows("select stage, line, position, row_key, rules from quarantine")
    assert rows == [
        ("gate", None, 5, "broken", "score_within_scale"),
        ("gate", None, 1, "let_in_but_broken", "r"),
        ("landing", 12, None, None, "not_a_number"),
    ]


def test_a_lost_row_stops_the_night(tmp_path: Path) -> None:
    """The batch says it landed two rows; one is there."""
    with (
        pytest.raises(BuildFailed, match="is_balanced"),
        build_warehouse(
            tmp_path,
            {"feedback": [feedback("one")]},
            batches=[{"entity": "feedback", "landed": 2, "read": 2}],
            select=["+reconciliation"],
        ),
    ):
        pass


def test_two_builds_of_the_same_rows_are_equal_to_the_byte(warehouse: Warehouse, tmp_path: Path) -> None:
    """The rows of a file in another order of batches' files change nothing either."""
    shuffled = {entity: list(reversed(_placed(rows))) for entity, rows in ROWS.items()}
    with build_warehouse(
        tmp_path,
        shuffled,
        batches=BATCHES,
        quarantined=QUARANTINED,
        rejected=REJECTED,
        select=SELECT,
    ) as again:
        for mart in set(CORE_MARTS) - {"nights"}:
            assert again.rows(f"select * from {mart}") == warehouse.rows(f"select * from {mart}"), mart


def _placed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"position": position} | row for position, row in enumerate(rows)]


def test_an_empty_warehouse_builds_and_publishes_empty_tables(tmp_path: Path) -> None:
    with build_warehouse(tmp_path, {}, select=SELECT) as warehouse:
        assert warehouse.rows("select as_of, as_of_date from int_as_of") == [(None, None)]
        for table in (*CORE_MARTS, "int_periods", "int_period_days"):
            assert warehouse.rows(f"select * from {table}") == [], table


def test_as_of_and_dates_are_the_reporting_zones(tmp_path: Path) -> None:
    """23:30 UTC on the 31st is the 1st in Seoul; the day ends at 15:00 UTC."""
    rows = {"feedback": [feedback("late", responded_at="2024-03-31T23:30:00")]}
    variables = {"time_zone": "Asia/Seoul"}
    with build_warehouse(tmp_path, rows, select=SELECT, variables=variables) as warehouse:
        assert (
            warehouse.value("select strftime(as_of, '%Y-%m-%d %H:%M:%S') from int_as_of")
            == "2024-04-01 15:00:00"
        )
        assert (
            warehouse.value("select strftime(responded_date, '%Y-%m-%d') from fct_feedback") == "2024-04-01"
        )
        months = "select strftime(period_start, '%Y-%m-%d'), is_ended from int_periods where grain = 'month'"
        assert warehouse.rows(months) == [("2024-04-01", False)]


def test_declared_attributes_are_columns_and_the_map_is_published(tmp_path: Path) -> None:
    rows = {"feedback": [feedback("a", attributes={"user_role": "admin"}), feedback("b")]}
    variables = {"attributes": {"feedback": ["user_role"]}}
    with build_warehouse(tmp_path, rows, select=["+fct_feedback"], variables=variables) as warehouse:
        roles = "select response_id, user_role from int_feedback_answers order by all"
        assert warehouse.rows(roles) == [("a", "admin"), ("b", None)]
        assert warehouse.value("select attributes from fct_feedback where response_id = 'a'") == {
            "user_role": "admin"
        }


def test_the_marts_file_opens_in_older_clients(warehouse: Warehouse) -> None:
    """It is published as it is; the other working file only the pipeline opens."""
    version = warehouse.value(
        "select tags['storage_version'] from duckdb_databases() where database_name = 'cx'"
    )
    assert version.split()[0] == "v1.2.0+"


def test_staging_views_can_be_read_from_the_file_itself(warehouse: Warehouse, tmp_path: Path) -> None:
    """What a person debugging does: open a copy of the working file by itself."""
    copy = tmp_path / "working.duckdb"
    copy.write_bytes((warehouse.data_dir / "warehouse" / "working.duckdb").read_bytes())
    with duckdb.connect(str(copy), read_only=True) as connection:
        assert connection.execute("select count(*) from working.staging.stg_feedback").fetchall() == [(9,)]


def _yaml(*parts: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(PROJECT_DIR.joinpath(*parts).read_text(encoding="utf-8"))
    return document


def test_staging_has_the_contracts_columns(warehouse: Warehouse) -> None:
    for entity in ENTITIES.values():
        staged = {
            row["column_name"]: row["data_type"]
            for row in warehouse.dicts(
                "select column_name, data_type from duckdb_columns() "
                f"where schema_name = 'staging' and table_name = 'stg_{entity.name}'"
            )
        }
        for field in entity.fields:
            assert field.landed_name in staged, f"stg_{entity.name} lacks {field.landed_name}"
            if field.type is Type.TIMESTAMP:
                assert staged[field.landed_name] == "TIMESTAMP", field.name
                assert staged[f"{field.landed_name}_is_date_only"] == "BOOLEAN", field.name


def test_default_scales_and_metrics_are_the_contracts() -> None:
    scales = _yaml("dbt_project.yml")["vars"]["default_scales"]
    assert {metric: tuple(ends) for metric, ends in scales.items()} == DEFAULT_SCALES
    seeds = (PROJECT_DIR / "seeds" / "seeds.yml").read_text(encoding="utf-8")
    assert f"values: [{', '.join(METRICS)}]" in seeds


def test_the_landing_sources_are_the_contracts_entities() -> None:
    [landing] = [s for s in _yaml("models", "sources", "sources.yml")["sources"] if s["name"] == "landing"]
    assert [table["name"] for table in landing["tables"]] == list(ENTITIES)


def test_engine_specific_sql_stays_in_dispatched_macros() -> None:
    """The same models will have to run on Spark."""
    only_duckdb = re.compile(
        r"\b(arg_max|arg_min|list_|unnest|generate_series|epoch_|quantile_cont|asof|qualify|exclude\s*\(|timezone\()",
        re.IGNORECASE,
    )
    offenders = [
        f"{path.name}: {match.group()}"
        for path in sorted((PROJECT_DIR / "models").rglob("*.sql"))
        for match in only_duckdb.finditer(re.sub(r"--.*|\{\{.*?\}\}", "", path.read_text(encoding="utf-8")))
    ]
    assert offenders == []
