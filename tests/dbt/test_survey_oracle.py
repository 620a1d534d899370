"""The survey KPIs against a plain-Python account of them, over random feedback.

The account below is written from the definitions alone, row by row with scipy, and shares no code with the
models: it must agree with every value, interval, change, p and q of `kpis`.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from scipy import stats

from tests.dbt.harness import open_warehouse, project_with_seeds, run_dbt, write_data
from tools.kpi_macros import macros

ZONE = ZoneInfo("Asia/Seoul")
MIN_N = 3
WINDOW = timedelta(days=14)
Z = stats.norm.ppf(0.975)
DAY = timedelta(days=1)

SURVEYS = """survey_id,survey_type,metric,scale_min,scale_max,direction,satisfied_from
relation,relational,nps,0,10,higher_is_better,
delivery,transactional,nps,0,10,higher_is_better,
support,transactional,csat,1,5,higher_is_better,
support,transactional,ces,1,7,lower_is_better,
yearly,relational,csat,1,7,higher_is_better,
box,transactional,csat,0,100,higher_is_better,60
ease,transactional,ces,1,5,higher_is_better,
pillars,relational,useful,1,5,higher_is_better,
pillars,relational,usable,1,5,higher_is_better,
pillars,relational,enjoyable,0,10,higher_is_better,
"""
# survey -> its type and questions: metric, scale, whether higher is better, satisfied from
Question = tuple[str, int, int, bool, float | None]
FORMS: dict[str, tuple[str | None, list[Question]]] = {
    "relation": ("relational", [("nps", 0, 10, True, None)]),
    "delivery": ("transactional", [("nps", 0, 10, True, None)]),
    "unknown": (None, [("nps", 0, 10, True, None)]),
    "support": ("transactional", [("csat", 1, 5, True, 4), ("ces", 1, 7, False, None)]),
    "yearly": ("relational", [("csat", 1, 7, True, 6)]),
    "box": ("transactional", [("csat", 0, 100, True, 60)]),
    "ease": ("transactional", [("ces", 1, 5, True, None)]),
    "pillars": (
        "relational",
        [("useful", 1, 5, True, None), ("usable", 1, 5, True, None), ("enjoyable", 0, 10, True, None)],
    ),
    "review": (None, [("rating", 1, 5, True, None)]),
    "stars": (None, [("rating", 0, 10, True, None)]),
    # The worked examples of docs/kpis.md, as surveys nobody declared.
    "example_nps": (None, [("nps", 0, 10, True, None)]),
    "example_csat_5": (None, [("csat", 1, 5, True, 4)]),
    "example_csat_7": (None, [("csat", 1, 7, True, 6)]),
    "example_effort": (None, [("ces", 1, 5, False, None)]),
    "example_ease": (None, [("ces", 1, 7, True, None)]),
}
EXAMPLES = {
    "example_nps": [10, 9, 9, 8, 7, 6, 0],
    "example_csat_5": [5, 4, 4, 3, 1],
    "example_csat_7": [7, 6, 5, 4],
    "example_effort": [1, 2, 3],
    "example_ease": [7, 6, 1],
}
HEADLINE = {"nps": "relational", "csat": "transactional", "ces": "transactional"}
ROW_DIMENSIONS = [
    "channel",
    "touchpoint",
    "journey_stage",
    "language",
    "team",
    "product",
    "brand",
    "user_role",
]


@dataclass
class Form:
    """One submission as generated."""

    key: str
    source: str
    survey: str
    invited_at: datetime | None
    delivered: bool
    responded_at: datetime | None
    customer: str | None
    employee: bool
    comment: str | None
    values: dict[str, str | None]
    scores: list[float | None]


def _forms(rng: random.Random) -> Iterator[Form]:
    """Three and a half months of forms; source `late` stops weeks early and has no ratings."""
    start = datetime(2026, 2, 20, tzinfo=UTC)
    for i in range(1300):
        source = rng.choice(["shop", "shop", "late"])
        names = [name for name in FORMS if name not in EXAMPLES]
        if source == "late":
            names = [name for name in names if name not in ("review", "stars")]
        survey = rng.choice([*names, "relation", "support", "support"])
        days = 105 if source == "shop" else 88
        at = start + timedelta(minutes=rng.randrange(days * 24 * 60))
        invited = survey not in ("review", "stars") and rng.random() < 0.85
        delivered = rng.random() < 0.95
        answered = not invited or (delivered and rng.random() < 0.7)
        employee = survey in ("relation", "support", "yearly") and rng.random() < 0.2
        shift = 0.8 if at.month == 4 else 0.0  # something for the tests of changes to find
        yield Form(
            key=f"f{i}",
            source=source,
            survey=survey,
            invited_at=at if invited else None,
            delivered=delivered,
            responded_at=at + timedelta(minutes=rng.randrange(4 * 24 * 60)) if answered else None,
            customer=f"c{rng.randrange(90)}" if rng.random() < 0.9 else None,
            employee=employee,
            comment="good" if answered and rng.random() < 0.3 else None,
            values={
                name: rng.choice([f"{name}-a", f"{name}-a", f"{name}-b", None]) for name in ROW_DIMENSIONS
            }
            | {
                "channel": rng.choice(["web", "app", None]),
                "journey_stage": rng.choice(["use", "support"]),
                "language": rng.choice(["ko", "en", None]),
                "agent": rng.choice(["kim", "lee", None]),
            },
            scores=[
                round(low + (high - low) * min(1.0, rng.random() ** (1 - shift * 0.7))) if answered else None
                for _, low, high, _, _ in FORMS[survey][1]
            ],
        )


def _examples() -> Iterator[Form]:
    at = datetime(2026, 4, 15, tzinfo=UTC)
    for survey, scores in EXAMPLES.items():
        for number, score in enumerate(scores):
            values = dict.fromkeys([*ROW_DIMENSIONS, "agent"]) | {"brand": "examples"}
            key = f"{survey}-{number}"
            yield Form(key, "shop", survey, None, True, at, None, False, None, values, [score])


CUSTOMERS = {f"c{i}": ("gold" if i % 3 else None, "KR" if i % 2 else "DE", "referral") for i in range(60)}


def _landed(forms: Iterable[Form]) -> Iterator[dict[str, Any]]:
    for form in forms:
        for number, (metric, low, high, higher, _) in enumerate(FORMS[form.survey][1]):
            values = {
                name: value for name, value in form.values.items() if name not in ("agent", "user_role")
            }
            yield values | {
                "source": form.source,
                "batch_sequence": 1 if form.source == "shop" else 2,
                "response_id": f"{form.key}-{number}",
                "submission_id": form.key,
                "question_id": f"q{number}",
                "survey_id": form.survey,
                "metric": metric,
                "score": form.scores[number],
                "comment": form.comment if number == 0 else None,
                # Scales and directions come from the seed, where it has them.
                "scale_min": None if form.survey in SURVEYS else low,
                "scale_max": None if form.survey in SURVEYS else high,
                "scale_direction": None
                if form.survey in SURVEYS
                else ("higher_is_better" if higher else "lower_is_better"),
                "customer_key": form.customer,
                "respondent_type": "employee" if form.employee else "customer",
                "agent_key": form.values["agent"],
                "attributes": {"user_role": form.values["user_role"]} if form.values["user_role"] else None,
                "invited_at": form.invited_at,
                "delivery_status": "delivered" if form.delivered else "bounced",
                "responded_at": form.responded_at,
            }


@dataclass
class Unit:
    """One thing counted: its day, who, where it counts, and what is measured of it."""

    day: date
    who: str
    values: dict[str, str]
    headline: bool
    x: Any
    employee: bool = False
    cluster: str = ""


@dataclass
class Result:
    """One KPI of one group. `test` is what a change is tested with."""

    value: float
    low: float | None
    high: float | None
    n: int
    who: int
    test: tuple[Any, ...] = ()
    previous: Result | None = field(default=None, repr=False)


def _local(instant: datetime) -> date:
    return instant.astimezone(ZONE).date()


def _dimensions(form: Form) -> dict[str, str]:
    segment, country, acquisition = CUSTOMERS.get(form.customer or "", (None, None, None))
    known = form.values | {
        "segment": segment,
        "country": country,
        "acquisition_channel": acquisition,
        "survey": form.survey,
        "survey_type": FORMS[form.survey][0],
    }
    return {"all": "all"} | {name: value or "(none)" for name, value in known.items()}


def _units(forms: list[Form]) -> dict[str, list[Unit]]:
    """The units of each measure, by metric, and those of `response` and `comment`."""
    units: dict[str, list[Unit]] = defaultdict(list)
    for form in forms:
        kind, questions = FORMS[form.survey]
        who = form.customer or form.key
        values = _dimensions(form)
        heads = [kind in (None, HEADLINE.get(metric, kind)) for metric, *_ in questions]
        scored = [head for head, (metric, *_) in zip(heads, questions, strict=True) if metric in HEADLINE]
        head_form = any(scored) or not scored
        if form.invited_at and form.delivered and not form.employee:
            answered = form.responded_at is not None
            units["response"].append(Unit(_local(form.invited_at), who, values, head_form, answered))
        if not form.responded_at:
            continue
        day = _local(form.responded_at)
        if not form.employee:
            units["comment"].append(Unit(day, who, values, head_form, form.comment is not None))
        for (metric, low, high, higher, satisfied), head, score in zip(
            questions, heads, form.scores, strict=True
        ):
            assert score is not None
            good = score if higher else low + high - score
            share = (good - low) / (high - low)
            x: Any = {
                "nps": (good >= 9) - (good <= 6),
                "csat": satisfied is not None and good >= satisfied,
                "ces": (7 - 6 * share, share >= 2 / 3, score, low, high),
                "rating": 1 + 4 * share,
            }.get(metric, 100 * share)
            units[metric].append(Unit(day, who, values, head, x, form.employee, form.key))
    return units


@cache
def _t(df: int) -> float:
    return float(stats.t.ppf(0.975, df))


@cache
def _wilson(successes: int, n: int) -> tuple[float, float]:
    interval = stats.binomtest(successes, n).proportion_ci(method="wilson")
    return 100 * interval.low, 100 * interval.high


def _rate(hits: list[bool]) -> tuple[float, float, float, int, tuple[Any, ...]]:
    n, successes = len(hits), sum(hits)
    return (100 * successes / n, *_wilson(successes, n), n, ("rate", successes, n))


def _mean(xs: list[float], low: float, high: float) -> tuple[float, float, float, int, tuple[Any, ...]]:
    n = len(xs)
    weighted = [(x, 1.0) for x in xs] + [(low, 0.5), (high, 0.5)]
    centre = sum(x * w for x, w in weighted) / (n + 1)
    half = _t(n) * math.sqrt(sum(w * (x - centre) ** 2 for x, w in weighted) / n / (n + 1))
    mean = sum(xs) / n
    variance = sum((x - mean) ** 2 for x in xs) / (n - 1) if n > 1 else math.nan
    return mean, max(low, centre - half), min(high, centre + half), n, ("mean", mean, variance, n)


def _rocks(xs: list[int]) -> tuple[float, float]:
    """The adjusted score and its variance, as shares."""
    n = len(xs) + 3
    p, d = (xs.count(1) + 0.75) / n, (xs.count(-1) + 0.75) / n
    return p - d, (p + d - (p - d) ** 2) / n


def _index(units: list[Unit], by_pillar: dict[str, list[Unit]]) -> Result | None:
    if len(by_pillar) < 3:
        return None
    means = {pillar: sum(u.x for u in us) / len(us) for pillar, us in by_pillar.items()}
    deviations: dict[str, float] = defaultdict(float)
    for pillar, us in by_pillar.items():
        for u in us:
            deviations[u.cluster] += (u.x - means[pillar]) / len(us) / 3
    value, n = sum(means.values()) / 3, len(deviations)
    who = min(len({u.who for u in us}) for us in by_pillar.values())
    if n < 2:
        return Result(value, None, None, n, who, ("mean", value, math.nan, n))
    variance = n / (n - 1) * sum(d * d for d in deviations.values())
    half = _t(n - 1) * math.sqrt(variance)
    return Result(
        value, max(0, value - half), min(100, value + half), n, who, ("mean", value, variance * n, n)
    )


def _gap(units: list[Unit], metric: str) -> Result | None:
    sides = [[u for u in units if u.employee], [u for u in units if not u.employee]]
    expected, given = ([u.x for u in side] for side in sides)
    if not (expected and given):
        return None
    n, who = min(map(len, sides)), min(len({u.who for u in side}) for side in sides)
    if metric == "csat":
        (a, a_low, a_high, *_), (b, b_low, b_high, *_) = _rate(expected), _rate(given)
        low = a - b - math.hypot(a - a_low, b_high - b)
        high = a - b + math.hypot(a_high - a, b - b_low)
        return Result(a - b, low, high, n, who)
    (a, v), (b, w) = _rocks(expected), _rocks(given)
    value = 100 * (sum(expected) / len(expected) - sum(given) / len(given))
    half = 196 * math.sqrt(v + w)
    return Result(value, max(-200, 100 * (a - b) - half), min(200, 100 * (a - b) + half), n, who)


def _results(group: dict[str, list[Unit]], dimension: str) -> dict[str, Result]:
    """Every KPI of the units of one group, by metric."""
    results: dict[str, Result] = {}

    def add(kpi: str, units: list[Unit], numbers: tuple[float, float, float, int, tuple[Any, ...]]) -> None:
        value, low, high, n, test = numbers
        results[kpi] = Result(value, low, high, n, len({u.who for u in units}), test)

    for metric, units in group.items():
        mine = [u for u in units if not u.employee]
        xs = [u.x for u in mine]
        if metric in ("nps", "csat") and (gap := _gap(units, metric)):
            results[f"perception_gap_{metric}"] = gap
        if not mine:
            continue
        if metric == "nps":
            d, variance = _rocks(xs)
            half = 196 * math.sqrt(variance)
            low, high = max(-100, 100 * d - half), min(100, 100 * d + half)
            add("nps", mine, (100 * sum(xs) / len(xs), low, high, len(xs), ("nps", d, variance, len(xs))))
            for name, side in (("promoter", 1), ("passive", 0), ("detractor", -1)):
                add(f"{name}_rate", mine, (*_rate([x == side for x in xs])[:4], ()))
        elif metric == "csat":
            add("csat", mine, _rate(xs))
            add("dsat", mine, _rate([not x for x in xs]))
        elif metric == "ces":
            add("ces", mine, _mean([x[0] for x in xs], 1, 7))
            add("ces_ease", mine, _mean([8 - x[0] for x in xs], 1, 7))
            add("ces_low_effort_rate", mine, _rate([x[1] for x in xs]))
            if dimension == "survey":
                add("ces_native", mine, _mean([x[2] for x in xs], *xs[0][3:]))
        elif metric == "rating":
            add("rating_avg", mine, _mean(xs, 1, 5))
        elif metric in ("response", "comment"):
            add(f"{metric}_rate", mine, _rate(xs))
        else:
            add(f"cx_{metric}", mine, _mean(xs, 0, 100))
    pillars = {m: us for m, us in group.items() if m in ("useful", "usable", "enjoyable")}
    if index := _index([u for us in pillars.values() for u in us], pillars):
        results["cx_index"] = index
    return results


def _start(grain: str, day: date) -> date:
    return {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "all": date(1900, 1, 1),
    }[grain]


def _next(grain: str, start: date) -> date:
    day = start + DAY
    while _start(grain, day) == start:
        day += DAY
    return day


def _before(grain: str, start: date) -> date | None:
    if grain == "all":
        return None
    return start - timedelta(days=7) if grain == "day" else _start(grain, start - DAY)


Key = tuple[str, date, str, str]  # grain, period_start, dimension, dimension_value


def _grouped(
    units: dict[str, list[Unit]], starts: Callable[[str, date], list[date]]
) -> dict[Key, dict[str, list[Unit]]]:
    groups: dict[Key, dict[str, list[Unit]]] = defaultdict(lambda: defaultdict(list))
    for metric, us in units.items():
        for u in us:
            for dimension, value in u.values.items():
                if not u.headline and dimension not in ("survey", "survey_type"):
                    continue
                for grain in ("day", "week", "month", "quarter", "all"):
                    if grain == "day" and dimension in ("agent", "touchpoint"):
                        continue
                    for start in starts(grain, u.day):
                        groups[grain, start, dimension, value][metric].append(u)
    return groups


def _p(now: tuple[Any, ...], then: tuple[Any, ...]) -> float:
    """Two-sided p of a change: Rocks-adjusted z, Agresti–Caffo, Welch."""
    if now[0] == "mean":
        (_, m, v, n), (_, m0, v0, n0) = now, then
        return float(stats.ttest_ind_from_stats(m, v**0.5, n, m0, v0**0.5, n0, equal_var=False).pvalue)
    if now[0] == "nps":
        z = (now[1] - then[1]) / math.sqrt(now[2] + then[2])
    else:
        (p, m), (p0, m0) = (((x + 1) / (n + 2), n + 2) for _, x, n in (now, then))
        z = (p - p0) / math.sqrt(p * (1 - p) / m + p0 * (1 - p0) / m0)
    return float(2 * stats.norm.sf(abs(z)))


SURVEY_KPIS = {entry["kpi"] for group in macros()["survey_kpis"]() for entry in group["kpis"]}
MIRRORS = {"dsat": "csat", "ces_ease": "ces", "ces_native": "ces"}
Published = dict[tuple[str, Key], dict[str, Any]]


TestFamily = tuple[str, date, bool]  # grain, period_start, whether of `all` rows


def _account(forms: list[Form], other_tests: dict[TestFamily, list[float]]) -> Published:
    """What `kpis` must hold; `other_tests` are the p of KPIs that are not of surveys."""
    units = _units(forms)
    last = {
        source: max(
            _local(at) for f in forms if f.source == source for at in (f.invited_at, f.responded_at) if at
        )
        for source in ("shop", "late")
    }
    today = max(last.values())
    current = _grouped(units, lambda grain, day: [_start(grain, day)])

    def elapsed_starts(grain: str, day: date) -> list[date]:
        """The running period that `day` is compared in: as many days of the period before as have passed."""
        start = _start(grain, today)
        before = _before(grain, start)
        if grain in ("day", "all") or before is None or _next(grain, start) <= today + DAY:
            return []
        return [start] if before <= day < start and day - before <= today - start else []

    elapsed = _grouped(units, elapsed_starts)
    now = {key: _results(group, key[2]) for key, group in current.items()}
    running = {key: _results(group, key[2]) for key, group in elapsed.items()}
    published: Published = {}
    families: dict[TestFamily, list[tuple[str, Key]]] = defaultdict(list)
    for key, results in now.items():
        grain, start, dimension, value = key
        end = today + DAY if grain == "all" else _next(grain, start)
        before = _before(grain, start)
        year = {
            "day": start - timedelta(days=364),
            "week": start - timedelta(days=364),
        }.get(grain, start.replace(year=start.year - 1))
        for kpi, result in results.items():
            ended = end <= today + DAY
            final = end + (WINDOW if kpi == "response_rate" else 0 * DAY)
            reached = last["shop"] if kpi == "rating_avg" else min(last.values())
            complete = ended and final <= reached + DAY
            if ended:
                previous = now.get((grain, before or date.max, dimension, value), {}).get(kpi)
            else:
                previous = running.get(key, {}).get(kpi)
            assert grain == "all" or (grain, year, dimension, value) not in now
            shown, previously = result.who >= MIN_N, previous is not None and previous.who >= MIN_N
            row = published[kpi, key] = {
                "value": result.value if shown else None,
                "ci_low": result.low if shown else None,
                "ci_high": result.high if shown else None,
                "n": result.n,
                "previous_value": previous.value if previous and previously else None,
                "change": result.value - previous.value if previous and previously and shown else None,
                "yoy_change": None,
                "p_value": None,
                "q_value": None,
                "is_significant": None,
                "is_complete": complete,
                "is_small_sample": result.n < 30,
                "is_suppressed": not shown,
            }
            tested = complete and row["change"] is not None and result.test and kpi not in MIRRORS
            if tested and previous and result.n >= 30 and previous.n >= 30:
                row["p_value"] = _p(result.test, previous.test)
                families[grain, start, dimension == "all"].append((kpi, key))
    for family, members in families.items():
        ps = [published[member]["p_value"] for member in members] + other_tests.get(family, [])
        for member, q in zip(members, stats.false_discovery_control(ps), strict=False):
            published[member] |= {"q_value": q, "is_significant": bool(q < 0.05)}
    for (kpi, key), row in published.items():
        if kpi in MIRRORS:
            original = published[MIRRORS[kpi], key]
            row |= {name: original[name] for name in ("p_value", "q_value", "is_significant")}
    return published


def _agree(published: float | None, value: float | None) -> bool:
    """Equal up to the stated errors of the t quantile and the tails."""
    if published is None or value is None:
        return published is value
    return math.isclose(published, value, rel_tol=1e-6, abs_tol=3e-5)


def test_kpis_agree_with_the_account(tmp_path: Path) -> None:
    forms = [*_forms(random.Random(1)), *_examples()]
    customers = [
        {"customer_key": key, "segment": segment, "country": country, "acquisition_channel": channel}
        for key, (segment, country, channel) in CUSTOMERS.items()
    ]
    write_data(tmp_path, {"feedback": list(_landed(forms)), "customers": customers})
    run_dbt(
        tmp_path,
        ["build", "--exclude-resource-type", "unit_test", "test", "--select", "+kpis"],
        variables={"time_zone": "Asia/Seoul", "min_n": MIN_N, "attributes": {"feedback": ["user_role"]}},
        project_dir=project_with_seeds(tmp_path, {"surveys": SURVEYS}),
    )
    with open_warehouse(tmp_path) as warehouse:
        rows = warehouse.dicts("select * from kpis")
    found: Published = {}
    other_tests: dict[TestFamily, list[float]] = defaultdict(list)
    for row in rows:
        key = (row["grain"], row["period_start"], row["dimension"], row["dimension_value"])
        if row["kpi"] in SURVEY_KPIS:
            assert (row["kpi"], key) not in found
            found[row["kpi"], key] = row
        elif row["p_value"] is not None:
            other_tests[row["grain"], row["period_start"], row["dimension"] == "all"].append(row["p_value"])
    expected = _account(forms, other_tests)
    assert set(found) == set(expected)
    wrong = [
        (kpi, key, name, found[kpi, key][name], value)
        for (kpi, key), row in expected.items()
        for name, value in row.items()
        if not _agree(found[kpi, key][name], value)
    ]
    assert not wrong[:10]
    _assert_worked_examples(found)
    # The data are rich enough to mean something.
    assert sum(row["is_significant"] is True for row in expected.values()) > 5
    assert sum(row["p_value"] is not None for row in expected.values()) > 50


def _assert_worked_examples(found: Published) -> None:
    """Examples 1, 2 and 3: value and, where stated, interval."""

    def row(kpi: str, dimension: str, value: str) -> tuple[float, float, float]:
        measures = found[kpi, ("all", date(1900, 1, 1), dimension, value)]
        return measures["value"], measures["ci_low"], measures["ci_high"]

    nps, low, high = row("nps", "survey", "example_nps")
    assert (round(nps, 4), round(low, 2), round(high, 2)) == (14.2857, -39.58, 59.58)
    assert row("csat", "survey", "example_csat_5") == pytest.approx((60, 23.07, 88.24), abs=0.005)
    assert row("csat", "survey", "example_csat_7") == pytest.approx((50, 15.00, 85.00), abs=0.005)
    assert row("ces_native", "survey", "example_effort")[0] == 2.0
    assert round(row("ces", "survey", "example_ease")[0], 4) == 3.3333
    assert round(row("ces", "brand", "examples")[0], 4) == 2.9167
