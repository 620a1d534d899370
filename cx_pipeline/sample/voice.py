"""What the block's customers and the company's employees answer, rate and suggest.

What enters: `People`, `Orders`, `Tickets` and how support went, the journey's steps, the window and a
random stream.  What leaves: `Answers` and the rows of the three `feedback` files.  Unanswered and
bounced invitations are rows too.  Called by `generate`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import DAY, Window, midnight, offsets
from cx_pipeline.sample.comments import BAD, GOOD, MIXED, POOL, TOPICS, comment_codes, idea_codes
from cx_pipeline.sample.draw import (
    NO_INSTANT,
    Flags,
    Floats,
    Ints,
    Rng,
    chance,
    ids,
    instants,
    numbers,
    pick,
    spread,
    whole,
    words,
)
from cx_pipeline.sample.journey import Steps
from cx_pipeline.sample.orders import ORDER, Orders
from cx_pipeline.sample.people import People
from cx_pipeline.sample.support import Agents, Tickets, Told

SURVEYS = (
    "nps_relationship",
    "csat_support",
    "ces_support",
    "csat_delivery",
    "csat_payment",
    "employee_csat",
    "pillars",
    "reviews",
    "ideas",
)
NPS, CSAT_SUPPORT, CES_SUPPORT, CSAT_DELIVERY, CSAT_PAYMENT, EMPLOYEE, PILLARS, REVIEWS, IDEAS = range(9)
METRICS = ("nps", "csat", "ces", "rating", "useful", "usable", "enjoyable", "comment", "idea")
M_NPS, M_CSAT, M_CES, M_RATING, M_USEFUL, M_USABLE, M_ENJOYABLE, M_COMMENT, M_IDEA = range(9)
SCALES = ((0, 10), (1, 5), (1, 7), (1, 5), (1, 5), (1, 5), (1, 5), (0, 0), (0, 0))
CHANNELS = ("email", "app", "web", "chat", "phone", "store", "bot")
DELIVERY = ("delivered", "bounced", "blocked")
STAGES = (*dict.fromkeys(stage for _, stage in co.JOURNEY), "use")
_STAGE_OF = [STAGES.index(stage) for _, stage in co.JOURNEY]
_SUPPORT_TOPIC, _DELIVERY_TOPIC, _PRODUCT_TOPIC, _PAYMENT_TOPIC, _COMPANY_TOPIC = range(len(TOPICS))
_ANSWER_WITHIN = 13 * DAY


@dataclass(frozen=True, slots=True)
class Answers:
    """One array position a row of `feedback`; -1, NaN and NO_INSTANT are empty values."""

    survey: Ints
    metric: Ints
    score: Floats
    comment: Ints  # position in POOL
    given_away: Ints  # position in the sentences that give an identifier away
    writes: Ints
    person: Ints
    zone: Ints
    ticket: Ints
    order: Ints
    agent: Ints
    team: Ints
    product: Ints
    channel: Ints
    touchpoint: Ints
    stage: Ints
    invited: Ints
    responded: Ints
    delivery: Ints
    submission: Ints
    brand: Ints

    def __len__(self) -> int:
        return len(self.survey)


_EMPTY: dict[str, Any] = {
    "score": np.nan,
    "comment": -1,
    "given_away": -1,
    "person": -1,
    "zone": 0,
    "ticket": -1,
    "order": -1,
    "agent": -1,
    "team": -1,
    "product": -1,
    "touchpoint": -1,
    "stage": -1,
    "invited": NO_INSTANT,
    "responded": NO_INSTANT,
    "delivery": 0,
    "submission": -1,
    "brand": -1,
}


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who was invited when, what became of the invitation, and who answered when."""

    rows: Ints  # of what was asked about
    invited: Ints
    delivery: Ints
    answered: Flags
    responded: Ints


def _ask(rng: Rng, window: Window, rows: Ints, invited: Ints, *, rate: float, median: float) -> _Asked:
    """Invite; each invitation arrives or bounces, and is answered at `rate` after about `median` seconds."""
    inside = invited < window.closes
    rows, invited = rows[inside], invited[inside]
    n = len(rows)
    delivery = pick(rng, (0.965, 0.025, 0.01), n)
    responded = invited + 5 + np.minimum(whole(spread(rng, median, 1.1, n)), _ANSWER_WITHIN)
    answered = (delivery == 0) & chance(rng, rate, n) & (responded < window.closes)
    return _Asked(rows, invited, delivery, answered, np.where(answered, responded, NO_INSTANT))


