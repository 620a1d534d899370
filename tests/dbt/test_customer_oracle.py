"""The customer and journey models against a simulation that walks day by day and shares nothing with them.

Random customers, transactions, touchpoints and answers in two reporting zones: retention and its counts,
cohorts, repeat and returning customers, revisits, recurring revenue, value, retention by experience, the
journey rates and step conversion all agree.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.dbt.harness import Warehouse, build_warehouse

CHURN_DAYS = 40
BEGIN = datetime(2023, 3, 10, 4, tzinfo=UTC)
DAYS = 480
ZONES = ("Asia/Seoul", "America/New_York")
SEGMENTS = ("small", "large", None)
FUNNEL = ("awareness", "consideration", "purchase", "onboarding", "use", "renewal", "advocacy")
PURCHASES = ("order", "renewal")
NEVER = date(9999, 12, 31)

Row = dict[str, Any]


def random_rows(seed: int) -> dict[str, list[Row]]:
    """Customers of both kinds (and some without a record), with all that the customer KPIs read."""
    rng = random.Random(seed)
    rows: dict[str, list[Row]] = {"customers": [], "transactions": [], "touchpoints": [], "feedback": []}

    def at(first: int = 0, last: int = DAYS) -> datetime:
        return BEGIN + timedelta(days=rng.randint(first, last), seconds=rng.randrange(86_400))

    def transaction(customer: str, occurred_at: datetime, **values: Any) -> Row:
        row: Row = {
            "transaction_id": f"t{len(rows['transactions'])}",
            "customer_key": customer,
            "kind": "order",
            "amount": round(rng.uniform(1, 90), 2),
            "currency": rng.choice(("USD", "USD", "USD", "EUR")),
            "occurred_at": occurred_at,
        } | values
        if rng.random() < 0.8 and "margin" not in values:
            row["margin"] = round(row["amount"] * 0.4, 2)
        rows["transactions"].append(row)
        return row

    for number in range(90):
        key = f"c{number}"
        contractual = number % 3 == 0
        if number % 5:
            began = at(-200, DAYS)
            rows["customers"].append(
                {
                    "customer_key": key,
                    "relationship": "contractual" if contractual else "non_contractual",
                    "signed_up_at": began if rng.random() < 0.8 else None,
                    "ended_at": began + timedelta(days=rng.randint(1, 300)) if rng.random() < 0.5 else None,
                    "segment": rng.choice(SEGMENTS),
                    "acquisition_cost": rng.choice((None, 10.0, 25.5)),
                    "currency": rng.choice(("USD", "EUR")),
                }
            )
        if contractual and rng.random() < 0.7:
            start = at(0, DAYS - 100)
            for _ in range(rng.randint(1, 7)):
                months = rng.choice((28, 30, 31, 61))
                transaction(
                    key,
                    start,
                    kind="renewal",
                    amount=rng.choice((0.0, 20.0, 20.0, 35.0)),
                    service_start=start,
                    service_end=start + timedelta(days=months),
                )
                start += timedelta(days=months + rng.choice((0, 0, 0, 25)))
        for _ in range(rng.choice((0, 1, 1, 2, 3, 5, 9))):
            order = transaction(key, at(), amount=rng.choice((0.0, 12.5, 12.5, 80.0)))
            if rng.random() < 0.25:
                transaction(
                    key,
                    order["occurred_at"] + timedelta(days=rng.randint(0, 9)),
                    kind="refund",
                    parent_transaction_id=order["transaction_id"],
                    amount=-order["amount"] * rng.choice((1, 0.5)),
                    currency=order["currency"],
                )
        for _ in range(rng.choice((0, 2, 5))):
            rows["feedback"].append(
                {
                    "response_id": f"f{len(rows['feedback'])}",
                    "customer_key": key,
                    "metric": "csat",
                    "score": float(rng.randint(1, 5)),
                    "scale_min": 1.0,
                    "scale_max": 5.0,
                    "scale_direction": "higher_is_better",
                    "channel": rng.choice(("web", "chat", "phone")),
                    "responded_at": at(),
                }
            )
    for _ in range(120):
        session, customer, instant = f"s{_}", rng.choice((None, f"c{rng.randrange(90)}")), at()
        for _ in range(rng.randint(1, 5)):
            instant += timedelta(seconds=rng.randint(0, 90))
            rows["touchpoints"].append(
                {
                    "touchpoint_id": f"p{len(rows['touchpoints']):05d}",
                    "customer_key": customer,
                    "session_id": rng.choice((session, session, session, None)),
                    "occurred_at": instant,
                    "channel": rng.choice(("web", "app")),
                    "journey_stage": rng.choice((*FUNNEL, "support")),
                    "outcome": rng.choice(("success", "failure", "abandoned", "escalated", "none")),
                }
            )
    return rows


@dataclass(frozen=True)
class Oracle:
    """What the definitions say of given rows, worked out one day and one customer at a time."""

    rows: dict[str, list[Row]]
    zone: ZoneInfo

    def day(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def end_day(self, instant: datetime) -> date:
        return self.day(instant + timedelta(minutes=1))

    @cached_property
    def records(self) -> dict[str, Row]:
        return {row["customer_key"]: row for row in self.rows["customers"]}

    @cached_property
    def transactions(self) -> dict[str, list[Row]]:
        by_customer: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows["transactions"]:
            by_customer[row["customer_key"]].append(row)
        return by_customer

    @cached_property
    def customers(self) -> list[str]:
        return sorted({*self.records, *self.transactions})

    def is_contractual(self, customer: str) -> bool:
        return self.records.get(customer, {}).get("relationship") == "contractual"

    def paid(self, customer: str) -> list[tuple[date, date, Row]]:
        """Paid service intervals as days, end exclusive."""
        found = []
        for row in self.transactions[customer]:
            if row["kind"] in PURCHASES and row["amount"] > 0 and row.get("service_end"):
                start, end = self.day(row["service_start"]), self.end_day(row["service_end"])
                if start < end:
                    found.append((start, end, row))
        return found

    def is_live_by_rule(self, customer: str, day: date) -> bool:
        if self.is_contractual(customer):
            paid = self.paid(customer)
            if paid:
                return any(start <= day < end for start, end, _ in paid)
            record = self.records[customer]
            if record["signed_up_at"] is None:
                return False
            ended = self.end_day(record["ended_at"]) if record["ended_at"] else NEVER
            return self.day(record["signed_up_at"]) <= day < ended
        return any(
            0 <= (day - self.day(row["occurred_at"])).days < CHURN_DAYS
            for row in self.transactions[customer]
            if row["kind"] in PURCHASES and row["amount"] > 0
        )

    @cached_property
    def live_days(self) -> dict[str, set[date]]:
        first, last = self.as_of_day - timedelta(days=DAYS + 250), self.as_of_day
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return {c: {day for day in days if self.is_live_by_rule(c, day)} for c in self.customers}

    def is_live(self, customer: str, day: date) -> bool:
        return day in self.live_days.get(customer, ())

    @cached_property
    def event_days(self) -> list[date]:
        instants = [row["occurred_at"] for row in (*self.rows["transactions"], *self.rows["touchpoints"])]
        return sorted(
            self.day(i) for i in (*instants, *(row["responded_at"] for row in self.rows["feedback"]))
        )

    @property
    def as_of_day(self) -> date:
        return self.event_days[-1]

    def months(self) -> Iterator[tuple[date, date]]:
        """First and last day of each month with data, the last one cut at the data's end."""
        first = self.event_days[0].replace(day=1)
        while first <= self.as_of_day:
            following = (first + timedelta(days=32)).replace(day=1)
            yield first, min(following - timedelta(days=1), self.as_of_day)
            first = following

    def kept_order_days(self, customer: str) -> list[date]:
        refunded: dict[str, float] = defaultdict(float)
        for row in self.transactions[customer]:
            if row["kind"] == "refund":
                refunded[row["parent_transaction_id"]] -= row["amount"]
        return sorted(
            {
                self.day(row["occurred_at"])
                for row in self.transactions[customer]
                if row["kind"] in PURCHASES
                and not (row["amount"] > 0 and refunded[row["transaction_id"]] > row["amount"] - 0.005)
            }
        )

    def mrr(self, customer: str, day: date) -> float | None:
        """Recurring revenue on a day; None where a rate is missing (euros have none)."""
        in_force = [(s, e, row) for s, e, row in self.paid(customer) if s <= day < e]
        if any(row["currency"] != "USD" for _, _, row in in_force):
            return None
        return sum(float(row["amount"]) / service_months(start, end) for start, end, row in in_force)

    def segment(self, customer: str) -> str:
        return self.records.get(customer, {}).get("segment") or "(none)"


