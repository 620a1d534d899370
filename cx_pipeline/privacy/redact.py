"""Redaction: what identifies a person is cut out of every text by its pattern.

What enters: texts.  What leaves: the same texts with `[email] [phone] [card] [rrn] [ip]` in place of e-mail
addresses, phone numbers (Korean and international), card numbers (Luhn), Korean resident and foreigner
numbers and IP addresses.  Names of people inside a text have no pattern and stay: `docs/privacy.md` says so.

Detection runs on a *folded* copy (full-width and other digits, dashes and blanks become ASCII; invisible
characters vanish) whose every character remembers where it came from, so the rest of a text stays as it was.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Span = tuple[int, int]

_HYPHENS = dict.fromkeys(
    "\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc\ufe58\ufe63\uff0d\u3161", "-"
)
_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u180e\u00ad\u200e\u200f"


@lru_cache(maxsize=65536)
def _fold_character(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    if character in _HYPHENS:
        return "-"
    if character.isspace():
        return "\n" if character in "\r\n\u2028\u2029" else " "
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    folded = unicodedata.normalize("NFKC", character)
    return folded if len(folded) == 1 and folded.isascii() else character


_UNFOLDED = (
    "가-힣ㄱ-ㅠㅢ-ㆎ一-鿿ぁ-ゖァ-ヺÀ-ÖØ-öø-žΑ-ΡΣ-Ωα-ωЀ-ӿ。、·…‘-‟₩€→-⇿─-◿☀-❵➔-➿\ufe0f\U0001f300-\U0001faff"
)
"""A class of frequent characters beyond ASCII that `fold` leaves as they are."""
_ALIKE = "！？～"
"""Folded, but into characters that no pattern below tells from these, but for e-mail addresses."""
_MAY_FOLD = re.compile(rf"[^\x00-\x7F{_UNFOLDED}]")


def fold(text: str) -> tuple[str, list[int] | None]:
    """`text` for detection, and the place in `text` of each of its characters (None: the same place)."""
    if text.isascii() or not _MAY_FOLD.search(text):
        return text, None
    pieces, places = [], []
    for place, character in enumerate(text):
        folded = character if character.isascii() else _fold_character(character)
        if folded:
            pieces.append(folded)
            places.append(place)
    return "".join(pieces), places


# ---------------------------------------------------------------- e-mail addresses

_CJK = "가-힣ㄱ-ㆎ\u1100-\u11ff\u3040-\u30ff\u4e00-\u9fff"
_LOCAL = rf"(?:(?![{_CJK}])[\w.!#$%&'*+/=?^`{{|}}~-]){{1,320}}"
_LABEL = rf"(?:(?![{_CJK}_])[\w-]){{1,63}}"
_EMAIL = re.compile(
    rf"{_LOCAL}(?:@|%40)(?:(?:{_LABEL}\.){{1,12}}[A-Za-z]{{2,24}}|\[?\d{{1,3}}(?:\.\d{{1,3}}){{3}}\]?)",
    re.IGNORECASE,
)
_EMAIL_ANY_SCRIPT = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,12}[^\W\d_]{2,24}")


def _emails(text: str) -> Iterator[Span]:
    if "@" not in text and "%40" not in text:
        return
    for match in _EMAIL.finditer(text):
        yield match.span()
    rest = _EMAIL.sub(lambda match: "\0" * len(match.group()), text)
    for match in _EMAIL_ANY_SCRIPT.finditer(rest):
        yield match.span()


# ---------------------------------------------------------------- Korean resident and foreigner numbers

_RRN_DIGITS = r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]) ?-? ?(?:[1-8]\d{6}|[0-9]\*{6})"
_RRN = re.compile(rf"(?<!\d){_RRN_DIGITS}(?![\d*])")


def _resident_numbers(text: str) -> Iterator[Span]:
    for match in _RRN.finditer(text):
        yield match.span()


# ---------------------------------------------------------------- card numbers

_CARD = re.compile(r"(?<!\d)(?<!\d[-.])[2-69](?:[ -]?\d){12,18}(?![ -]?\d)")
_TWO_SERIES = range(2221, 2721)  # Mastercard's second range, the only cards that begin with 2


def luhn_is_valid(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _cards(text: str) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if digits[0] == "2" and int(digits[:4]) not in _TWO_SERIES:
            continue
        if luhn_is_valid(digits) and len(set(digits)) > 1:
            yield match.span()


# ---------------------------------------------------------------- phone numbers

_NOT_IN_NUMBER = r"(?<![\d.,:/])(?<!\d-)"
_ENDS = r"(?![\d:]|[.,/-]\d)"
_SEPARATOR = r"[ ]?[-. )][ ]?"
_LINE = rf"\d{{3,4}}(?:{_SEPARATOR})?\d{{4}}"
_MOBILE_DIGITS = rf"\(?01[016789]\)?(?:{_SEPARATOR})?{_LINE}"
_KOREAN_MOBILE = re.compile(rf"(?<!\d){_MOBILE_DIGITS}(?!\d)")
_AREA_DIGITS = rf"\(?0(?:2|[3-6][1-5]|70|80|50\d)\)?(?:{_SEPARATOR})?\d{{3,4}}{_SEPARATOR}\d{{4}}"
_KOREAN_AREA = re.compile(rf"{_NOT_IN_NUMBER}{_AREA_DIGITS}(?!\d)")
_SERVICE_DIGITS = r"(?:15(?:22|33|44|66|77|88|99)|16(?:00|44|61|66|68|70|88)|18(?:00|11|33|55|77|99))-\d{4}"
_KOREAN_SERVICE = re.compile(rf"(?<![\d-]){_SERVICE_DIGITS}(?![\d-])")
_NORTH_AMERICAN_DIGITS = r"(?:1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}"
_NORTH_AMERICAN = re.compile(rf"{_NOT_IN_NUMBER}{_NORTH_AMERICAN_DIGITS}{_ENDS}")
_INTERNATIONAL = re.compile(r"(?<![\d+])(?:\+|\b00)[ ]?\d(?:[ ()./-]{0,2}\d){6,16}")
_COUNTRY_CODE_DIGITS = rf"82(?:{_SEPARATOR})\(?0?\)?(?:10|2|[3-6][1-5]|70)(?:{_SEPARATOR})?{_LINE}"
_KOREAN_COUNTRY_CODE = re.compile(rf"(?<![\d.,-]){_COUNTRY_CODE_DIGITS}(?!\d)")
_NATIONAL = re.compile(rf"(?<![A-Za-z_\d.,:/+-])\(?0\d{{1,4}}\)?(?:[ ./-]{{0,2}}\d){{6,10}}{_ENDS}")


def _is_international(number: str) -> bool:
    import phonenumbers

    digits = "+" + re.sub(r"\D", "", number)
    if number.lstrip().startswith("00"):
        digits = "+" + digits[3:]
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(digits.replace("+820", "+82"))))
    except phonenumbers.NumberParseException:
        return False


def _phones(text: str, regions: tuple[str, ...]) -> Iterator[Span]:
    import phonenumbers

    for match in _INTERNATIONAL.finditer(text):
        candidate = match.group()
        while candidate and not _is_international(candidate):  # a number may be followed by another
            cut = re.search(r"[ ()./-]+\d+$", candidate)
            candidate = candidate[: cut.start()] if cut else ""
        if candidate:
            yield match.start(), match.start() + len(candidate)
    found = {
        match.span()
        for pattern in (_KOREAN_MOBILE, _KOREAN_AREA, _KOREAN_SERVICE, _KOREAN_COUNTRY_CODE, _NORTH_AMERICAN)
        for match in pattern.finditer(text)
    }
    yield from found
    for match in _NATIONAL.finditer(text):
        for region in () if match.span() in found else regions:  # to ask the library takes the longest
            try:
                number = phonenumbers.parse(match.group(), region)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                yield match.span()
                break


# ---------------------------------------------------------------- IP addresses

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\d|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:(?<=:)[0-9.]{7,15})?(?![:\w])")
_IPV6_BEFORE_LETTERS = re.compile(
    rf"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}(?=[{_CJK}])"
)


def _ip_addresses(text: str) -> Iterator[Span]:
    for match in _IPV4.finditer(text):
        yield match.span()
    if text.count(":") < 2:
        return
    for pattern in (_IPV6, _IPV6_BEFORE_LETTERS):
        for match in pattern.finditer(text):
            candidate = match.group()
            if not any(c.isdigit() for c in candidate):
                continue
            try:
                ip_address(candidate)
            except ValueError:
                continue
            yield match.span()


# ---------------------------------------------------------------- all together


class Redactor:
    """Redacts texts; `regions` are the countries whose national phone forms are known."""

    def __init__(self, regions: tuple[str, ...] = ("KR", "US")) -> None:
        finders: tuple[tuple[str, Callable[[str], Iterator[Span]]], ...] = (
            ("[email]", _emails),
            ("[rrn]", _resident_numbers),
            ("[card]", _cards),
            ("[ip]", _ip_addresses),
            ("[phone]", lambda text: _phones(text, regions)),
        )
        self._finders = finders

    def redact(self, text: str) -> str:
        """`text` without identifiers; each is replaced by the name of its kind."""
        folded, places = fold(text)
        found: list[tuple[int, int, str]] = []
        for name, finder in self._finders:
            spans = [span for span in finder(folded) if span[0] < span[1]]
            if not spans:
                continue
            found += [(start, end, name) for start, end in spans]
            characters = list(folded)  # what is found once is not looked at again
            for start, end in spans:
                characters[start:end] = "\0" * (end - start)
            folded = "".join(characters)
        if not found:
            return text
        pieces, done = [], 0
        for start, end, name in sorted(found):
            first = start if places is None else places[start]
            last = end if places is None else places[end - 1] + 1
            if first < done:  # two patterns of one kind overlap
                done = max(done, last)
                continue
            pieces += [text[done:first], name]
            done = last
        return "".join([*pieces, text[done:]])

    def redact_array(self, texts: pa.Array) -> pa.Array:
        """A string array with each text redacted; what is not suspicious is not touched."""
        import pyarrow.compute as pc

        suspicious = _suspicious(texts)
        return replace_where(texts, suspicious, self.redact) if pc.any(suspicious).as_py() else texts


# ---------------------------------------------------------------- many texts at once

_SUSPICIOUS = "|".join(
    (
        r"@|%40",
        rf"(?:^|\D){_RRN_DIGITS}(?:[^\d*]|$)",
        r"(?:^|\D)[2-69](?:[ -]?\d){12}",
        rf"(?:^|\D){_MOBILE_DIGITS}(?:\D|$)",
        rf"(?:^|[^\d.,:/]){_AREA_DIGITS}(?:\D|$)",
        rf"(?:^|[^\d-]){_SERVICE_DIGITS}(?:[^\d-]|$)",
        rf"(?:^|[^\d.,:/]){_NORTH_AMERICAN_DIGITS}(?:[^\d:]|$)",
        r"(?:^|[^\d+])(?:\+|00) ?\d(?:[ ()./-]{0,2}\d){6}",
        rf"(?:^|[^\d.,-]){_COUNTRY_CODE_DIGITS}(?:\D|$)",
        r"(?:^|[^A-Za-z_\d.,:/+-])\(?0\d{1,4}\)?(?:[ ./-]{0,2}\d){6}",
        r"(?:^|[^\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d",
        r"::|(?::[0-9A-Fa-f]{0,4}){6}",  # IPv6: two colons side by side, or six of them at least
    )
)
"""RE2: a folded text without a match holds nothing that `redact` would change.

