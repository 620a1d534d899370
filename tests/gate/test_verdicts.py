"""Verdicts: judged once, crash-safe, decided by people; errors are neither bad data nor a pass."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cx_pipeline.gate import GateError, accept, drop, list_held, load_verdicts
from cx_pipeline.gate import judging as judging_module
from cx_pipeline.gate.suite import EXPECTATIONS, load_suites
from cx_pipeline.landing import batch_path
from tests.gate.conftest import Lab

WHY = "checked with the shop"


class Killed(BaseException):
    """Stands for the process dying."""


def _held(lab: Lab) -> str:
    batch = lab.land("tickets", [{}, {"priority": "meh"}], renamed=True)
    lab.judge()
    return batch.batch_id


def test_a_batch_is_judged_once(lab: Lab) -> None:
    batch = lab.land("tickets", [{"priority": "meh"}])
    lab.judge()
    before = lab.verdict(batch)
    report = lab.judge()
    assert report.batches == ()
    assert all(rule.checked == 0 and rule.passed for rule in report.rules)
    assert lab.verdict(batch) == before


def test_accept_lets_a_held_batch_in_and_its_row_rules_hold(lab: Lab) -> None:
    batch_id = _held(lab)
    assert [verdict.batch_id for verdict in list_held(lab.settings.paths)] == [batch_id]
    verdict = accept(lab.settings.paths, batch_id, WHY)
    assert (verdict.state, verdict.reason, verdict.is_read) == ("accepted", WHY, True)
    assert verdict.quarantined == 1
    assert load_verdicts(lab.settings.paths)[batch_id] == verdict
    assert list_held(lab.settings.paths) == []
    lab.judge()
    assert load_verdicts(lab.settings.paths)[batch_id] == verdict


def test_drop_keeps_a_held_batch_out(lab: Lab) -> None:
    verdict = drop(lab.settings.paths, _held(lab), WHY)
    assert (verdict.state, verdict.is_read) == ("dropped", False)


def test_a_decision_takes_a_unique_beginning_of_the_id(lab: Lab) -> None:
    first = lab.land("tickets", [{}], renamed=True, batch_id="ab" + "0" * 14)
    second = lab.land("tickets", [{}], renamed=True, batch_id="ac" + "0" * 14)
    lab.land("tickets", [{}], batch_id="ab1" + "0" * 13)  # passed: no rival for the beginning
    lab.judge()
    with pytest.raises(GateError, match=f"2 held batches .{first.batch_id}, {second.batch_id}"):
        accept(lab.settings.paths, "a", WHY)
    assert accept(lab.settings.paths, "AB", WHY).batch_id == first.batch_id


@pytest.mark.parametrize("given", ["ffff", "", "  ", "0000000000000001-x"])
def test_an_unknown_batch_is_refused(lab: Lab, given: str) -> None:
    _held(lab)
    with pytest.raises(GateError, match="no held batch has an id that begins"):
        drop(lab.settings.paths, given, WHY)


def test_what_is_not_held_cannot_be_decided(lab: Lab) -> None:
    batch = lab.land("tickets", [{}])
    lab.judge()
    with pytest.raises(GateError, match="is not held: it is passed"):
        accept(lab.settings.paths, batch.batch_id, WHY)
    held = _held(lab)
    drop(lab.settings.paths, held, WHY)
    with pytest.raises(GateError, match=f"is not held: it is dropped since .*: {WHY}"):
        accept(lab.settings.paths, held, WHY)


def test_a_decision_needs_a_reason(lab: Lab) -> None:
    with pytest.raises(GateError, match="needs its reason"):
        accept(lab.settings.paths, _held(lab), " ")


def test_an_earlier_batch_stays_held_and_is_reported_as_such(lab: Lab) -> None:
    batch_id = _held(lab)
    lab.land("tickets", [{}])
    report = lab.judge()
    assert report.held == ()
    assert [batch.batch_id for batch in report.still_held] == [batch_id]


def test_killed_between_quarantine_and_verdict_the_next_run_ends_the_same(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lab.land("tickets", [{"priority": "meh"}, {}])
    second = lab.land("tickets", [{}, {"priority": "meh"}])
    from cx_pipeline.gate.verdict import write_verdict as write

    def die_at_the_second(*args: object) -> None:
        if any(getattr(a, "batch_id", None) == second.batch_id for a in args):
            raise Killed
        write(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(judging_module, "write_verdict", die_at_the_second)
        with pytest.raises(Killed):
            lab.judge()
    assert lab.quarantine(second) == {1: "priority_known"}
    assert set(load_verdicts(lab.settings.paths)) == {first.batch_id}
    report = lab.judge()
    assert [batch.batch_id for batch in report.batches] == [second.batch_id]
    assert lab.quarantine(first) == {0: "priority_known"}
    assert lab.quarantine(second) == {1: "priority_known"}
    assert (report.landed, report.passed, report.quarantined) == (2, 1, 1)


def test_quarantine_of_a_dead_run_does_not_outlive_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row quarantined by a run that gave no verdict passes where the rules have changed since."""
    good = lab.land("tickets", [{}])
    other = lab.land("tickets", [{"priority": "meh"}])
    lab.judge()
    stale = batch_path(lab.settings.paths, good, lab.settings.paths.quarantine)
    stale.write_bytes(batch_path(lab.settings.paths, other, lab.settings.paths.quarantine).read_bytes())
    (lab.settings.paths.state / "verdicts" / f"{good.batch_id}.json").unlink()
    lab.judge()
    assert not stale.exists()


