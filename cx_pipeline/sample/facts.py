"""The planted facts, computed from the rows that are written, by the definitions of the KPIs.

What enters: each block's customers, transactions, tickets, answers and touchpoints.  What leaves:
`Fact`s with their figures and the queries that find them.  Called by `generate`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from cx_pipeline.sample import company as co
from cx_pipeline.sample.clock import DAY, WEEK, Window
from cx_pipeline.sample.draw import NO_INSTANT, Flags, Floats, Ints
from cx_pipeline.sample.journey import Steps
from cx_pipeline.sample.orders import ORDER, REFUND, RENEWAL, Orders
from cx_pipeline.sample.people import People
from cx_pipeline.sample.report import Fact, Figure
from cx_pipeline.sample.support import Tickets, Told
from cx_pipeline.sample.voice import CSAT_SUPPORT, EMPLOYEE, M_CSAT, M_NPS, Answers

FOLLOW_UP = 90 * DAY
_SEOUL_AHEAD = 9 * 3600


def _over_time(kpi: str, dimension: str, value: str, between: tuple[date, date]) -> str:
    """The query of a KPI week by week."""
    return (
        f"select period_start, value, n from marts.kpis where kpi = '{kpi}' and grain = 'week' "
        f"and dimension = '{dimension}' and dimension_value = '{value}' "
        f"and period_start between date '{between[0]}' and date '{between[1]}' order by period_start"
    )


def _by_value(kpi: str, dimension: str) -> str:
    """The query of a KPI over all time by the values of a dimension, the greatest first."""
    return (
        f"select dimension_value, value, n from marts.kpis where kpi = '{kpi}' and grain = 'all' "
        f"and dimension = '{dimension}' order by value desc"
    )


def _walkouts(bad: date) -> str:
    """The query of who wrote around the bad week and did not order in the 90 days after."""
    since, until = bad - timedelta(weeks=4), bad + timedelta(weeks=1)
    return (
        "select case when hit then 'in the bad week' else 'before only' end as wrote, count(*) as n, "
        "100.0 * count(*) filter (not returned) / count(*) as left_rate from (select t.customer_key, "
        f"bool_or(t.created_date >= date '{bad}') as hit, bool_or(o.customer_key is not null) as returned "
        "from marts.fct_tickets t join marts.dim_customers c using (customer_key) "
        "left join (select distinct customer_key from marts.fct_transactions where kind = 'order' "
        f"and occurred_date >= date '{until}' and occurred_date < date '{until + timedelta(days=90)}') o "
        "using (customer_key) where t.direction = 'inbound' and c.relationship = 'non_contractual' "
        f"and t.created_date >= date '{since}' and t.created_date < date '{until}' "
        "group by t.customer_key) group by wrote order by wrote"
    )


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else float("nan")


@dataclass
class Tally:
    """Counts, and one small number a ticket; `add` a block, then `facts`."""

    window: Window
    counts: Counter[tuple[str, ...]] = field(default_factory=Counter)
    mail_minutes: list[Floats] = field(default_factory=list)
    mail_weeks: list[Ints] = field(default_factory=list)

    def _count(self, flags: Flags, *name: str) -> None:
        self.counts[name] += int(flags.sum())

    def add(
        self,
        *,
        people: People,
        orders: Orders,
        tickets: Tickets,
        support: Told,
        answers: Answers,
        steps: Steps,
    ) -> None:
        """Take a block into account."""
        self._add_responses(tickets, support)
        self._add_walkouts(people, orders, tickets)
        self._add_answers(people, answers)
        self._add_purchases(people, orders)
        for channel, name in ((0, "app"), (1, "web")):
            here = (steps.channel == channel) & (steps.touchpoint == co.PAYMENT)
            self._count(here & (steps.outcome == co.FAILURE), "failed", name)
            self._count(here & (steps.outcome != co.NO_OUTCOME), "paid", name)

    def _week(self, at: Ints) -> Ints:
        """Weeks after the bad one, cut in Seoul."""
        return (at - self.window.bad_from) // WEEK

    def _add_responses(self, tickets: Tickets, support: Told) -> None:
        """E-mail tickets answered, by the week of the answer."""
        at = support.first_touch
        rows = np.flatnonzero(
            (at != NO_INSTANT) & (at < self.window.closes) & tickets.is_served & (tickets.channel == co.EMAIL)
        )
        near = rows[np.abs(self._week(at[rows])) <= 4]
        self.mail_minutes.append((at - tickets.created)[near] / 60)
        self.mail_weeks.append(self._week(at[near]))

    def _add_walkouts(self, people: People, orders: Orders, tickets: Tickets) -> None:
        """Who had a ticket in the bad week or in the four before, and does not order afterwards."""
        w = self.window
        until = w.bad_until + FOLLOW_UP
        returned = np.zeros(len(people), bool)
        order = (orders.kind == ORDER) & ~orders.is_plan
        returned[orders.person[order & (orders.at >= w.bad_until) & (orders.at < until)]] = True
        inbound = tickets.is_served & ~tickets.is_outbound
        week = self._week(tickets.created)
        hit, before = np.zeros(len(people), bool), np.zeros(len(people), bool)
        hit[tickets.person[inbound & (week == 0)]] = True
        before[tickets.person[inbound & (week < 0) & (week >= -4)]] = True
        free = ~people.contractual
        for name, group in (("hit", hit & free), ("before", before & ~hit & free)):
            self._count(group, "asked", name)
            self._count(group & ~returned, "left", name)

    def _add_answers(self, people: People, answers: Answers) -> None:
        """Satisfaction by week, by touchpoint, of employees; recommendation by acquisition channel."""
        given = ~np.isnan(answers.score)
        csat = given & (answers.metric == M_CSAT)
        satisfied = csat & (answers.score >= 4)
        support = csat & (answers.survey == CSAT_SUPPORT)
        week = self._week(answers.responded)
        for number in range(-4, 5):
            self._count(support & (week == number), "csat", str(number))
            self._count(support & satisfied & (week == number), "satisfied", str(number))
        customer = answers.survey != EMPLOYEE
        for touchpoint in (co.PAYMENT, co.DELIVERY, co.SUPPORT):
            name = co.JOURNEY[touchpoint][0]
            here = csat & customer & (answers.touchpoint == touchpoint)
            self._count(here, "csat_at", name)
            self._count(here & satisfied, "satisfied_at", name)
        for name, group in (("employees", csat & ~customer), ("customers", csat & customer)):
            self._count(group, "csat_of", name)
            self._count(group & satisfied, "satisfied_of", name)
        nps = given & (answers.metric == M_NPS)
        if not len(people):
            return
        channel = people.acquisition[np.maximum(answers.person, 0)]
        for code, acquisition in enumerate(co.ACQUISITION):
            here = nps & (channel == code)
            self._count(here, "nps", acquisition.code)
            self._count(here & (answers.score >= 9), "promoters", acquisition.code)
            self._count(here & (answers.score <= 6), "detractors", acquisition.code)

    def _add_purchases(self, people: People, orders: Orders) -> None:
        """Buyers, and those with two order days or more, by acquisition channel."""
        refunded = np.zeros(len(orders) + 1)
        back = orders.kind == REFUND
        np.add.at(refunded, orders.parent[back], -orders.amount[back])
        paid = (orders.kind == ORDER) | (orders.kind == RENEWAL)
        paid &= ~((orders.amount > 0) & (refunded[:-1] >= orders.amount - 0.005))
        day = (orders.at[paid] + _SEOUL_AHEAD) // DAY
        days = np.unique(orders.person[paid] * 1_000_000 + day) // 1_000_000
        order_days = np.bincount(days, minlength=len(people))
        for code, acquisition in enumerate(co.ACQUISITION):
            here = people.acquisition == code
            self._count(here & (order_days >= 1), "buyers", acquisition.code)
            self._count(here & (order_days >= 2), "repeaters", acquisition.code)

    def _rate(self, part: str, whole: str, name: str) -> float:
        return _percent(self.counts[part, name], self.counts[whole, name])

    def _median(self, week: int) -> float:
        weeks, minutes = np.concatenate(self.mail_weeks), np.concatenate(self.mail_minutes)
        here = minutes[weeks == week]
        return float(np.median(here)) if len(here) else float("nan")

    def facts(self) -> tuple[Fact, ...]:
        """The facts of the whole sample."""
        return (self._bad_week(), self._friction(), self._referral(), self._gap())

    def _bad_week(self) -> Fact:
        bad = self.window.bad_monday
        figures = [
            Figure(
                f"median_{name}",
                f"e-mail: median first response, week of {bad + timedelta(weeks=week)}, minutes",
                f"이메일 첫 응답 중앙값, {bad + timedelta(weeks=week)} 주, 분",
                self._median(week),
            )
            for week, name in ((-1, "before"), (0, "in"), (1, "after"))
        ]
        figures += [
            Figure(
                f"csat_{name}",
                f"CSAT of support, week of {bad + timedelta(weeks=week)}, % of "
                f"{self.counts['csat', str(week)]} answers",
                f"상담 CSAT, {bad + timedelta(weeks=week)} 주, 응답 {self.counts['csat', str(week)]}건 중 %",
                self._rate("satisfied", "csat", str(week)),
            )
            for week, name in ((-1, "before"), (0, "in"), (1, "after"))
        ]
        figures += [
            Figure(
                f"left_{name}",
                f"no order in the 90 days after, customers without a contract with a ticket {english}, % of "
                f"{self.counts['asked', name]}",
                f"이후 90일간 주문 없음, {korean} 문의한 비계약 고객 {self.counts['asked', name]}명 중 %",
                self._rate("left", "asked", name),
            )
            for name, english, korean in (
                ("hit", "in the bad week", "나쁜 주에"),
                ("before", "in the four weeks before only", "직전 4주에만"),
            )
        ]
        around = (bad - timedelta(weeks=3), bad + timedelta(weeks=3))
        return Fact(
            "bad_week",
            f"In the week of {bad} support answers many times slower. Satisfaction falls with it, "
            "and half of the customers who wrote that week leave for good.",
            f"{bad} 주에 상담 응답이 크게 느려집니다. 만족도가 함께 떨어지고, "
            "그 주에 문의한 고객의 절반이 떠납니다.",
            tuple(figures),
            (
                _over_time("first_response_calendar_minutes_median", "channel", "email", around),
                _over_time("csat", "survey", "csat_support", around),
                _walkouts(bad),
                "select period_start, good_retention_rate, bad_retention_rate, difference "
                "from marts.retention_by_experience where experience = 'csat' and grain = 'month' "
                "and earlier_orders = 'all' order by period_start",
            ),
        )

    def _friction(self) -> Fact:
        figures = [
            Figure(
                f"failure_{name}",
                f"payment steps that fail, {english}, % of {self.counts['paid', name]}",
                f"결제 단계 실패율, {korean}, {self.counts['paid', name]}건 중 %",
                self._rate("failed", "paid", name),
            )
            for name, english, korean in (("app", "in the app", "앱"), ("web", "on the web", "웹"))
        ]
        figures += [
            Figure(
                f"csat_{name}",
                f"CSAT of touchpoint {name}, % of {self.counts['csat_at', name]} answers",
                f"접점 {name}의 CSAT, 응답 {self.counts['csat_at', name]}건 중 %",
                self._rate("satisfied_at", "csat_at", name),
            )
            for name in ("payment", "delivery", "support")
        ]
        return Fact(
            "friction",
            "Paying in the app fails far more often than on the web.",
            "앱에서의 결제가 웹보다 훨씬 자주 실패합니다.",
            tuple(figures),
            (
                _by_value("failure_rate", "touchpoint"),
                "select channel, 100.0 * count(*) filter (outcome = 'failure') / count(*) as failure_rate, "
                "count(*) as n from marts.fct_touchpoints where touchpoint = 'payment' "
                "and outcome <> 'none' group by channel order by channel",
                _by_value("csat", "touchpoint"),
            ),
        )

    def _referral(self) -> Fact:
        figures: list[Figure] = []
        for acquisition in co.ACQUISITION:
            code = acquisition.code
            figures.append(
                Figure(
                    f"repeat_{code}",
                    f"{code}: ordered on two days or more, % of {self.counts['buyers', code]} buyers",
                    f"{code} 고객의 재구매율, 구매자 {self.counts['buyers', code]}명 중 %",
                    self._rate("repeaters", "buyers", code),
                )
            )
        for code in ("referral", "paid_search", "social"):
            n = self.counts["nps", code]
            value = _percent(self.counts["promoters", code] - self.counts["detractors", code], n)
            figures.append(
                Figure(
                    f"nps_{code}",
                    f"NPS of customers from {code}, {n} answers",
                    f"{code} 고객의 NPS, 응답 {n}건",
                    value,
                )
            )
        return Fact(
            "referral",
            "Customers who came by referral buy again most often and recommend most; "
            "they cost little to win.",
            "추천(referral)으로 온 고객이 가장 자주 다시 구매하고 가장 많이 추천하며, 획득 비용도 낮습니다.",
            tuple(figures),
            (
                _by_value("repeat_purchase_lifetime_rate", "acquisition_channel"),
                _by_value("nps", "acquisition_channel"),
                "select dimension_value, value, n from marts.kpis where kpi = 'retention_rate' "
                "and grain = 'quarter' and dimension = 'acquisition_channel' and is_complete "
                "qualify period_start = max(period_start) over () order by value desc",
            ),
        )

    def _gap(self) -> Fact:
        figures = [
            Figure(
                f"csat_{name}",
                f"CSAT {english}, % of {self.counts['csat_of', name]} answers",
                f"{korean} CSAT, 응답 {self.counts['csat_of', name]}건 중 %",
                self._rate("satisfied_of", "csat_of", name),
            )
            for name, english, korean in (
                ("employees", "as employees expect it", "직원이 예상한"),
                ("customers", "of all customers' answers", "고객이 답한 전체"),
            )
        ]
        gap = figures[0].value - figures[1].value
        figures.append(Figure("gap", "the gap, percentage points", "격차, %포인트", gap))
        return Fact(
            "perception_gap",
            "Employees expect customers to be more satisfied than they are.",
            "직원들은 고객이 실제보다 더 만족한다고 생각합니다.",
            tuple(figures),
            (
                "select value, n from marts.kpis where kpi = 'perception_gap_csat' and grain = 'all' "
                "and dimension = 'all'",
                "select respondent_type, 100.0 * count(*) filter (score >= 4) / count(*) as csat, "
                "count(*) as n from marts.fct_feedback where metric = 'csat' and score is not null "
                "group by respondent_type order by respondent_type",
            ),
        )