def _graded(feeling: Floats, cuts: tuple[float, ...], lowest: int) -> Ints:
    """A score: `lowest` and one more for every cut the feeling passes."""
    score: Ints = lowest + (feeling[:, None] > np.asarray(cuts)).sum(axis=1)
    return score


def _mood(score: Ints, mixed_from: int, good_from: int) -> Ints:
    return np.where(score >= good_from, GOOD, np.where(score >= mixed_from, MIXED, BAD))


class _Voice:
    """Collects the parts of `Answers`, one survey at a time."""

    def __init__(self, rng: Rng, people: People, window: Window, sentences: int) -> None:
        self.rng, self.people, self.window = rng, people, window
        self.sentences = sentences // 2  # in each language
        self.parts: list[dict[str, Any]] = []
        self.submissions = 0

    def add(self, n: int, **given: Any) -> None:
        full = {k: np.broadcast_to(np.asarray(v), n) for k, v in (_EMPTY | given).items()}
        if "person" in given and len(self.people):
            known = full["person"] >= 0
            person = np.maximum(full["person"], 0)
            full["brand"] = np.where(known, self.people.brand[person], -1)
            full["zone"] = np.where(known, self.people.zone[person], 0)
        self.parts.append(full)

    def comments(
        self, person: Ints, answered: Flags, share: float, topic: Ints | int, mood: Ints
    ) -> dict[str, Ints]:
        """Comment, language and identifier given away, for a share of those who answered."""
        n = len(person)
        writes = self.people.writes[person] if n else np.zeros(0, np.int64)
        says = answered & chance(self.rng, share, n)
        tells = says & chance(self.rng, 0.015, n)
        which = writes * self.sentences + self.rng.integers(0, self.sentences, n)
        return {
            "comment": np.where(says, comment_codes(self.rng, writes, topic, mood), -1),
            "given_away": np.where(tells, which, -1),
            "writes": writes,
        }

    def survey(
        self,
        survey: int,
        metric: int,
        asked: _Asked,
        person: Ints,
        score: Ints,
        *,
        mood: Ints,
        topic: Ints | int,
        share: float,
        **more: Any,
    ) -> None:
        """One question to `person`; scores and comments count where the invitation was answered."""
        self.add(
            len(person),
            survey=survey,
            metric=metric,
            score=np.where(asked.answered, score, np.nan),
            person=person,
            invited=asked.invited,
            responded=asked.responded,
            delivery=asked.delivery,
            **self.comments(person, asked.answered, share, topic, mood),
            **more,
        )

    def collect(self) -> Answers:
        columns = {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}
        when = np.where(columns["invited"] == NO_INSTANT, columns["responded"], columns["invited"])
        order = np.argsort(when, kind="stable")
        return Answers(**{name: columns[name][order] for name in Answers.__dataclass_fields__})


def _quarter_days(window: Window) -> list[int]:
    """Midnight of the fifth day of each quarter within the window."""
    years = range(window.start.year, window.end.year + 1)
    days = [date(y, m, 5) for y in years for m in (1, 4, 7, 10)]
    return [midnight(d) for d in days if window.start <= d <= window.end]


def _relationship(voice: _Voice, orders: Orders, leaves: Ints) -> None:
    """The quarterly recommendation question, to those who were lately customers."""
    rng, people, window = voice.rng, voice.people, voice.window
    last = np.full(len(people), NO_INSTANT)
    np.maximum.at(last, orders.person, orders.at)
    for opening in _quarter_days(window):
        asked_at = (
            opening + rng.integers(0, 18, len(people)) * DAY + 10 * 3600 + rng.integers(0, 1200, len(people))
        )
        fits = (people.signed_up < asked_at - 20 * DAY) & (asked_at < last + 150 * DAY)
        rows = np.flatnonzero(fits & chance(rng, 0.55, len(people)))
        asked = _ask(rng, window, rows, asked_at[rows], rate=0.36, median=9 * 3600.0)
        person = asked.rows
        angry = leaves[person] < asked.invited
        feeling = 7.75 + 1.35 * people.warmth[person] + 1.5 * rng.standard_normal(len(person)) - 4.0 * angry
        score = np.clip(np.rint(feeling), 0, 10).astype(np.int64)
        voice.survey(
            NPS,
            M_NPS,
            asked,
            person,
            score,
            mood=_mood(score, 7, 9),
            topic=_COMPANY_TOPIC,
            share=0.4,
            channel=0,
        )


