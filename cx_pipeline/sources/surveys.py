"""What the survey tools have in common: which question measures what, and the rows of an answer.

What enters: `[sources.<name>.surveys.<survey>]`, a table of the vendor's question ids, and what a connector
read of a submission or an invitation.  What leaves: feedback rows, and the settings `cx sources suggest`
prints.  Used by the connectors of survey tools; nothing here knows one of them or does I/O.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cx_pipeline.contract.entities import DEFAULT_SCALES
from cx_pipeline.settings import ServiceSource
from cx_pipeline.settings.sections import Section
from cx_pipeline.sources.connector import Connector, Json, Page, Row, Stream, Window

Metric = Literal["nps", "csat", "ces", "rating", "useful", "usable", "enjoyable", "comment", "idea"]
TEXTS = ("comment", "idea")
_TAG = re.compile(r"<[^>]*>|&nbsp;|[\x00-\x1f\x7f]+")
_NUMBER_IN_LABEL = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\b|\b(-?\d+)\s*$")


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("must be [lowest, highest] with lowest < highest")
    return value


class Question(Section):
    """What one question measures; `QID1 = "nps"` is short for `QID1 = { metric = "nps" }`."""

    metric: Metric
    """What it measures."""
    scale: Annotated[tuple[float, float], AfterValidator(_rising)] | None = None
    """Its lowest and highest score; by default the survey's (`seeds/surveys.csv`), else the metric's."""
    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    """Which end is good; `ces` must say so: ease `higher_is_better`, effort `lower_is_better`."""
    values: Mapping[str, float] = {}
    """Answer (its text or the vendor's id) → score, where the vendor has no number for it."""

    @model_validator(mode="before")
    @classmethod
    def _metric_alone(cls, value: object) -> object:
        return {"metric": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _fits_its_metric(self) -> Self:
        if self.metric == "ces" and self.direction is None:
            raise ValueError(
                "ces needs a direction: 'higher_is_better' for ease, 'lower_is_better' for effort; "
                "it is never guessed"
            )
        if self.metric in TEXTS and (self.scale or self.direction or self.values):
            raise ValueError(f"a {self.metric} is text: it has no scale, direction or values")
        return self

    def score(self, answer: object) -> object:
        """The answer's score: as `values` has it, else itself, which is rejected where it is no number."""
        found = self._values.get(_folded(answer)) if self.values else None
        return answer if found is None else found

    def knows(self, answer: object) -> bool:
        """Whether `values` has this answer."""
        return _folded(answer) in self._values

    @cached_property
    def _values(self) -> Mapping[str, float]:
        return {_folded(label): score for label, score in self.values.items()}


class SurveySource(ServiceSource):
    """A survey tool.  Only the surveys and questions declared here are pulled."""

    surveys: Mapping[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Mapping[str, Question]] = {}
    """Survey → question → what it measures; `cx sources suggest <name>` proposes it."""


SurveyPages = Callable[[str, Json, Window | None], Iterable[Page]]
"""As `Pages`, of the survey that comes first."""


def streams_of(connector: Connector[Any], **kinds: SurveyPages) -> tuple[Stream, ...]:
    """A stream for each declared survey and each kind of page (`responses=`, `invitations=`)."""
    surveys, link = connector.settings.surveys, connector.link
    if not surveys:
        link.note(f"no survey is declared: see what `cx sources suggest {link.source}` proposes")
    return tuple(
        Stream(f"{kind}_{survey}", ("feedback",), partial(pages, survey))
        for survey in surveys
        for kind, pages in kinds.items()
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer a question offers: the vendor's id, what people read, and the vendor's own number for it."""

    id: str
    label: str
    number: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as a vendor's metadata tells it.

    `is_nps`: the vendor itself calls it so.  `scale` where people give a number, `choices` where they choose;
    `gives_numbers`: the choices come as their `number` and need no `values`.  Neither: it is for text if
    `is_text`.
    """

    id: str
    text: str
    is_nps: bool = False
    is_text: bool = False
    scale: tuple[float, float] | None = None
    choices: tuple[Choice, ...] = ()
    gives_numbers: bool = False


@dataclass(frozen=True, slots=True)
class AskedSurvey:
    """A survey as a vendor's metadata tells it."""

    id: str
    title: str
    questions: tuple[Asked, ...]


# ---------------------------------------------------------------- rows


def answer_rows(
    questions: Mapping[str, Question], answers: Mapping[str, object], submission: Row
) -> Iterator[Row]:
    """A row for each declared question that was answered; `submission` has what its rows share.

    `submission["submission_id"]` and the question's id make the `response_id`.
    """
    key = submission.get("response_id") or submission["submission_id"]
    for name, question in questions.items():
        answer = answers.get(name)
        if answer is None or (isinstance(answer, str) and not answer.strip()):
            continue
        row = {**submission, "response_id": f"{key}:{name}", **_of_question(name, question)}
        if question.metric in TEXTS:
            yield {**row, "comment": answer}
        else:
            yield {**row, "score": question.score(answer)}


def invitation_rows(
    questions: Mapping[str, Question], invitation: Row, mapped: Collection[str]
) -> Iterator[Row]:
    """The rows of an invitation, one a scored question, without scores.

    `mapped` are the fields the mapping asks for: an invitation has them without a value, since a page that
    lacks a mapped field altogether is held.

    They stay once it is answered: the answer shares their `submission_id`, which makes the submission
    answered and gives it the instant it was invited at.
    """
    scored = {name: q for name, q in questions.items() if q.metric not in TEXTS} or dict(questions)
    key = invitation["response_id"]
    for name, question in scored.items():
        own = {**_of_question(name, question), "question_id": None}  # the answer's row speaks for both
        yield {**dict.fromkeys(mapped), **invitation, "response_id": f"{key}:{name}", "score": None, **own}


def _of_question(name: str, question: Question) -> dict[str, Any]:
    low, high = question.scale or (None, None)
    return {
        "question_id": name,
        "metric": question.metric,
        "scale_min": low,
        "scale_max": high,
        "scale_direction": question.direction,
    }


def mapped_fields(source: ServiceSource) -> frozenset[str]:
    """The fields the mapping of `feedback` asks for."""
    mapping = source.entities.get("feedback")
    asked = (*mapping.columns.values(), *mapping.attributes.values()) if mapping else ()
    return frozenset(column.from_ for column in asked if column.from_)


def asked_for(source: ServiceSource, prefix: str) -> frozenset[str]:
    """Those of them that begin with `prefix`, without it."""
    return frozenset(name.removeprefix(prefix) for name in mapped_fields(source) if name.startswith(prefix))


# ---------------------------------------------------------------- scores of choices


def scores_of(
    choices: Collection[Choice], scale: tuple[float, float] | None, *, by_place: bool = False
) -> dict[str, float]:
    """Choice id → score: the numbers the labels hold, else the vendor's own, else nothing.

    A set of numbers counts only where it is complete, without repeats and (with a scale) within it.  The
    places from the scale's low end fill in where some labels hold a number and all these agree, or
    `by_place`, for people to judge: in which direction choices stand is never guessed.
    """
    labels = [_number_in(choice.label) for choice in choices]
    own = [choice.number for choice in choices]
    low = scale[0] if scale else 1.0
    places = [low + place for place in range(len(choices))]
    is_told = any(n is not None for n in labels) and all(
        n in (None, place) for n, place in zip(labels, places, strict=True)
    )
    for numbers in (labels, own, places if is_told or by_place else ()):
        known = [number for number in numbers if number is not None]
        is_whole = len(known) == len(choices) == len(set(known))
        if is_whole and (scale is None or all(scale[0] <= number <= scale[1] for number in known)):
            return {choice.id: number for choice, number in zip(choices, known, strict=True)}
    return {}


def _number_in(label: str) -> float | None:
    found = _NUMBER_IN_LABEL.search(label)
    return float(found.group(1) or found.group(2)) if found else None


def _folded(answer: object) -> str:
    return " ".join(str(answer).split()).casefold()


# ---------------------------------------------------------------- a proposal

_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("nps", re.compile(r"\brecommend|추천")),
    ("effort", re.compile(r"\beffort\b|노력|번거로|수고")),
    ("ease", re.compile(r"\b(easy|easily|ease|difficult)\b|쉬웠|쉽게|쉬운|편리|용이")),
    ("csat", re.compile(r"\b(dis)?satisf|만족")),
    ("rating", re.compile(r"\b(rate|rating|stars?)\b|별점|평가")),
)


_AGAINST = re.compile(
    r"dissatisf|unsatisf|disagree|difficult|poor|terribl|\bbad\b|not at all|불만|어려|나쁨|전혀"
)


def proposal(source: str, surveys: Iterable[AskedSurvey]) -> str:
    """Settings (TOML) that say what each question measures, as far as its words and its scale tell.

    A question that tells nothing is left as a comment, for people to decide.
    """
    lines = [
        f"# Proposed from the questions of {source}: read it, mend it, and copy it into the settings.",
        "# Check each scale's direction: a proposal knows no more than the words that were asked.",
    ]
    for survey in surveys:
        lines += ["", f"[sources.{source}.surveys.{_key(survey.id)}]  # {plain(survey.title)}"]
        for question in survey.questions:
            proposed, ends = _proposed(question)
            told = f"{plain(question.text)}{ends}"
            lines.append(
                f"{_key(question.id)} = {proposed}  # {told}"
                if proposed
                else f"# {_key(question.id)}: measures nothing known: {told}"
            )
    if len(lines) == 2:
        lines += ["", f"# {source} shows no survey to this credential."]
    return "\n".join(lines) + "\n"


def _proposed(question: Asked) -> tuple[str | None, str]:
    """(the question's table, or None where it cannot be told; what the ends of its scale are called)."""
    if question.is_text:
        return '"comment"', ""
    words = plain(question.text).casefold()
    kind = "nps" if question.is_nps else next((k for k, pattern in _WORDS if pattern.search(words)), None)
    scores = _offered(question)
    scale = question.scale or ((min(scores.values()), max(scores.values())) if len(scores) > 1 else None)
    if scale is None or kind is None or (kind == "nps" and scale != (0, 10)):
        return None, ""
    labels = {scores[c.id]: plain(c.label) for c in question.choices if c.id in scores}
    low, high = labels.get(scale[0], ""), labels.get(scale[1], "")
    ends = f" ({scale[0]:g} = {low}, {scale[1]:g} = {high})" if low and high else ""
    is_turned = bool(_AGAINST.search(high.casefold()) and not _AGAINST.search(low.casefold()))
    metric = "ces" if kind in ("effort", "ease") else kind
    parts = [f'metric = "{metric}"']
    if scale != DEFAULT_SCALES[metric]:
        parts.append(f"scale = [{scale[0]:g}, {scale[1]:g}]")
    if metric == "ces" or is_turned:
        is_lower = (kind == "effort") != is_turned
        parts.append(f'direction = "{"lower" if is_lower else "higher"}_is_better"')
    if scores and not question.gives_numbers:
        pairs = (f"{json.dumps(key)} = {score:g}" for key, score in scores.items())
        parts.append(f"values = {{ {', '.join(pairs)} }}")
    return f"{{ {', '.join(parts)} }}", ends


def _offered(question: Asked) -> dict[str, float]:
    """Choice id → score."""
    if question.gives_numbers:
        return {choice.id: choice.number for choice in question.choices if choice.number is not None}
    return scores_of(question.choices, (0, 10) if question.is_nps else None, by_place=True)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False)


def plain(text: str) -> str:
    """Text on one line, without markup, at most 120 characters."""
    line = " ".join(_TAG.sub(" ", text).split())
    return line if len(line) <= 120 else line[:119] + "…"
