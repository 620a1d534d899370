"""Every connector through a storm of faults, and killed at random: its rows must equal the calm run's.

A new connector adds one `Case` with the service its own test has.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.settings import Settings
from tests.connectors import (
    delighted_fixture,
    freshdesk_fixture,
    intercom_fixture,
    qualtrics_fixture,
    surveymonkey_fixture,
    test_http,
    typeform_fixture,
    zendesk_fixture,
)
from tests.connectors.service import Respond, published, pull, serving, settings_of, storm

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A connector: its type, its settings but the address, and a service it can pull."""

    type: str
    options: Mapping[str, Any]
    service: Callable[[], Respond]


CASES = (
    Case("delighted", delighted_fixture.OPTIONS, delighted_fixture.Delighted),
    Case("freshdesk", freshdesk_fixture.OPTIONS, freshdesk_fixture.Freshdesk),
    Case("http", test_http.OPTIONS, test_http.Ratings),
    Case("intercom", intercom_fixture.OPTIONS, intercom_fixture.Intercom),
    Case("qualtrics", qualtrics_fixture.OPTIONS, qualtrics_fixture.Qualtrics),
    Case("surveymonkey", surveymonkey_fixture.OPTIONS, surveymonkey_fixture.SurveyMonkey),
    Case("typeform", typeform_fixture.OPTIONS, typeform_fixture.Typeform),
    Case("zendesk", zendesk_fixture.OPTIONS, zendesk_fixture.Zendesk),
)


def everything(settings: Settings) -> dict[str, dict[str, dict[str, Any]]]:
    """All published rows by entity and key."""
    return {name: published(settings, name, entity.landed_key) for name, entity in ENTITIES.items()}


def calm(root: Path, case: Case) -> dict[str, dict[str, dict[str, Any]]]:
    with serving(case.service()) as service:
        settings = settings_of(root, case.type, service.url, case.options)
        report = pull(settings)
    assert report.problems == ()
    found = everything(settings)
    assert any(found.values())
    return found


def same_key(root: Path, other: Path) -> None:
    """Let two data directories share the identity key, so that their rows compare."""
    (other / "state").mkdir(parents=True)
    (other / "state" / "identity.key").write_bytes((root / "state" / "identity.key").read_bytes())
    (other / "state" / "identity.key").chmod(0o600)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
@pytest.mark.parametrize("seed", range(3))
def test_a_storm_of_faults_changes_nothing(tmp_path: Path, case: Case, seed: int) -> None:
    expected = calm(tmp_path / "calm", case)
    same_key(tmp_path / "calm", tmp_path / "storm")
    with serving(storm(case.service(), seed)) as service:
        settings = settings_of(tmp_path / "storm", case.type, service.url, case.options)
        report = pull(settings)
    assert report.problems == ()
    assert everything(settings) == expected


def killed_at_random(root: Path, case: Case, url: str, dice: random.Random, kills: int) -> int:
    """Start pulls and kill them with SIGKILL after a random while; how many died before their end."""
    died = 0
    code = (
        "import sys; from pathlib import Path; from tests.connectors.test_storm import CASES;"
        "from tests.connectors.service import pull, settings_of;"
        "case = next(c for c in CASES if c.type == sys.argv[2]);"
        "settings = settings_of(Path(sys.argv[1]), case.type, sys.argv[3], case.options);"
        "print('ready', flush=True);"
        "pull(settings)"
    )
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(root), case.type, url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(dice.uniform(0.0, 0.6))
        process.send_signal(signal.SIGKILL)
        died += process.wait() != 0
    return died


def kill_and_compare(tmp_path: Path, case: Case, seed: int, kills: int) -> None:
    expected = calm(tmp_path / "calm", case)
    same_key(tmp_path / "calm", tmp_path / "killed")
    with serving(case.service()) as service:
        died = killed_at_random(tmp_path / "killed", case, service.url, random.Random(seed), kills)
        settings = settings_of(tmp_path / "killed", case.type, service.url, case.options)
        assert pull(settings).problems == ()
    assert died
    assert everything(settings) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_few_kills_lose_and_double_nothing(tmp_path: Path, case: Case) -> None:
    kill_and_compare(tmp_path, case, seed=1, kills=3)


@pytest.mark.torture
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path, case: Case) -> None:
    seed = int(os.environ.get("TORTURE_SEED") or time.time())
    print("seed", seed)  # noqa: T201 - to run the same moments again
    kill_and_compare(tmp_path, case, seed=seed, kills=50)
