"""CDNOW, a real shop's orders: the cohorts and the repeat rate that others computed from the same file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.dbt.harness import Warehouse, build_warehouse

ORDERS = Path(__file__).resolve().parents[3] / "shared" / "data" / "cdnow_master.txt"

pytestmark = pytest.mark.skipif(not ORDERS.exists(), reason="the CDNOW orders are not here: ../shared/data")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    rows = []
    for line, text in enumerate(ORDERS.read_text(encoding="utf-8").splitlines()[1:]):
        customer, day, _, amount = text.split()
        rows.append(
            {
                "transaction_id": str(line),
                "customer_key": customer,
                "kind": "order",
                "amount": float(amount),
                "currency": "USD",
                "occurred_at": datetime.fromisoformat(f"{day}T12:00:00+00:00"),
            }
        )
    with build_warehouse(
        tmp_path_factory.mktemp("cdnow"),
        {"transactions": rows},
        select=["+retention_cohorts", "+kpi_retention"],
        variables={"currency": "USD"},
    ) as built:
        yield built


def test_cohorts_of_the_first_quarter(warehouse: Warehouse) -> None:
    cohorts = warehouse.rows(
        "select cohort_size, round(retention_rate, 2) from retention_cohorts "
        "where month_number = 1 and cohort_month < date '1997-04-01' order by cohort_month"
    )
    assert cohorts == [(7846, 14.75), (8476, 15.48), (7248, 14.24)]


def test_lifetime_repeat_purchase_rate(warehouse: Warehouse) -> None:
    rates = warehouse.rows(
        "select repeat_purchase_rate, repeat_purchase_lifetime_rate, repeat_purchase_rate_n "
        "from kpi_retention where grain = 'all' and dimension = 'all'"
    )
    assert rates == [(pytest.approx(48.8587, abs=5e-5), pytest.approx(48.8587, abs=5e-5), 23_570)]


def test_retention_of_a_month_against_a_count_of_the_orders(warehouse: Warehouse) -> None:
    """Live on a day: an order above 0 in the ninety days that end with it."""
    orders: dict[str, list[date]] = {}
    for text in ORDERS.read_text(encoding="utf-8").splitlines()[1:]:
        customer, day, _, amount = text.split()
        if float(amount) > 0:
            orders.setdefault(customer, []).append(date.fromisoformat(day))

    def live(day: date) -> set[str]:
        return {c for c, days in orders.items() if any(day - timedelta(days=90) < d <= day for d in days)}

    start, end = live(date(1997, 8, 31)), live(date(1997, 9, 30))
    published = warehouse.rows(
        "select customers_start, customers_end, retention_rate from kpi_retention "
        "where grain = 'month' and dimension = 'all' and period_start = date '1997-09-01'"
    )
    assert published == [(len(start), len(end), pytest.approx(100 * len(start & end) / len(start)))]
