"""docs/querying.md and its notebook work as they stand there.

`sh` blocks run as they are; `python` blocks whose libraries the project itself has. What needs another
program or a browser is in blocks of other names.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "querying.md").read_text(encoding="utf-8")
NOTEBOOK = ROOT / "docs" / "examples" / "kpis.ipynb"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def _needs(source: str) -> list[str]:
    """The libraries a block imports that are not there."""
    names = re.findall(r"^(?:import|from) (\w+)", source, re.MULTILINE)
    return [name for name in names if importlib.util.find_spec(name) is None]


def _run(source: str, names: dict[str, object]) -> None:
    exec(compile(source, "docs/querying.md", "exec"), names)  # noqa: S102 - the page is ours


def test_the_commands_of_the_page_run(published: Path, tmp_path: Path) -> None:
    """Each block in a shell that stops at the first error, where the data are in data/."""
    shim = tmp_path / "bin" / "cx"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cx_pipeline "$@"\n')
    shim.chmod(0o755)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{shim.parent}:{os.environ['PATH']}"}
    blocks = _blocks("sh")
    assert len(blocks) >= 3
    for block in blocks:
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"{block}\n{result.stderr}"
    assert (tmp_path / "months.parquet").exists()
    assert (tmp_path / "csat.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert '"전화 ""상담"""' in (tmp_path / "csat.csv").read_text(encoding="utf-8-sig")
    assert (tmp_path / "share" / "by_month" / "kpis" / "grain=month" / "year=2026" / "month=9").is_dir()


def test_the_attached_file_is_read(published: Path, tmp_path: Path) -> None:
    import duckdb

    (block,) = _blocks("sql")
    with duckdb.connect() as connection:
        for statement in duckdb.extract_statements(block):
            connection.execute(statement)


@pytest.mark.parametrize("block", range(len(_blocks("python"))))
def test_the_python_of_the_page_runs(
    cx: Callable[..., Result], published: Path, capsys: pytest.CaptureFixture[str], block: int
) -> None:
    source = _blocks("python")[block]
    if missing := _needs(source):
        pytest.skip(f"{', '.join(missing)} is no library of the project")
    if "duckdb:///" in source and importlib.util.find_spec("duckdb_engine") is None:
        pytest.skip("duckdb-engine is no library of the project")
    assert cx("export", "share/cx", "--tables", "kpis").exit_code == 0
    capsys.readouterr()
    _run(source, {})
    assert re.search("2026-09-01|전화", capsys.readouterr().out)


def test_the_notebook_runs(published: Path) -> None:
    """All of it where matplotlib is, all but the chart elsewhere; committed without results."""
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 3
    names: dict[str, object] = {}
    for cell in cells:
        assert (cell["outputs"], cell["execution_count"]) == ([], None)
        source = "".join(cell["source"])
        if not _needs(source):
            _run(source, names)
    assert len(names["months"]) == 10  # type: ignore[arg-type]
    assert set(names["changes"]["kpi"]) == {"nps", "csat"}  # type: ignore[index]
