"""The page's charts: Vega-Lite specifications, drawn as SVG by vl-convert.  Pure: same values, same bytes.

No chart holds a word of a language or of the company: what is said about it stands in the page.  Colours are
the page's CSS variables, so that one drawing suits light and dark; durations on axes are marks such as
`@240@` (minutes), which `with_durations` writes in the reader's language.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

from cx_pipeline.scorecard.model import Figure
from cx_pipeline.scorecard.page.model import BacklogDay, Histogram

Spec = dict[str, Any]

VEGA_LITE = "5.21"
AGE_BANDS = ("0", "1-2", "3-6", "7-29", "30-89", "90+")
"""Days, the youngest first, as `ticket_backlog_daily` has them."""
POINTS = 140
"""Days a backlog is drawn by; of more, every second or third, counted from the last."""
DURATION_TICKS = (1 / 6, 1, 10, 60, 240, 1440, 10080, 43200)
"""Minutes: 10 s, 1 min, 10 min, 1 h, 4 h, 1 d, 7 d, 30 d."""

_CONFIG: Spec = {
    "aria": False,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--muted)",
        "labelFontSize": 11,
        "gridColor": "var(--line)",
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "title": None,
    },
}


def draw(spec: Spec) -> str:
    """A specification as inline SVG that scales to its box."""
    import vl_convert

    whole = {"background": None, "padding": 2, "config": _CONFIG, **spec}
    svg: str = vl_convert.vegalite_to_svg(whole, vl_version=VEGA_LITE, allowed_base_urls=[])
    svg = re.sub(r' (?:width|height)="[\d.]+"(?=[^>]*viewBox)', "", svg, count=2)
    svg = re.sub(r' (?:xmlns:xlink|version|class)="[^"]*"', "", svg)
    svg = re.sub(r' (?:role|aria-roledescription|aria-hidden|pointer-events|font-family)="[^"]*"', "", svg)
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def with_durations(svg: str, written: Callable[[float], str]) -> str:
    """The drawing with its durations in the words of a language."""
    return re.sub(r"@([\d.e-]+)@", lambda found: written(float(found[1])), svg)


def trend(history: Sequence[Figure]) -> str | None:
    """Values over periods, the band of their intervals, the target; None where there is nothing to draw."""
    points = [
        {"x": x, "y": f.value, "low": f.ci_low, "high": f.ci_high, "target": f.target}
        for x, f in enumerate(history)
        if f.value is not None
    ]
    if len(points) < 2:
        return None
    x: Spec = {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, len(history) - 1]}}
    scale: Spec = {"zero": False, "nice": False}
    layers: list[Spec] = []
    banded = [point for point in points if point["low"] is not None and point["high"] is not None]
    if banded:
        layers.append(
            {
                "data": {"values": banded},
                "mark": {"type": "area", "color": "var(--band)", "opacity": 1},
                "encoding": {"x": x, "y": _y("low", scale), "y2": {"field": "high"}},
            }
        )
    targeted = [point for point in points if point["target"] is not None]
    if targeted:
        layers.append(
            {
                "data": {"values": targeted},
                "mark": {"type": "line", "color": "var(--target)", "strokeWidth": 1.25, "strokeDash": [4, 3]},
                "encoding": {"x": x, "y": _y("target", scale)},
            }
        )
    layers.append({"mark": {"type": "line", "color": "var(--accent)", "strokeWidth": 2}, **_xy(x, scale)})
    layers.append(
        {
            "data": {"values": points[-1:]},
            "mark": {"type": "point", "filled": True, "size": 42, "color": "var(--accent)", "opacity": 1},
            **_xy(x, scale),
        }
    )
    return draw({"width": 168, "height": 44, "padding": 5, "data": {"values": points}, "layer": layers})


def _y(field: str, scale: Spec) -> Spec:
    return {"field": field, "type": "quantitative", "axis": None, "scale": scale}


def _xy(x: Spec, scale: Spec) -> Spec:
    return {"encoding": {"x": x, "y": _y("y", scale)}}


def histogram(durations: Histogram) -> str | None:
    """How long it took, on a log scale: the period as bars, the one before as a line of steps, and the marks
    50 % (solid), 90 % (dashed) and target (dotted, ◆)."""
    if durations.is_suppressed or not durations.bins:
        return None
    of_before = sum(count for _, _, count in durations.before)
    bars = [{"from": a, "to": b, "share": count / durations.n} for a, b, count in durations.bins]
    steps = [point for a, b, count in durations.before for point in _step(a, b, count / of_before)]
    low = min(a for a, _, _ in durations.bins + durations.before)
    high = max(b for _, b, _ in durations.bins + durations.before)
    ticks = [tick for tick in DURATION_TICKS if low <= tick <= high]
    x: Spec = {
        "field": "from",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, high], "nice": False},
        "axis": {
            "values": ticks,
            "labelExpr": "'@' + datum.value + '@'",
            "grid": False,
            "labelOverlap": False,
        },
    }
    y: Spec = {
        "field": "share",
        "type": "quantitative",
        "axis": {"format": "%", "tickCount": 3, "domain": False, "ticks": False},
    }
    layers: list[Spec] = [
        {
            "data": {"values": bars},
            "mark": {"type": "rect", "color": "var(--bar)", "stroke": "var(--surface)", "strokeWidth": 1},
            "encoding": {
                "x": x,
                "x2": {"field": "to"},
                "y": y,
                "y2": {"datum": 0},
            },
        },
    ]
    if steps:
        layers.append(
            {
                "data": {"values": steps},
                "mark": {"type": "line", "color": "var(--muted)", "strokeWidth": 1.25},
                "encoding": {"x": x, "y": y, "order": {"field": "order"}},
            }
        )
    marks = (
        (durations.median, "50%", [1, 0], "var(--ink)", "right"),
        (durations.p90, "90%", [5, 3], "var(--ink)", "left"),
        (durations.target, "◆", [1, 3], "var(--target)", "center"),
    )
    for value, text, dash, colour, side in marks:
        if value is not None and low <= value <= high:
            at: Spec = {"values": [{"from": value}]}
            layers.append(
                {
                    "data": at,
                    "mark": {"type": "rule", "color": colour, "strokeWidth": 1.5, "strokeDash": dash},
                    "encoding": {"x": x},
                }
            )
            layers.append(
                {
                    "data": at,
                    "mark": {
                        "type": "text",
                        "text": text,
                        "dy": -7,
                        "fontSize": 11,
                        "color": colour,
                        "align": side,
                    },
                    "encoding": {"x": x, "y": {"value": 0}},
                }
            )
    return draw({"width": 320, "height": 130, "layer": layers})


def _step(start: float, end: float, share: float) -> tuple[Spec, Spec]:
    order = math.log10(start)
    return (
        {"from": start, "share": share, "order": order},
        {"from": end, "share": share, "order": order + 1e-6},
    )


def backlog(days: Sequence[BacklogDay], width: int) -> str | None:
    """Unsolved tickets at the end of each day, by age, the oldest at the bottom and darkest."""
    if len(days) < 2:
        return None
    days = days[:: -math.ceil(len(days) / POINTS)][::-1]
    values = [
        {"x": x, "band": band, "rank": rank, "n": day.unsolved.get(band, 0)}
        for x, day in enumerate(days)
        for rank, band in enumerate(reversed(AGE_BANDS))
    ]
    firsts = month_starts([day.day for day in days])
    wanted = max(1, width // 64)
    ticks = firsts[:: math.ceil(len(firsts) / wanted)] if firsts else []
    labels = {str(x): f"{days[x].day:%Y-%m}" for x in ticks}
    return draw(
        {
            "width": width - 44,
            "height": 190,
            "data": {"values": values},
            "mark": {"type": "area", "line": False, "stroke": "var(--surface)", "strokeWidth": 0.5},
            "encoding": {
                "x": {
                    "field": "x",
                    "type": "quantitative",
                    "scale": {"domain": [0, len(days) - 1], "nice": False},
                    "axis": {
                        "values": ticks,
                        "labelExpr": f"({json.dumps(labels)})[datum.value]",
                        "grid": False,
                    },
                },
                "y": {
                    "field": "n",
                    "type": "quantitative",
                    "stack": "zero",
                    "axis": {"tickCount": 4, "domain": False, "ticks": False, "format": ",d"},
                },
                "color": {
                    "field": "band",
                    "type": "nominal",
                    "legend": None,
                    "scale": {
                        "domain": list(AGE_BANDS),
                        "range": [f"var(--age-{rank})" for rank in range(len(AGE_BANDS))],
                    },
                },
                "order": {"field": "rank"},
            },
        }
    )


def month_starts(days: Sequence[date]) -> list[int]:
    """The places of the first day there is of each month but the first."""
    return [x + 1 for x, (day, after) in enumerate(pairwise(days)) if day.month != after.month]
