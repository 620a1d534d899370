"""Why a run did not get through, from its events.

What enters: the events of a run, as a run in this process gives them or as Dagster's log keeps them.  What
leaves: one text that says where it stopped, and the checks that stopped it.  Called by the command line and
by the alerts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

_TYPES = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
}


def logged_events(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterEvent]:
    """The events of a run that may say why it failed."""
    entries = instance.all_logs(run_id, of_type=_TYPES)
    return [entry.dagster_event for entry in entries if entry.dagster_event is not None]


def failed_checks(events: Iterable[dg.DagsterEvent]) -> list[dg.AssetCheckEvaluation]:
    """The checks that failed as errors."""
    checks = (
        event.asset_check_evaluation_data
        for event in events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
    )
    return [check for check in checks if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR]


def why_it_failed(events: Sequence[dg.DagsterEvent]) -> str:
    """What stopped the run, in the words of the failed checks, else of the step that failed."""
    step = next((event for event in events if event.is_step_failure), None)
    if step is None:
        return next((event.message or "" for event in events if event.is_failure), "no step was run")
    failed = failed_checks(events)
    if failed:
        told = [
            check.description or f"{'/'.join(check.asset_key.path)}: {check.check_name}" for check in failed
        ]
        return f"the night stopped at {step.step_key}:\n" + "\n".join(f"  {line}" for line in told)
    error = step.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    message = error.message.strip() if error is not None else "no reason was given"
    return f"the night stopped at {step.step_key}: {message.split(': ', 1)[-1]}"
