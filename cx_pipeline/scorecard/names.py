"""What KPIs, dimensions and sections are called, and in Korean what KPIs mean: `names.toml` beside this file.

English definitions stand in the catalog of KPIs (`marts.dim_kpis`).  Pure but for reading the file; called
by the terminal scorecard and the page.
"""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@cache
def _names() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("names.toml").read_text("utf-8"))


def _duration(kpi: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]] | None:
    """The duration, clock and statistic that a name such as `resolution_calendar_minutes_p90` is made of."""
    names = _names()
    stem, _, statistic = kpi.rpartition("_")
    if statistic not in names["statistics"]:
        return None
    for clock in names["clocks"]:
        duration = stem.removesuffix(f"_{clock}")
        if duration != stem and duration in names["durations"]:
            return names["durations"][duration], names["clocks"][clock], names["statistics"][statistic]
    return None


def kpi_name(kpi: str, language: Language) -> str:
    """What people call a KPI; a KPI nobody named is called by its column's name."""
    if kpi in _names()["kpis"]:
        return str(_names()["kpis"][kpi][language])
    parts = _duration(kpi)
    if parts is None:
        return kpi
    duration, clock, statistic = parts
    return ", ".join(part[language] for part in (duration, statistic, clock) if part[language])


def korean_definition(kpi: str) -> str | None:
    """What a KPI measures, in Korean; None for one that nobody described."""
    if kpi in _names()["kpis"]:
        return str(_names()["kpis"][kpi]["definition_ko"])
    parts = _duration(kpi)
    if parts is None:
        return None
    duration, clock, statistic = parts
    within = f"({clock['ko']}만 셈)" if clock["ko"] else ""
    return f"{duration['definition_ko']}{within}의 {statistic['ko']}입니다."


def section_name(section: str, language: Language) -> str:
    """What a section of the scorecard is called."""
    return str(_names()["sections"][section][language])


def dimension_name(dimension: str, language: Language) -> str:
    """What people call a dimension; a declared attribute is called by its own name."""
    known: dict[str, str] = _names()["dimensions"].get(dimension, {})
    return known.get(language, dimension.replace("_", " "))
