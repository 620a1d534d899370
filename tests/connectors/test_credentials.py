"""A refused credential, or one that lost a permission: what every connector tells of it, and what not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cx_pipeline.landing import connect
from cx_pipeline.sources.connector import reaches
from tests.connectors.service import Answer, Request, Respond, SwiftClock, pull, serving, settings_of
from tests.connectors.test_storm import CASES, Case

ALL = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)


def echo(status: int) -> Respond:
    """A service that answers with all it was sent, as careless ones do in their errors."""

    def respond(request: Request) -> Answer:
        sent = f"{dict(request.headers)} {request.query} {request.body}"
        return Answer(
            {"error": sent}, status, {"X-Was-Sent": sent.encode("ascii", "replace").decode()[:2000]}
        )

    return respond


def told(root: Path, settings: Any) -> Iterator[str]:
    """All that people or disks are told of a pull and a check."""
    report = pull(settings)
    yield from (text for problem in report.problems for text in problem)
    yield from report.notes
    yield from (str(reach) for reach in reaches(connect(settings, "desk", SwiftClock())))
    yield from (path.read_bytes().decode("latin-1") for path in root.rglob("*") if path.is_file())


@ALL
def test_no_secret_shows_whatever_the_service_echoes(
    tmp_path: Path, case: Case, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(echo(401)) as service:
        settings = settings_of(tmp_path, case.type, service.url, case.options)
        texts = []
        for status in (401, 403, 400, 200):
            service.respond = echo(status)
            texts += [*told(tmp_path, settings), caplog.text]
        sent = [value for request in service.requests for value in _credentials(request)]
    values = settings.services["desk"].model_dump().values()
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    assert sent
    for secret in {*secrets, *sent}:
        assert not any(secret in text for text in texts)


def _credentials(request: Request) -> Iterator[str]:
    """What a request proves with: the value of its header, or what it signed."""
    header = request.headers.get("authorization") or request.headers.get("x-api-token") or ""
    yield from header.split(" ")[1:] or filter(None, [header])
    if isinstance(request.body, dict) and "assertion" in request.body:
        yield str(request.body["assertion"])


@ALL
@pytest.mark.parametrize(("status", "advice"), [(401, "make a new one"), (403, "give it the scope")])
def test_check_says_what_to_do_about_a_refused_credential(
    tmp_path: Path, case: Case, status: int, advice: str
) -> None:
    with serving(lambda request: Answer({}, status)) as service:
        settings = settings_of(tmp_path, case.type, service.url, case.options)
        found = list(reaches(connect(settings, "desk", SwiftClock(), patience=5.0)))
    assert found
    assert all(reach.problem and advice in reach.problem and "\n" not in reach.problem for reach in found)
    assert len(service.requests) <= 2 * len(found)  # nothing a refusal is tried again for
    if status == 401:
        assert len(found) == 1  # one refusal says it all
