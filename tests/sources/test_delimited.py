"""Reading delimited files: row for row in any dialect, and an account of every line under any damage."""

import csv
import io
import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.settings import FileMapping
from cx_pipeline.sources.files import text
from cx_pipeline.sources.files.reader import open_reader
from cx_pipeline.sources.rows.records import FileError, Reader, SecondReadingError, shape

Records = tuple[list[dict[str, Any]], list[tuple[int, str]], list[int]]


def read(content: bytes, name: str = "a.csv", **mapping: Any) -> Records:
    """(records, (line, reason) of each reject, line of each record)"""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return records(open_reader(path, FileMapping(**mapping)))
        except SecondReadingError:
            return records(open_reader(path, FileMapping(**mapping), all_lines=True))


def records(reader: Reader) -> Records:
    """What one reading of a file gives."""
    try:
        rows: list[dict[str, Any]] = []
        rejects: list[tuple[int, str]] = []
        lines: list[int] = []
        for chunk in reader.chunks(reader.headers):
            names = list(chunk.columns)
            columns = [column.to_pylist() for column in chunk.columns.values()]
            rows += [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
            rejects += [(r.line, r.reason) for r in chunk.rejects]
            lines += [int(n) for n in chunk.lines]
        return rows, sorted(rejects), lines
    finally:
        reader.close()


CELL = st.text(
    alphabet=st.sampled_from(list("ab1 ,;\t\"'\n가나힣é.-|"))
    | st.characters(codec="cp949", exclude_characters="\r\0"),
    max_size=8,
).map(lambda s: s.replace("\r", "").replace("\0", "").replace("é", "e"))


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp949"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.sampled_from([7, 64, 1 << 20]),
)
def test_any_table_lands_row_for_row_in_any_dialect(  # noqa: PLR0917
    rows: list[list[str]], encoding: str, ends: str, delimiter: str, quoting: Any, block: int
) -> None:
    out = io.StringIO(newline="")
    if ends == "\r":  # the writer would leave a lone LF unquoted
        quoting = csv.QUOTE_ALL
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ends, quoting=quoting)
    writer.writerow(["x", "y", "z"])
    writer.writerows(rows)
    declared = {"utf-8-sig": "utf-8"}.get(encoding, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", block)
        found, rejects, _ = read(out.getvalue().encode(encoding), delimiter=delimiter, encoding=declared)
    assert rejects == []
    # a line break within a field is read as LF, however the file spells it
    assert [list(r.values()) for r in found] == [[c.replace("\r\n", "\n") for c in row] for row in rows]


LINE = st.sampled_from(
    [
        b"1,2,3",
        b'1,"2",3',
        b'1,"a\nb",3',
        b"1,2",
        b"1,2,3,4",
        b'1,"2,3',
        b'1,2",3',
        b'1,"a"b,3',
        b"\xff,2,3",
        b"1,\x00,3",
        "가,나,다".encode(),
        b"",
        b'"""",2,3',
        b'1,"2\n\xff",3',
        b'"',
    ]
)


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(LINE, max_size=12), block=st.sampled_from([5, 33, 1 << 20]))
def test_the_block_size_changes_nothing(lines: list[bytes], block: int) -> None:
    """Where a file is cut into blocks must not show: same records, same rejects, same lines."""
    content = b"x,y,z\n" + b"\n".join(lines) + b"\n"
    whole = read(content, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "BLOCK_BYTES", block)
        assert read(content, encoding="utf-8") == whole


READABLE = LINE.filter(lambda line: b"\xff" not in line and b"\0" not in line)


@settings(max_examples=100, deadline=None)
@given(lines=st.lists(READABLE, max_size=12))
def test_every_line_is_accounted_for(lines: list[bytes]) -> None:
    """Each physical line that is not blank lies in exactly one record, landed or rejected."""
    content = b"x,y,z\n" + b"\n".join(lines) + b"\n"
    rows, rejects, numbers = read(content, encoding="utf-8")
    starts = [*numbers, *(line for line, _ in rejects)]
    physical = content.split(b"\n")[1:-1]
    continued = {
        number + further
        for number, row in zip(numbers, rows, strict=True)
        for further in range(1, sum(cell.count("\n") for cell in row.values()) + 1)
    }
    blank = {place for place, line in enumerate(physical, start=2) if not line}
    assert len(set(starts)) == len(starts)
    assert not continued & set(starts)
    assert set(starts) | continued | blank == set(range(2, len(physical) + 2))


