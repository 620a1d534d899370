"""The Dagster UI in a real browser: the asset graph, a run that `cx nightly` made, a check that failed.

Runs where Chromium is installed (`make e2e`); the screenshots' folder is printed.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.company import ROOT, Company

if TYPE_CHECKING:
    from playwright.sync_api import Page

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 90_000

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (`make e2e` installs it)"),
]


@contextmanager
def served(company: Company, *options: str) -> Iterator[str]:
    """The address of `cx ui`; stopped as Ctrl-C stops it, with nothing left running."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    ui = subprocess.Popen(
        [sys.executable, "-m", "cx_pipeline.cli", "ui", "--port", str(port), *options],
        env=company.environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ui.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}" in ui.stdout.readline(), "cx ui prints its address"
        yield f"http://127.0.0.1:{port}"
    finally:
        ui.terminate()
        assert ui.wait(60) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


@pytest.fixture(scope="module")
def address(company: Company) -> Iterator[str]:
    with served(company) as url:
        yield url


@pytest.fixture(scope="module")
def page(address: str) -> Iterator[Page]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        yield page
        browser.close()


def opened(page: Page, url: str, *wanted: str, shot: Path) -> str:
    """Open a page, wait until each wanted text is seen, keep a screenshot; the page's text."""
    page.goto(url, timeout=PATIENCE_MS)
    for text in wanted:
        page.get_by_text(text, exact=True).first.wait_for()
    page.screenshot(path=str(shot))
    print(f"screenshot: {shot}")  # noqa: T201 - where to look
    return str(page.inner_text("body"))


def test_the_graph_shows_every_room_and_no_invitation(page: Page, address: str, tmp_path: Path) -> None:
    groups = ("sources", "gate", "staging", "intermediate", "marts", "published", "reference")
    text = opened(
        page, f"{address}/asset-groups", "Global asset lineage", *groups, shot=tmp_path / "graph.png"
    )
    assert "Join the Dagster community" not in text


def test_a_run_of_cx_nightly_is_there_like_any_other(
    page: Page, address: str, company: Company, tmp_path: Path
) -> None:
    ((run_id,),) = company.rows("select run_id from marts.nights")
    wanted = (run_id[:8], "nightly", "cx/started_by: cx nightly", "Success")
    opened(page, f"{address}/runs", *wanted, shot=tmp_path / "runs.png")
    text = opened(page, f"{address}/runs/{run_id}", "Success", "dbt_models", shot=tmp_path / "run.png")
    assert "partition: 2026-11-01" in text
    assert "No steps have errored" in text


def test_a_failed_check_says_what_broke_and_how_often(
    page: Page, address: str, company: Company, tmp_path: Path
) -> None:
    url = f"{address}/assets/landing/feedback?view=checks&checkDetail=nps_score_whole"
    text = opened(page, url, "nps_score_whole", "Failed", "broken", shot=tmp_path / "check.png")
    detail = text[text.rindex("Evaluation result") :].split()
    broken = int(detail[detail.index("broken") + 1])
    ((quarantined,),) = company.rows(
        "select count(*) from marts.quarantine where entity = 'feedback' and rules like '%nps_score_whole%'"
    )
    assert broken == quarantined >= 1


def test_the_last_scorecard_carries_numbers(page: Page, address: str, tmp_path: Path) -> None:
    url = f"{address}/assets/published/scorecard?view=events"
    text = opened(page, url, "csat", shot=tmp_path / "scorecard.png")
    assert "first_response_calendar_minutes_median" in text


def test_nothing_can_be_launched_from_the_ui_to_look_at(page: Page, company: Company, tmp_path: Path) -> None:
    """Neither by the button, which is disabled, nor past it."""
    launch = """mutation { launchPipelineExecution(executionParams: {mode: "default", selector: {
        repositoryLocationName: "cx_pipeline", repositoryName: "__repository__", pipelineName: "nightly"
    }}) { __typename } }"""
    with served(company, "--read-only") as url:
        opened(page, f"{url}/asset-groups", "Materialize all…", shot=tmp_path / "look.png")
        assert page.get_by_role("button", name="Materialize all…").is_disabled()
        answer = page.request.post(f"{url}/graphql", data={"query": launch}).json()
    assert answer["data"]["launchPipelineExecution"]["__typename"] == "UnauthorizedError"


def test_targets_and_signals_are_checks_with_their_numbers(page: Page, address: str, tmp_path: Path) -> None:
    url = f"{address}/assets/marts/kpi_csat?view=checks&checkDetail=every_target_is_met"
    text = opened(page, url, "nothing_got_worse", "targets judged", shot=tmp_path / "targets.png")
    assert "This is a non-blocking asset check." in text
    detail = text[text.rindex("Evaluation result") :]
    missed = re.search(r"^off target\s+(\d+)", detail, re.MULTILINE)
    assert missed is not None
    assert ("Failed" in detail) == bool(int(missed[1])), "yellow exactly where a target is missed"


def test_marts_say_what_their_columns_are(page: Page, address: str, tmp_path: Path) -> None:
    url = f"{address}/assets/marts/fct_feedback?view=overview"
    text = opened(page, url, "response_id", shot=tmp_path / "columns.png")
    assert "The survey, as seeds/surveys.csv declares it." in text


def test_columns_know_what_they_are_made_of(page: Page, address: str) -> None:
    """By the UI's own interface; its free edition shows the entry, not yet a graph."""
    query = (
        '{assetNodes(assetKeys:[{path:["marts","fct_feedback"]}]){assetMaterializations(limit:1)'
        "{metadataEntries{... on TableColumnLineageMetadataEntry"
        "{lineage{columnName columnDeps{assetKey{path} columnName}}}}}}}"
    )
    answer = page.request.post(f"{address}/graphql", data={"query": query}).json()
    (materialization,) = answer["data"]["assetNodes"][0]["assetMaterializations"]
    (lineage,) = [entry["lineage"] for entry in materialization["metadataEntries"] if entry]
    columns = {column["columnName"]: column["columnDeps"] for column in lineage}
    assert columns["survey_id"] == [
        {"assetKey": {"path": ["intermediate", "int_feedback_answers"]}, "columnName": "survey_id"}
    ]


def test_a_manager_has_a_view_of_the_kpis_alone(page: Page, address: str, tmp_path: Path) -> None:
    """The address docs/operations.md gives."""
    view = "/assets?asset-selection=tag%3A%22cx%2Faudience%22%3D%22managers%22"
    assert view in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    text = opened(
        page, address + view, "marts / kpi_csat", "published / scorecard", shot=tmp_path / "managers.png"
    )
    assert "kpi_nps" in text
    assert "stg_feedback" not in text
    assert "fct_feedback" not in text
