"""Typing: cells of any reader as values of the contract's types, whole columns at a time.

What enters: one column (strings, or what Parquet typed) without its nulls' spellings.  What leaves: a
`Converted` column and flags of the cells that cannot be typed; those reject their rows, they never turn
into NULL.  Pure functions, called by the mapping.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cx_pipeline.sources.rows.clock import LocalClock

TIMESTAMP = pa.timestamp("us", tz="UTC")
_TRUE = ("true", "yes", "y", "t", "1", "예", "네", "참")
_FALSE = ("false", "no", "n", "f", "0", "아니오", "아니요", "거짓")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_GROUPED = r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$"
_INFINITE = r"^(?i)[+-]?inf(inity)?$"
_DAY_US = 86_400_000_000
_NOON_US = _DAY_US // 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_FORMATS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
_BLANK, _LAST_OF_ASCII = 32, 127
_LOOKED_AT = 1_024  # rows that tell whether a column's values are few
_LATEST_US = 253_402_300_800_000_000  # the end of the year 9999


def flags(mask: pa.Array) -> np.ndarray:
    """A boolean array as numpy, null as False."""
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=bool)


@dataclass(frozen=True, slots=True)
class Converted:
    """A typed column; `bad` flags cells that have a value of another type."""

    values: pa.Array
    bad: np.ndarray


@dataclass(frozen=True, slots=True)
class Instants:
    """Instants, and which local times were ambiguous, never were, or were dates without a time."""

    values: pa.Array
    bad: np.ndarray
    ambiguous: np.ndarray
    nonexistent: np.ndarray
    date_only: np.ndarray


def _is_text(type_: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)
    )


def to_text(column: pa.Array) -> pa.Array:
    """Any column as strings: whole floats without `.0`, NaN as null."""
    if _is_text(column.type):
        return column if column.type == pa.string() else column.cast(pa.string())
    if pa.types.is_floating(column.type):
        wide = column.cast(pa.float64())
        wide = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
        whole = pc.and_(pc.equal(pc.round(wide), wide), pc.less(pc.abs(wide), 2**53))
        as_integer = pc.if_else(pc.fill_null(whole, False), wide, pa.scalar(None, pa.float64())).cast(
            pa.int64()
        )
        return pc.coalesce(as_integer.cast(pa.string()), wide.cast(pa.string()))
    if pa.types.is_binary(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return pc.strftime(column.cast(TIMESTAMP, safe=False), format="%Y-%m-%dT%H:%M:%SZ", locale="C")
    return column.cast(pa.string())


def clean(column: pa.Array, null_values: tuple[str, ...]) -> pa.Array:
    """Strings trimmed, the spellings of null as null; other types as they are, NaN as null."""
    if pa.types.is_floating(column.type):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    if not _is_text(column.type):
        return column
    text = to_text(column)
    if _may_have_blanks(text):
        text = pc.utf8_trim_whitespace(text)
    if null_values == ("",):
        is_null = pc.equal(pc.binary_length(text), 0)
    else:
        is_null = pc.is_in(text, pa.array(sorted({v.strip() for v in null_values} | {""})))
    return pc.if_else(is_null, pa.scalar(None, pa.string()), text) if pc.any(is_null).as_py() else text


def _may_have_blanks(text: pa.Array) -> bool:
    """Whether a text may begin or end with a blank of any kind: of ASCII nothing above the blank is one."""
    _, offsets, data = text.buffers()
    if not len(text) or data is None:
        return False
    ends = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    characters = np.frombuffer(data, np.uint8)
    filled = ends[1:] > ends[:-1]
    borders = characters[np.concatenate((ends[:-1][filled], ends[1:][filled] - 1))]
    return bool(((borders <= _BLANK) | (borders > _LAST_OF_ASCII)).any())


def few_values(column: pa.Array) -> pa.DictionaryArray | None:
    """A column of texts, encoded, where its first rows hold few distinct ones; null is one of them."""
    if not _is_text(column.type) or len(column) < _LOOKED_AT:
        return None
    if pc.count_distinct(column.slice(0, _LOOKED_AT), mode="all").as_py() > _LOOKED_AT // 8:
        return None
    return column.dictionary_encode(null_encoding="encode")


def by_distinct(column: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """`change` over the distinct values of `column`."""
    encoded = column.dictionary_encode()
    return change(encoded.dictionary).take(encoded.indices)


# ---------------------------------------------------------------- numbers and booleans


def _none_bad(column: pa.Array) -> np.ndarray:
    return np.zeros(len(column), bool)


def decimal(column: pa.Array) -> Converted:
    """Numbers as double: `1234.5`, `1,234.5` (commas only as whole groups of three), `1e3`, `inf`."""
    if not _is_text(column.type):
        if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type):
            return Converted(pa.nulls(len(column), pa.float64()), flags(pc.is_valid(column)))
        return Converted(column.cast(pa.float64(), safe=False), _none_bad(column))
    try:
        values = column.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    else:
        if not pc.any(pc.is_nan(values)).as_py():
            return Converted(values, _none_bad(column))
    grouped = pc.match_substring_regex(column, _GROUPED)
    text = pc.if_else(grouped, pc.replace_substring(column, ",", ""), column)
    good = pc.or_(pc.match_substring_regex(text, _NUMBER), pc.match_substring_regex(text, _INFINITE))
    text = pc.if_else(good, text, pa.scalar(None, pa.string()))
    text = pc.replace_substring_regex(text, r"^\+", "")
    return Converted(text.cast(pa.float64()), flags(pc.invert(good)))


def integer(column: pa.Array) -> Converted:
    """Whole numbers, `3.0` included."""
    number = decimal(column)
    whole = pc.and_(pc.equal(pc.round(number.values), number.values), pc.less(pc.abs(number.values), 2**53))
    kept = pc.if_else(pc.fill_null(whole, False), number.values, pa.scalar(None, pa.float64()))
    return Converted(kept.cast(pa.int64()), number.bad | flags(pc.invert(whole)))


def boolean(column: pa.Array) -> Converted:
    """true/false, yes/no, y/n, t/f, 1/0, 예/아니오, in any case."""
    if pa.types.is_boolean(column.type):
        return Converted(column, _none_bad(column))
    lowered = pc.utf8_lower(to_text(column))
    is_true = pc.is_in(lowered, pa.array(_TRUE))
    is_false = pc.is_in(lowered, pa.array(_FALSE))
    values = pc.if_else(is_true, True, pc.if_else(is_false, False, pa.scalar(None, pa.bool_())))
    return Converted(values, flags(pc.is_valid(column)) & flags(pc.is_null(values)))


# ---------------------------------------------------------------- instants


class _Parsed:
    """Microseconds since 1970 of each cell, and what kind of time each is."""

    def __init__(self, size: int) -> None:
        self.us = np.zeros(size, np.int64)
        self.is_utc = np.zeros(size, bool)
        self.is_local = np.zeros(size, bool)
        self.is_date = np.zeros(size, bool)

    def put(self, where: np.ndarray, us: np.ndarray, kind: np.ndarray) -> None:
        self.us[where] = us
        kind[where] = True


def _us(column: pa.Array) -> np.ndarray:
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)


_DATE_LENGTH = 11  # bytes, of a date and an offset
_ZONED = r"[0-9]\s?([Zz]|UTC|GMT|[+-]\d{2}:?(\d{2})?)$"
_SPACED_OFFSET = re.compile(r"(.*\d) ([+-]\d\d(?::?\d\d)?|[Zz])")
_ISO_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")


def _iso_slowly(value: str) -> tuple[str, int] | None:
    """(kind, microseconds) of the rarer spellings of ISO 8601; None where it is none of them."""
    if value.endswith(("UTC", "GMT")):
        value = value[:-3].rstrip() + "Z"
    if (match := _SPACED_OFFSET.fullmatch(value)) is not None:
        value = match[1] + match[2]
    try:
        if _ISO_DATE.fullmatch(value):
            return "is_date", (date.fromisoformat(value) - date(1970, 1, 1)).days * _DAY_US
        if not _ISO_DATE.match(value) or not re.match(r"[\d-]{8,10}[ Tt]", value):
            return None
        at = datetime.fromisoformat(value.upper().replace(" ", "T", 1))
    except ValueError:
        return None
    kind = "is_local" if at.tzinfo is None else "is_utc"
    span = at.replace(tzinfo=UTC) - _EPOCH if at.tzinfo is None else at - _EPOCH
    return kind, span.days * _DAY_US + span.seconds * 1_000_000 + span.microseconds


def _parse_slowly(
    column: pa.Array, where: np.ndarray, parse: Callable[[str], tuple[str, int] | None], out: _Parsed
) -> None:
    encoded = column.take(pa.array(where)).dictionary_encode()
    found = [parse(v) for v in encoded.dictionary.to_pylist()]
    places = np.asarray(encoded.indices.to_numpy(zero_copy_only=False))
    for kind in ("is_utc", "is_local", "is_date"):
        values = np.array([f[1] if f is not None and f[0] == kind else 0 for f in found], np.int64)
        fits = np.array([f is not None and f[0] == kind for f in found], bool)
        if fits.any():
            hit = fits[places]
            out.put(where[hit], values[places[hit]], getattr(out, kind))


def _parse_iso(column: pa.Array) -> _Parsed:
    out = _Parsed(len(column))
    valid = flags(pc.is_valid(column))
    if (pc.min(pc.binary_length(column)).as_py() or 0) > _DATE_LENGTH:
        try:  # nearly always all of them are ISO 8601 with an offset
            out.put(valid, _us(column.cast(TIMESTAMP).drop_null()), out.is_utc)
        except pa.ArrowInvalid:
            pass
        else:
            return out
    is_date = valid & flags(pc.equal(pc.binary_length(column), 10))
    zoned = valid & ~is_date & flags(pc.match_substring_regex(column, _ZONED)) & _has_time(column)
    for where, kind, type_ in (
        (is_date, out.is_date, pa.timestamp("us")),
        (zoned, out.is_utc, TIMESTAMP),
        (valid & ~is_date & ~zoned, out.is_local, pa.timestamp("us")),
    ):
        places = np.flatnonzero(where)
        if not len(places):
            continue
        part = column if len(places) == len(column) else column.take(pa.array(places))
        try:
            out.put(places, _us(part.cast(type_)), kind)
        except pa.ArrowInvalid:
            _parse_slowly(column, places, _iso_slowly, out)
    return out


def _has_time(column: pa.Array) -> np.ndarray:
    return flags(pc.greater(pc.binary_length(column), _DATE_LENGTH))


_DIRECTIVES = {
    "Y": r"(?P<Y>\d{4})",
    "y": r"(?P<y>\d{2})",
    "m": r"(?P<m>\d{1,2})",
    "d": r"(?P<d>\d{1,2})",
    "H": r"(?P<H>\d{1,2})",
    "I": r"(?P<I>\d{1,2})",
    "M": r"(?P<M>\d{1,2})",
    "S": r"(?P<S>\d{1,2})",
    "f": r"(?P<f>\d{1,9})",
    "p": r"(?P<p>AM|PM|am|pm|오전|오후)",
    "%": "%",
}
_TIME_DIRECTIVES = "HISMfpcXT"


def has_time(format_: str) -> bool:
    """Whether a strptime format reads a time of day."""
    return any(f"%{d}" in format_.replace("%%", "") for d in _TIME_DIRECTIVES)


def _pattern(format_: str) -> str | None:
    """RE2 for a strptime format; None where it uses a directive that only strptime itself knows."""
    format_ = format_.replace("%T", "%H:%M:%S")
    pieces, place = ["^"], 0
    used: set[str] = set()
    while place < len(format_):
        character = format_[place]
        if character == "%" and place + 1 < len(format_):
            directive = format_[place + 1]
            if directive not in _DIRECTIVES or (directive != "%" and directive in used):
                return None
            used.add(directive)
            narrow = not format_[place + 2 : place + 3].isspace() and format_[place + 2 : place + 3] == "%"
            piece = _DIRECTIVES[directive]
            pieces.append(piece.replace("{1,2}", "{2}") if narrow else piece)
            place += 2
        elif character.isspace():
            pieces.append(r"\s+")
            place += 1
        else:
            pieces.append(re.escape(character))
            place += 1
    date_parts = {"m", "d"} <= used and len({"Y", "y"} & used) == 1
    time_parts = not ("p" in used and "I" not in used) and not {"H", "I"} <= used
    return "".join([*pieces, "$"]) if date_parts and time_parts else None


def _parse_pattern(column: pa.Array, pattern: str, is_date: bool) -> _Parsed:
    out = _Parsed(len(column))
    found = pc.extract_regex(column, pattern)
    hit = np.flatnonzero(flags(pc.is_valid(found)))
    if not len(hit):
        return out
    groups = found.take(pa.array(hit))
    names = [f.name for f in groups.type]

    def number(name: str, default: int = 0) -> np.ndarray:
        if name not in names:
            return np.full(len(hit), default, np.int64)
        return _us(pc.struct_field(groups, name))

    year = number("Y") if "Y" in names else _century(number("y"))
    month, day, hour = number("m"), number("d"), number("H")
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (year >= 1)
    if "I" in names:
        hour = number("I")
        good &= (hour >= 1) & (hour <= 12)
        if "p" in names:
            after = flags(pc.is_in(pc.struct_field(groups, "p"), pa.array(["PM", "pm", "오후"])))
            hour = hour % 12 + np.where(after, 12, 0)
    minute, second = number("M"), number("S")
    good &= (hour < 24) & (minute < 60) & (second < 60)
    micro = np.zeros(len(hit), np.int64)
    if "f" in names:
        digits = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.struct_field(groups, "f"), 6, "0"), 0, 6)
        micro = _us(digits)
    months = ((year - 1970) * 12 + np.clip(month, 1, 12) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    good &= days.astype("datetime64[M]") == months
    us = days.astype(np.int64) * _DAY_US + ((hour * 60 + minute) * 60 + second) * 1_000_000 + micro
    out.put(hit[good], us[good], out.is_date if is_date else out.is_local)
    return out


def _century(year: np.ndarray) -> np.ndarray:
    """Two-digit years as POSIX has them: 69–99 are the 1900s."""
    return year + np.where(year >= 69, 1900, 2000)


def _parse_strptime(column: pa.Array, format_: str) -> _Parsed:
    is_date = not has_time(format_)

    def parse(value: str) -> tuple[str, int] | None:
        try:
            at = datetime.strptime(value, format_)
        except ValueError:
            return None
        kind = "is_utc" if at.tzinfo is not None else "is_date" if is_date else "is_local"
        moment = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return kind, calendar.timegm(moment.utctimetuple()) * 1_000_000 + moment.microsecond

    out = _Parsed(len(column))
    _parse_slowly(column, np.flatnonzero(flags(pc.is_valid(column))), parse, out)
    return out


def _parse_epoch(column: pa.Array, factor: int) -> _Parsed:
    out = _Parsed(len(column))
    number = decimal(column).values
    us = pc.round(pc.multiply(number, float(factor)))
    good = flags(pc.less(pc.abs(us), float(_LATEST_US)))
    out.put(np.flatnonzero(good), _us(us.filter(pa.array(good))), out.is_utc)
    return out


def _parse_typed(column: pa.Array) -> _Parsed | None:
    """What Parquet types as a timestamp or a date; None for other types."""
    out = _Parsed(len(column))
    where = np.flatnonzero(flags(pc.is_valid(column)))
    if pa.types.is_timestamp(column.type):
        naive = column.type.tz is None
        target = pa.timestamp("us") if naive else TIMESTAMP
        us = _us(column.drop_null().cast(target, safe=False))
        out.put(where, us, out.is_local if naive else out.is_utc)
        return out
    if pa.types.is_date(column.type):
        us = _us(column.drop_null().cast(pa.timestamp("us"), safe=False))
        out.put(where, us, out.is_date)
        return out
    return None


def instant(column: pa.Array, format_: str | None, clock: LocalClock) -> Instants:
    """Instants in UTC; `format_` is None for ISO 8601, a strptime format, `epoch_s` or `epoch_ms`.

    A local time is read on `clock`; a date without a time stands for 12:00 on it.
    """
    parsed = _parse_typed(column)
    if parsed is None:
        if format_ in _EPOCH_FORMATS:
            parsed = _parse_epoch(column, _EPOCH_FORMATS[format_])
        elif format_ is None:
            parsed = _parse_iso(to_text(column))
        else:
            text = to_text(column)
            pattern = _pattern(format_)
            parsed = (
                _parse_strptime(text, format_)
                if pattern is None
                else _parse_pattern(text, pattern, not has_time(format_))
            )
    valid = flags(pc.is_valid(column))
    local = np.where(parsed.is_date, parsed.us + _NOON_US, parsed.us)
    on_clock = parsed.is_local | parsed.is_date
    ambiguous, nonexistent = np.zeros(len(column), bool), np.zeros(len(column), bool)
    us = parsed.us.copy()
    if on_clock.any():
        us[on_clock], ambiguous[on_clock], nonexistent[on_clock] = clock.to_utc(local[on_clock])
    good = on_clock | parsed.is_utc
    values = pa.array(us, mask=~good).cast(TIMESTAMP)
    return Instants(values, valid & ~good, ambiguous, nonexistent, parsed.is_date)


# ---------------------------------------------------------------- words


def word(column: pa.Array) -> pa.Array:
    """A value as the closed lists spell theirs: lower case, blanks and hyphens as underscores."""
    return pc.replace_substring_regex(pc.utf8_lower(column), r"[\s\-]+", "_")
