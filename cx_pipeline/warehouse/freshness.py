"""When what a night makes is overdue.  Called by the assets of the warehouse and of what is made from it."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from cx_pipeline.settings import Settings


def nightly_freshness(settings: Settings) -> dg.FreshnessPolicy:
    """Overdue two hours after the schedule's time."""
    at = settings.schedule.at
    return dg.FreshnessPolicy.cron(
        deadline_cron=f"{at.minute} {(at.hour + 2) % 24} * * *",
        lower_bound_delta=timedelta(hours=2, minutes=5),
        timezone=settings.schedule_zone.key,
    )
