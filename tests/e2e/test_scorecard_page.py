"""The scorecard page in a real browser: axe-core finds nothing, nothing is loaded, keys and languages work.

Runs where Chromium is installed (`make e2e`); the screenshots' folder is printed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.company import Company

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")

CHROMIUM = shutil.which("chromium")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (`make e2e` installs it)"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


def opened(browser: Browser, company: Company, language: str = "", **how: Any) -> tuple[Page, list[str]]:
    """The page of the night, and what it asked for or complained of."""
    page = browser.new_context(**how).new_page()
    noticed: list[str] = []
    page.on("request", lambda request: noticed.append(request.url))
    page.on("console", lambda message: noticed.append(message.text))
    url = company.published.with_name("scorecard.html").as_uri()
    page.goto(url + (f"#{language}" if language else ""))
    assert noticed.pop(0).startswith("file:")
    return page, noticed


@pytest.mark.parametrize("look", list(product(("en", "ko"), ("light", "dark"), (360, 1440))), ids=str)
def test_axe_finds_no_violation(
    browser: Browser, company: Company, tmp_path: Path, look: tuple[str, str, int]
) -> None:
    language, theme, width = look
    page, noticed = opened(
        browser, company, language, viewport={"width": width, "height": 900}, color_scheme=theme
    )
    shot = tmp_path / f"scorecard-{language}-{theme}-{width}.png"
    page.screenshot(path=str(shot), full_page=True)
    print(f"screenshot: {shot}")  # noqa: T201 - where to look
    assert page.evaluate("document.documentElement.lang") == language
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it reflows"
    page.evaluate("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    found = axe.Axe().run(page, options={"runOnly": RULES}).response
    assert found["passes"], "axe looked"
    assert not [(rule["id"], rule["nodes"][0]["html"]) for rule in found["violations"]]
    assert not noticed, "no request left the page"


def test_without_a_script_the_language_still_switches(browser: Browser, company: Company) -> None:
    page, _ = opened(browser, company, java_script_enabled=False)
    korean = page.get_by_role("heading", name="고객 경험 스코어카드")
    assert not korean.is_visible()
    page.get_by_role("radio", name="한국어").check()
    assert korean.is_visible()
    assert not page.get_by_role("heading", name="Customer experience scorecard").is_visible()


def test_it_opens_in_the_browsers_language(browser: Browser, company: Company) -> None:
    page, _ = opened(browser, company, locale="ko-KR")
    assert page.title().startswith("고객 경험 스코어카드")


def test_the_keyboard_reaches_everything(browser: Browser, company: Company) -> None:
    page, _ = opened(browser, company, "en")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0, "seen"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.documentElement.lang") == "ko"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#ko-kpis"
