"""The hand-written answers: runs `answers_by_hand.sql` in a process of its own, so that its cost can be read.

python -m benchmarks.answers_by_hand DATA_FOLDER ANSWERS.duckdb
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.by_hand import answer, script_statements

DIMENSIONS = """
    all survey survey_type channel touchpoint journey_stage segment country language acquisition_channel
    team agent product brand
"""
SUMS = """
    seen at_start at_end retained fresh gone back live revenue revenue_squared margin margined_revenue
    mrr_known mrr_start mrr_end mrr_kept buyers repeaters late_buyers late_repeaters margined lifetime_margin
    lifetime_margin_squared costed costed_margin cost
"""


def told(
    kpi: str,
    value: str,
    n: str,
    *,
    numerator: str = "null",
    denominator: str = "null",
    low: str = "null",
    high: str = "null",
    where: str = "true",
) -> str:
    """A KPI of a cell as a struct; there where n > 0 and the condition holds."""
    fields = (
        f"'kpi': '{kpi}'",
        f"'n': case when {where} then ({n})::bigint end",
        f"'value': case when {n} > 0 and {where} then ({value})::double end",
        f"'numerator': ({numerator})::double, 'denominator': ({denominator})::double",
        f"'low': ({low})::double, 'high': ({high})::double",
    )
    return "{" + ", ".join(fields) + "}"


def rate(kpi: str, successes: str, n: str = "n") -> str:
    """A share in percent, with Wilson's interval."""
    low, high = (f"wilson({successes}, {n}, {sign})" for sign in (-1, 1))
    value = f"100.0 * ({successes}) / nullif({n}, 0)"
    return told(kpi, value, n, numerator=successes, denominator=n, low=low, high=high)


def mean(kpi: str, total: str, squares: str, n: str = "n", ends: tuple[str, str] | None = None) -> str:
    """A mean with its t interval, on a scale where `ends` says which."""
    if ends:
        low, high = (f"scaled({total}, {squares}, {n}, {', '.join(ends)}, {sign})" for sign in (-1, 1))
    else:
        low, high = (
            f"case when {n} > 1 then t_bound({total}, {squares}, {n}, {n} - 1, {sign}) end"
            for sign in (-1, 1)
        )
    value = f"({total}) / nullif({n}, 0)"
    return told(kpi, value, n, numerator=total, denominator=n, low=low, high=high)


def _nps() -> str:
    low, high = (
        f"greatest(-100, least(100, 100 * (nps_score(a, b, n) {sign} 1.96 * sqrt(nps_variance(a, b, n)))))"
        for sign in "-+"
    )
    return told("nps", "100.0 * (a - b) / n", "n", numerator="a - b", denominator="n", low=low, high=high)


def _gap_of_nps() -> str:
    apart = "nps_score(ea, eb, en) - nps_score(ca, cb, cn)"
    reach = "1.96 * sqrt(nps_variance(ea, eb, en) + nps_variance(ca, cb, cn))"
    low, high = (f"greatest(-200, least(200, 100 * ({apart} {sign} {reach})))" for sign in "-+")
    return told(
        "perception_gap_nps", "100.0 * (ea - eb) / en - 100.0 * (ca - cb) / cn", "n", low=low, high=high
    )


def _index() -> str:
    low, high = (
        f"case when n > 1 then greatest(0, least(100, cx_index {sign} t_975(n - 1) * sqrt(variance))) end"
        for sign in "-+"
    )
    return told("cx_index", "cx_index", "n", low=low, high=high)


def _count(kpi: str, value: str) -> str:
    return told(kpi, value, "seen", numerator=value)


