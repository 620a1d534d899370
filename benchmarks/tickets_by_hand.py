"""The hand-written tickets: runs `tickets_by_hand.sql` in a process of its own, so that its cost can be read.

python -m benchmarks.tickets_by_hand DATA_FOLDER ANSWERS.duckdb
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.by_hand import answer, script_statements

DIMENSIONS = ("all", "channel", "priority", "team", "agent", "category", "segment", "product", "brand")
EACH_COUNT = "-- each count"


def counted(kpi: str, kind: str, *, n: str, numerator: str, divisor: str, deviation: str = "null") -> str:
    """A KPI of a group of units as a struct; its value is numerator / divisor."""
    return (
        f"{{'kpi': '{kpi}', 'kind': '{kind}', 'n': ({n})::bigint, 'numerator': ({numerator})::double, "
        f"'divisor': ({divisor})::double, 'deviation': {deviation}::double}}"
    )


def rate(kpi: str, counts: str, succeeds: str) -> str:
    """A share of units in percent: which count, and which of these are successes."""
    n = f"count_if({counts})"
    return counted(kpi, "rate", n=n, numerator=f"count_if({succeeds})", divisor=f"{n} / 100")


def mean(kpi: str, value: str) -> str:
    """The mean of what is known of a value."""
    n = f"count({value})"
    return counted(kpi, "mean", n=n, numerator=f"sum({value})", divisor=n, deviation=f"stddev_samp({value})")


def volume(kpi: str, value: str) -> str:
    """How many of the units."""
    return counted(kpi, "count", n="count(*)", numerator=value, divisor="1")


SERVICE_LEVELS = ("first_response", "next_response", "full_resolution", "requester_wait")
COUNTED = {
    "solve": [
        rate(kpi, f"{flag} is not null", flag)
        for kpi, flag in {
            "fcr_rate": "is_first_contact_resolved",
            "one_touch_rate": "is_one_touch",
            "reopen_rate": "is_reopened_or_followed_up",
            "self_served_rate": "is_self_served",
            "bot_contained_rate": "is_bot_contained",
            "auto_solved_rate": "is_auto_solved",
        }.items()
    ],
    "promise": [
        rate("sla_attainment_rate", "true", "is_met"),
        *(
            rate(f"sla_{metric}_attainment_rate", f"metric = '{metric}'", f"is_met and metric = '{metric}'")
            for metric in SERVICE_LEVELS
        ),
    ],
    "moved_in_or_out": [
        volume("tickets_opened", "count_if(is_opening)"),
        volume("tickets_solved", "count_if(is_done_now)"),
        volume("tickets_reopened", "count_if(is_reopen)"),
        volume("tickets_net", "count_if(is_opening) + count_if(is_reopen) - count_if(is_done_now)"),
    ],
    "resolved": [
        mean("replies_per_resolution", "agent_reply_count"),
        mean("touches_per_resolution", "touch_count"),
        mean("handoffs_per_ticket", "handoff_count"),
        mean("transfers_per_ticket", "transfer_count"),
    ],
}


def statements(data: Path) -> Iterator[str]:
    """The script's statements in order, one that names a dimension or a count once for each."""
    for statement in script_statements(data, Path(__file__).with_suffix(".sql")):
        for filled in _counted(statement):
            yield from _by_dimension(filled)


def _counted(statement: str) -> Iterator[str]:
    if EACH_COUNT not in statement:
        yield statement
        return
    for units, counts in COUNTED.items():
        yield statement.replace("{units}", units).replace("{counts}", f"[{', '.join(counts)}]")


def _by_dimension(statement: str) -> Iterator[str]:
    if "{dimension}" not in statement:
        yield statement
        return
    for name in DIMENSIONS:
        column = "'all'" if name == "all" else name
        day = "cast(null as date)" if name == "agent" else "unit.day"  # agents start at the week
        filled = statement.replace("{name}", name).replace("{dimension}", column)
        yield filled.replace("{day}", day)


def main() -> None:
    """Answer, into a DuckDB file."""
    answer(statements(Path(sys.argv[1])), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
