"""JSON lines: the quick ways give what Python's own decoder gives, and no header is missed."""

import json
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import pytest

from cx_pipeline.landing import list_batches, pull_files, read_batch
from cx_pipeline.settings import FileMapping, Settings
from cx_pipeline.sources.files.json_blocks import BlockParser
from cx_pipeline.sources.files.reader import open_reader
from cx_pipeline.sources.rows.records import SecondReadingError

PLAIN = ["1", "-7", "12345678901234567", "true", "null", '"x"', '"가방"', '"n/a"', '"a\\"b"', '""']
ODD = ["1.50", "1e3", "123456789012345678901234567890", "18446744073709551615", "NaN", "-Infinity", "1e999"]
ODD += ['{"c": 2.50}', "[1]", '"{"', '"\\u00e9"', '"\\u0000"', '"\\ud800"', "tru", "01"]


def _by_the_book(line: str) -> dict[str, str | None] | None:
    """The values of `a` and `b` as they are spelled; None where the line must be rejected."""
    constants = {"NaN": None, "Infinity": "inf", "-Infinity": "-inf"}
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=constants.__getitem__)
    try:
        record = decoder.decode(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(record, dict) or "\\u0000" in line:
        return None
    values = {name: record.get(name) for name in ("a", "b")}
    for name, value in values.items():
        if isinstance(value, dict | list) or value == "\ud800":
            return None
        values[name] = ("true" if value else "false") if isinstance(value, bool) else value
    return values


def _read(path: Path, **options: Any) -> tuple[list[dict[str, Any]], list[int], list[int]]:
    reader = open_reader(path, FileMapping(encoding="utf-8"), all_lines=True)
    rows: list[dict[str, Any]] = []
    lines, rejected = [], []
    for chunk in reader.chunks({"a", "b"}, **options):
        columns = {name: column.to_pylist() for name, column in chunk.columns.items()}
        rows += [{name: values[at] for name, values in columns.items()} for at in range(len(chunk.lines))]
        lines += chunk.lines.tolist()
        rejected += [reject.line for reject in chunk.rejects]
    return rows, lines, rejected


@pytest.mark.parametrize("values", [PLAIN, PLAIN + ODD], ids=["plain", "odd"])
def test_every_way_reads_what_the_decoder_reads(tmp_path: Path, values: list[str]) -> None:
    random = Random(7)
    shapes = ('{{"a": {}, "b": {}}}', '{{"b": {}, "z": 3, "a": {}}}', '{{"a": {}}}', ' {{"b": {},"b": {}}} ')
    lines = [random.choice(shapes).format(*random.choices(values, k=2)) for _ in range(1_500)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([*lines[:700], "", *lines[700:]]), encoding="utf-8")
    expected = [(n + (n > 700), _by_the_book(line)) for n, line in enumerate(lines, 1)]
    rows, places, rejected = _read(path)
    assert rejected == [n for n, row in expected if row is None]
    assert places == [n for n, row in expected if row is not None]
    assert rows == [row for _, row in expected if row is not None]


@pytest.mark.parametrize(
    "usual",
    [
        ('"x"', '"가방 \\u00e9"', "null", '"1"'),
        ("1", "-0", "12345678901234567", "null"),
        ("true", "false", "null"),
    ],
    ids=["texts", "integers", "booleans"],
)
def test_blocks_of_one_type_are_read_as_their_lines_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: tuple[str, ...]
) -> None:
    """Arrow reads most blocks, and none that it would read otherwise: odd values, lines joined or broken."""
    monkeypatch.setattr("cx_pipeline.sources.files.text.BLOCK_BYTES", 300)
    monkeypatch.setattr("cx_pipeline.sources.files.json_blocks._MOST_FAILURES", 1_000)
    by_arrow = 0
    read = BlockParser.columns

    def watched(self: BlockParser, data: bytes) -> Any:
        nonlocal by_arrow
        found = read(self, data)
        by_arrow += found is not None
        return found

    monkeypatch.setattr(BlockParser, "columns", watched)
    random = Random(11)
    odd = [
        *(f'{{"a": {value}, "b": {value}}}' for value in ODD),
        "",
        "}",
        '{"a": 1} {"a": 2}',
        '{"a":',
        '{"a": "x"',
    ]
    odd += [
        '{"b": "x", "b": "y"}',
        '{"z": {"a": 1}}',
        '{"a": "{"}',
        '  {"a": 1, "z": [1]} ',
        '{"a": "\t"}',
        "[]",
    ]
    lines = []
    for _ in range(3_000):
        a, b = random.choices(usual, k=2)
        lines.append(f'{{"a": {a}, "b": {b}, "z": 1}}')
        if random.random() < 0.02:
            lines.append(random.choice(odd))
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    expected = [(n, _by_the_book(line)) for n, line in enumerate(lines, 1) if line.strip()]
    rows, places, rejected = _read(path)
    assert rejected == [n for n, row in expected if row is None]
    assert places == [n for n, row in expected if row is not None]
    assert [_spelled(row) for row in rows] == [_spelled(row) for _, row in expected if row is not None]
    assert by_arrow > 50


def test_values_within_objects_are_read_in_any_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block whose lines all hold an object looks plain to Arrow, which knows no header with a dot."""
    monkeypatch.setattr("cx_pipeline.sources.files.text.BLOCK_BYTES", 200)
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "x", "z": 1}\n' * 50 + '{"a": "x", "z": {"b": "y"}}\n' * 50, encoding="utf-8")
    reader = open_reader(path, FileMapping(encoding="utf-8"), all_lines=True)
    chunks = [chunk.columns["z.b"].to_pylist() for chunk in reader.chunks({"a", "z.b"})]
    assert [value for chunk in chunks for value in chunk] == [None] * 50 + ["y"] * 50


def _spelled(row: dict[str, Any]) -> dict[str, Any]:
    """Whole numbers lose the sign of nothing."""
    return {name: "0" if value == "-0" else value for name, value in row.items()}


def test_a_number_read_as_one_keeps_its_value(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1.50, "b": "1.50"}\n{"a": 2, "b": "x"}\n{"a": null}\n', encoding="utf-8")
    rows, _, _ = _read(path, numbers={"a"})
    assert rows == [{"a": 1.5, "b": "1.50"}, {"a": 2.0, "b": "x"}, {"a": None, "b": None}]


def test_a_header_that_only_a_later_line_has_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cx_pipeline.sources.files.jsonl._FIRST_LINES", 10)
    monkeypatch.setattr("cx_pipeline.sources.files.text.BLOCK_BYTES", 1_000)
    first = [{"transaction_id": f"t{n}", "amount": n} for n in range(60)]
    for nested in (False, True):
        later = {"transaction_id": "last", "product": "bag"} | ({"more": {"deep": 1}} if nested else {})
        settings = Settings(data_dir=tmp_path / str(nested))
        path = settings.paths.inbox / "transactions" / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(map(json.dumps, [*first, later])), encoding="utf-8")
        with pytest.raises(SecondReadingError):
            list(open_reader(path, FileMapping()).chunks({"transaction_id"}))
        pull_files(settings, "inbox", date(2026, 11, 22))
        (batch,) = list_batches(settings.paths)
        landed = read_batch(settings.paths, batch, ["transaction_id", "amount", "product"]).to_pylist()
        assert landed == [
            *({"transaction_id": f"t{n}", "amount": float(n), "product": None} for n in range(60)),
            {"transaction_id": "last", "amount": None, "product": "bag"},
        ]
        assert batch.extra == (("more.deep",) if nested else ())
