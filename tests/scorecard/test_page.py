"""The page: one file that loads nothing, in two whole languages; what is off target, and where, first."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from cx_pipeline.scorecard.model import build_scorecard
from cx_pipeline.scorecard.names import LANGUAGES
from cx_pipeline.scorecard.page.model import Histogram, Kpi, PageData
from cx_pipeline.scorecard.page.render import render_page
from tests.scorecard.company import data, figure, finding, group, scorecard

VOID = {"meta", "input", "br", "link", "img"}
HANGUL = re.compile("[가-힣]")


class Page(HTMLParser):
    """The elements of a page, each with its attributes, the languages around it and its own text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.policy = ""
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in VOID and tag not in ("path", "line", "rect"):
            self.open.append((tag, attributes))
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"] or ""

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1][0] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, text: str) -> None:
        language = next((a["lang"] for _, a in reversed(self.open) if a.get("lang")), None)
        if text.strip() and self.open[-1][0] not in ("style", "script"):
            self.texts.append((language or "", text.strip()))

    def text(self, language: str) -> str:
        return " ".join(text for spoken, text in self.texts if spoken == language)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def whole() -> Page:
    return Page(render_page(data()))


def made(page_data: PageData) -> Page:
    return Page(render_page(page_data))


def test_the_first_words_say_which_kpi_is_off_target_and_where() -> None:
    english = whole().text("en")
    assert english.index("1 of 2 KPIs with a target misses it.") < english.index("KPIs against target")
    assert english.index("channel phone (58.0%)") < english.index("KPIs against target")
    assert "목표가 있는 지표 2개 중 1개가 목표에 미달했습니다." in whole().text("ko")
    assert "채널 phone (58.0%)" in whole().text("ko")


def test_both_languages_say_the_same_and_neither_borrows_words() -> None:
    english, korean = whole().text("en"), whole().text("ko")
    assert not HANGUL.search(english)
    words = re.sub(r"[A-Za-z_.]*_[A-Za-z_.]*|marts\.\w+|kpi_targets\.csv", "", korean)
    foreign = set(re.findall(r"[A-Za-z]{2,}", words)) - {
        *("NPS", "CSAT", "CES", "FCR", "UTC", "KPI", "cx", "scorecard", "phone", "web", "tiny", "shop"),
        *("tickets", "csat", "nps", "ces"),
    }
    assert not foreign, "words of the other language"
    assert set(re.findall(r"\d+\.\d", english)) == set(re.findall(r"\d+\.\d", korean)), "the same numbers"


def test_no_request_can_leave_the_page() -> None:
    page = whole()
    for tag, attributes in page.elements:
        for name in ("src", "action", "data", "poster", "background", "style", "onclick", "onload"):
            assert attributes.get(name) is None, (tag, name)
        if tag == "a":
            assert (attributes["href"] or "").startswith("#")
    assert not page.all("link") and not page.all("img") and not page.all("iframe")
    assert "url(" not in page.html and "@import" not in page.html
    for kind in ("style", "script"):
        (content,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page.html, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert page.policy.startswith("default-src 'none'; ")


@pytest.mark.parametrize(
    "nasty", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}"]
)
def test_what_the_company_names_is_inert(nasty: str) -> None:
    page = made(
        data(
            groups=(group("channel", nasty, 50.0),),
            findings=(finding(dimension_value=nasty), finding(dimension=nasty)),
            kpis={nasty: Kpi(nasty, nasty, nasty, nasty)},
        )
    )
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert nasty in page.text("en"), "said as it is"


def test_a_suppressed_group_shows_no_value() -> None:
    page = made(
        data(
            scorecard=scorecard(fcr_rate=figure("fcr_rate", 12.34, is_suppressed=True)),
            groups=(group("channel", "tiny", 12.34, is_suppressed=True, ci_low=None, ci_high=None),),
            histograms=(Histogram("resolution", 3, ((77.7, 88.8, 3),), (), 77.7, 88.8, None, True),),
        )
    )
    said = page.text("en") + page.text("ko")
    assert "12.3" not in said and "77.7" not in said
    assert page.text("en").count("too few") >= 3
    assert page.text("ko").count("표본 부족") >= 3


def test_the_structure_is_sound() -> None:
    page = whole()
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    for attributes in page.all("a"):
        assert (attributes["href"] or "")[1:] in ids
    for _, attributes in page.elements:
        for name in (attributes.get("aria-labelledby") or "").split():
            assert name in ids
    assert page.all("html")[0]["lang"] == "en"
    for language in LANGUAGES:
        start = page.html.index(f'<div lang="{language}"')
        half = page.html[start : page.html.find('<div lang="ko"', start + 1)]
        levels = [int(level) for level in re.findall(r"<h(\d)", half)]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_heads_that_say_what_they_head() -> None:
    page = whole()
    assert len(page.all("table")) == len(page.all("caption"))
    assert all(attributes.get("scope") for attributes in page.all("th"))


