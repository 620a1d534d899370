"""Suites are read strictly: whatever Great Expectations would drop or ignore is an error that says so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from cx_pipeline.contract import ENTITIES
from cx_pipeline.gate import SuiteError, load_suites, rule_specs
from cx_pipeline.gate.contract_rules import contract_rules
from cx_pipeline.gate.suite import EXPECTATIONS, Rule, load_suite

GOOD_RULE: dict[str, Any] = {
    "rule": "team_present",
    "expectation": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "team"},
    "kind": "row",
    "severity": "warning",
    "description": "The team is known.",
}


def _suite(folder: Path, *extra: dict[str, Any], entity: str = "tickets") -> Path:
    """The project's suite of `entity`, with `extra` rules."""
    document = yaml.safe_load((EXPECTATIONS / f"{entity}.yaml").read_text(encoding="utf-8"))
    document["rules"] += extra
    path = folder / f"{entity}.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def test_a_rule_of_the_companys_own_is_taken(tmp_path: Path) -> None:
    suite = load_suite(_suite(tmp_path, GOOD_RULE))
    assert suite.rules[-1].name == "team_present"
    assert suite.fingerprint != load_suites()["tickets"].fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"severity": "critcal"}, "severity is 'critcal'; it must be one of critical, warning, info"),
        ({"severity": "critical"}, "severity critical holds a whole batch"),
        ({"kind": "table"}, "kind is 'table'; it must be one of row, batch"),
        ({"severty": "warning"}, "unknown key severty"),
        ({"rule": "status_known"}, "the rule status_known is there twice"),
        ({"rule": "Team present"}, "snake_case"),
        ({"description": ""}, "description must be a text"),
        ({"kwargs": {"column": "taem"}}, "unknown column taem"),
        ({"kwargs": {"column": "team", "mostly": 0.9}}, "kwargs.mostly is not for suites"),
        ({"kwargs": {"column": "team", "row_condition": "x"}}, "kwargs.row_condition is not for suites"),
        ({"kwargs": ["team"]}, "kwargs must be a mapping"),
        ({"kwargs": {}}, "names no column"),
        ({"where": "statis == 'open'"}, "unknown column statis"),
        ({"where": "status = 'open'"}, "is no condition of pandas' query"),
        ({"kind": "batch"}, "unknown column team; a batch rule may use"),
    ],
)
def test_a_wrong_entry_is_named_with_what_is_allowed(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SuiteError, match=r"tickets\.yaml") as caught:
        load_suite(_suite(tmp_path, GOOD_RULE | change))
    assert message in str(caught.value)


@pytest.mark.parametrize("key", sorted(GOOD_RULE))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(SuiteError, match=f"{key} is missing"):
        load_suite(_suite(tmp_path, {k: v for k, v in GOOD_RULE.items() if k != key}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("entity: tickets\nrules: []\n", "at least one rule"),
        ("entity: tickets\n", "exactly the keys 'entity' and 'rules'"),
        ("entity: feedback\nrules: [1]\n", "it must be 'tickets'"),
        ("entity: tickets\nrules: [1]\n", "must be a mapping"),
        ("entity: tickets\nentity: tickets\nrules: [1]\n", "line 1: 'entity' is given twice"),
        ("entity: [\n", "is no YAML"),
        ("", "exactly the keys"),
    ],
)
def test_a_wrong_file_is_a_clear_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "tickets.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError, match=message):
        load_suite(path)


def test_a_missing_suite_and_one_of_no_entity_are_errors(tmp_path: Path) -> None:
    shutil.copytree(EXPECTATIONS, tmp_path / "a")
    (tmp_path / "a" / "tickets.yaml").unlink()
    with pytest.raises(SuiteError, match=r"tickets.yaml is missing"):
        load_suites(tmp_path / "a")
    shutil.copytree(EXPECTATIONS, tmp_path / "b")
    (tmp_path / "b" / "ticket.yml").write_text("", encoding="utf-8")
    with pytest.raises(SuiteError, match="'ticket' is no entity"):
        load_suites(tmp_path / "b")