The patterns above with their borders as characters, and without what only Python can check.
"""
_DIGIT_OR_FOLDED = rf"[^\x00-/:-\x7F{_UNFOLDED}{_ALIKE}]"
_FOLDED = rf"[^\x00-\x7F{_UNFOLDED}{_ALIKE}]"
_FOLDED_SUSPICIOUS = rf"(?s)[@＠﹫%％﹪]|[:︓﹕：].*[:︓﹕：]|{_DIGIT_OR_FOLDED}(?:.*{_DIGIT_OR_FOLDED}){{3}}"
"""RE2: the same for a text that is not folded yet; but for IPv6, nothing has less than four digits."""


def _suspicious(texts: pa.Array) -> pa.Array:
    """The texts that may hold what `redact` changes; null as false."""
    import pyarrow.compute as pc

    suspicious = pc.fill_null(pc.match_substring_regex(texts, _SUSPICIOUS), False)
    if pc.all(pc.fill_null(pc.string_is_ascii(texts), True)).as_py():
        return suspicious
    folds = pc.fill_null(pc.match_substring_regex(texts, _FOLDED), False)
    closer = pc.match_substring_regex(texts.filter(folds), _FOLDED_SUSPICIOUS)
    return pc.or_(suspicious, pc.replace_with_mask(folds, folds, closer))


def matches_any(texts: pa.Array, pattern: str, *, beyond_ascii: bool = False) -> bool:
    """Whether the texts, read as one, match RE2 anywhere: a fraction of what it costs to ask each.

    With `beyond_ascii` ASCII texts are known to have no match.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return False
    ends = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    between = np.frombuffer(data, np.uint8)[ends[0] : ends[1]]
    if beyond_ascii and between.max(initial=0) < 128:
        return False
    joined = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), data])
    return bool(pc.match_substring_regex(joined, pattern)[0].as_py())


def replace_where(texts: pa.Array, mask: pa.Array, change: Callable[[str], str]) -> pa.Array:
    """`texts` with those under `mask` changed, each distinct text once."""
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = texts.filter(mask).dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], texts.type)
    return pc.replace_with_mask(texts, mask, changed.take(encoded.indices))