def service_months(start: date, end: date) -> float:
    """Months from start to end, counted up one by one; the last one by its share of days."""

    def later(months: int) -> date:
        year, month = divmod(start.month - 1 + months, 12)
        for day in range(start.day, 0, -1):
            try:
                return date(start.year + year, month + 1, day)
            except ValueError:
                continue
        raise AssertionError

    whole = 0
    while later(whole + 1) <= end:
        whole += 1
    return whole + (end - later(whole)).days / (later(whole + 1) - later(whole)).days


@dataclass(frozen=True)
class Built:
    warehouse: Warehouse
    oracle: Oracle

    def kpi(self, kpi: str, grain: str = "month", dimension: str = "all") -> dict[Any, tuple[Any, ...]]:
        """(period_start, dimension_value) -> (numerator, denominator, value) of the current slot."""
        [[model]] = self.warehouse.rows(
            "select table_name from duckdb_columns() "
            f"where column_name = '{kpi}' and table_name in ('int_kpi_retention', 'int_kpi_journey')"
        )
        return {
            (start, value): (numerator, denominator, result)
            for start, value, numerator, denominator, result in self.warehouse.rows(
                f"select period_start, dimension_value, {kpi}_numerator, {kpi}_denominator, {kpi} "
                f"from {model} where grain = '{grain}' and dimension = '{dimension}' "
                f"and slot = 'current' and {kpi}_n is not null"
            )
        }

    def counts(self, kpi: str, grain: str = "month", dimension: str = "all") -> dict[Any, tuple[Any, Any]]:
        return {key: (row[0], row[1]) for key, row in self.kpi(kpi, grain, dimension).items()}


