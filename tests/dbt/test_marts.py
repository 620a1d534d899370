"""What holds of every mart by its text alone."""

from __future__ import annotations

from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
ORDERING_MACRO = "wide_kpis("
VIEWS = {"kpis"}


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_a_published_table_is_ordered(path: Path) -> None:
    """The same data gives the same bytes only where the rows have one order."""
    last = path.read_text().rstrip().splitlines()[-1]
    assert path.stem in VIEWS or last.startswith("order by ") or ORDERING_MACRO in last


def test_the_macro_of_the_wide_marts_orders_them() -> None:
    macro = (MODELS.parents[1] / "macros" / "kpi" / "wide_kpis.sql").read_text()
    assert (
        "select * from final\n    order by "
        in macro.split("{% macro wide_kpis(")[1].split("{% endmacro %}")[0]
    )