_ARPU = "revenue / nullif(live, 0)"
_CHURN = "(at_start - retained)::double / nullif(at_start, 0)"
_MARGINED = f"{_ARPU} * margin / nullif(margined_revenue, 0)"
KPIS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "cell",
        "family = 'nps'",
        (_nps(), rate("promoter_rate", "a"), rate("passive_rate", "n - a - b"), rate("detractor_rate", "b")),
    ),
    ("cell", "family = 'csat'", (rate("csat", "a"), rate("dsat", "n - a"))),
    (
        "cell",
        "family = 'ces'",
        (
            mean("ces", "x", "xx", ends=("1", "7")),
            mean("ces_ease", "8 * n - x", "64 * n - 16 * x + xx", ends=("1", "7")),
            rate("ces_low_effort_rate", "a"),
        ),
    ),
    ("native_cell", "true", (mean("ces_native", "x", "xx", ends=("lowest", "highest")),)),
    ("cell", "family = 'rating'", (mean("rating_avg", "x", "xx", ends=("1", "5")),)),
    *(
        ("cell", f"family = '{pillar}'", (mean(f"cx_{pillar}", "x", "xx", ends=("0", "100")),))
        for pillar in ("useful", "usable", "enjoyable")
    ),
    ("index_cell", "true", (_index(),)),
    ("cell", "family = 'invitation'", (rate("response_rate", "a"),)),
    ("cell", "family = 'form'", (rate("comment_rate", "a"),)),
    (
        "gap_cell",
        "family = 'csat'",
        (
            told(
                "perception_gap_csat",
                "100.0 * ea / en - 100.0 * ca / cn",
                "n",
                low="newcombe(ea, en, ca, cn, -1)",
                high="newcombe(ea, en, ca, cn, 1)",
            ),
        ),
    ),
    ("gap_cell", "family = 'nps'", (_gap_of_nps(),)),
    (
        "people",
        "grain <> 'all'",
        (
            rate("retention_rate", "retained", "at_start"),
            rate("churn_rate", "at_start - retained", "at_start"),
            mean("arpu", "revenue", "revenue_squared", "live"),
            *(
                told(
                    kpi,
                    f"100.0 * {kept} / mrr_start",
                    "mrr_known",
                    numerator=kept,
                    denominator="mrr_start",
                    where="mrr_start > 0",
                )
                for kpi, kept in (("grr", "mrr_kept"), ("nrr", "mrr_end"))
            ),
            told(
                "clv_expected_12m",
                f"{_MARGINED} / nullif({_CHURN}, 0)",
                "at_start",
                numerator=_MARGINED,
                denominator=_CHURN,
                where="margined_revenue <> 0",
            ),
            _count("customers_start", "at_start"),
            _count("customers_lost", "at_start - retained"),
            _count("customers_new", "fresh"),
            _count("customers_new_already_gone", "gone"),
            _count("customers_reactivated", "back"),
            _count("customers_end", "at_end"),
        ),
    ),
    (
        "people",
        "true",
        (
            rate("repeat_purchase_rate", "late_repeaters", "late_buyers"),
            rate("repeat_purchase_lifetime_rate", "repeaters", "buyers"),
            mean("clv_historical", "lifetime_margin", "lifetime_margin_squared", "margined"),
            told(
                "clv_cac_ratio",
                "costed_margin / nullif(cost, 0)",
                "costed",
                numerator="costed_margin",
                denominator="cost",
            ),
        ),
    ),
    ("buyers", "true", (rate("returning_customer_rate", "returning_people", "people"),)),
    ("visitors", "true", (rate("revisit_rate", "returning_people", "people"),)),
)
PEOPLE = (
    ("people", "customer_cell", "true", SUMS),
    ("buyers", "return_cell", "activity = 'order'", "people returning_people"),
    ("visitors", "return_cell", "activity = 'visit'", "people returning_people"),
)


def statements(data: Path) -> Iterator[str]:
    """The script's statements in order, one that stands for several once for each."""
    for statement in script_statements(data, Path(__file__).with_suffix(".sql")):
        if "-- each survey dimension" in statement:
            for name in DIMENSIONS.split():
                column = "'all'" if name == "all" else name
                starts_at_the_week = name in ("agent", "touchpoint")
                day = "cast(null as date)" if starts_at_the_week else "on_day"
                counts = "true" if name in ("survey", "survey_type") else "is_headline"
                filled = statement.replace("{name}", name).replace("{dimension}", column)
                yield filled.replace("{day}", day).replace("{counts}", counts)
        elif "-- each set of people" in statement:
            for people, cells, which, columns in PEOPLE:
                sums = ", ".join(f"coalesce(sum({column}), 0) as {column}" for column in columns.split())
                filled = statement.replace("{people}", people).replace("{cells}", cells)
                yield filled.replace("{which}", which).replace("{sums}", sums)
        elif "-- each cell" in statement:
            for cells, which, kpis in KPIS:
                filled = statement.replace("{kpis}", f"[{', '.join(kpis)}]").replace("{cells}", cells)
                yield filled.replace("{which}", which)
        else:
            yield statement


def main() -> None:
    """Answer, into a DuckDB file."""
    answer(statements(Path(sys.argv[1])), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
