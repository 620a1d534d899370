"""Mapping and typing: what a cell becomes, and which row a cell costs."""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.contract import ENTITIES
from cx_pipeline.privacy.identity_key import IdentityKey
from cx_pipeline.privacy.keys import Keyer
from cx_pipeline.settings import FileMapping, Settings
from cx_pipeline.sources.rows import convert
from cx_pipeline.sources.rows.clock import LocalClock
from cx_pipeline.sources.rows.mapping import _MAY_COMPOSE, Mapper, Ordinals, bind
from cx_pipeline.sources.rows.records import Chunk, FileError

KEYER = Keyer(IdentityKey(bytes(32)))
UTC_CLOCK = LocalClock("UTC")


def texts(*values: str | None) -> pa.Array:
    return pa.array(values, pa.string())


# ---------------------------------------------------------------- numbers and booleans


def test_numbers() -> None:
    column = texts("1", "1.5", "-2e3", "1,234.5", "+7", "1,234,567", ".5", None)
    assert convert.decimal(column).values.to_pylist() == [1, 1.5, -2000, 1234.5, 7, 1234567, 0.5, None]
    assert not convert.decimal(column).bad.any()


@pytest.mark.parametrize(
    "value", ["1,5", "12,34.5", "1.234,5", "ten", "5점", "nan", "NaN", "0x10", "1_000", "₩10", "1 2", "-"]
)
def test_what_is_no_number(value: str) -> None:
    found = convert.decimal(texts("1", value))
    assert found.bad.tolist() == [False, True]
    assert found.values.to_pylist() == [1, None]


def test_infinity_lands_for_the_gate_to_judge() -> None:
    assert convert.decimal(texts("inf", "-Infinity", "x")).values.to_pylist() == [
        float("inf"),
        float("-inf"),
        None,
    ]


@pytest.mark.parametrize("blank", [" ", "\t", "\n", "\x1f", "\x85", "\xa0", "\u2003", "\u3000"])
@pytest.mark.parametrize("form", ["{}a", "a{}", "{}", "{}가", "가{}"])
def test_outer_blanks_go(blank: str, form: str) -> None:
    """Also amid texts that have none, in a column that is part of another, and beside nulls."""
    column = texts("x ", None, "a b", "", form.format(blank), "c").slice(1)
    expected = pc.utf8_trim_whitespace(texts(form.format(blank)))[0].as_py() or None
    assert convert.clean(column, ("",)).to_pylist() == [None, "a b", None, expected, "c"]
    assert convert.clean(texts("x ", "a b", "c").slice(1), ("",)).to_pylist() == ["a b", "c"]


def test_nan_of_typed_files_is_null() -> None:
    column = pa.array([1.0, float("nan"), None])
    assert convert.clean(column, ("",)).to_pylist() == [1.0, None, None]
    assert convert.to_text(column).to_pylist() == ["1", None, None]


def test_integers() -> None:
    found = convert.integer(texts("3", "3.0", "3.5", "x", None))
    assert found.values.to_pylist() == [3, 3, None, None, None]
    assert found.bad.tolist() == [False, False, True, True, False]


def test_booleans() -> None:
    found = convert.boolean(texts("TRUE", "no", "Y", "f", "1", "0", "예", "아니오", "maybe", None))
    assert found.values.to_pylist() == [True, False, True, False, True, False, True, False, None, None]
    assert found.bad.tolist() == [False] * 8 + [True, False]


# ---------------------------------------------------------------- instants


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T10:22:33Z", "2024-01-15T10:22:33"),
        ("2024-01-15T10:22:33+09:00", "2024-01-15T01:22:33"),
        ("2024-01-15 10:22:33 +0900", "2024-01-15T01:22:33"),
        ("2024-01-15T10:22:33+09", "2024-01-15T01:22:33"),
        ("2024-01-15 10:22:33 UTC", "2024-01-15T10:22:33"),
        ("2024-01-15 10:22", "2024-01-15T10:22:00"),
        ("2024-01-15t10:22:33.5z", "2024-01-15T10:22:33.500000"),
        ("2024-01-15T10:22:33.123456789Z", "2024-01-15T10:22:33.123456"),
        ("2024-01-15", "2024-01-15T12:00:00"),
        ("20240115", "2024-01-15T12:00:00"),
        ("20240115T102233Z", "2024-01-15T10:22:33"),
    ],
)
def test_iso_8601(text: str, expected: str) -> None:
    found = convert.instant(texts(text, None), None, UTC_CLOCK)
    assert found.values.to_pylist() == [datetime.fromisoformat(expected).replace(tzinfo=UTC), None]
    assert found.date_only.tolist() == [len(text) in (8, 10), False]


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30",
        "2024-13-01",
        "15/01/2024",
        "yesterday",
        "2024-01-15 25:00",
        "1705286400",
        "2024-01-15x10:22",
        "2024",
    ],
)
def test_what_is_no_instant(text: str) -> None:
    found = convert.instant(texts("2024-01-15", text), None, UTC_CLOCK)
    assert found.bad.tolist() == [False, True]
    assert found.values.null_count == 1