def test_every_region_that_scrolls_can_be_reached_by_keyboard_and_has_a_name() -> None:
    regions = [a for _, a in whole().elements if a.get("class") == "scrolled"]
    assert regions
    for attributes in regions:
        assert attributes["tabindex"] == "0" and attributes["role"] == "region" and attributes["aria-label"]


def test_every_chart_has_its_numbers() -> None:
    page = whole()
    drawings = page.all("svg")
    assert drawings and all(attributes["aria-hidden"] == "true" for attributes in drawings)
    english = page.text("en")
    for numbers in ("The trends in numbers", "The chart in numbers", "10.0 min to 14.7 min", "13.0 min"):
        assert numbers in english


def test_charts_take_their_colours_from_the_page() -> None:
    drawings = re.findall(r"<svg.*?</svg>", whole().html, re.S)
    colours = {colour for svg in drawings for colour in re.findall(r'(?:fill|stroke)="([^"]+)"', svg)}
    assert {colour for colour in colours if not colour.startswith("var(--")} <= {"none", "transparent"}
    defined = set(re.findall(r"(--[\w-]+):", whole().html))
    assert {colour[4:-1] for colour in colours if colour.startswith("var")} <= defined


def test_the_same_night_gives_the_same_bytes() -> None:
    assert render_page(data()) == whole().html


def test_three_years_and_two_hundred_values_stay_below_two_megabytes() -> None:
    many = tuple(
        group(dimension, f"{dimension} number {n} with a long name", 60.0)
        for dimension in ("segment", "channel", "touchpoint", "team")
        for n in range(200)
    )
    findings = tuple(finding(dimension_value=f"team {n}", is_latest=n < 48) for n in range(100))
    page = made(data(groups=many, targeted_groups=many, findings=findings))
    assert len(page.html.encode()) < 2_000_000
    assert "188 smaller groups are left off" in page.text("en")


def test_an_empty_warehouse_says_so_in_words() -> None:
    page = made(
        data(
            scorecard=build_scorecard("month", [], [], None, []),
            groups=(),
            kpis={},
            findings=(),
            findings_left_off=0,
            histograms=(),
            cohorts=(),
            backlog=(),
            broken=(),
        )
    )
    for said in (
        "There are no figures yet.",
        "No ticket was answered",
        "There are no tickets.",
        "No night has run",
    ):
        assert said in page.text("en")
    assert "아직 집계된 지표가 없습니다." in page.text("ko")


def test_a_file_of_an_earlier_version_is_said_to_be_one() -> None:
    page = made(data(kpis={}, findings=(), findings_left_off=0, missing=("dim_kpis", "signals")))
    assert "published by an earlier version: dim_kpis, signals" in page.text("en")
    assert "Nothing changed" not in page.text("en"), "what is not known is not denied"


def test_stale_sources_and_held_rows_are_said_first() -> None:
    card = scorecard()
    assert card.night
    night = replace(card.night, stale_sources=("desk",), outcome="published_stale")
    rows = (replace(card.reconciliation[0], held=12),)
    english = made(data(scorecard=replace(card, night=night, reconciliation=rows))).text("en")
    assert english.index("desk could not be read") < english.index("KPIs against target")
    assert english.index("12 rows are held back") < english.index("KPIs against target")
    assert "published with stale data" in english


def test_without_targets_it_says_how_to_set_them() -> None:
    page = made(data(scorecard=scorecard(csat=figure("csat"), nps=figure("nps"))))
    assert "No targets are set" in page.text("en")
    assert "kpi_targets.csv" in page.text("en")


def test_a_group_that_misses_a_target_of_its_own_is_named() -> None:
    app = figure("failure_rate", 22.0, dimension="touchpoint", dimension_value="payment", target=10.0)
    page = made(data(targeted_groups=(replace(app, status="missed"),)))
    assert "Failed, touchpoint payment 22" in page.text("en").split("KPIs against target")[0]


def test_the_language_it_opens_in_is_the_setting() -> None:
    page = Page(render_page(data(), "ko"))
    assert page.all("html")[0]["lang"] == "ko"
    (chosen,) = [a for a in page.all("input") if "checked" in a]
    assert chosen["value"] == "ko"
