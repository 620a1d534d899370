"""Every connector through a storm of faults, and killed at random: its rows must equal the calm run's.

A new connector adds one `Case` with the service its own test has.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing import Days
from cx_pipeline.settings import Settings
from tests.connectors import (
    delighted_fixture,
    freshdesk_fixture,
    hubspot_fixture,
    intercom_fixture,
    qualtrics_fixture,
    surveymonkey_fixture,
    test_http,
    test_remote_files,
    test_stores,
    typeform_fixture,
    zendesk_fixture,
)
from tests.connectors.service import NIGHT, Respond, SwiftClock, published, pull, serving, settings_of
from tests.connectors.weather import LASTING, ODD, PASSING, TIMEOUT_SECONDS, Careless, Weather, emptied

MOST_PULLS = 150
"""In such weather a page that takes many calls (a conversation each) is begun many times."""
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Case:
    """A connector: its type, its settings but the address, a service it can pull, faults this cannot have."""

    type: str
    options: Mapping[str, Any]
    service: Callable[[], Respond]
    cannot: tuple[str, ...] = ()


BARE = ("lost field", "retyped field")
"""The faults of an envelope, which services that answer with a bare list do not have."""

CASES = (
    Case("app_store", test_stores.apple_options(), test_stores.Apple),
    Case("delighted", delighted_fixture.OPTIONS, delighted_fixture.Delighted, BARE),
    Case("freshdesk", freshdesk_fixture.OPTIONS, freshdesk_fixture.Freshdesk, BARE),
    Case("google_play", test_stores.play_options(), test_stores.Play),
    Case("http", test_http.OPTIONS, test_http.Ratings),
    Case("hubspot", hubspot_fixture.OPTIONS, hubspot_fixture.HubSpot),
    Case("intercom", intercom_fixture.OPTIONS, intercom_fixture.Intercom),
    Case("qualtrics", qualtrics_fixture.OPTIONS, qualtrics_fixture.Qualtrics),
    Case("remote_files", test_remote_files.OPTIONS, test_remote_files.Web, (*BARE, *ODD)),
    Case("surveymonkey", surveymonkey_fixture.OPTIONS, surveymonkey_fixture.SurveyMonkey),
    Case("typeform", typeform_fixture.OPTIONS, typeform_fixture.Typeform),
    Case("zendesk", zendesk_fixture.OPTIONS, zendesk_fixture.Zendesk),
)

FILES = ("remote_files",)
"""What answers with files and not with JSON, whose fields could go; tests of the file readers have theirs."""


NEVER_SILENT = ("app_store", "google_play", "qualtrics", "remote_files")
"""What gives no record a second time, so that nothing is no sign; and files, which `emptied` leaves alone."""


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


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk, where nothing is cut off its power."""
    monkeypatch.setattr(os, "fsync", lambda file: None)


def pull_through(settings: Settings, weather: Weather) -> None:
    """Pull, as nights do, until a pull met nothing that ends one."""
    secrets = [
        value
        for value in settings.services["desk"].model_dump().values()
        if hasattr(value, "get_secret_value")
    ]
    for _ in range(MOST_PULLS):
        met = weather.lasting
        weather.forget()
        report = pull(settings, clock=SwiftClock(), timeout=TIMEOUT_SECONDS)
        for _, problem in report.problems:
            assert "\n" not in problem
            assert not any(secret.get_secret_value() in problem for secret in secrets)
        if weather.lasting == met and not report.problems:
            return
    raise AssertionError(f"{MOST_PULLS} pulls did not get through")


def weather_changes_nothing(tmp_path: Path, case: Case, first_seed: int, requests: int) -> Counter[str]:
    """Pull from seed after seed until that many requests were made; the faults that came."""
    expected = calm(tmp_path / "calm", case)
    met: Counter[str] = Counter()
    for seed in itertools.count(first_seed):
        root = tmp_path / f"seed{seed}"
        same_key(tmp_path / "calm", root)
        weather = Weather(case.service(), seed)
        with serving(weather) as service:
            settings = settings_of(root, case.type, service.url, case.options)
            pull_through(settings, weather)
        assert everything(settings) == expected, f"seed {seed}"
        met += weather.faults
        met["requests"] += weather.requests
        if met["requests"] >= requests:
            break
    return met


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_storm_of_faults_changes_nothing(tmp_path: Path, case: Case) -> None:
    met = weather_changes_nothing(tmp_path, case, first_seed=0, requests=180)
    assert sum(met[name] for name in PASSING) > 50


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.type not in FILES], ids=lambda case: case.type
)
def test_fields_that_are_lost_or_retyped_cost_their_record_alone(tmp_path: Path, case: Case) -> None:
    """Rejected or without that value, the pull goes on; mended and pulled again, nothing is left of it."""
    expected = calm(tmp_path / "calm", case)
    same_key(tmp_path / "calm", tmp_path / "broken")
    careless = Careless(case.service(), seed=1)
    with serving(careless) as service:
        settings = settings_of(tmp_path / "broken", case.type, service.url, case.options)
        for _ in range(3):
            pull(settings)
        assert careless.mutilated
        service.respond = case.service()
        shutil.rmtree(settings.paths.state / "cursors")
        assert pull(settings).problems == ()
    found = everything(settings)
    for entity, rows in expected.items():
        assert {key: found[entity].get(key) for key in rows} == rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_an_empty_answer_where_there_was_data_takes_nothing_away(tmp_path: Path, case: Case) -> None:
    respond = case.service()
    with serving(respond) as service:
        settings = settings_of(tmp_path, case.type, service.url, case.options)
        assert pull(settings).problems == ()
        before = everything(settings)
        pull(settings)  # a quiet night: what comes all the same is what comes every night
        service.respond = emptied(respond)
        report = pull(settings, NIGHT + timedelta(days=1))
        assert everything(settings) == before
        assert bool(report.empty) == (case.type not in NEVER_SILENT)
        assert pull(settings, NIGHT + timedelta(days=2)).empty == ()  # it is told once
        service.respond = respond
        assert pull(settings).problems == ()
    assert everything(settings) == before


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_backfill_of_days_changes_neither_the_cursors_nor_the_rows(tmp_path: Path, case: Case) -> None:
    with serving(case.service()) as service:
        settings = settings_of(tmp_path, case.type, service.url, case.options)
        pull(settings)
        rows, cursors = everything(settings), files_of(settings.paths.state / "cursors")
        report = pull(settings, days=Days(date(2023, 11, 13), date(2024, 1, 12)))
        assert report.problems == ()
        assert everything(settings) == rows
        assert files_of(settings.paths.state / "cursors") == cursors


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.torture
@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_long_storm_changes_nothing(tmp_path: Path, case: Case) -> None:
    """Each fault of each kind comes, most of them often."""
    seed = int(os.environ.get("TORTURE_SEED") or time.time())
    print("seed", seed)  # noqa: T201 - to run the same weather again
    met = weather_changes_nothing(tmp_path, case, seed, requests=3000)
    print(case.type, dict(met))  # noqa: T201
    assert {*PASSING, *LASTING, *ODD} - met.keys() == set(case.cannot)


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
    kill_and_compare(tmp_path, case, seed=1, kills=2)


@pytest.mark.torture
@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_fifty_kills_lose_and_double_nothing(tmp_path: Path, case: Case) -> None:
    seed = int(os.environ.get("TORTURE_SEED") or time.time())
    print("seed", seed)  # noqa: T201 - to run the same moments again
    kill_and_compare(tmp_path, case, seed=seed, kills=50)