@pytest.mark.parametrize(
    ("format_", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "9/2/2016 01:16", "2016-02-09T01:16:00"),
        ("%Y%m%d", "19970101", "1997-01-01T12:00:00"),
        ("%Y%m%d%H%M%S", "20240115102233", "2024-01-15T10:22:33"),
        ("%m/%d/%y %I:%M %p", "01/15/24 3:20 PM", "2024-01-15T15:20:00"),
        ("%Y-%m-%d %p %I:%M", "2024-01-15 오후 12:20", "2024-01-15T12:20:00"),
        ("%d %b %Y", "15 Jan 2024", "2024-01-15T12:00:00"),
        ("%Y.%m.%d %H:%M:%S.%f", "2024.01.15 10:22:33.25", "2024-01-15T10:22:33.250000"),
        ("%d/%m/%Y %H:%M %z", "15/01/2024 10:00 +0900", "2024-01-15T01:00:00"),
        ("epoch_s", "1705286400.5", "2024-01-15T02:40:00.500000"),
        ("epoch_ms", "1705286400123", "2024-01-15T02:40:00.123000"),
    ],
)
def test_declared_formats(format_: str, text: str, expected: str) -> None:
    found = convert.instant(texts(text), format_, UTC_CLOCK)
    assert found.values.to_pylist() == [datetime.fromisoformat(expected).replace(tzinfo=UTC)]


@pytest.mark.parametrize(
    "text", ["31/02/2016 00:00", "29/02/2015 00:00", "1/13/2016 00:00", "1/1/2016 24:00", "1/1/2016", "?"]
)
def test_days_that_do_not_exist_are_no_instants(text: str) -> None:
    """C's strptime makes 2 March of 31/02: a date must exist to land."""
    assert convert.instant(texts(text), "%d/%m/%Y %H:%M", UTC_CLOCK).bad.tolist() == [True]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.datetimes(datetime(1970, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=20))
def test_formats_agree_with_strptime(moments: list[datetime]) -> None:
    for format_ in ("%d/%m/%Y %H:%M:%S", "%Y%m%d%H%M%S", "%m-%d-%y %I:%M:%S %p"):
        column = texts(*(m.strftime(format_) for m in moments))
        expected = [datetime.strptime(t, format_).replace(tzinfo=UTC) for t in column.to_pylist()]
        assert convert.instant(column, format_, UTC_CLOCK).values.to_pylist() == expected


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [
            "America/New_York",
            "Europe/London",
            "Asia/Seoul",
            "America/Sao_Paulo",
            "Australia/Lord_Howe",
            "Asia/Beirut",
        ]
    ),
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=20),
)
def test_local_times_follow_the_rules_of_their_zone(zone: str, moments: list[datetime]) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    local = np.array(
        [(m.replace(tzinfo=UTC) - epoch) // timedelta(microseconds=1) for m in moments], np.int64
    )
    found, _, _ = LocalClock(zone).to_utc(local)
    expected = [
        (m.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) - epoch) // timedelta(microseconds=1)
        for m in moments
    ]
    assert found.tolist() == expected


def test_ambiguous_times_are_the_first_and_nonexistent_ones_move_forward() -> None:
    column = texts("2024-11-03 01:30:00", "2024-03-10 02:30:00", "2024-03-10 03:30:00")
    found = convert.instant(column, None, LocalClock("America/New_York"))
    assert [v.strftime("%d %H:%M") for v in found.values.to_pylist()] == ["03 05:30", "10 07:30", "10 07:30"]
    assert found.ambiguous.tolist() == [True, False, False]
    assert found.nonexistent.tolist() == [False, True, False]


