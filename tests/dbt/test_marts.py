"""What holds of every mart by its text alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cx_pipeline.warehouse.export import LEADING

MODELS = Path(__file__).resolve().parents[2] / "dbt_project" / "models" / "marts"
ORDERING_MACRO = "wide_kpis("
VIEWS = {"kpis"}


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.sql")), ids=lambda path: path.stem)
def test_a_published_table_is_ordered(path: Path) -> None:
    """One build of the same data gives the same bytes only where the rows have one order."""
    last = path.read_text().rstrip().splitlines()[-1]
    assert path.stem in VIEWS or last.startswith("order by ") or ORDERING_MACRO in last


def test_the_macro_of_the_wide_marts_orders_them() -> None:
    """Its last join is put in order, and from there on rows go through alone, one by one."""
    macro = (MODELS.parents[1] / "macros" / "kpi" / "wide_kpis.sql").read_text()
    wide = macro.split("{% macro wide_kpis(")[1].split("{% endmacro %}")[0]
    ordered, rest = wide.split("        order by current_rows.grain, ")
    assert rest.endswith("    select * from final\n")
    assert rest.count(" from ") == 2 and "from compared\n" in rest
    assert "group by" not in rest and "compared as (" in ordered


def _keys(model: dict[str, Any]) -> list[list[str]]:
    """The columns of each test of uniqueness."""
    keys = [[column["name"]] for column in model["columns"] if "unique" in column.get("data_tests", [])]
    for test in model.get("data_tests", []):
        if "unique_combination" in test:
            keys.append(test["unique_combination"]["arguments"]["columns"])
    return keys


@pytest.mark.parametrize("path", sorted(MODELS.rglob("*.yml")), ids=lambda path: path.stem)
def test_a_marts_columns_open_with_its_key(path: Path) -> None:
    """So people find it there, and an export sorted by the first columns has one order."""
    for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
        opening = {column["name"] for column in model["columns"][:LEADING]}
        for key in _keys(model):
            assert set(key) <= opening, f"{model['name']}: {key}"