_FIVE = (-1.6, -0.9, -0.2, 0.9)
_SEVEN = (-1.9, -1.3, -0.7, -0.1, 0.6, 1.5)


def _after_support(
    voice: _Voice, tickets: Tickets, support: Told, agents: Agents
) -> tuple[Ints, Ints, Ints, Ints]:
    """Satisfaction or effort after a solve; (ticket, offered, answered, score) of the satisfaction survey."""
    rng, people, window = voice.rng, voice.people, voice.window
    solved = (support.first_solved != NO_INSTANT) & tickets.is_served & ~tickets.is_outbound
    draw = rng.random(len(tickets))
    result: list[Ints] = []
    for survey, chosen in ((CSAT_SUPPORT, draw < 0.8), (CES_SUPPORT, draw > 0.85)):
        rows = np.flatnonzero(solved & chosen)
        asked = _ask(rng, window, rows, support.first_solved[rows] + 3600, rate=0.48, median=5 * 3600.0)
        rows = asked.rows
        person = tickets.person[rows]
        skill = np.where(
            support.solved_by[rows] >= 0, agents.skill[np.maximum(support.solved_by[rows], 0)], 0
        )
        feeling = 0.75 + 0.35 * people.warmth[person] + 0.3 * skill + 0.9 * rng.standard_normal(len(rows))
        feeling -= 0.6 * np.maximum(support.slowness[rows], -1) + 0.9 * support.reopened[rows]
        feeling -= 0.2 * support.turns[rows] + 0.35 * support.bot_contained[rows]
        if survey == CES_SUPPORT:
            score = _graded(feeling, _SEVEN, 1)
            metric, mood = M_CES, _mood(score, 4, 6)
        else:
            score = _graded(feeling, _FIVE, 1)
            metric, mood = M_CSAT, _mood(score, 3, 4)
            result = [rows, asked.invited, asked.responded, score]
        voice.survey(
            survey,
            metric,
            asked,
            person,
            score,
            mood=mood,
            topic=_SUPPORT_TOPIC,
            share=0.45,
            channel=np.where(
                support.bot_contained[rows], 6, np.array((0, 3, 4, 2, 1))[tickets.channel[rows]]
            ),
            ticket=rows,
            agent=support.solved_by[rows],
            team=support.solver_team[rows],
            product=tickets.product[rows],
            touchpoint=co.SUPPORT,
        )
    return result[0], result[1], result[2], result[3]


def _after_orders(voice: _Voice, orders: Orders, tickets: Tickets) -> None:
    """The delivery survey, and reviews that nobody asked for."""
    rng, people, window = voice.rng, voice.people, voice.window
    shipped = (orders.kind == ORDER) & ~orders.is_plan & (orders.channel < 2)
    trouble = np.zeros(len(orders), bool)
    trouble[tickets.order[(tickets.order >= 0) & (tickets.category <= 1)]] = True
    rows = np.flatnonzero(shipped & chance(rng, 0.35, len(orders)))
    asked = _ask(
        rng,
        window,
        rows,
        orders.at[rows] + rng.integers(2 * DAY, 6 * DAY, len(rows)),
        rate=0.3,
        median=20 * 3600.0,
    )
    rows, person = asked.rows, orders.person[asked.rows]
    feeling = 1.15 + 0.3 * people.warmth[person] + rng.standard_normal(len(rows)) - 1.6 * trouble[rows]
    score = _graded(feeling, _FIVE, 1)
    voice.survey(
        CSAT_DELIVERY,
        M_CSAT,
        asked,
        person,
        score,
        mood=_mood(score, 3, 4),
        topic=_DELIVERY_TOPIC,
        share=0.35,
        channel=0,
        order=rows,
        product=orders.product[rows],
        touchpoint=co.DELIVERY,
    )
    rows = np.flatnonzero(shipped & chance(rng, 0.07, len(orders)))
    at = orders.at[rows] + whole(spread(rng, 9 * DAY, 0.7, len(rows)))
    rows, at = rows[at < window.closes], at[at < window.closes]
    person = orders.person[rows]
    score = _graded(
        0.8 + 0.4 * people.warmth[person] + 1.3 * rng.standard_normal(len(rows)) - 1.2 * trouble[rows],
        _FIVE,
        1,
    )
    voice.add(
        len(rows),
        survey=REVIEWS,
        metric=M_RATING,
        score=score.astype(np.float64),
        person=person,
        responded=at,
        channel=np.where(orders.channel[rows] == 0, 1, 2),
        order=rows,
        product=orders.product[rows],
        stage=len(STAGES) - 1,
        **voice.comments(person, np.ones(len(rows), bool), 0.75, _PRODUCT_TOPIC, _mood(score, 3, 4)),
    )