def test_what_parquet_types() -> None:
    naive = pa.array([datetime(2024, 1, 15, 10)], pa.timestamp("ns"))
    aware = pa.array([datetime(2024, 1, 15, 10, tzinfo=UTC)], pa.timestamp("ms", tz="Asia/Seoul"))
    day = pa.array([datetime(2024, 1, 15)], pa.date32())
    seoul = LocalClock("Asia/Seoul")
    hours = [convert.instant(c, None, seoul).values[0].as_py().hour for c in (naive, aware, day)]
    assert hours == [1, 10, 3]
    assert convert.instant(day, None, seoul).date_only.tolist() == [True]
    assert convert.instant(pa.array([5]), None, seoul).bad.tolist() == [True]


# ---------------------------------------------------------------- headers


def headers_of(entity: str, headers: list[str], **mapping: Any) -> Any:
    return bind(ENTITIES[entity], FileMapping(**mapping), ("role",), headers)


def test_headers_match_as_written_then_in_any_case() -> None:
    found = headers_of("feedback", ["Response_ID", "SCORE", "score", "role", "what"])
    assert {n: o.header for n, o in found.columns.items()} == {"response_id": "Response_ID", "score": "score"}
    assert found.attributes["role"].header == "role"
    assert found.extra == ("SCORE", "what")
    assert not found.generates_key


def test_decomposed_korean_headers_match() -> None:
    import unicodedata

    from cx_pipeline.sources.rows.records import tidy_header

    decomposed = tidy_header(unicodedata.normalize("NFD", " 평점 "))
    assert headers_of("feedback", [decomposed], columns={"score": "평점"}).columns["score"].header == "평점"


def test_a_mapped_header_serves_no_other_column() -> None:
    found = headers_of("transactions", ["kind"], columns={"channel": "kind"})
    assert list(found.columns) == ["channel"]
    assert found.generates_key


def test_a_header_the_file_lacks_is_missing_and_its_key_not_made_up() -> None:
    found = headers_of("transactions", ["amount"], columns={"transaction_id": "번호"})
    assert found.missing == ("transaction_id",)
    assert not found.generates_key


@pytest.mark.parametrize("headers", [["a", "b"], ["score", "score"], ["Score", "SCORE"]])
def test_headers_that_cannot_be_bound(headers: list[str]) -> None:
    with pytest.raises(FileError):
        headers_of("feedback", headers)


# ---------------------------------------------------------------- rows


def mapped(
    tmp_path: Path,
    entity: str,
    columns: dict[str, list[Any]],
    mapping: dict[str, Any] | None = None,
    **options: Any,
) -> tuple[list[dict[str, Any]], list[tuple[int, str, str | None]], Mapper]:
    source = {"type": "files", entity: mapping or {}} | options.pop("source", {})
    settings_ = Settings(data_dir=tmp_path, sources={"shop": source}, **options)
    mapper = Mapper(settings_, "shop", entity, KEYER, list(columns), sequence=3)
    size = len(next(iter(columns.values())))
    chunk = Chunk({n: pa.array(v) for n, v in columns.items()}, np.arange(2, size + 2), [])
    table, rejects = mapper.map(chunk)
    return table.to_pylist(), [(r.line, r.reason, r.column) for r in rejects], mapper


