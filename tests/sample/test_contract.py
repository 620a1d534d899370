"""Every row keeps the contract, but for the planted dirt, which breaks exactly what the report says."""

from __future__ import annotations

import math
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from cx_pipeline.contract import DEFAULT_SCALES, ENTITIES, Field, Type
from cx_pipeline.sample import SampleReport
from tests.sample.drops import Row, instant, rows

OLDEST = datetime(1990, 1, 1, tzinfo=UTC)


def number(value: Any) -> float:
    result = float(value)
    if not math.isfinite(result):
        raise ValueError("not finite")
    return result


def value_fault(field: Field, value: Any, newest: datetime) -> str | None:
    """What is wrong with one value, or None; ValueError where it cannot be typed."""
    fault: str | None = None
    if field.type is Type.TIMESTAMP:
        at = instant(value)
        if at < OLDEST and not field.may_be_ancient:
            fault = "ancient"
        elif at > newest and not field.may_be_future:
            fault = "in the future"
    elif field.type in (Type.DECIMAL, Type.INTEGER):
        fault = (
            "too small" if number(value) < (-math.inf if field.minimum is None else field.minimum) else None
        )
    elif field.type is Type.BOOLEAN:
        fault = None if value in (True, False, "true", "false") else "no boolean"
    elif field.allowed:
        fault = None if value in field.allowed else "unknown"
    elif field.pattern:
        fault = None if re.search(field.pattern, value) else "malformed"
    return fault


def field_faults(entity: str, row: Row, newest: datetime) -> list[str]:
    faults = []
    for field in ENTITIES[entity].fields:
        try:
            fault = value_fault(field, row[field.name], newest)
        except KeyError:
            fault = "missing" if field.required else None
        except ValueError:
            fault = "untypable"
        if fault:
            faults.append(f"{field.name} {fault}")
    return faults


def row_faults(entity: str, row: Row) -> list[str]:
    faults = []
    times = {k: instant(v) for k, v in row.items() if k.endswith("_at") or k.startswith("service_")}
    for early, late in (
        ("invited_at", "responded_at"),
        ("signed_up_at", "ended_at"),
        ("service_start", "service_end"),
        ("created_at", "updated_at"),
    ):
        if early in times and late in times and times[late] < times[early]:
            faults.append(f"{late} before {early}")
    if entity == "feedback":
        answered = "score" in row or "comment" in row
        if answered and "responded_at" not in row:
            faults.append("no responded_at")
        if "score" in row:
            low, high = DEFAULT_SCALES[row["metric"]]
            low, high = number(row.get("scale_min", low)), number(row.get("scale_max", high))
            if not low <= number(row["score"]) <= high:
                faults.append("score out of scale")
            if row["metric"] == "nps" and number(row["score"]) % 1:
                faults.append("nps not whole")
        if row["metric"] == "ces" and "scale_direction" not in row:
            faults.append("ces without direction")
        if row["metric"] in ("comment", "idea") and "score" in row:
            faults.append("score on a comment")
    if entity == "transactions" and row["kind"] == "refund" and number(row["amount"]) >= 0:
        faults.append("refund not negative")
    return faults


def test_headers_are_the_contracts_own(read: dict[str, list[Row]]) -> None:
    for entity, found in read.items():
        assert {name for row in found for name in row} - {"ragged"} <= set(ENTITIES[entity].names)


def test_only_the_planted_dirt_breaks_a_rule(read: dict[str, list[Row]], report: SampleReport) -> None:
    newest = datetime.combine(report.end, datetime.min.time(), UTC) + timedelta(days=1)
    broken: dict[str, list[str]] = {}
    for entity, found in read.items():
        for row in found:
            if "ragged" in row:
                continue
            faults = field_faults(entity, row, newest)
            faults = faults or row_faults(entity, row)
            if faults:
                broken[row[ENTITIES[entity].key]] = faults
    planted = {
        key: d for d in report.dirt for key in d.keys if d.fate in ("quarantined", "rejected", "other")
    }
    ragged = {key for key, d in planted.items() if "lines" in d.english or "line" in d.english.split()}
    assert set(broken) == set(planted) - ragged
    assert broken["XR1"] == ["score out of scale"]
    assert broken["XR4"] == ["nps not whole"]
    assert broken["XR6"] == ["responded_at before invited_at"]
    assert broken["XR9"] == ["no responded_at"]
    assert broken["XT1"] == ["status unknown"]
    assert broken["XO1"] == ["amount untypable"]
    assert broken["XO2"] == ["occurred_at ancient"]
    assert broken["XC1"] == ["country malformed"]
    assert broken["XJ1"] == ["channel unknown"]


def test_the_report_counts_every_dirty_row(read: dict[str, list[Row]], report: SampleReport) -> None:
    for entity, found in read.items():
        counted = sum(
            len(d.keys)
            for d in report.dirt
            if d.path.startswith(f"{entity}/") and d.fate not in ("superseded", "deleted")
        )
        dirty = [row for row in found if "ragged" in row or row[ENTITIES[entity].key].startswith("X")]
        versions = Counter(row.get(ENTITIES[entity].key, row.get("ragged")) for row in dirty)
        assert sum(1 for n in versions.values() if n == 1) == counted, entity


def test_corrected_and_withdrawn_rows_have_two_versions(
    read: dict[str, list[Row]], report: SampleReport
) -> None:
    for entity in ("customers", "feedback"):
        key = ENTITIES[entity].key
        versions = Counter(row[key] for row in read[entity])
        twice = {k for k, n in versions.items() if n == 2}
        planted = [
            d for d in report.dirt if d.path.startswith(entity) and d.fate in ("superseded", "deleted")
        ]
        assert max(versions.values()) == 2
        assert len(twice) == sum(d.rows for d in planted) > 0
        for name in twice:
            first, second = (row for row in read[entity] if row[key] == name)
            assert instant(first["updated_at"]) < instant(second["updated_at"])


def test_references_resolve_but_for_the_orphans(
    clean: dict[str, list[Row]], read: dict[str, list[Row]], report: SampleReport
) -> None:
    keys = {entity: {row[ENTITIES[entity].key] for row in found} for entity, found in clean.items()}
    parents = {
        "customer_id": "customers",
        "ticket_id": "tickets",
        "parent_ticket_id": "tickets",
        "merged_into_ticket_id": "tickets",
        "transaction_id": "transactions",
        "parent_transaction_id": "transactions",
    }
    for found in clean.values():
        for row in found:
            for column, parent in parents.items():
                assert column not in row or row[column] in keys[parent], row
    orphans = {row["event_id"] for row in read["ticket_events"] if row["ticket_id"] not in keys["tickets"]}
    assert orphans == {key for d in report.dirt if d.fate == "orphan" for key in d.keys}


def test_each_file_is_in_the_format_its_name_says(report: SampleReport) -> None:
    root = report.directory
    assert (root / "customers/customers.csv").read_bytes()[:3] == b"\xef\xbb\xbf"
    assert (root / "feedback/employees_utf16.tsv").read_bytes()[:2] == b"\xff\xfe"
    assert (root / "feedback/surveys.csv.gz").read_bytes()[:2] == b"\x1f\x8b"
    korean = (root / "feedback/reviews_cp949.csv").read_bytes()
    assert "습니다" in korean.decode("cp949")
    try:
        korean.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        raise AssertionError("the CP949 file is valid UTF-8")
    assert {f.path: f.rows for f in report.files} == {f.path: len(rows(root / f.path)) for f in report.files}
    assert {f.path: f.bytes for f in report.files} == {
        f.path: (root / f.path).stat().st_size for f in report.files
    }