@pytest.fixture(scope="module", params=ZONES)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    zone: str = request.param
    rows = random_rows(seed=len(zone))
    with build_warehouse(
        tmp_path_factory.mktemp("customers"),
        rows,
        select=["+kpi_retention", "+kpi_journey", "+retention_cohorts", "+retention_by_experience"],
        variables={"time_zone": zone, "churn_after_days": CHURN_DAYS, "min_n": 1},
        seeds={"fx_rates": "date,currency,rate\n1990-01-01,USD,1\n"},
    ) as warehouse:
        yield Built(warehouse, Oracle(rows, ZoneInfo(zone)))


def by_month(
    oracle: Oracle, of: Callable[[date, date], tuple[float, float]], key: str = "all"
) -> dict[Any, tuple[float, float]]:
    """(month, key) -> (numerator, denominator) where there is a denominator."""
    found = {(first, key): of(first, last) for first, last in oracle.months()}
    return {month: pair for month, pair in found.items() if pair[1] > 0}


def share(members: Iterable[str], hit: Callable[[str], bool]) -> tuple[int, int]:
    listed = list(members)
    return sum(map(hit, listed)), len(listed)


def test_retention_of_every_month(built: Built) -> None:
    oracle = built.oracle

    def retained(first: date, last: date) -> tuple[int, int]:
        start = first - timedelta(days=1)
        return share(
            (c for c in oracle.customers if oracle.is_live(c, start)), lambda c: oracle.is_live(c, last)
        )

    expected = by_month(oracle, retained)
    assert len(expected) > 12
    assert built.counts("retention_rate") == expected
    assert built.counts("churn_rate") == {k: (of - kept, of) for k, (kept, of) in expected.items()}