@pytest.mark.parametrize("has_ids", [True, False])
def test_few_values_are_mapped_as_many_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_ids: bool
) -> None:
    """A column of few values is mapped by its distinct ones: nulls, rejects, unknown and local times too."""
    size = 2_000
    columns: dict[str, list[Any]] = {
        "response_id": [f"r{i}" for i in range(size)],
        "metric": [("NPS", "csat", None, "vibes")[i % 4] for i in range(size)],
        "score": [("1", "2.5", "", "n/a", "7", " 3 ")[i % 6] for i in range(size)],
        "customer_id": [("kim@example.com", "C-1", None)[i % 3] for i in range(size)],
        "comment": [
            "x" * 70_000 if i % 99 == 5 else ("call 010-1234-5678", "좋아요", None)[i % 3]
            for i in range(size)
        ],
        "responded_at": [
            ("2024-01-15", "2024-03-31 02:30", "2024-10-27 02:30", "soon", None)[i % 5] for i in range(size)
        ],
        "is_test": [("yes", "no", "maybe", None)[(i // 4) % 4] for i in range(size)],
        "shop": [("서울", "02-123-4567")[i % 2] for i in range(size)],
    }
    options: dict[str, Any] = {
        "mapping": {"time_zone": "Europe/Berlin", "attributes": {"shop": "shop"}},
        "entities": {"feedback": {"attributes": ["shop"]}},
    }
    if not has_ids:
        del columns["response_id"]
    rows, rejects, mapper = mapped(tmp_path, "feedback", columns, **options)
    monkeypatch.setattr(convert, "few_values", lambda column: None)
    assert mapped(tmp_path, "feedback", columns, **options)[:2] == (rows, rejects)
    assert mapped(tmp_path, "feedback", columns, **options)[2].tally == mapper.tally
    assert {reason for _, reason, _ in rejects} == {
        "not_a_number",
        "not_an_instant",
        "not_a_boolean",
        "field_too_long",
    }
    assert mapper.tally.unknown_values["metric"] and mapper.tally.ambiguous_times
    assert mapper.tally.nonexistent_times and mapper.tally.date_only == {"responded_at"}


def test_texts_come_out_composed(tmp_path: Path) -> None:
    """What is passed over as composed already is what NFC leaves alone, whatever stands beside it."""
    text = re.sub(_MAY_COMPOSE, "", "".join(map(chr, (*range(0xD800), *range(0xE000, 0x20000)))))
    stays = set(text)
    assert unicodedata.normalize("NFC", text) == text
    assert not any(map(unicodedata.combining, text))
    seconds = [unicodedata.decomposition(chr(c)).split() for c in range(0x20000)]
    marks = {chr(int(d[1], 16)) for d in seconds if len(d) == 2 and not d[0].startswith("<")}
    half_syllables = set(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))))
    assert not (marks | half_syllables) & stays
    rows, _, _ = mapped(
        tmp_path, "feedback", {"response_id": ["1", "2"], "comment": ["\u1112\u1161\u11ab", "e\u0301"]}
    )
    assert [row["comment"] for row in rows] == ["한", "é"]


def test_value_maps_constants_and_rescaling(tmp_path: Path) -> None:
    rows, rejects, _ = mapped(
        tmp_path,
        "transactions",
        {"no": ["1", "2", "3"], "구분": ["반품", "주문", None], "pct": ["50", "0", "100"]},
        {
            "columns": {
                "transaction_id": "no",
                "kind": {"from": "구분", "values": {"반품": "refund", "*": "order", "": "cancellation"}},
                "amount": {"from": "pct", "rescale": {"from": [0, 100], "to": [0, 10]}},
                "currency": {"constant": "KRW"},
            }
        },
    )
    assert rejects == []
    assert [r["kind"] for r in rows] == ["refund", "order", "cancellation"]
    assert [r["amount"] for r in rows] == [5, 0, 10]
    assert {r["currency"] for r in rows} == {"KRW"}
    assert [r["position"] for r in rows] == [0, 1, 2]
    assert {r["batch_sequence"] for r in rows} == {3}


def test_null_values(tmp_path: Path) -> None:
    rows, rejects, _ = mapped(
        tmp_path,
        "transactions",
        {"transaction_id": ["a", "b"], "amount": [" ? ", "  "]},
        {"null_values": ["?"]},
    )
    assert rejects == []
    assert [r["amount"] for r in rows] == [None, None]


def test_unknown_values_become_other_where_the_list_has_it(tmp_path: Path) -> None:
    rows, _, mapper = mapped(
        tmp_path,
        "feedback",
        {
            "response_id": ["1", "2"],
            "channel": ["E-Mail ", "Fax"],
            "metric": ["NPS", "Stars a@b.com"],
            "respondent_type": ["Employee", None],
        },
    )
    assert [r["channel"] for r in rows] == ["other", "other"]
    assert [r["metric"] for r in rows] == ["nps", "Stars [email]"]
    assert [r["respondent_type"] for r in rows] == ["employee", "customer"]
    assert dict(mapper.tally.unknown_values) == {"channel": 2, "metric": 1}


def test_lists_are_matched_whatever_the_case_and_the_separators(tmp_path: Path) -> None:
    rows, _, _ = mapped(tmp_path, "tickets", {"ticket_id": ["1", "2"], "status": ["On Hold", "on-hold"]})
    assert [r["status"] for r in rows] == ["on_hold", "on_hold"]


def test_a_cell_that_cannot_be_typed_costs_its_row_once(tmp_path: Path) -> None:
    rows, rejects, _ = mapped(
        tmp_path,
        "tickets",
        {
            "ticket_id": ["1", "2", "3"],
            "created_at": ["x", "2024-01-01", "2024-01-01"],
            "reopen_count": ["y", "1", "1.5"],
        },
    )
    assert [r["ticket_id"] for r in rows] == ["2"]
    assert rejects == [(2, "not_an_instant", "created_at"), (4, "not_an_integer", "reopen_count")]