def test_an_exception_in_a_rule_holds_the_batch_and_names_the_rule(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A rule that cannot be run is neither bad data nor a pass; the other rules still speak."""
    folder = tmp_path / "suites"
    folder.mkdir()
    for path in EXPECTATIONS.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.stem == "tickets":
            text += (
                "  - rule: status_above_zero\n"
                "    expectation: expect_column_values_to_be_between\n"
                "    kwargs: {column: status, min_value: 0}\n"
                "    kind: row\n    severity: warning\n    description: It compares a text with a number.\n"
            )
        (folder / path.name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(judging_module, "load_suites", lambda: load_suites(folder))
    batch = lab.land("tickets", [{}, {"priority": "meh"}])
    empty = lab.land("tickets", [])
    events = lab.land("ticket_events", [{}])
    report = lab.judge()
    verdict = lab.verdict(batch)
    assert verdict.state == "held"
    assert [result.rule for result in verdict.held_by] == ["status_above_zero"]
    assert verdict.held_by[0].says.startswith("status_above_zero could not be run: ")
    assert lab.quarantine(batch) == {1: "priority_known"}
    assert lab.verdict(empty).state == "passed"
    assert lab.verdict(events).state == "passed"
    [rule] = [rule for rule in report.rules if rule.spec.rule == "status_above_zero"]
    assert rule.holds and not rule.passed and len(rule.errors) == 1


def test_an_alias_and_an_empty_batch_pass(lab: Lab) -> None:
    alias = lab.land("customers", [], alias=True)
    empty = lab.land("customers", [])
    report = lab.judge()
    assert lab.verdict(alias).state == lab.verdict(empty).state == "passed"
    assert lab.verdict(alias).rules == ()
    assert report.landed == 0


def test_a_report_and_a_verdict_travel_as_json(lab: Lab) -> None:
    lab.land("tickets", [{"priority": "meh"}], renamed=True, extra=("new",))
    report = lab.judge()
    assert json.loads(json.dumps(report.to_dict()))["batches"][0]["state"] == "held"


def test_a_broken_verdict_file_is_a_clear_error(lab: Lab) -> None:
    _held(lab)
    path = next((lab.settings.paths.state / "verdicts").glob("*.json"))
    path.write_text("{", encoding="utf-8")
    with pytest.raises(GateError, match="is no verdict: restore it from a backup, or delete it"):
        lab.judge()


def test_an_idle_gate_imports_neither_pandas_nor_great_expectations(lab: Lab) -> None:
    lab.land("tickets", [{}])
    lab.judge()
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from cx_pipeline.gate import judge, rule_specs\n"
        "from cx_pipeline.settings import Settings\n"
        "assert 'pyarrow' not in sys.modules\n"
        "judge(Settings(data_dir=Path(sys.argv[1])))\n"
        "rule_specs()\n"
        "print([name for name in ('pandas', 'great_expectations') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(lab.settings.data_dir)],
        capture_output=True,
        text=True,
        check=True,
        cwd=EXPECTATIONS.parent,
    )
    assert done.stdout.strip() == "[]"
