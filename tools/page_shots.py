"""Pictures of the scorecard page for the documentation: its first screen in each language.

What enters: a page and a folder.  What leaves: `scorecard-en.png` and `scorecard-ko.png` there.  Needs
Chromium and Playwright, as `make e2e` does.

    python -m tools.page_shots data/published/scorecard.html docs/images
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1200, 900


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("page", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        parser.error("Chromium is not installed; `make e2e` installs it where it may")
    asked.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        for language in ("en", "ko"):
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(f"{asked.page.resolve().as_uri()}#{language}")
            page.screenshot(path=str(asked.folder / f"scorecard-{language}.png"))
        browser.close()


if __name__ == "__main__":
    main()