def test_an_unclosed_quote_costs_its_own_line_alone() -> None:
    lines = [f'{i},"text {i}",x' for i in range(2, 50_002)]
    lines[10] = '12,"text 12,x'
    rows, rejects, _ = read(("a,b,c\n" + "\n".join(lines)).encode())
    assert len(rows) == 49_999
    assert rejects == [(12, "unclosed_quote")]


def test_random_damage_never_loses_a_line() -> None:
    """Cut, doubled and flipped bytes: what is read is landed or rejected, and most of a file survives."""
    rng = random.Random(7)
    good = "".join(f'{i},"name, {i}",값{i}\n' for i in range(300)).encode()
    for _ in range(40):
        damaged = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.choice(b'",\n\x00\xffa')
        rows, rejects, _ = read(b"a,b,c\n" + bytes(damaged), encoding="utf-8")
        assert len(rows) + len(rejects) >= 285
        assert len(rows) >= 285


@pytest.mark.parametrize(
    ("content", "rows", "rejects"),
    [
        (b"a,b\n1,2\n\n3,4\n", 2, []),
        (b"a,b\n1,2", 1, []),
        (b"a,b\n", 0, []),
        (b"a,b\n1\n1,2,3\n4,5\n", 1, [(2, "ragged_row"), (3, "ragged_row")]),
        (b'a,b\n1,"x\ny"\n2,z\n', 2, []),
        (b'a,b\n1,"he said ""hi"""\n2,5" pipe\n', 2, []),
        (b'a,b\n1,"bad" quote\n2,x\n', 1, [(2, "unclosed_quote")]),
        (b"a,b\n1,\xff\n2,ok\n" + "3,가\n4,나\n".encode(), 3, [(2, "bad_encoding")]),
        (b"a,b\n1,\x00\n2,ok\n", 1, [(2, "nul_byte")]),
        (b'a,b\n1,"x\n\x00y"\n2,z\n', 1, [(2, "nul_byte")]),
    ],
)
def test_dirty_lines(content: bytes, rows: int, rejects: list[tuple[int, str]]) -> None:
    found, refused, _ = read(content)
    assert (len(found), refused) == (rows, rejects)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp949", "euc-kr"]
)
def test_encodings_are_recognised(encoding: str) -> None:
    content = "이름,메모\r\n가나다,안녕하세요\r\n김,3\r\n"
    rows, rejects, _ = read(content.encode(encoding))
    assert rows == [{"이름": "가나다", "메모": "안녕하세요"}, {"이름": "김", "메모": "3"}]
    assert rejects == []


def test_korean_that_comes_late_is_still_recognised() -> None:
    content = b"a,b\n" + b"1,x\n" * 50_000 + "2,가\n".encode("cp949")
    rows, rejects, _ = read(content)
    assert rows[-1] == {"a": "2", "b": "가"}
    assert rejects == []


def test_western_spreadsheets_are_recognised() -> None:
    assert read("name,b\ncafé,it’s\n".encode("cp1252"))[0] == [{"name": "café", "b": "it’s"}]


def test_columns_set_apart_by_blanks() -> None:
    rows, rejects, _ = read(b"  id  d\n 01   1997\n 02 1998  \n 3\n", "a.txt", delimiter="whitespace")
    assert rows == [{"id": "01", "d": "1997"}, {"id": "02", "d": "1998"}]
    assert rejects == [(4, "ragged_row")]


def test_an_unknown_encoding_or_delimiter_is_said_so() -> None:
    with pytest.raises(FileError, match="unknown"):
        read(b"a\n1\n", encoding="klingon")
    with pytest.raises(FileError, match="delimiter"):
        read(b"a\n1\n", delimiter="||")


def test_json_lines() -> None:
    content = (
        b'{"a": 1, "b": {"c": 1.50, "d": "x"}}\n{"a": true}\n\n{"a": NaN}\n{"a": Infinity}\n'
        b'[1]\n{"a":\n{"a": "\\ud800"}\n{"a": [1]}\n{"a": "\\u0000"}\n\xff\n'
    )
    rows, rejects, lines = read(content, "a.jsonl", encoding="utf-8")
    assert [r["a"] for r in rows] == ["1", "true", None, "inf"]
    assert rows[0]["b.c"] == "1.50"
    assert lines == [1, 2, 4, 5]
    assert rejects == [
        (6, "not_an_object"),
        (7, "broken_json"),
        (8, "bad_unicode"),
        (9, "nested_value"),
        (10, "nul_byte"),
        (11, "bad_encoding"),
    ]


def test_a_shape_shows_no_value() -> None:
    assert shape("Kim 010-1234 김é") == "Aaa 999-9999 가가"
    assert shape("x" * 100) == "a" * 40 + "…"
