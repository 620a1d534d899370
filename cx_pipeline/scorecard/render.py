"""A scorecard as people see it in a terminal, and as machines read it.  Pure.

`render` gives rich renderables that fit the console they are printed on; `as_json` plain values.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cx_pipeline.scorecard.model import Figure, Line, Night, Scorecard, Unit
from cx_pipeline.scorecard.names import section_name

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Group, JustifyMethod, RenderableType
    from rich.table import Table
    from rich.text import Text

_VERDICT_FROM, _STATUS_FROM, _TREND_FROM, _INTERVAL_FROM, _TARGET_FROM, _N_FROM = 46, 56, 72, 90, 104, 112
"""From which width of the console a column is shown."""
_BARS = "▁▂▃▄▅▆▇█"
_NOTHING = "–"
TARGET_SIGNS = {"higher": "≥", "lower": "≤"}
"""How a target is written, by which way is good."""
_DIRECTIONS = {"better": "[green]better[/green]", "worse": "[red]worse[/red]", "different": "changed"}
_STATUS = {
    "met": "[green]✓ met[/green]",
    "at_risk": "[yellow]~ at risk[/yellow]",
    "missed": "[red]✗ missed[/red]",
}


def period_label(grain: str, start: date) -> str:
    """A period as people name it: "May 2026", "week of 2026-05-04", "Q2 2026"."""
    if grain == "month":
        return f"{start:%B %Y}"
    if grain == "quarter":
        return f"Q{(start.month + 2) // 3} {start.year}"
    if grain == "week":
        return f"week of {start:%Y-%m-%d} to {start + timedelta(days=6):%m-%d}"
    return "all time" if grain == "all" else f"{start:%Y-%m-%d}"


def sparkline(values: list[float | None]) -> str:
    """One character a period, the lowest value to the highest; a dot where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    step = (high - low) / (len(_BARS) - 1)
    return "".join(
        "·" if value is None else _BARS[round((value - low) / step) if step else len(_BARS) // 2]
        for value in values
    )


def written(value: float | None, unit: Unit, *, signed: bool = False, like: float | None = None) -> str:
    """A value with its unit; minutes in the unit that suits `like` (by default the value itself)."""
    if value is None:
        return _NOTHING
    sign = "+" if signed else ""
    if unit is Unit.SCORE:
        return f"{value:+.1f}"
    if unit is Unit.PERCENT:
        return f"{value:{sign}.1f} {'pt' if signed else '%'}"
    if unit is not Unit.MINUTES:
        return f"{value:{sign},.2f}"
    size = abs(value if like is None else like)
    divisor, name = (1, "min") if size < 90 else (60, "h") if size < 48 * 60 else (24 * 60, "d")
    return f"{value / divisor:{sign}.1f} {name}"


def render(scorecard: Scorecard, width: int, page: Path | None = None) -> Group:
    """The scorecard for a console `width` columns wide; `page` is where the same is for a browser."""
    from rich.console import Group

    parts: list[RenderableType] = [_title(scorecard), _kpis(scorecard, width)]
    if any(line.figure and line.figure.period_start != scorecard.period_start for line in scorecard.lines):
        parts.append(
            _dim("* its last complete period, which is an earlier one (cx scorecard --json names it)")
        )
    parts += [_legend(scorecard), *_data_quality(scorecard), *_look_next(scorecard)]
    if page is not None and page.exists():
        parts.append(_dim(f"\nThe page: {page}"))
    return Group(*parts)


def _title(scorecard: Scorecard) -> Text:
    from rich.text import Text

    title = Text("\nCustomer experience", style="bold")
    if scorecard.period_start is None:
        return title.append(f"  no figures by {scorecard.grain} yet", style="dim")
    title.append(f"  {period_label(scorecard.grain, scorecard.period_start)}", style="bold cyan")
    is_complete = any(
        line.figure.is_complete
        for line in scorecard.lines
        if line.figure and line.figure.period_start == scorecard.period_start
    )
    if scorecard.grain != "all":
        title.append("  the last complete one" if is_complete else "  not over yet", style="dim")
    return title


def _kpis(scorecard: Scorecard, width: int) -> Table:
    from rich.table import Table

    has_targets = any(line.figure and line.figure.target is not None for line in scorecard.lines)
    columns: dict[str, tuple[str, JustifyMethod, str]] = {
        "label": ("", "left", ""),
        "value": ("value", "right", "bold"),
        **({"interval": ("95 % interval", "right", "dim")} if width >= _INTERVAL_FROM else {}),
        **({"n": ("n", "right", "dim")} if width >= _N_FROM else {}),
        "change": ("change", "right", ""),
        **({"verdict": ("", "left", "")} if width >= _VERDICT_FROM else {}),
        **({"target": ("target", "right", "")} if has_targets and width >= _TARGET_FROM else {}),
        **({"status": ("status", "left", "")} if has_targets and width >= _STATUS_FROM else {}),
        **({"trend": ("trend", "left", "cyan")} if width >= _TREND_FROM else {}),
    }
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for title, justify, style in columns.values():
        table.add_column(title, justify=justify, style=style, no_wrap=True)
    for section, lines in groupby(scorecard.lines, key=lambda line: line.headline.section):
        table.add_row(f"[bold]{section_name(section, 'en')}[/bold]")
        for line in lines:
            cells = _cells(scorecard, line)
            table.add_row(*(cells.get(name, "") for name in columns))
    return table


def _cells(scorecard: Scorecard, line: Line) -> dict[str, str]:
    headline, figure = line.headline, line.figure
    if figure is None:
        return {"label": f"  {headline.label}", "value": f"[dim]{_NOTHING}[/dim]"}
    earlier = "*" if figure.period_start != scorecard.period_start else ""
    value = written(figure.value, headline.unit)
    if figure.is_suppressed:
        value = "[dim]too few[/dim]"
    return {
        "label": f"  {headline.label}{earlier}",
        "value": value,
        "interval": _interval(figure, headline.unit),
        "n": "" if figure.n is None else f"{figure.n:,}",
        "change": written(figure.change, headline.unit, signed=True, like=figure.value),
        "verdict": _verdict(line),
        "target": _target(line),
        "status": _STATUS.get(figure.status or "none", ""),
        "trend": sparkline([row.value for row in line.history]),
    }


def _interval(figure: Figure, unit: Unit) -> str:
    if figure.ci_low is None or figure.ci_high is None:
        return ""
    low, high = (
        written(bound, unit, like=figure.value).split(" ")[0] for bound in (figure.ci_low, figure.ci_high)
    )
    return f"{low} to {high}"


def _verdict(line: Line) -> str:
    figure = line.figure
    if line.direction:
        return _DIRECTIONS[line.direction]
    if figure is None or figure.change is None:
        return ""
    return "[dim]not tested[/dim]" if figure.is_significant is None else "[dim]noise[/dim]"


def _target(line: Line) -> str:
    figure = line.figure
    if figure is None or figure.target is None:
        return ""
    sign = TARGET_SIGNS.get(line.better or "", "")
    return f"{sign} {written(figure.target, line.headline.unit, like=figure.value)}".strip()


def _legend(scorecard: Scorecard) -> Text:
    if scorecard.grain == "all" or scorecard.period_start is None:
        return _dim("")
    before = {"day": "the same weekday a week before"}.get(scorecard.grain, f"the {scorecard.grain} before")
    return _dim(
        f"Change against {before}; better and worse only where chance is an unlikely reason (q < 0.05)."
    )


def _data_quality(scorecard: Scorecard) -> list[RenderableType]:
    from rich.text import Text

    night = scorecard.night
    if night is None:
        return []
    line = Text("\nThe data  ", style="bold")
    line.append(f"night of {night.night}, {night.outcome}", style="bold cyan")
    if night.ended_at:
        line.append(f" {night.ended_at:%Y-%m-%d %H:%M} UTC", style="dim")
    counts = Text("  ")
    for index, (name, count, style) in enumerate(_counts(night)):
        counts.append(f"{' · ' if index else ''}{count:,} {name}", style=style if count else "dim")
    parts: list[RenderableType] = [line, counts]
    parts.append(
        Text(f"  stale: {', '.join(night.stale_sources)}", style="yellow")
        if night.stale_sources
        else _dim("  no source is stale")
    )
    return parts


def _counts(night: Night) -> tuple[tuple[str, int, str], ...]:
    return (
        ("batches", night.batches, ""),
        ("rows landed", night.landed, ""),
        ("rejected", night.rejected, "yellow"),
        ("quarantined", night.quarantined, "yellow"),
        ("held", night.held, "red"),
    )


def _look_next(scorecard: Scorecard) -> list[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    if not scorecard.look_next:
        return []
    parts: list[RenderableType] = [Text("\nWhere to look next", style="bold")]
    for hint in scorecard.look_next:
        parts.append(Padding(Text(hint.text), (0, 0, 0, 2)))
        parts.append(Padding(Text(hint.command, style="dim"), (0, 0, 0, 4)))
    return parts


def _dim(text: str) -> Text:
    from rich.text import Text

    return Text(text, style="dim")


def as_json(scorecard: Scorecard) -> dict[str, Any]:
    """The scorecard in plain values: dates and instants ISO 8601, numbers unrounded, None for no value."""
    night = scorecard.night
    return {
        "grain": scorecard.grain,
        "period_start": scorecard.period_start and scorecard.period_start.isoformat(),
        "kpis": [_line_json(line) for line in scorecard.lines],
        "night": night
        and asdict(night)
        | {
            "night": night.night.isoformat(),
            "ended_at": night.ended_at and night.ended_at.isoformat() + "Z",
            "stale_sources": list(night.stale_sources),
        },
        "reconciliation": [asdict(row) for row in scorecard.reconciliation],
        "look_next": [asdict(hint) for hint in scorecard.look_next],
    }


def _line_json(line: Line) -> dict[str, Any]:
    headline, figure = line.headline, line.figure
    names = (
        *("n", "value", "ci_low", "ci_high", "previous_value", "change", "is_significant"),
        *("is_complete", "is_small_sample", "is_suppressed", "target", "status"),
    )
    return {
        "kpi": headline.kpi,
        "label": headline.label,
        "unit": headline.unit.value,
        "better": line.better,
        "period_start": figure and figure.period_start.isoformat(),
        **{name: figure and getattr(figure, name) for name in names},
        "direction": line.direction,
        "history": [
            {"period_start": row.period_start.isoformat(), "value": row.value} for row in line.history
        ],
    }
