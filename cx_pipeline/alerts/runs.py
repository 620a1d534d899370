"""Failed nights, told whoever started them: from the command line, by the schedule or from the UI.

What enters: a failed run of the nightly job.  What leaves: the messages.  The command line tells of its own
failures and of a dead night whose lock it takes; the sensor, in the daemon, of all others.  Where both see
one, the ledger's lock and keys let it be told once.
"""

# no `from __future__ import annotations`: Dagster looks at the annotation of the context itself
import logging
from datetime import UTC, datetime

import dagster as dg

from cx_pipeline.alerts.judge import FailedCheck, FailedNight, judge_failed
from cx_pipeline.alerts.ledger import LedgerError
from cx_pipeline.alerts.tell import Report, tell
from cx_pipeline.night.failure import failed_checks, logged_events, why_it_failed
from cx_pipeline.night.resource import NIGHTLY_JOB, night_date
from cx_pipeline.settings import Settings

_log = logging.getLogger(__name__)
_WILL_RETRY_TAG = "dagster/will_retry"


def tell_of_failed_run(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> Report | None:
    """Tell every channel of a night that failed; None where the run was no night or nobody could be told."""
    failed = _failed_night(settings, instance, run_id)
    if failed is None:
        return None
    try:
        report = tell(settings, judge_failed(settings, failed), failed.night)
    except (LedgerError, OSError) as error:
        _log.warning("alerts: nobody could be told that the night failed: %s", error)
        return None
    for line in report.lines:
        _log.warning(line)
    return report


def _failed_night(settings: Settings, instance: dg.DagsterInstance, run_id: str) -> FailedNight | None:
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.dagster_run.job_name != NIGHTLY_JOB:
        return None
    started = record.start_time or record.create_timestamp.timestamp()
    events = logged_events(instance, run_id)
    return FailedNight(
        run_id,
        night_date(record.dagster_run, settings).isoformat(),
        datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        why_it_failed(events),
        tuple(
            FailedCheck("/".join(check.asset_key.path), check.check_name, check.description or "")
            for check in failed_checks(events)
            if check.asset_key.path[0] != "landing"  # a held batch is told as such
        ),
    )


def failed_night_sensor(
    settings: Settings, nightly: "dg.UnresolvedAssetJobDefinition"
) -> dg.SensorDefinition:
    """Tells of a failed night; on where there is a channel to tell."""
    is_on = any(channel.enabled for channel in settings.alerts.channels.values())

    @dg.run_failure_sensor(
        name="failed_night_alert",
        monitored_jobs=[nightly],
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description="Tells the alert channels that a night failed, once it will not be tried again.",
    )
    def failed_night_alert(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
        run = context.dagster_run
        if run.tags.get(_WILL_RETRY_TAG) == "true":
            return dg.SkipReason("the run will be retried")
        report = tell_of_failed_run(settings, context.instance, run.run_id)
        return dg.SkipReason("; ".join(report.lines)) if report and report.failed else None

    return failed_night_alert
