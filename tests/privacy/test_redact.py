"""Redaction by pattern: every kind is found, ordinary numbers and dates are not."""

import re
import sys

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cx_pipeline.privacy.redact import _ALIKE, _UNFOLDED, Redactor, _suspicious, fold, luhn_is_valid

REDACTOR = Redactor(("KR", "US"))

FOUND = [
    ("a.b+c@example.co.kr", "[email]"),
    ("문의는a@b.co.kr로 주세요", "문의는[email]로 주세요"),
    ("mailto:Jane.Doe@Example.com.", "mailto:[email]."),
    ("＜ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ＞", "＜[email]＞"),
    ("write to jane%40example.com", "write to [email]"),
    ("kim＠example.com", "[email]"),
    ("josé@ejemplo.es", "[email]"),
    ("홍길동@회사.한국", "[email]"),
    ("root@10.0.0.1", "[email]"),
    ("a@b.com,c@d.org", "[email],[email]"),
    ("제 번호 010-1234-5678입니다", "제 번호 [phone]입니다"),
    ("01012345678", "[phone]"),
    ("010 1234 5678", "[phone]"),
    ("010.1234.5678로", "[phone]로"),
    ("011-234-5678", "[phone]"),
    ("０１０－１２３４－５６７８", "[phone]"),
    ("010\u200b-1234\u200b-5678", "[phone]"),
    ("010–1234–5678", "[phone]"),
    ("tel:01012345678", "tel:[phone]"),
    ("A010-1234-5678", "A[phone]"),
    ("A02-123-4567", "A[phone]"),
    ("02-123-4567", "[phone]"),
    ("(02) 123-4567", "[phone]"),
    ("031-1234-5678", "[phone]"),
    ("0212345678", "[phone]"),
    ("070-8123-4567", "[phone]"),
    ("0505-123-4567", "[phone]"),
    ("+82 10 1234 5678", "[phone]"),
    ("+82-10-1234-5678", "[phone]"),
    ("+82 (0)10 1234 5678", "[phone]"),
    ("82-10-1234-5678", "[phone]"),
    ("+821012345678", "[phone]"),
    ("1588-1234", "[phone]"),
    ("call +1 (415) 555-2671 now", "call [phone] now"),
    ("+44 20 7946 0958", "[phone]"),
    ("415-555-2671", "[phone]"),
    ("(415) 555-2671", "[phone]"),
    ("1-415-555-2671", "[phone]"),
    ("415.555.2671", "[phone]"),
    ("+49 30 901820", "[phone]"),
    ("0049 30 901820", "[phone]"),
    ("4111 1111 1111 1111", "[card]"),
    ("4111-1111-1111-1111", "[card]"),
    ("4111111111111111", "[card]"),
    ("카드５５００００００００００００００４번", "카드[card]번"),
    ("378282246310005", "[card]"),
    ("3782 822463 10005", "[card]"),
    ("4222222222222", "[card]"),
    ("6011-1111-1111-1117", "[card]"),
    ("２２２３００００４８４０００１１", "[card]"),
    ("900101-1234567", "[rrn]"),
    ("9001011234567", "[rrn]"),
    ("900101 - 5234567 입니다", "[rrn] 입니다"),
    ("900101-1******", "[rrn]"),
    ("from 192.168.0.1.", "from [ip]."),
    ("1.2.3.4", "[ip]"),
    ("2001:db8::8a2e:370:7334", "[ip]"),
    ("fe80::1에서", "[ip]에서"),
    ("::ffff:1.2.3.4", "[ip]"),
    ("：：1", "[ip]"),
]

