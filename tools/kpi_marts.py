"""Writes the YAML of the wide KPI marts and of the view `kpis` from the catalog of KPIs.

What enters: `dbt_project/macros/kpi/catalog/` and the header comment of each mart's model.  What leaves: one
YAML beside each model, its contract.  `python -m tools.kpi_marts` writes them; a test holds them current.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tools.kpi_macros import PROJECT, macros

FOLDER = PROJECT / "models" / "marts" / "kpi"

KEYS = {
    "grain": ("varchar", "Length of the period: day, week (ISO), month, quarter or all."),
    "period_start": ("date", "First day of the period in the reporting time zone; 1900-01-01 for grain all."),
    "dimension": ("varchar", "What the rows are split by; all: not split."),
    "dimension_value": (
        "varchar",
        "Value of the dimension in force at the event; (none): not known, (other): beyond the 200 largest.",
    ),
}
MEASURES = {
    "value": "{definition}, in {unit}; null where suppressed.",
    "numerator": "Numerator of `{kpi}`, where it is a quotient.",
    "denominator": "Denominator of `{kpi}`, where it is a quotient.",
    "n": "Number of units `{kpi}` is computed from.",
    "ci_low": "Lower end of the 95 % interval of `{kpi}`, in {unit}.",
    "ci_high": "Upper end of the 95 % interval of `{kpi}`, in {unit}.",
    "previous_value": "`{kpi}` of the comparable period (of a day: a week before), in {unit}.",
    "change": "`{kpi}` minus its previous value, in {unit}.",
    "yoy_change": "`{kpi}` minus that of a year before, in {unit}.",
    "p_value": "Two-sided p of the change of `{kpi}`; null where not tested.",
    "q_value": "p of the change of `{kpi}` after Benjamini and Hochberg.",
    "is_significant": "Whether q of the change of `{kpi}` is below 0.05; null where not tested.",
    "is_complete": "Whether the period has ended and every source that feeds `{kpi}` has come past its end.",
    "is_small_sample": "Whether n of `{kpi}` is below 30.",
    "is_suppressed": "Whether `{kpi}` has fewer respondents or customers than the setting min_n.",
    "target": "Target of `{kpi}` (seed kpi_targets), in {unit}.",
    "status": (
        "How `{kpi}` stands against its target: met, missed, at_risk (the interval holds the target) or none "
        "(no target, or no value)."
    ),
}
KPI_OF_ROW = {"kpi": "kpi", "unit": "the KPI's unit", "definition": "The KPI's value"}


def _column(name: str, data_type: str, description: str) -> dict[str, Any]:
    return {"name": name, "data_type": data_type, "description": description}


def _keys() -> list[dict[str, Any]]:
    return [_column(name, *KEYS[name]) for name in KEYS]


def _measures(entry: dict[str, str], types: dict[str, str], prefix: str | None) -> list[dict[str, Any]]:
    """The measures of one KPI; `prefix` is its name in a wide mart, None in the long view."""
    columns = []
    for measure, data_type in types.items():
        name = measure if prefix is None else macros()["wide_column"](prefix, measure)
        text = MEASURES[measure].format(**entry)
        columns.append(_column(name, data_type, text[0].upper() + text[1:]))
    return columns


def _description(model: str) -> str:
    """The header comment of a model."""
    lines = (FOLDER / f"{model}.sql").read_text(encoding="utf-8").splitlines()
    return " ".join(line.removeprefix("--").strip() for line in lines if line.startswith("--"))


def _model(name: str, key: list[str], columns: list[dict[str, Any]]) -> str:
    model: dict[str, Any] = {"name": name, "description": _description(name)}
    if key:
        model["data_tests"] = [{"unique_combination": {"arguments": {"columns": key}}}]
    model["columns"] = columns
    text = yaml.safe_dump(
        {"models": [model]}, sort_keys=False, allow_unicode=True, width=108, default_flow_style=False
    )
    return f"# Written by `python -m tools.kpi_marts` from the catalog of KPIs.\n{text}"


def kpi_mart_files() -> dict[Path, str]:
    """Path -> text of every YAML."""
    call = macros()
    types: dict[str, str] = call["kpi_measures"]()
    files = {}
    for mart in call["kpi_marts"]():
        columns = _keys()
        for entry in call["kpis_of_mart"](mart):
            columns += _measures(entry, types, entry["kpi"])
        for group in call["kpi_catalog"]():
            for column, kpi in group.get("counts", {}).items() if group["mart"] == mart else ():
                columns.append(_column(column, "bigint", f"Number of units: the numerator of `{kpi}`."))
        files[FOLDER / f"{mart}.yml"] = _model(mart, list(KEYS), columns)
    long = [
        _column("kpi", "varchar", "Name of the KPI, as docs/kpis.md lists it."),
        *_keys(),
        *_measures(KPI_OF_ROW, types, None),
    ]
    # A KPI stands in one wide mart (dim_kpis has each once), whose key is tested.
    files[FOLDER / "kpis.yml"] = _model("kpis", [], long)
    return files


def main() -> None:
    for path, text in kpi_mart_files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
