"""The scorecard as a page for a browser: `published/scorecard.html`, one file that loads nothing.

What enters: the published file.  What leaves: the page beside it, whole or not at all.  Called by the Dagster
asset after each night, and by `cx scorecard --html`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cx_pipeline.scorecard.model import Scorecard
    from cx_pipeline.settings import Settings


def write_page(settings: Settings, page: Path, grain: str = "month") -> Scorecard:
    """Write the page to `page`; returns the scorecard it shows, so that nobody need read it again.

    NothingPublished where there is no published file.
    """
    from cx_pipeline.files import write_whole
    from cx_pipeline.scorecard.page.read import read_page
    from cx_pipeline.scorecard.page.render import render_page

    data = read_page(
        settings.paths.published_file, grain, settings.reporting.min_n, settings.performance.duckdb_memory
    )
    write_whole(page, render_page(data, settings.reporting.language).encode())
    return data.scorecard