def _on_the_way(voice: _Voice, steps: Steps) -> None:
    """A question right after paying, and the three pillars of an experience at steps of the journey."""
    rng, people, window = voice.rng, voice.people, voice.window
    known = (steps.person >= 0) & (steps.channel < 2)
    paid = known & (steps.touchpoint == co.PAYMENT) & (steps.outcome != co.ABANDONED)
    rows = np.flatnonzero(paid & chance(rng, 0.3, len(steps)))
    asked = _ask(rng, window, rows, steps.at[rows] + 20, rate=0.45, median=45.0)
    rows, person = asked.rows, steps.person[asked.rows]
    failed = steps.outcome[rows] == co.FAILURE
    feeling = 0.75 + 0.25 * people.warmth[person] + rng.standard_normal(len(rows)) - 2.6 * failed
    score = _graded(feeling, _FIVE, 1)
    voice.survey(
        CSAT_PAYMENT,
        M_CSAT,
        asked,
        person,
        score,
        mood=_mood(score, 3, 4),
        topic=_PAYMENT_TOPIC,
        share=0.25,
        channel=np.where(steps.channel[rows] == 0, 1, 2),
        touchpoint=co.PAYMENT,
        product=steps.product[rows],
    )
    asks = known & (steps.touchpoint >= co.SEARCH) & (steps.touchpoint <= co.PAYMENT)
    rows = np.flatnonzero(asks & chance(rng, 0.035, len(steps)))
    asked = _ask(rng, window, rows, steps.at[rows] + 60, rate=0.5, median=90.0)
    rows, person = asked.rows, steps.person[asked.rows]
    n = len(rows)
    bother = (steps.touchpoint[rows] == co.PAYMENT) * np.where(steps.channel[rows] == 0, 1.5, 0.3)
    shared = 0.9 + 0.35 * people.warmth[person] + 0.6 * rng.standard_normal(n)
    for metric, weight in ((M_USEFUL, 0.4), (M_USABLE, 1.0), (M_ENJOYABLE, 0.9)):
        score = _graded(shared - weight * bother + 0.7 * rng.standard_normal(n), _FIVE, 1)
        voice.survey(
            PILLARS,
            metric,
            asked,
            person,
            score,
            mood=_mood(score, 3, 4),
            topic=_PAYMENT_TOPIC,
            share=0.0,
            channel=np.where(steps.channel[rows] == 0, 1, 2),
            touchpoint=steps.touchpoint[rows],
            submission=voice.submissions + np.arange(n),
        )
    voice.submissions += n


def _unasked(voice: _Voice) -> None:
    """Ideas and free comments."""
    rng, people, window = voice.rng, voice.people, voice.window
    person = np.flatnonzero(chance(rng, 0.05, len(people)))
    begins = np.maximum(people.signed_up[person], window.opens)
    at = begins + (rng.random(len(person)) * (window.closes - begins)).astype(np.int64)
    idea = chance(rng, 0.5, len(person))
    writes = people.writes[person] if len(person) else np.zeros(0, np.int64)
    text = comment_codes(rng, writes, _COMPANY_TOPIC, pick(rng, (0.3, 0.3, 0.4), len(person)))
    voice.add(
        len(person),
        survey=IDEAS,
        metric=np.where(idea, M_IDEA, M_COMMENT),
        person=person,
        responded=at,
        comment=np.where(idea, idea_codes(rng, writes), text),
        writes=writes,
        channel=1,
        stage=len(STAGES) - 1,
    )