def test_retention_by_segment(built: Built) -> None:
    oracle = built.oracle
    expected: dict[Any, tuple[float, float]] = {}
    for segment in ("small", "large", "(none)"):
        members = [c for c in oracle.customers if oracle.segment(c) == segment]

        def retained(first: date, last: date, members: list[str] = members) -> tuple[int, int]:
            start = first - timedelta(days=1)
            return share((c for c in members if oracle.is_live(c, start)), lambda c: oracle.is_live(c, last))

        expected |= by_month(oracle, retained, segment)
    assert built.counts("retention_rate", dimension="segment") == expected


def test_counts_of_every_month(built: Built) -> None:
    """Start - lost + new + reactivated = end, and the end of one month is the start of the next."""
    oracle = built.oracle
    names = ("start", "lost", "new", "new_already_gone", "reactivated", "end")
    published = {name: built.kpi(f"customers_{name}") for name in names}
    assert published["new_already_gone"]
    for first, last in oracle.months():
        found = dict.fromkeys(names, 0)
        for days in oracle.live_days.values():
            start, end = first - timedelta(days=1) in days, last in days
            before = any(day < first for day in days)
            within = any(first <= day <= last for day in days)
            found["start"] += start
            found["end"] += end
            found["lost"] += start and not end
            found["new"] += end and not before
            found["new_already_gone"] += within and not before and not end
            found["reactivated"] += end and before and not start
        assert {name: published[name][first, "all"][2] for name in names} == found
    starts = [published["start"][first, "all"][2] for first, _ in oracle.months()]
    ends = [published["end"][first, "all"][2] for first, _ in oracle.months()]
    assert ends[:-1] == starts[1:]


def test_repeat_purchase(built: Built) -> None:
    oracle = built.oracle

    def since(first_day: date, last: date) -> tuple[int, int]:
        counts = [
            sum(first_day <= day <= last for day in oracle.kept_order_days(c)) for c in oracle.customers
        ]
        return sum(n >= 2 for n in counts), sum(n >= 1 for n in counts)

    assert built.counts("repeat_purchase_rate") == by_month(
        oracle, lambda _, last: since(last - timedelta(days=364), last)
    )
    lifetime = by_month(oracle, lambda _, last: since(date.min, last))
    assert built.counts("repeat_purchase_lifetime_rate") == lifetime
    ever = {(date(1900, 1, 1), "all"): since(date.min, oracle.as_of_day)}
    assert built.counts("repeat_purchase_rate", "all") == ever
    assert built.counts("repeat_purchase_lifetime_rate", "all") == ever


def test_returning_customers_and_revisits(built: Built) -> None:
    oracle = built.oracle
    visits: dict[str, list[date]] = defaultdict(list)
    for row in oracle.rows["touchpoints"]:
        if row["customer_key"]:
            visits[row["customer_key"]].append(oracle.day(row["occurred_at"]))
    orders = {c: oracle.kept_order_days(c) for c in oracle.customers}
    for kpi, days in (("returning_customer_rate", orders), ("revisit_rate", visits)):

        def returning(first: date, last: date, days: dict[str, list[date]] = days) -> tuple[int, int]:
            active = (c for c in days if any(first <= day <= last for day in days[c]))
            return share(active, lambda c: any(day < first for day in days[c]))

        assert built.counts(kpi) == by_month(oracle, returning)


def test_revenue_retention(built: Built) -> None:
    oracle = built.oracle
    expected = {}
    for first, last in oracle.months():
        pairs = [
            (oracle.mrr(c, first - timedelta(days=1)), oracle.mrr(c, last))
            for c in oracle.customers
            if oracle.is_live(c, first - timedelta(days=1))
        ]
        known = [(start, end) for start, end in pairs if start is not None and end is not None]
        total = sum(start for start, _ in known)
        if total > 0:
            expected[first, "all"] = (
                100 * sum(min(pair) for pair in known) / total,
                100 * sum(end for _, end in known) / total,
            )
    assert len(expected) > 10
    for place, kpi in enumerate(("grr", "nrr")):
        published = {key: value for key, (_, _, value) in built.kpi(kpi).items()}
        assert published == pytest.approx({key: pair[place] for key, pair in expected.items()}, rel=1e-6)