INNOCENT = [
    "2024-01-15",
    "2024-01-15 10:22:33",
    "2024-01-15T10:22:33.123456Z",
    "2024/01/15 10:22",
    "2024.01.15 10:22",
    "2024년 1월 15일 10시 22분",
    "20240115",
    "20240115102233",
    "15/01/2024 10:22",
    "5.22.0",
    "v10.15.7",
    "1.2.3.4.5",
    "12345678",
    "1,234,567원",
    "1,234,567,890.50",
    "3.14",
    "3.14159265358979",
    "2019-2024",
    "10:22:33",
    "INC0000045",
    "ORD-2024-000123",
    "2024-0115-0001",
    "$1234.56",
    "1705286400",
    "std::string",
    "별점 10점 만점에 9점",
    "4111 1111 1111 1112",
    "100 200 3000",
    "000-0000",
    "aa:bb:cc:dd:ee:ff",
    "@mention and a @ b",
    "5 + 1234567",
    "12 x 34567890",
    "",
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_identifiers_are_replaced_by_their_kind(text: str, expected: str) -> None:
    assert REDACTOR.redact(text) == expected


@pytest.mark.parametrize("text", [t for t, _ in FOUND])
def test_nothing_that_would_be_redacted_escapes_the_prefilter(text: str) -> None:
    assert REDACTOR.redact_array(pa.array([text])).to_pylist() == [REDACTOR.redact(text)]


@pytest.mark.parametrize("text", INNOCENT)
def test_ordinary_texts_stay(text: str) -> None:
    assert REDACTOR.redact(text) == text
    assert REDACTOR.redact(f"값 {text} 끝") == f"값 {text} 끝"


@given(st.text(max_size=40))
def test_redaction_is_stable_and_the_prefilter_misses_nothing(text: str) -> None:
    once = REDACTOR.redact(text)
    assert REDACTOR.redact(once) == once
    assert REDACTOR.redact_array(pa.array([text])).to_pylist() == [once]


@given(st.text(alphabet="0123456789 -.+()@a:", max_size=40))
def test_the_prefilter_misses_nothing_among_numbers(text: str) -> None:
    assert REDACTOR.redact_array(pa.array([text])).to_pylist() == [REDACTOR.redact(text)]


_VARIANTS = {
    character: [c for c in map(chr, range(128, 0x20000)) if fold(c)[0] == character]
    for character in "0123456789-. +()/:@%*abcdef"
}
_NEIGHBOURS = st.text(alphabet="0123456789-. +()/:,@%*_aF\n가번～–①\u200b\u3000", max_size=3)


@st.composite
def _secrets_in_disguise(draw: st.DrawFn) -> str:
    """What is to be found, spelled with look-alikes, invisible characters and any neighbours."""
    disguised = draw(st.booleans())
    text = draw(_NEIGHBOURS)
    for character in draw(st.sampled_from(FOUND))[0]:
        if draw(st.integers(0, 19)) == 0:  # another one, or none
            text += draw(_NEIGHBOURS)
            continue
        likes = _VARIANTS.get(character, []) if disguised else []
        text += draw(st.sampled_from([character, *likes])) if draw(st.booleans()) else character
        if disguised and draw(st.integers(0, 9)) == 0:
            text += "\u200b"
    return text + draw(_NEIGHBOURS)


@settings(deadline=None)
@given(_secrets_in_disguise())
def test_the_prefilter_misses_no_secret_in_disguise(text: str) -> None:
    assert REDACTOR.redact_array(pa.array([text, None])).to_pylist() == [REDACTOR.redact(text), None]


def test_the_prefilter_knows_every_character_that_folds() -> None:
    """Characters of `_UNFOLDED` are taken as they stand, and those of `_ALIKE` by no pattern but e-mail's."""
    stay = re.compile(f"[{_UNFOLDED}]")
    for code in (*range(128, 0xD800), *range(0xE000, sys.maxunicode + 1)):
        character = chr(code)
        if stay.match(character):
            assert fold(f"{character}\u200b") == (character, [0]), hex(code)
    assert [fold(character)[0] for character in _ALIKE] == ["!", "?", "~"]


def test_what_cannot_be_an_identifier_costs_no_search() -> None:
    """Order numbers, dates and amounts are most of what texts hold of digits: they stay out of Python."""
    ordinary = [
        "주문 9000000번 감사합니다",
        "order 1234567 came on 2024-01-15 at 10:22",
        "2024년 1월 15일 10시 22분, 좋아요！",
        "빨라요 – 3일",
        "1,234,567원 12345678",
        "INC0000045 of 2024-01-15 10:22:33",
        "T-00000123, 2024.01.15",
    ]
    assert _suspicious(pa.array(ordinary)).to_pylist() == [False] * len(ordinary)


@given(st.text(alphabet="가나다 라", max_size=8), st.text(alphabet="가나다 라", max_size=8))
def test_identifiers_are_found_amid_korean(before: str, after: str) -> None:
    for secret in ("kim@example.com", "010-1234-5678", "4111-1111-1111-1111", "900101-1234567", "10.1.2.3"):
        assert secret not in REDACTOR.redact(before + secret + after)
        assert REDACTOR.redact(before + secret + after).endswith("]" + after)


def test_a_long_text_takes_no_time() -> None:
    """A pattern that backtracks would hang a night on one text of 64 KiB."""
    import time

    start = time.process_time()
    texts = (
        "a" * 65_000 + "@",
        "1" * 65_000,
        "1-" * 32_000,
        "+1 " * 20_000,
        ":a" * 30_000,
        "a." * 30_000 + "@b",
    )
    for text in texts:
        REDACTOR.redact(text)
    assert time.process_time() - start < 20


def test_nulls_stay_null() -> None:
    assert REDACTOR.redact_array(pa.array([None, "a@b.com"])).to_pylist() == [None, "[email]"]


def test_luhn() -> None:
    assert luhn_is_valid("4111111111111111")
    assert not luhn_is_valid("4111111111111112")
