"""Alerts: what a night has to tell, to whom it was told, and the messages.

What enters: the night's record, the gate's verdicts, the published file, the failure of a run.  What leaves:
`state/alerts/ledger.json`, and one message a night and channel.  Nothing here can fail a night: a channel
that fails is reported and tried again.  Called by Dagster's asset and sensor, and by the command line.
"""

from cx_pipeline.alerts.judge import FailedCheck, FailedNight, judge_failed, judge_published
from cx_pipeline.alerts.ledger import LedgerError, open_findings, read_ledger
from cx_pipeline.alerts.tell import Report, tell

__all__ = [
    "FailedCheck",
    "FailedNight",
    "LedgerError",
    "Report",
    "judge_failed",
    "judge_published",
    "open_findings",
    "read_ledger",
    "tell",
]