def test_value_of_customers(built: Built) -> None:
    """ARPU, historical value and value over cost; euros have no rate, so they are no revenue."""
    oracle = built.oracle
    arpu, expected_value, historical, ratio = {}, {}, {}, {}
    for first, last in oracle.months():
        live = [c for c in oracle.customers if any(first <= day <= last for day in oracle.live_days[c])]
        within = [
            row
            for c in live
            for row in oracle.transactions[c]
            if row["currency"] == "USD" and first <= oracle.day(row["occurred_at"]) <= last
        ]
        if live:
            arpu[first, "all"] = sum(row["amount"] for row in within) / len(live)
        start = [c for c in oracle.customers if oracle.is_live(c, first - timedelta(days=1))]
        lost = sum(not oracle.is_live(c, last) for c in start)
        margined = [row for row in within if row.get("margin") is not None]
        sales = sum(row["amount"] for row in margined)
        if start and lost and sales:
            margin_share = sum(row["margin"] for row in margined) / sales
            expected_value[first, "all"] = arpu[first, "all"] * margin_share / (lost / len(start))
        values, costed, cost = [], 0.0, 0.0
        for c in oracle.customers:
            past = [row for row in oracle.transactions[c] if oracle.day(row["occurred_at"]) <= last]
            known = [r for r in past if r["currency"] == "USD" and r.get("margin") is not None]
            unknown = [r for r in past if r["amount"] != 0 and r not in known]
            value = sum(row["margin"] for row in known)
            if known and not unknown:
                values.append(value)
            record = oracle.records.get(c)
            signed_up = record and record["signed_up_at"]
            begun = bool(past) or bool(signed_up and oracle.day(signed_up) <= last)
            if (
                record
                and record["acquisition_cost"]
                and record["currency"] == "USD"
                and begun
                and not unknown
            ):
                costed += value
                cost += record["acquisition_cost"]
        if values:
            historical[first, "all"] = sum(values) / len(values)
        if cost:
            ratio[first, "all"] = costed / cost
    for kpi, expected in (
        ("arpu", arpu),
        ("clv_expected_12m", expected_value),
        ("clv_historical", historical),
        ("clv_cac_ratio", ratio),
    ):
        published = {key: value for key, (_, _, value) in built.kpi(kpi).items() if value is not None}
        assert expected
        assert published == pytest.approx(expected, abs=1e-6), kpi


def test_cohorts(built: Built) -> None:
    oracle = built.oracle
    months = list(oracle.months())
    members: dict[date, list[str]] = defaultdict(list)
    for c in oracle.customers:
        orders = [oracle.day(r["occurred_at"]) for r in oracle.transactions[c] if r["kind"] in PURCHASES]
        begun: date | None = min(orders, default=None)
        if oracle.is_contractual(c):
            signed_up = oracle.records[c]["signed_up_at"]
            begun = oracle.day(signed_up) if signed_up else min(oracle.live_days[c], default=None)
        if begun:
            members[begun.replace(day=1)].append(c)

    def is_active(c: str, first: date, last: date) -> bool:
        if oracle.is_contractual(c):
            return oracle.is_live(c, last)
        return any(
            first <= oracle.day(r["occurred_at"]) <= last
            for r in oracle.transactions[c]
            if r["kind"] in PURCHASES
        )

    expected = {}
    for cohort, customers in members.items():
        for first, last in months:
            if first >= cohort:
                number = (first.year - cohort.year) * 12 + first.month - cohort.month
                is_complete = (last + timedelta(days=1)).day == 1
                active = sum(is_active(c, first, last) for c in customers)
                expected[cohort, number] = (
                    len(customers),
                    active if is_complete else None,
                    pytest.approx(100 * active / len(customers)) if is_complete else None,
                )
    published = built.warehouse.rows(
        "select cohort_month, month_number, cohort_size, active_customers, retention_rate "
        "from retention_cohorts"
    )
    assert {(row[0], row[1]): row[2:] for row in published} == expected


