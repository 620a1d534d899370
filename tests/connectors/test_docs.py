"""The example of docs/connectors.md works as it stands there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cx_pipeline.sources import connectors

PAGE = Path(__file__).parents[2] / "docs" / "connectors.md"


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The page's Python, its first block installed as the connector it says it is."""
    found = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "acorn.py").write_text(found[0], encoding="utf-8")
    monkeypatch.setattr(connectors, "__path__", [*connectors.__path__, str(tmp_path)])
    connectors.names.cache_clear()
    yield found
    connectors.names.cache_clear()
    sys.modules.pop("cx_pipeline.sources.connectors.acorn", None)


def test_the_pages_example_pulls(blocks: list[str], tmp_path: Path) -> None:
    names: dict[str, object] = {"__name__": "example"}
    exec(blocks[1], names)  # noqa: S102 - the page is ours
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    for test in tests:
        assert callable(test)
        test(tmp_path / "data")