def _employees(voice: _Voice) -> None:
    """What employees expect customers to answer about support, once a quarter; they expect too much."""
    rng, window = voice.rng, voice.window
    n = max(12, len(voice.people) // 25)
    for opening in _quarter_days(window):
        invited = opening + 4 * 3600 + rng.integers(0, 3600, n)
        asked = _ask(rng, window, np.arange(n), invited, rate=0.7, median=6 * 3600.0)
        score = _graded(0.95 + 0.9 * rng.standard_normal(len(asked.rows)), _FIVE, 1)
        voice.add(
            len(asked.rows),
            survey=EMPLOYEE,
            metric=M_CSAT,
            score=np.where(asked.answered, score, np.nan),
            invited=asked.invited,
            responded=asked.responded,
            delivery=asked.delivery,
            channel=0,
            writes=0,
        )


def listen(
    rng: Rng,
    *,
    people: People,
    orders: Orders,
    tickets: Tickets,
    support: Told,
    agents: Agents,
    steps: Steps,
    leaves: Ints,
    window: Window,
    sentences: int,
) -> tuple[Answers, tuple[Ints, Ints, Ints, Ints]]:
    """All answers of the block by time, and the satisfaction survey as events (`_after_support`).

    `sentences` is how many sentences give an identifier away, both languages together.
    """
    voice = _Voice(rng, people, window, sentences)
    _relationship(voice, orders, leaves)
    rated = _after_support(voice, tickets, support, agents)
    _after_orders(voice, orders, tickets)
    _on_the_way(voice, steps)
    _unasked(voice)
    _employees(voice)
    return voice.collect(), rated


FILES = ("surveys", "reviews", "employees")


def file_of(answers: Answers) -> Ints:
    """Which of FILES each answer is delivered in."""
    voluntary = (answers.survey == REVIEWS) | (answers.survey == PILLARS) | (answers.survey == IDEAS)
    return np.where(answers.survey == EMPLOYEE, 2, np.where(voluntary, 1, 0))


@dataclass(frozen=True, slots=True)
class Numbering:
    """The first number of each entity in the block."""

    ticket: int
    order: int
    answer: int
    submission: int


def answer_rows(
    answers: Answers, people: People, rows: Ints, first: Numbering, sentences: tuple[str, ...]
) -> Any:
    """The `feedback` table of the answers at `rows`."""

    def of(name: str) -> Any:
        return getattr(answers, name)[rows]

    person, metric, stage = of("person"), of("metric"), of("stage")
    touchpoint, ticket, order, submission = of("touchpoint"), of("ticket"), of("order"), of("submission")
    low, high = (np.asarray([s[k] for s in SCALES], dtype=np.float64)[metric] for k in (0, 1))
    graded = metric < M_COMMENT
    stage = np.where(touchpoint >= 0, np.asarray(_STAGE_OF)[np.maximum(touchpoint, 0)], stage)
    invited, responded, zone = of("invited"), of("responded"), of("zone")
    told = pc.coalesce(words(sentences, of("given_away")), "")
    employee = of("survey") == EMPLOYEE
    return pa.table(
        {
            "response_id": ids("R", first.answer + rows),
            "submission_id": ids("F", np.where(submission < 0, -1, first.submission + submission)),
            "survey_id": words(SURVEYS, of("survey")),
            "question_id": words(METRICS, metric),
            "metric": words(METRICS, metric),
            "score": numbers(of("score")),
            "scale_min": numbers(np.where(graded, low, np.nan)),
            "scale_max": numbers(np.where(graded, high, np.nan)),
            "scale_direction": words(("higher_is_better",), np.where(metric == M_CES, 0, -1)),
            "comment": pc.binary_join_element_wise(words(POOL, of("comment")), told, ""),
            "language": words(("ko", "en"), of("writes")),
            "customer_id": ids("C", np.where(person < 0, -1, _number(people, person))),
            "respondent_type": words(("customer", "employee"), employee.astype(np.int64)),
            "ticket_id": ids("T", np.where(ticket < 0, -1, first.ticket + ticket)),
            "transaction_id": ids("O", np.where(order < 0, -1, first.order + order)),
            "agent_id": ids("A", of("agent")),
            "team": words(co.TEAMS, of("team")),
            "product": words(co.PRODUCTS, of("product")),
            "channel": words(CHANNELS, of("channel")),
            "touchpoint": words([name for name, _ in co.JOURNEY], touchpoint),
            "journey_stage": words(STAGES, stage),
            "invited_at": instants(invited, offsets(zone, np.maximum(invited, 0))),
            "delivery_status": words(DELIVERY, of("delivery")),
            "responded_at": instants(responded, offsets(zone, np.maximum(responded, 0))),
            "brand": words(co.BRANDS, of("brand")),
            "updated_at": pa.nulls(len(rows), pa.string()),
            "is_deleted": pa.nulls(len(rows), pa.bool_()),
        }
    )


def _number(people: People, person: Ints) -> Ints:
    return people.number[np.maximum(person, 0)]