def test_a_field_over_64_kib_costs_its_row(tmp_path: Path) -> None:
    rows, rejects, _ = mapped(
        tmp_path, "feedback", {"response_id": ["1", "2"], "comment": ["x" * 65_537, "x" * 65_536]}
    )
    assert [r["response_id"] for r in rows] == ["2"]
    assert rejects == [(2, "field_too_long", "comment")]


def test_defaults_of_the_contract(tmp_path: Path) -> None:
    rows, _, _ = mapped(tmp_path, "feedback", {"response_id": ["1"], "score": ["3"]})
    assert rows[0]["submission_id"] == "1"
    assert rows[0]["weight"] == 1
    assert rows[0]["is_deleted"] is False
    assert rows[0]["scale_min"] is None
    types = ["reply", "call", "note", "status"]
    events, _, _ = mapped(tmp_path, "ticket_events", {"event_id": list("abcd"), "event_type": types})
    assert [r["is_public"] for r in events] == [True, True, False, None]
    customers, _, _ = mapped(
        tmp_path, "customers", {"customer_id": ["c"]}, source={"relationship": "contractual"}
    )
    assert customers[0]["relationship"] == "contractual"


def test_attributes_are_those_the_settings_declare(tmp_path: Path) -> None:
    rows, _, mapper = mapped(
        tmp_path,
        "feedback",
        {
            "response_id": ["1", "2"],
            "user_role": ["admin", None],
            "Plan": ["pro", "free"],
            "other": ["x", "y"],
        },
        {"attributes": {"tier": "Plan"}},
        entities={"feedback": {"attributes": ["user_role", "tier"]}},
    )
    assert rows[0]["attributes"] == [("user_role", "admin"), ("tier", "pro")] or dict(
        rows[0]["attributes"]
    ) == {
        "user_role": "admin",
        "tier": "pro",
    }
    assert dict(rows[1]["attributes"]) == {"tier": "free"}
    assert mapper.binding.extra == ("other",)
    assert "attributes" in mapper.delivered


def test_identities_are_keyed_in_the_sources_namespace(tmp_path: Path) -> None:
    columns = {
        "ticket_id": ["a@b.com"],
        "customer_id": ["7"],
        "agent_id": ["kim"],
        "subject": ["call 010-1234-5678"],
    }
    rows, _, _ = mapped(tmp_path, "tickets", columns, source={"id_namespace": "desk"})
    assert rows[0]["customer_key"] == KEYER.key("desk", "7")
    assert rows[0]["agent_key"] == KEYER.key("desk", "kim")
    assert rows[0]["ticket_id"] == KEYER.key("x", "a@b.com")
    assert rows[0]["subject"] == "call [phone]"
    open_rows, _, _ = mapped(tmp_path, "tickets", columns, privacy={"agent_ids": "as_is"})
    assert open_rows[0]["agent_key"] == "kim"


def test_dates_without_a_time_are_named(tmp_path: Path) -> None:
    rows, _, mapper = mapped(
        tmp_path,
        "feedback",
        {
            "response_id": ["1", "2"],
            "invited_at": ["2024-01-01", "2024-01-01 10:00"],
            "responded_at": ["2024-01-02", None],
        },
    )
    assert [r["date_only"] for r in rows] == ["invited_at,responded_at", None]
    assert mapper.tally.date_only == {"invited_at", "responded_at"}


def test_generated_ids_hang_on_every_mapped_value(tmp_path: Path) -> None:
    """Also on what redaction makes equal: two callers are two rows."""
    rows, _, _ = mapped(
        tmp_path, "feedback", {"comment": ["call 010-1111-2222", "call 010-3333-4444", "x", "x"]}
    )
    assert len({r["response_id"] for r in rows}) == 4
    assert [r["submission_id"] for r in rows] == [r["response_id"] for r in rows]
    again, _, _ = mapped(
        tmp_path, "feedback", {"comment": ["x", "call 010-1111-2222", "x"], "team": [None] * 3}
    )
    assert {r["response_id"] for r in again} < {r["response_id"] for r in rows}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=20), max_size=10))
def test_ordinals_count_equals_across_chunks(chunks: list[list[int]]) -> None:
    ordinals, seen = Ordinals(), dict.fromkeys(range(6), 0)
    for chunk in chunks:
        found = ordinals.next(np.array(chunk, np.uint64)).tolist()
        for value, ordinal in zip(chunk, found, strict=True):
            assert ordinal == seen[value]
            seen[value] += 1