def test_the_suites_are_equal_to_the_contract() -> None:
    """Types, closed lists, bounds, forms and what is required stand in the contract; suites repeat them."""
    for name, suite in load_suites().items():
        stated = {rule.name: (rule.expectation, dict(rule.kwargs)) for rule in suite.rules}
        for rule in contract_rules(ENTITIES[name]):
            assert stated[rule.name] == (rule.expectation, rule.kwargs)


@pytest.mark.parametrize(
    ("entity", "rule", "kwargs"),
    [
        ("tickets", "status_known", {"column": "status", "value_set": ["open"]}),
        ("feedback", "weight_positive", {"column": "weight", "min_value": 0}),
        ("tickets", "ticket_id_present", None),
    ],
)
def test_a_suite_that_drifts_from_the_contract_is_refused(
    tmp_path: Path, entity: str, rule: str, kwargs: dict[str, Any] | None
) -> None:
    document = yaml.safe_load((EXPECTATIONS / f"{entity}.yaml").read_text(encoding="utf-8"))
    if kwargs is None:
        document["rules"] = [r for r in document["rules"] if r["rule"] != rule]
    else:
        next(r for r in document["rules"] if r["rule"] == rule)["kwargs"] = kwargs
    path = tmp_path / f"{entity}.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(SuiteError, match=rf"{rule}.*(differs from the contract|which is missing)"):
        load_suite(path)


@pytest.mark.parametrize(
    ("expectation", "kwargs", "message"),
    [
        (
            "expect_column_values_to_be_betwen",
            {"column": "team"},
            "knows no expect_column_values_to_be_betwen",
        ),
        ("expect_column_values_to_be_between", {"column": "team"}, "refuses its kwargs"),
        ("expect_column_values_to_not_be_null", {"column": "team", "colour": 1}, "refuses its kwargs"),
        ("expect_column_max_to_be_between", {"column": "team", "min_value": 0}, "no row can be named"),
    ],
)
def test_what_great_expectations_would_not_take_is_an_error(
    expectation: str, kwargs: dict[str, Any], message: str
) -> None:
    from cx_pipeline.gate.engine import Session

    rule = Rule("team_rule", expectation, kwargs, None, "row", "warning", "A rule.")
    with pytest.raises(SuiteError, match="rule team_rule") as caught:
        Session().build("tickets rows", [rule])
    assert message in str(caught.value)


def test_rules_great_expectations_drops_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Regression: an emptied suite succeeds; the counts after building it are compared."""
    import great_expectations as gx

    from cx_pipeline.gate.engine import Session

    whole = gx.ExpectationSuite
    monkeypatch.setattr(
        gx, "ExpectationSuite", lambda name, expectations: whole(name=name, expectations=expectations[:-1])
    )
    with pytest.raises(SuiteError, match=r"kept \d+ of \d+ rules; it dropped text_within_64_kib"):
        Session().build("tickets rows", load_suites()["tickets"].of_kind("row"))


def test_great_expectations_takes_every_suite_as_it_stands() -> None:
    from cx_pipeline.gate.engine import Session

    session = Session()
    for name, suite in load_suites().items():
        session.build(f"{name} rows", suite.of_kind("row"))
        session.build(f"{name} batches", suite.of_kind("batch"))


def test_nothing_is_sent_anywhere() -> None:
    from cx_pipeline.gate.engine import Session

    context = Session()._context
    assert context.config.analytics_enabled is False
    assert context.config.data_docs_sites is None or not any(
        "s3" in str(site) for site in context.config.data_docs_sites.values()
    )


def test_specs_describe_every_rule() -> None:
    specs = rule_specs()
    assert list(specs) == list(ENTITIES)
    for name, suite in load_suites().items():
        assert [spec.rule for spec in specs[name]] == [rule.name for rule in suite.rules]
        assert all(spec.description.endswith(".") for spec in specs[name])
