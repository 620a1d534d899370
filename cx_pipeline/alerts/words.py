"""The words of alerts in English and Korean: kinds, periods, values; KPIs are called as on the page.  Pure.

What enters: names and numbers as the published file has them.  What leaves: short plain text, safe to send
to a chat: a dimension value comes from data, so it is cut and can neither break a line nor call anybody.
"""

from __future__ import annotations

from datetime import date, timedelta

from cx_pipeline.scorecard.names import dimension_name
from cx_pipeline.settings.alerts import AlertKind, Language, Severity

_LONGEST_VALUE = 60
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": "＠", "`": "'"})

KINDS: dict[Language, dict[AlertKind, str]] = {
    "en": {
        "night_failed": "Night failed",
        "check_failed": "Critical check failed",
        "source_stale": "Source stale",
        "target_missed": "Off target",
        "worsening": "Significantly worse",
    },
    "ko": {
        "night_failed": "야간 작업 실패",
        "check_failed": "중요 검사 실패",
        "source_stale": "데이터 지연",
        "target_missed": "목표 미달",
        "worsening": "유의한 악화",
    },
}

SEVERITIES: dict[Language, dict[Severity, str]] = {
    "en": {"critical": "critical", "warning": "warning", "info": "info"},
    "ko": {"critical": "심각", "warning": "경고", "info": "참고"},
}

GRAINS: dict[Language, dict[str, str]] = {
    "en": {"all": "all time"},
    "ko": {"day": "일", "week": "주", "month": "월", "quarter": "분기", "all": "전체 기간"},
}


def safe(text: str, longest: int = _LONGEST_VALUE) -> str:
    """`text` in one line, cut, without what chats take for a mention or a mark-up."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()).translate(_HARMLESS)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def whose(dimension: str, value: str, language: Language) -> str:
    """Of whom a figure is: empty for everybody, else ", team Billing"."""
    if dimension == "all":
        return ""
    name = dimension_name(dimension, language)
    return f", {name if language == 'ko' else name.lower()} {safe(value)}"


def period(grain: str, start: str, language: Language) -> str:
    """A period as people name it: "October 2026", "2026년 10월"."""
    day = date.fromisoformat(start)
    if grain == "all":
        return "전체 기간" if language == "ko" else "all time"
    if grain == "week":
        span = f"{day:%Y-%m-%d} ~ {day + timedelta(days=6):%m-%d}"
        return f"{span} 주간" if language == "ko" else f"week of {span.replace(' ~ ', ' to ')}"
    if grain == "month":
        return f"{day.year}년 {day.month}월" if language == "ko" else f"{day:%B %Y}"
    if grain == "quarter":
        number = (day.month + 2) // 3
        return f"{day.year}년 {number}분기" if language == "ko" else f"Q{number} {day.year}"
    return start


def amount(value: float | None, unit: str, language: Language, *, signed: bool = False) -> str:
    """A value with its unit as `dim_kpis` has it; times as minutes, hours or days."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    if unit in ("percent", "percentage points"):
        is_share = unit == "percent" and not signed
        written = ("%" if is_share else "%p") if language == "ko" else (" %" if is_share else " points")
        return f"{value:{sign}.1f}{written}"
    if unit == "seconds":
        value, unit = value / 60, "minutes"
    if unit.endswith("minutes"):
        minutes, hours, days = ("분", "시간", "일") if language == "ko" else (" min", " h", " d")
        size = abs(value)
        divisor, name = (1, minutes) if size < 90 else (60, hours) if size < 48 * 60 else (24 * 60, days)
        return f"{value / divisor:{sign},.1f}{name}"
    if unit.startswith("points from -"):
        return f"{value:+.1f}"
    return f"{value:{sign},.2f}" if abs(value) < 100 else f"{value:{sign},.0f}"