def test_retention_by_experience(built: Built) -> None:
    oracle = built.oracle
    first_experience: dict[str, tuple[datetime, bool]] = {}
    for row in sorted(oracle.rows["feedback"], key=lambda row: row["responded_at"]):
        if oracle.is_live(row["customer_key"], oracle.day(row["responded_at"])):
            first_experience.setdefault(row["customer_key"], (row["responded_at"], row["score"] >= 4))
    expected: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for c, (instant, is_good) in first_experience.items():
        index = oracle.day(instant)
        later = index + timedelta(days=CHURN_DAYS)
        if later > oracle.as_of_day:
            continue
        orders = sum(day < index for day in oracle.kept_order_days(c))
        for stratum in ("all", str(orders) if orders < 2 else "2-3" if orders < 4 else "4+"):
            expected[stratum][0 if is_good else 2] += 1
            expected[stratum][1 if is_good else 3] += oracle.is_live(c, later)
    published = built.warehouse.rows(
        "select earlier_orders, good_customers, good_retained, bad_customers, bad_retained "
        "from retention_by_experience where grain = 'all' and experience = 'csat'"
    )
    assert {row[0]: list(row[1:]) for row in published} == expected
    weight = total = 0.0
    for stratum, (good, good_kept, bad, bad_kept) in expected.items():
        if stratum != "all" and good and bad:
            weight += good * bad / (good + bad)
            total += good * bad / (good + bad) * (good_kept / good - bad_kept / bad)
    difference, low, high = built.warehouse.rows(
        "select stratified_difference, stratified_difference_ci_low, stratified_difference_ci_high "
        "from retention_by_experience where grain = 'all' and experience = 'csat' and earlier_orders = 'all'"
    )[0]
    assert difference == pytest.approx(100 * total / weight, abs=1e-4)
    assert low < difference < high


def test_journey_rates(built: Built) -> None:
    oracle = built.oracle
    for kpi, outcome in (
        ("failure_rate", "failure"),
        ("abandonment_rate", "abandoned"),
        ("escalation_rate", "escalated"),
    ):
        for dimension in ("all", "journey_stage", "channel"):
            found: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
            for row in oracle.rows["touchpoints"]:
                if row["outcome"] != "none":
                    month = oracle.day(row["occurred_at"]).replace(day=1)
                    pair = found[month, row.get(dimension, "all")]
                    pair[0] += row["outcome"] == outcome
                    pair[1] += 1
            assert built.counts(kpi, dimension=dimension) == {key: tuple(pair) for key, pair in found.items()}


def test_step_conversion(built: Built) -> None:
    sessions: dict[str, list[Row]] = defaultdict(list)
    for row in built.oracle.rows["touchpoints"]:
        if row["session_id"] and row["journey_stage"] in FUNNEL:
            sessions[row["session_id"]].append(row)
    found: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
    for rows in sessions.values():
        for number, stage in enumerate(FUNNEL[:-1]):
            reached = [row["occurred_at"] for row in rows if row["journey_stage"] == stage]
            if reached:
                pair = found[built.oracle.day(min(reached)).replace(day=1), stage]
                pair[1] += 1
                pair[0] += any(
                    row["occurred_at"] >= min(reached) and row["journey_stage"] in FUNNEL[number + 1 :]
                    for row in rows
                )
    published = built.counts("step_conversion_rate", dimension="journey_stage")
    assert published == {key: tuple(pair) for key, pair in found.items()}


def test_channel_consistency(built: Built) -> None:
    """The spread of CSAT between channels, over all time."""
    satisfied: dict[str, list[bool]] = defaultdict(list)
    for row in built.oracle.rows["feedback"]:
        satisfied[row["channel"]].append(row["score"] >= 4)
    shares = [100 * sum(answers) / len(answers) for answers in satisfied.values()]
    [(_, _, spread)] = built.kpi("channel_consistency", "all").values()
    assert spread == pytest.approx(max(shares) - min(shares))


def test_wide_mart_repeats_the_rows(built: Built) -> None:
    published = built.warehouse.rows(
        "select retention_rate, customers_start, customers_end from kpi_retention "
        "where grain = 'month' and dimension = 'all' order by period_start"
    )
    counts = [(start, end) for _, start, end in published if start is not None]
    assert all(end == start for (_, end), (start, _) in pairwise(counts))
    assert any(rate is not None for rate, _, _ in published)
