"""The gate: every landed batch is judged before the warehouse reads it.

The names below are the room's whole interface.  None of them imports Great Expectations; `judge` does,
once there is a batch to judge.
"""

from cx_pipeline.gate.columns import SurveysError
from cx_pipeline.gate.judging import judge
from cx_pipeline.gate.report import BatchReport, GateReport, RuleReport, RuleSpec, batch_report, rule_specs
from cx_pipeline.gate.suite import Suite, SuiteError, load_suites
from cx_pipeline.gate.verdict import (
    GateError,
    RuleResult,
    Verdict,
    accept,
    drop,
    list_held,
    load_verdicts,
)

__all__ = [
    "BatchReport",
    "GateError",
    "GateReport",
    "RuleReport",
    "RuleResult",
    "RuleSpec",
    "Suite",
    "SuiteError",
    "SurveysError",
    "Verdict",
    "accept",
    "batch_report",
    "drop",
    "judge",
    "list_held",
    "load_suites",
    "load_verdicts",
    "rule_specs",
]
