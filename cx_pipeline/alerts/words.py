"""The words of alerts in English and Korean: names of KPIs, dimensions and periods, and values.  Pure.

What enters: names and numbers as the published file has them.  What leaves: short plain text, safe to send
to a chat: a dimension value comes from data, so it is cut and can neither break a line nor call anybody.
"""

from __future__ import annotations

from datetime import date, timedelta

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

_KPIS: dict[str, tuple[str, str]] = {
    "nps": ("NPS", "NPS"),
    "csat": ("CSAT", "고객 만족도(CSAT)"),
    "ces": ("Effort (CES)", "고객 노력 지수(CES)"),
    "response_rate": ("Survey response", "설문 응답률"),
    "retention_rate": ("Retention", "고객 유지율"),
    "churn_rate": ("Churn", "고객 이탈률"),
    "repeat_purchase_rate": ("Repeat purchase", "재구매율"),
    "first_response_calendar_minutes_median": ("First response, median", "첫 응답 시간(중앙값)"),
    "resolution_calendar_minutes_median": ("Resolution, median", "해결 시간(중앙값)"),
    "fcr_rate": ("First contact resolved", "첫 문의 해결률(FCR)"),
    "one_touch_rate": ("Solved in one touch", "1회 응대 해결률"),
    "reopen_rate": ("Reopened", "재오픈율"),
    "sla_attainment_rate": ("SLA attained", "SLA 준수율"),
    "cx_index": ("CX index", "CX 지수"),
    "failure_rate": ("Failure rate", "실패율"),
    "abandonment_rate": ("Abandonment", "이탈(중도 포기)률"),
    "escalation_rate": ("Escalation", "상위 이관율"),
}

_DIMENSIONS_KO = {
    "survey": "설문",
    "survey_type": "설문 유형",
    "channel": "채널",
    "touchpoint": "접점",
    "journey_stage": "여정 단계",
    "segment": "세그먼트",
    "country": "국가",
    "language": "언어",
    "acquisition_channel": "유입 채널",
    "team": "팀",
    "agent": "상담원",
    "product": "제품",
    "brand": "브랜드",
    "category": "문의 유형",
    "priority": "우선순위",
}


def safe(text: str, longest: int = _LONGEST_VALUE) -> str:
    """`text` in one line, cut, without what chats take for a mention or a mark-up."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split()).translate(_HARMLESS)
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def kpi_name(kpi: str, language: Language) -> str:
    """What people call the KPI; its name in `kpis` where it has no other."""
    return _KPIS.get(kpi, (kpi, kpi))[language == "ko"]


def whose(dimension: str, value: str, language: Language) -> str:
    """Of whom a figure is: empty for everybody, else ", team Billing"."""
    if dimension == "all":
        return ""
    name = _DIMENSIONS_KO.get(dimension, dimension) if language == "ko" else dimension.replace("_", " ")
    return f", {name} {safe(value)}"


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
    """A value with its unit as `dim_kpis` has it; minutes as minutes, hours or days."""
    if value is None:
        return "–"
    sign = "+" if signed else ""
    if unit in ("percent", "percentage points"):
        is_share = unit == "percent" and not signed
        written = ("%" if is_share else "%p") if language == "ko" else (" %" if is_share else " points")
        return f"{value:{sign}.1f}{written}"
    if unit.endswith("minutes"):
        minutes, hours, days = ("분", "시간", "일") if language == "ko" else (" min", " h", " d")
        size = abs(value)
        divisor, name = (1, minutes) if size < 90 else (60, hours) if size < 48 * 60 else (24 * 60, days)
        return f"{value / divisor:{sign},.1f}{name}"
    if unit.startswith("points from -"):
        return f"{value:+.1f}"
    return f"{value:{sign},.2f}" if abs(value) < 100 else f"{value:{sign},.0f}"
