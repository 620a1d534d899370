"""What survey tools share: what a question may say of itself, scores of choices, proposals."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from cx_pipeline.settings import SettingsError, load_settings
from cx_pipeline.sources.http.paging import by_instant
from cx_pipeline.sources.surveys import (
    Asked,
    AskedSurvey,
    Choice,
    Question,
    SurveySource,
    proposal,
    scores_of,
)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ('"ces"', "needs a direction"),
        ('{ metric = "comment", scale = [1, 5] }', "has no scale"),
        ('{ metric = "csat", scale = [5, 1] }', "lowest < highest"),
        ('{ metric = "happiness" }', "must be 'nps'"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str, told: str
) -> None:
    config = tmp_path / "cx.toml"
    config.write_text(
        '[sources.voice]\ntype = "qualtrics"\ndatacenter = "iad1"\n'
        f"[sources.voice.surveys.SV_1]\nQ1 = {question}\n"
    )
    monkeypatch.setenv("CX_CONFIG", str(config))
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "sources.voice.surveys.SV_1.Q1" in str(error.value) and told in str(error.value)


def test_a_survey_is_named_by_its_id_alone() -> None:
    """It becomes part of an address and of a file's name."""
    with pytest.raises(ValidationError):
        SurveySource.model_validate({"type": "x", "surveys": {"../secrets": {"Q1": "nps"}}})


def test_values_do_not_mind_case_and_blanks() -> None:
    question = Question(metric="csat", values={"Very  Happy": 5})
    assert question.score(" very happy ") == 5
    assert question.score("unknown") == "unknown"
    assert question.score(4) == 4


def _choices(*labels: str, numbers: tuple[float | None, ...] = ()) -> list[Choice]:
    given = numbers or (None,) * len(labels)
    return [
        Choice(f"c{n}", label, number) for n, (label, number) in enumerate(zip(labels, given, strict=True))
    ]


@pytest.mark.parametrize(
    ("choices", "scale", "scores"),
    [
        (_choices("0 not at all", "1", "2 surely"), None, [0, 1, 2]),
        (_choices("bad", "good", numbers=(0, 100)), None, [0, 100]),
        (_choices("bad", "good", numbers=(0, 100)), (1, 2), []),  # weights that are no scores
        (_choices("bad", "so-so", "good"), (1, 5), []),  # which end is which?
        (_choices("never", "1", "2", "surely"), (0, 10), [0, 1, 2, 3]),
        (_choices("never", "2", "1", "surely"), (0, 10), []),
        (_choices("1", "1", "2"), None, []),  # numbers that do not tell the choices apart
    ],
)
def test_scores_of_choices(
    choices: list[Choice], scale: tuple[float, float] | None, scores: list[float]
) -> None:
    assert list(scores_of(choices, scale).values()) == scores


def test_a_scale_whose_high_end_is_bad_is_turned() -> None:
    labels = ("Very satisfied", "Satisfied", "Neither", "Dissatisfied", "Very dissatisfied")
    choices = tuple(_choices(*labels, numbers=(1, 2, 3, 4, 5)))
    asked = (
        Asked("Q1", "How satisfied were you?", choices=choices, gives_numbers=True),
        Asked("Q2", "Acme made it easy", choices=tuple(_choices("disagree", "agree"))),
        Asked("Q3", "How much effort was it?", scale=(1, 5)),
        Asked("Q.4", "얼마나 만족하셨나요?", scale=(1, 10)),
        Asked("Q5", "Rate the recommendation engine", scale=(1, 5)),
        Asked("Q6", 'What is "x"\n[evil]\ny = 1', scale=(1, 5)),
    )
    text = proposal("voice", [AskedSurvey("S 1", "a\nb = 2", asked)])
    assert tomllib.loads(text) == {
        "sources": {
            "voice": {
                "surveys": {
                    "S 1": {
                        "Q1": {"metric": "csat", "direction": "lower_is_better"},
                        "Q2": {
                            "metric": "ces",
                            "scale": [1, 2],
                            "direction": "higher_is_better",
                            "values": {"c0": 1, "c1": 2},
                        },
                        "Q3": {"metric": "ces", "scale": [1, 5], "direction": "lower_is_better"},
                        "Q.4": {"metric": "csat", "scale": [1, 10]},
                    }
                }
            }
        }
    }
    assert "# Q5: measures nothing known" in text  # no scale of an NPS


def test_pages_by_instant_lose_nothing_while_records_change() -> None:
    """A record that changes between two pages moves to the end, and all behind it one place up."""
    changed = {f"r{n}": n // 3 for n in range(20)}
    seen: dict[str, int] = {}

    def fetch(since: int | None, page: int) -> tuple[list[tuple[str, int]], bool]:
        found = sorted((at, name) for name, at in changed.items() if at > (since or -1))  # leaves it out
        some = found[(page - 1) * 5 : page * 5]
        if len(changed) < 24:
            changed[f"r{len(changed) % 7}"] = 100 + len(changed)
            changed[f"new{len(changed)}"] = 200
        return [(name, at) for at, name in some], len(some) == 5

    for records, _ in by_instant(fetch, lambda record: record[1], None, None):
        seen.update(records)
    assert seen == changed


@pytest.mark.parametrize("at", [[5] * 12, list(range(12, 0, -1))], ids=["one second", "falling"])
def test_pages_by_instant_follow_the_numbers_where_they_must(at: list[int]) -> None:
    def fetch(since: int | None, page: int) -> tuple[list[int], bool]:
        found = [n for n in range(12) if at[n] >= (since or 0)]
        return found[(page - 1) * 4 : page * 4], page * 4 < len(found)

    pages = list(by_instant(fetch, lambda n: at[n], None, None))
    assert {n for records, _ in pages for n in records} == set(range(12))
    assert pages[-1][1] == {"from": max(at) - 1, "page": 1, "newest": max(at), "is_sorted": True}
