"""The page of the entities and the templates are what the contract and the suites say today."""

from __future__ import annotations

import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import load_suites
from cx_pipeline.gate.docs import DOCS, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run python -m cx_pipeline.gate.docs"


def test_the_page_names_every_column_and_every_rule() -> None:
    page = pages()["entities.md"]
    for name, entity in ENTITIES.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert all(f"| **{f.name}** |" in section for f in entity.fields if f.required)
        assert all(f"| {f.name} |" in section for f in entity.fields if not f.required)
        assert all(f"| `{rule.name}` |" in section for rule in load_suites()[name].rules)
