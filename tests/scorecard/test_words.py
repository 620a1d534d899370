"""Names, numbers and sentences of the page in both languages."""

from __future__ import annotations

import re
import string
from datetime import date
from pathlib import Path

import pytest

from cx_pipeline.scorecard.model import Unit
from cx_pipeline.scorecard.names import LANGUAGES, Language, korean_definition, kpi_name
from cx_pipeline.scorecard.page import render
from cx_pipeline.scorecard.page.say import Voice
from cx_pipeline.scorecard.page.words import words
from tests.scorecard.company import finding
from tools.kpi_macros import macros

EN, KO = Voice("en"), Voice("ko")


def test_every_kpi_of_the_catalog_has_names_and_a_korean_definition() -> None:
    for group in macros()["kpi_catalog"]():
        for entry in group["kpis"]:
            kpi = entry["kpi"]
            assert korean_definition(kpi), kpi
            for language in LANGUAGES:
                assert kpi_name(kpi, language) != kpi, kpi


def test_every_text_has_both_languages_and_the_same_blanks() -> None:
    for key, texts in words().items():
        assert set(texts) == set(LANGUAGES), key
        blanks = {
            language: {name for _, name, _, _ in string.Formatter().parse(texts[language]) if name}
            for language in LANGUAGES
        }
        assert blanks["en"] == blanks["ko"], key


def test_every_text_is_used() -> None:
    folder = Path(render.__file__).parent
    source = "".join(path.read_text() for path in sorted(folder.iterdir()) if path.suffix in (".py", ".j2"))
    families = (
        "grain_",
        "before_",
        "status_",
        "direction_",
        "standing_",
        "kind_",
        "said_",
        "good_",
        "outcome_",
        "time_",
        "old_",
    )
    unused = [key for key in words() if not re.search(rf'"{key}"', source) and not key.startswith(families)]
    assert not unused


@pytest.mark.parametrize(
    ("value", "unit", "english", "korean"),
    [
        (14.2857, Unit.SCORE, "+14.3", "+14.3"),
        (-3.0, Unit.SCORE, "−3.0", "−3.0"),
        (60.0, Unit.PERCENT, "60.0%", "60.0%"),
        (45.0, Unit.MINUTES, "45.0 min", "45.0분"),
        (450.0, Unit.MINUTES, "7.5 h", "7.5시간"),
        (3825.0, Unit.MINUTES, "2.7 d", "2.7일"),
        (0.25, Unit.MINUTES, "15.0 s", "15.0초"),
        (90.0, Unit.SECONDS, "1.5 min", "1.5분"),
        (-0.001, Unit.MEAN, "0.00", "0.00"),
        (12345.0, Unit.NUMBER, "12,345", "12,345"),
        (None, Unit.PERCENT, "–", "–"),
    ],
)
def test_values_are_written_as_readers_expect(
    value: float | None, unit: Unit, english: str, korean: str
) -> None:
    assert (EN.value(value, unit), KO.value(value, unit)) == (english, korean)


def test_a_change_in_percent_is_in_points() -> None:
    assert EN.value(-2.5, Unit.PERCENT, signed=True) == "−2.5 pt"
    assert KO.value(2.5, Unit.PERCENT, signed=True) == "+2.5%p"


@pytest.mark.parametrize(
    ("grain", "english", "korean"),
    [
        ("day", "Mon 6 April 2026", "2026년 4월 6일(월)"),
        ("week", "week of 6 April 2026", "2026년 4월 6일 주"),
        ("month", "April 2026", "2026년 4월"),
        ("quarter", "Q2 2026", "2026년 2분기"),
        ("all", "All time", "전체 기간"),
    ],
)
def test_periods_are_named(grain: str, english: str, korean: str) -> None:
    start = date(2026, 4, 6)
    assert (EN.period(grain, start), KO.period(grain, start)) == (english, korean)


@pytest.mark.parametrize("kind", ["change", "level_shift", "outlier", "contrast"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_finding_is_told_with_its_numbers(kind: str, language: Language) -> None:
    told = Voice(language).finding(finding(kind=kind, deviation=-4.2), Unit.PERCENT)
    for number in ("−13.0", "−4.2", "q = 0.004", "120"):
        assert number in told


def test_a_lasting_difference_is_of_the_quarters_it_is_measured_over() -> None:
    over = finding(
        kind="contrast", grain="quarter", period_start=date(2025, 10, 1), found_in=date(2026, 7, 1)
    )
    assert EN.span(over) == "Q4 2025 to Q3 2026"
    assert KO.span(over) == "2025년 4분기 ~ 2026년 3분기"
    assert EN.span(
        finding(kind="contrast", grain="quarter", period_start=over.found_in, found_in=over.found_in)
    ) == ("Q3 2026")


@pytest.mark.parametrize(("language", "said"), [("en", "and 1 more"), ("ko", "외 1")])
def test_a_story_names_three_of_those_that_tell_it_too(language: Language, said: str) -> None:
    told = Voice(language).finding(finding(also=("nps", "ces", "fcr_rate", "reopen_rate")), Unit.PERCENT)
    assert kpi_name("fcr_rate", language) in told
    assert kpi_name("reopen_rate", language) not in told
    assert said in told
