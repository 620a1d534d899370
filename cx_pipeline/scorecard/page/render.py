"""The page: one HTML file that loads nothing, from what was read.  Pure: the same data give the same bytes.

Everything from the data is escaped by the template engine; the content security policy names the page's own
style and script by their hashes and forbids all else, so that no request can leave it.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cx_pipeline.scorecard.model import HISTORY
from cx_pipeline.scorecard.names import LANGUAGES
from cx_pipeline.scorecard.page import charts
from cx_pipeline.scorecard.page.model import PageData
from cx_pipeline.scorecard.page.say import Voice
from cx_pipeline.scorecard.page.view import TARGETED_SHOWN, Drawings, View

NARROW, WIDE = 330, 980
"""Widths the backlog is drawn for, in CSS pixels."""


def draw_all(data: PageData) -> Drawings:
    """Every chart once; both languages use it."""
    return Drawings(
        trends={line.headline.kpi: charts.trend(line.history) for line in data.scorecard.lines},
        histograms={durations.metric: charts.histogram(durations) for durations in data.histograms},
        backlog_wide=charts.backlog(data.backlog, WIDE),
        backlog_narrow=charts.backlog(data.backlog, NARROW),
    )


def render_page(data: PageData, default_language: str = "auto") -> str:
    """The page as HTML; `default_language`: en, ko, or auto (the browser's)."""
    import jinja2
    from markupsafe import Markup

    here = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (here / "page.css").read_text()
    script = (here / "page.js").read_text()
    drawings = draw_all(data)
    return environment.get_template("page.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        policy=_policy(style, script),
        default_language=default_language,
        first_language="ko" if default_language == "ko" else "en",
        history=HISTORY,
        at_most=TARGETED_SHOWN,
        views=[View(data, drawings, Voice(language)) for language in LANGUAGES],
    )


def _policy(style: str, script: str) -> str:
    """Nothing but this style and this script."""

    def hashed(text: str) -> str:
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return (
        f"default-src 'none'; style-src {hashed(style)}; script-src {hashed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
