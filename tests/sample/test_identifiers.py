"""Planted identifiers stand in comments, look real, and stand nowhere else."""

from __future__ import annotations

import re

import phonenumbers

from cx_pipeline.sample import SampleReport
from cx_pipeline.sample.comments import make_identifiers
from cx_pipeline.sample.draw import stream
from tests.sample.drops import Row

KINDS = {"email", "phone", "card", "resident_number", "ip"}


def test_exactly_the_reported_ones_stand_in_comments(
    read: dict[str, list[Row]], report: SampleReport
) -> None:
    comments = "\n".join(row.get("comment", "") for row in read["feedback"])
    assert {i.kind for i in report.identifiers} == KINDS
    for identifier in report.identifiers:
        assert identifier.value in comments
    emails = set(re.findall(r"[\w.]+@[a-z.]*[a-z]", comments))
    assert emails == {i.value for i in report.identifiers if i.kind == "email"}


def test_they_stand_nowhere_but_in_comments(read: dict[str, list[Row]], report: SampleReport) -> None:
    rest = "\n".join(
        str(value)
        for found in read.values()
        for row in found
        for name, value in row.items()
        if name != "comment"
    )
    rest += (report.directory / "README.md").read_text()
    assert "@" not in rest
    assert not [i.value for i in report.identifiers if i.value in rest]


def test_a_small_share_of_comments_gives_one_away(read: dict[str, list[Row]], report: SampleReport) -> None:
    comments = [row["comment"] for row in read["feedback"] if "comment" in row]
    told = sum(any(i.value in comment for i in report.identifiers) for comment in comments)
    assert 0 < told / len(comments) < 0.04


def test_they_would_pass_for_real() -> None:
    """Luhn, check digits and numbering plans hold, so that redaction must find them."""
    for identifier in make_identifiers(stream(1, 0, 0)):
        digits = [int(d) for d in re.sub(r"\D", "", identifier.value)]
        if identifier.kind == "card":
            doubled = [
                d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(digits[::-1])
            ]
            assert len(digits) == 16
            assert sum(doubled) % 10 == 0
        elif identifier.kind == "resident_number":
            weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
            total = sum(d * w for d, w in zip(digits, weights, strict=False))
            assert digits[12] == (11 - total % 11) % 10
        elif identifier.kind == "phone":
            assert phonenumbers.is_valid_number(phonenumbers.parse(identifier.value, "KR")), identifier


def test_the_report_does_not_print_them(report: SampleReport) -> None:
    assert not [i.value for i in report.identifiers if i.value in repr(report)]
