"""The settings: what may be said, by file and by environment, and how a mistake is explained."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from cx_pipeline.settings import DEFAULT_CONFIG, FileMapping, Settings, SettingsError, load_settings
from cx_pipeline.warehouse.inputs import dbt_environment
from tools.settings_page import page

ROOT = Path(__file__).parents[2]
Load = Callable[..., Settings]

SHOP = """
[sources.shop]
time_zone = "Asia/Seoul"
[sources.shop.transactions]
files = "shop_*.csv"
[sources.shop.transactions.columns]
amount = "금액"
kind = { from = "구분", values = { "반품" = "refund", "*" = "order" } }
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the settings from a TOML text and some variables, whatever the machine's own."""
    for name in tuple(os.environ):
        if name.startswith("CX_"):
            monkeypatch.delenv(name)

    def load(toml: str = "", **environment: str) -> Settings:
        config = tmp_path / "settings.toml"
        config.write_text(toml, encoding="utf-8")
        for name, value in {"CX_CONFIG": str(config), **environment}.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def problem(load: Load, toml: str = "", **environment: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(toml, **environment)
    return str(error.value)


def test_nothing_set_is_the_defaults(load: Load) -> None:
    settings = load()
    assert settings == Settings()
    assert settings.paths.inbox == settings.paths.root / "inbox"
    assert list(settings.all_sources) == ["inbox"]


def test_the_example_at_the_top_is_in_force_and_suits_the_sample(load: Load) -> None:
    settings = load((ROOT / DEFAULT_CONFIG).read_text(encoding="utf-8"))
    assert settings.reporting.time_zone == "Asia/Seoul"
    assert settings.reporting.currency == "KRW"


def test_the_commented_source_of_the_example_works_once_uncommented(load: Load) -> None:
    text = (ROOT / DEFAULT_CONFIG).read_text(encoding="utf-8")
    commented = text[text.index("# [sources.shop]") :]
    toml = "\n".join(line.removeprefix("# ").removeprefix("#") for line in commented.splitlines())
    columns = load(toml).sources["shop"].entities["transactions"].columns
    assert columns["kind"].values == {"반품": "refund", "*": "order"}


def test_the_page_is_the_models(load: Load) -> None:
    assert (ROOT / "docs/settings.md").read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_page_names_every_key() -> None:
    text = page()
    for key in ("min_n", "on_held", "key_file", "key_scope", "never_empty", "ces_scale", "lock_wait", "from"):
        assert f"| `{key}` |" in text


def test_the_environment_overrides_the_file(load: Load) -> None:
    settings = load(
        "data_dir = 'here'\n[reporting]\nmin_n = 3\ncurrency = 'EUR'\n[schedule]\nat = 03:30:00",
        CX_DATA_DIR="there",
        CX_REPORTING__MIN_N="7",
        CX_REPORTING__CES_SCALE="[1, 5]",
        CX_SCHEDULE__AT="04:15",
    )
    assert settings.data_dir == Path("there")
    assert settings.reporting.min_n == 7
    assert settings.reporting.currency == "EUR"
    assert settings.reporting.ces_scale == (1, 5)
    assert settings.schedule.at == time(4, 15)


def test_the_environment_reaches_into_a_source(load: Load) -> None:
    settings = load(
        SHOP,
        CX_SOURCES__SHOP__ENABLED="false",
        CX_SOURCES__SHOP__TRANSACTIONS__MODE="replace",
        CX_SOURCES__SHOP__TRANSACTIONS__FILES='["a.csv", "b.csv"]',
        CX_SOURCES__SHOP__TRANSACTIONS__COLUMNS__AMOUNT='{"from": "합계"}',
        CX_SOURCES__DESK__TIME_ZONE="Europe/Berlin",
    )
    mapping = settings.sources["shop"].entities["transactions"]
    assert isinstance(mapping, FileMapping)
    assert mapping.mode == "replace"
    assert mapping.files == ("a.csv", "b.csv")
    assert mapping.columns["amount"].from_ == "합계"
    assert mapping.columns["kind"].from_ == "구분"
    assert list(settings.all_sources) == ["desk", "inbox"]


def test_a_header_in_square_brackets_is_no_list(load: Load) -> None:
    settings = load(SHOP, CX_SOURCES__SHOP__TRANSACTIONS__COLUMNS__AMOUNT="[금액]")
    assert settings.sources["shop"].entities["transactions"].columns["amount"].from_ == "[금액]"


def test_an_empty_variable_sets_nothing(load: Load) -> None:
    assert load("[reporting]\nmin_n = 3", CX_REPORTING__MIN_N="", CX_INBOX_DIR="").reporting.min_n == 3


def test_debugging_is_no_setting(load: Load) -> None:
    assert load(CX_DEBUG="1") == Settings()


@pytest.mark.parametrize(
    ("toml", "environment", "expected"),
    [
        ("[reporting]\nmin_n = 'few'", {}, ["reporting.min_n = 'few'", "integer"]),
        ("", {"CX_REPORTING__MIN_N": "few"}, ["reporting.min_n = 'few' (from CX_REPORTING__MIN_N)"]),
        ("[reporting]\ntime_zone = 'Seoul'", {}, ["reporting.time_zone = 'Seoul'", "'Asia/Seoul'"]),
        ("[reporting]\ncurrency = 'won'", {}, ["reporting.currency = 'won'", "ISO 4217"]),
        ("[reporting]\nces_scale = [5, 1]", {}, ["reporting.ces_scale = [5, 1]", "lowest < highest"]),
        ("[gate]\non_held = 'go'", {}, ["gate.on_held = 'go'", "'stop' or 'publish_stale'"]),
        ("[schedule]\nat = '25:00'", {}, ["schedule.at = '25:00'", "0-23"]),
        ("[reporting]\nmin = 3", {}, ["reporting.min is no setting", "did you mean min_n?"]),
        ("reprting = 3", {}, ["reprting is no setting", "did you mean reporting?"]),
        ("[sources.shop.transaction]", {}, ["sources.shop.transaction is no", "did you mean transactions?"]),
        ("[sources.Shop]", {}, ["sources.Shop: must be lower-case"]),
        ("[entities.ticket]", {}, ["entities.ticket is no entity", "did you mean tickets?"]),
        (SHOP.replace("amount", "amuont"), {}, ["transactions.columns.amuont is no column", "mean amount?"]),
        (SHOP + "currency = {}", {}, ["shop.transactions.columns.currency", "either from", "or constant"]),
        (SHOP.replace("files", "mode"), {}, ["sources.shop.transactions.mode = 'shop_*.csv'", "'upsert'"]),
        ("", {"CX_PRIVACY__PHONE_REGIONS": "KR"}, ["phone_regions = 'KR' (from CX_", "JSON"]),
        ("", {"CX_REPRTING__MIN_N": "3"}, ["CX_REPRTING__MIN_N", "sets nothing", "CX_REPORTING"]),
        ("", {"CX_REPORTING__MINN": "3"}, ["(from CX_REPORTING__MINN) is no setting", "mean min_n?"]),
        ("", {"CX_LOCK_WAIT": "-1"}, ["lock_wait = '-1' (from CX_LOCK_WAIT)", "greater than or equal to 0"]),
        ("[reporting", {}, ["settings.toml cannot be read"]),
    ],
)
def test_a_mistake_names_key_value_and_what_is_allowed(
    load: Load, toml: str, environment: dict[str, str], expected: list[str]
) -> None:
    message = problem(load, toml, **environment)
    for part in expected:
        assert part in message


def test_all_mistakes_are_told_at_once(load: Load) -> None:
    message = problem(load, "lock_wait = -1\n[reporting]\nmin_n = 0")
    assert "lock_wait" in message
    assert "reporting.min_n" in message


def test_key_scope_and_key_file_are_no_secrets(load: Load) -> None:
    toml = "[privacy]\nkey_file = 3\n[sources.shop.transactions]\nkey_scope = 'path'"
    message = problem(load, toml)
    assert "privacy.key_file = 3" in message
    assert "key_scope = 'path'" in message


@pytest.mark.parametrize(
    ("toml", "environment"),
    [
        ("[privacy]\nkey = 'hush-hush'", {}),
        ("privacy = 'hush-hush'", {}),
        ("[privacy]\nkye = 'hush-hush'", {}),
        ("", {"CX_PRIVACY": "{'key': 'hush-hush'"}),
        ("", {"CX_PRIVACY__KEY__OLD": "hush-hush"}),
        ("", {"CX_PRIVACY_KEY": "hush-hush"}),
        ("lock_wait = -1", {"CX_PRIVACY__KEY": "hush-hush"}),
    ],
)
def test_no_message_holds_a_secret(load: Load, toml: str, environment: dict[str, str]) -> None:
    assert "hush-hush" not in problem(load, toml, **environment)


def test_the_settings_do_not_print_the_key(load: Load) -> None:
    settings = load(CX_PRIVACY__KEY="hush-hush")
    assert settings.privacy.key is not None
    assert settings.privacy.key.get_secret_value() == "hush-hush"
    assert "hush-hush" not in repr(settings) + str(settings.model_dump())


def test_a_named_file_that_is_not_there(load: Load, tmp_path: Path) -> None:
    assert "which does not exist" in problem(load, CX_CONFIG=str(tmp_path / "other.toml"))


def test_the_example_is_valid_toml_in_utf8() -> None:
    assert tomllib.loads((ROOT / DEFAULT_CONFIG).read_text(encoding="utf-8"))


def test_a_services_secret_is_refused_in_the_file_and_read_from_the_environment(load: Load) -> None:
    help_desk = '[sources.help]\ntype = "zendesk"\nsubdomain = "acme"\n'
    text = problem(load, help_desk + 'token = "t0p-s3cret"\n')
    assert "CX_SOURCES__HELP__TOKEN" in text
    assert "t0p" not in text
    settings = load(help_desk, **{"CX_SOURCES__HELP__TOKEN": "t0p-s3cret"})
    assert list(settings.services) == ["help"]
    assert "t0p" not in repr(settings)


def test_a_secret_that_is_json_stays_a_text(load: Load) -> None:
    """The key of Google Play's service account is a JSON document, and once was refused for that."""
    settings = load(
        '[sources.play]\ntype = "google_play"\npackages = ["com.example.shop"]\n',
        **{"CX_SOURCES__PLAY__KEY": '{"client_email": "a@b.example"}'},
    )
    secret = settings.services["play"].model_dump()["key"]
    assert secret.get_secret_value() == '{"client_email": "a@b.example"}'


def test_an_address_that_holds_a_password_or_a_signature_is_never_shown(load: Load) -> None:
    open_api = '[sources.files]\ntype = "remote_files"\n'
    for address in ("https://me:hush-hush@files.example/", "ftp://hush-hush@files.example/"):
        text = problem(load, open_api, **{"CX_SOURCES__FILES__BASE_URL": address})
        assert "hold no user" in text
        assert "hush" not in text
    text = problem(load, open_api, **{"CX_SOURCES__FILES__BASE_URL": "S3 ://x?sig=hush-hush"})
    assert "base_url = (hidden)" in text


def test_a_services_settings_are_checked_as_its_own(load: Load) -> None:
    assert "did you mean zendesk?" in problem(load, '[sources.help]\ntype = "zendsk"\n')
    text = problem(load, '[sources.help]\ntype = "zendesk"\nsubdomian = "acme"\n')
    assert "sources.help.subdomian is no setting; did you mean subdomain?" in text
    text = problem(load, '[sources.help]\ntype = "zendesk"\nsubdomain = "acme"\nidentify_by = "name"\n')
    assert "sources.help.identify_by = 'name'" in text
    text = problem(
        load,
        '[sources.help]\ntype = "zendesk"\nsubdomain = "acme"\n'
        '[sources.help.tickets.columns]\nprodct = "x"\n',
    )
    assert "did you mean product?" in text


def test_the_memory_setting_reaches_duckdb(load: Load) -> None:
    """All but the gigabyte that Python takes; where nothing is set, the profile has its own limit."""
    assert "DUCKDB_MEMORY_LIMIT" not in dbt_environment(load())
    settings = load('[performance]\nmemory = "8GB"')
    assert settings.performance.duckdb_memory == "7000MB"
    assert dbt_environment(settings)["DUCKDB_MEMORY_LIMIT"] == "7000MB"
    assert dbt_environment(settings)["DUCKDB_OPERATOR_MEMORY_LIMIT"] == "1400MB"
    assert load(CX_PERFORMANCE__MEMORY="4 GiB").performance.duckdb_memory == "3294MB"


@pytest.mark.parametrize("given", ["8", "lots", "80%", "1GB"])
def test_a_memory_that_is_no_size_or_too_small_is_refused(load: Load, given: str) -> None:
    assert "performance.memory" in problem(load, f'[performance]\nmemory = "{given}"')
