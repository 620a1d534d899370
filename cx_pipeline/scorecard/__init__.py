"""The scorecard: the headline KPIs of the last complete period, the night's data, and where to look next.

What enters: the published file.  What leaves: `Scorecard`, which `render` turns into what a terminal
shows and `as_json` into what machines read; `page/` makes the page for browsers.  Called by the command line
and by the Dagster asset.
"""

from cx_pipeline.scorecard.model import GRAINS, HEADLINES, Scorecard, build_scorecard
from cx_pipeline.scorecard.read import NothingPublished, read_scorecard
from cx_pipeline.scorecard.render import as_json, render

__all__ = [
    "GRAINS",
    "HEADLINES",
    "NothingPublished",
    "Scorecard",
    "as_json",
    "build_scorecard",
    "read_scorecard",
    "render",
]
