"""`cx sources check` and `suggest` for services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cx_pipeline.cli.doctor import doctor
from cx_pipeline.cli.sources import sources
from tests.connectors.service import Answer, Request, Service, serving
from tests.connectors.zendesk_fixture import Zendesk


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    with serving(Zendesk()) as made:
        config = tmp_path / "cx_pipeline.toml"
        config.write_text(f'[sources.help]\ntype = "zendesk"\nsubdomain = "acme"\nbase_url = "{made.url}"\n')
        (tmp_path / "data" / "inbox").mkdir(parents=True)
        monkeypatch.setenv("CX_CONFIG", str(config))
        monkeypatch.setenv("CX_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("CX_SOURCES__HELP__TOKEN", "s3cret-t0ken")
        yield made


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(sources, list(arguments))
    return result.exit_code, result.output


def test_the_doctor_tells_whether_a_credential_is_there_and_calls_nobody(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = CliRunner().invoke(doctor).output
    assert "help (zendesk): token is there" in output
    assert "s3cret-t0ken" not in output
    monkeypatch.delenv("CX_SOURCES__HELP__TOKEN")
    output = CliRunner().invoke(doctor).output
    assert "help (zendesk): no token is set: put it into" in output
    assert "CX_SOURCES__HELP__TOKEN" in output
    assert service.requests == []


OPEN = """
[sources.help]
type = "http"
base_url = "https://api.example/v1"
{auth}
[sources.help.feedback]
path = "ratings"
[sources.files]
type = "remote_files"
base_url = "https://files.example/"
{user}
[sources.files.tickets]
files = "tickets.csv"
[sources.shop]
type = "sql"
[sources.shop.tickets]
table = "tickets"
cursor = "changed_at"
"""


def test_the_doctor_misses_no_secret_where_none_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "cx_pipeline.toml"
    monkeypatch.setenv("CX_CONFIG", str(config))
    monkeypatch.setenv("CX_DATA_DIR", str(tmp_path / "data"))
    config.write_text(OPEN.format(auth='auth = "none"', user=""))
    output = CliRunner().invoke(doctor).output
    assert "help (http): needs no credential" in output
    assert "files (remote_files): needs no credential" in output
    assert "shop (sql): no url is set" in output
    config.write_text(OPEN.format(auth="", user='user = "reader"'))
    output = CliRunner().invoke(doctor).output
    assert "help (http): no token is set" in output
    assert "files (remote_files): no token is set" in output


def test_check_tells_what_a_credential_reaches(service: Service) -> None:
    code, output = run("check")
    assert code == 0
    assert "help: who the credential is, tickets, ticket events, users" in output


def test_check_is_content_without_an_inbox_where_there_are_services(service: Service, tmp_path: Path) -> None:
    (tmp_path / "data" / "inbox").rmdir()
    code, output = run("check")
    assert (code, "inbox" in output) == (0, False)


def test_check_tells_within_seconds_of_a_service_that_hangs(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cx_pipeline.cli.sources._CHECK_PATIENCE_SECONDS", 0.5)
    service.respond = lambda request: Answer(hang=3.0)
    code, output = run("check")
    assert code == 1
    assert "did not answer in time" in output
    assert len(service.requests) == 1


def test_check_tells_what_it_may_not_read_and_shows_no_secret(service: Service) -> None:
    account = service.respond

    def narrow(request: Request) -> Answer:
        answer = account(request)
        return replace(answer, status=403) if "incremental/users" in request.path else answer

    service.respond = narrow
    code, output = run("check")
    assert code == 1
    assert "users: GET" in output
    assert "403" in output
    assert "s3cret" not in output


def test_check_names_the_variable_a_missing_secret_belongs_in(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CX_SOURCES__HELP__TOKEN")
    code, output = run("check")
    assert code == 1
    assert "CX_SOURCES__HELP__TOKEN" in output


def test_the_list_names_what_a_service_delivers(service: Service) -> None:
    _, output = run()
    assert "ticket_events" in output


def test_suggest_says_where_there_are_no_questions(service: Service) -> None:
    code, output = run("suggest", "help")
    assert code == 1
    assert "zendesk has no questions to map" in output
