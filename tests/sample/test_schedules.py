"""The sample's sites are schedules of the seed, with the hours its people work."""

from __future__ import annotations

import csv

from cx_pipeline.sample import company
from cx_pipeline.warehouse.inputs import PROJECT_DIR

ZONES = {"seoul": "Asia/Seoul", "new_york": "America/New_York", "london": "Europe/London"}


def test_every_site_has_its_business_hours() -> None:
    with (PROJECT_DIR / "seeds" / "business_hours.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for site, opens in zip(company.SITES, company.SITE_OPENS, strict=True):
        hours = [row for row in rows if row["schedule_id"] == site]
        assert [row["weekday"] for row in hours] == ["mon", "tue", "wed", "thu", "fri"]
        assert {row["time_zone"] for row in hours} == {ZONES[site]}
        spans = {(row["opens_at"], row["closes_at"]) for row in hours}
        assert spans == {(f"{opens // 3600:02}:00", f"{(opens + company.SITE_HOURS) // 3600:02}:00")}
