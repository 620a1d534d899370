"""A batch that breaks a critical rule: the night stops, yesterday stands, and somebody decides."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.company import Company

ACCOUNTS = {"reconciliation", "quarantine"}
"""What tells of held rows without showing any of them."""


def _drop(company: Company, header: str, *rows: str) -> None:
    file = company.inbox / "feedback" / "kiosk.csv"
    file.write_text("\n".join((header, *rows)) + "\n")


def _numbers(company: Company) -> dict[str, str]:
    return {name: digest for name, digest in company.contents().items() if name not in ACCOUNTS}


def test_a_held_batch_from_the_night_it_comes_to_the_night_it_is_let_in(
    second_night: Company, tmp_path: Path
) -> None:
    company = second_night.copy_to(tmp_path / "data")
    _drop(company, "response_id,metric,score,responded_at,team", "kiosk-1,csat,5,2026-09-29T10:00:00Z,lobby")
    company.cx("nightly", "--date", "2026-11-03")
    before = company.contents()

    _drop(
        company,
        "response_id,metric,score,responded_at,crew",  # team has become crew
        "kiosk-2,csat,4,2026-09-29T11:00:00Z,lobby",
    )
    stopped = company.cx("nightly", "--date", "2026-11-04", check=False)
    assert stopped.returncode == 1
    assert "header_not_renamed" in stopped.stderr
    assert "cx gate accept" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert company.contents() == before, "a stopped night changed what is published"

    (held,) = json.loads(company.cx("gate", "list", "--json").stdout)
    company.cx("nightly", "--date", "2026-11-05")
    assert _numbers(company) == {k: v for k, v in before.items() if k not in ACCOUNTS}
    assert company.rows("select held from marts.reconciliation where entity = 'feedback'") == [(1,)]
    assert company.rows("select outcome from marts.nights where night = date '2026-11-04'") == [("held",)]

    company.cx("gate", "accept", held["batch_id"], "--reason", "the kiosk was renamed")
    company.cx("nightly", "--date", "2026-11-06")
    kiosk = company.rows(
        "select response_id, team from marts.fct_feedback where response_id like 'kiosk-%' order by 1"
    )
    assert kiosk == [("kiosk-1", "lobby"), ("kiosk-2", None)]
    assert company.rows("select held from marts.reconciliation where entity = 'feedback'") == [(0,)]
    assert company.cx("gate", "drop", held["batch_id"], "--reason", "x", check=False).returncode == 1
