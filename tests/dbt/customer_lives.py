"""What customers buy, touch and answer over two years at random, as real exports hold it.

What enters: customer keys and a seed.  What leaves: rows of customers, transactions, touchpoints, feedback:
records of several sources that change, contracts and orders, refunds in part and in full (some of another
customer's order, some of none), amounts without a rate, sessions, forms of several questions, invitations
nobody answered.  Many rows come again later with another customer, order, form or amount, or are deleted.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from tests.dbt.ticket_company import START

DAYS = 700
STAGES = ["awareness", "consideration", "purchase", "use", "support", "advocacy", None]

Row = dict[str, Any]
People: TypeAlias = dict[str | None, int]
"""Customers (and nobody), and the day from which each is seen."""


def lives_of(customers: Sequence[str], seed: int) -> dict[str, list[Row]]:
    """A few rows a customer and entity, and some of nobody; a third of the customers have no record.

    What a customer does lies within some months.
    """
    rng = random.Random(seed)
    people: People = {customer: rng.randrange(DAYS) for customer in customers}
    known = [customer for number, customer in enumerate(customers) if number % 3]
    people[None] = 0
    return {
        "customers": [row for customer in known for row in _records(rng, customer, people)],
        "transactions": _transactions(rng, people),
        "touchpoints": _touchpoints(rng, people),
        "feedback": _forms(rng, people),
    }


def _someone(rng: random.Random, people: People) -> str | None:
    return rng.choice([*people])


def _at(rng: random.Random, first_day: int) -> datetime:
    day = first_day + rng.randrange(100) if first_day else rng.randrange(DAYS)
    return START.replace(tzinfo=UTC) + timedelta(days=day, seconds=rng.choice([0, rng.randrange(86_400)]))


def _changing(rng: random.Random, row: Row, changes: Row, instant: str) -> list[Row]:
    """The row, and often a later version of it: with one of the changes, deleted, or the same."""
    if rng.random() < 0.65:
        return [row]
    later = row | {"updated_at": row[instant] + timedelta(days=rng.choice([0, 250]))}
    if rng.random() < 0.15:
        return [row, later | {"is_deleted": True}]
    name = rng.choice([*changes])
    return [row, later | {name: changes[name]}]


def _records(rng: random.Random, customer: str, people: People) -> list[Row]:
    signed_up_at = _at(rng, people[customer])
    rows = []
    for source in rng.choice([["crm"], ["crm"], ["crm", "shop"]]):
        base: Row = {
            "customer_key": customer,
            "source": source,
            "relationship": rng.choice(["contractual", "non_contractual", None]),
            "signed_up_at": rng.choice([signed_up_at, None]),
            "acquisition_cost": rng.choice([None, 12.5]),
            "currency": "USD",
            "updated_at": signed_up_at,
        }
        for version in range(rng.choice([1, 1, 1, 2, 4])):
            row = base | {
                "segment": rng.choice(["smb", "enterprise", None]),
                "country": rng.choice(["KR", "US", None]),
                "updated_at": signed_up_at + timedelta(days=version * rng.randrange(1, 60)),
            }
            if version and rng.random() < 0.4:
                row["relationship"] = rng.choice(["contractual", "non_contractual"])
                row["ended_at"] = row["updated_at"] + timedelta(days=rng.randrange(60))
            row["is_deleted"] = version > 0 and rng.random() < 0.1
            rows.append(row)
    return rows


def _transactions(rng: random.Random, people: People) -> list[Row]:
    rows: list[Row] = []
    orders: list[Row] = []
    for number in range(3 * len(people)):
        customer = _someone(rng, people)
        occurred_at = _at(rng, people[customer])
        row: Row = {
            "transaction_id": f"x{number}",
            "source": rng.choice(["shop", "shop", "billing"]),
            "customer_key": customer,
            "kind": rng.choice(["order", "order", "renewal"]),
            "amount": float(rng.choice([0, 10, 25, 99])),
            "margin": rng.choice([None, 4.0]),
            "currency": rng.choice(["USD", "USD", "KRW", "XXX", None]),
            "occurred_at": occurred_at,
        }
        if row["source"] == "billing":
            row |= {"service_start": occurred_at, "service_end": occurred_at + timedelta(days=30)}
        if orders and rng.random() < 0.3:
            order = rng.choice(orders)
            occurred_at = order["occurred_at"] + timedelta(days=rng.randrange(60))
            row |= {
                "kind": rng.choice(["refund", "cancellation"]),
                "parent_transaction_id": rng.choice([order["transaction_id"]] * 9 + ["nowhere"]),
                "source": order["source"],
                "customer_key": rng.choice([order["customer_key"], row["customer_key"]]),
                "amount": -order["amount"] * rng.choice([1, 1, 0.5]),
                "currency": order["currency"],
                "occurred_at": occurred_at,
            }
            changes = {
                "parent_transaction_id": rng.choice(orders)["transaction_id"],
                "amount": -1.0,
                "kind": "order",
            }
        else:
            orders.append(row)
            changes = {"amount": 50.0, "customer_key": _someone(rng, people)}
        rows += _changing(rng, row, changes, "occurred_at")
    return rows


def _touchpoints(rng: random.Random, people: People) -> list[Row]:
    rows: list[Row] = []
    for number in range(2 * len(people)):
        customer = _someone(rng, people)
        occurred_at = _at(rng, people[customer])
        for step in range(rng.choice([1, 1, 3])):
            row = {
                "touchpoint_id": f"p{number}-{step}",
                "source": rng.choice(["web", "app"]),
                "session_id": rng.choice([f"s{number}", None]),
                "customer_key": customer,
                "journey_stage": rng.choice(STAGES),
                "touchpoint": rng.choice(["search", "payment"]),
                "outcome": rng.choice(["none", "success", "failure", "abandoned"]),
                "occurred_at": occurred_at + timedelta(minutes=step),
            }
            changes = {
                "customer_key": _someone(rng, people),
                "outcome": "escalated",
                "occurred_at": occurred_at + timedelta(days=3),
            }
            rows += _changing(rng, row, changes, "occurred_at")
    return rows


def _forms(rng: random.Random, people: People) -> list[Row]:
    rows: list[Row] = []
    forms = 2 * len(people)
    for number in range(forms):
        customer = _someone(rng, people)
        invited_at = _at(rng, people[customer])
        answered = rng.random() < 0.6
        for question in range(rng.choice([1, 1, 3])):
            metric = rng.choice(["nps", "csat", "ces", "rating"])
            responded_at = invited_at + timedelta(days=rng.randrange(30), minutes=question)
            row: Row = {
                "response_id": f"f{number}-{question}",
                "source": rng.choice(["survey"] * 9 + ["shop"]),
                "submission_id": rng.choice([f"f{number}"] * 9 + [None]),
                "question_id": rng.choice([f"q{question}", None]),
                "survey_id": rng.choice(["nps_relationship", "csat_support", None]),
                "metric": metric,
                "scale_direction": "lower_is_better" if metric == "ces" else None,
                "score": float(rng.choice([1, 3, 5])) if answered else None,
                "comment": rng.choice(["fine", None]) if answered else None,
                "respondent_type": rng.choice(["customer"] * 9 + ["employee"]),
                "customer_key": customer,
                "channel": rng.choice(["web", "email", None]),
                "invited_at": rng.choice([invited_at, invited_at, None]) if answered else invited_at,
                "delivery_status": rng.choice(["delivered"] * 9 + ["bounced"]),
                "responded_at": responded_at if answered else None,
                "updated_at": responded_at if answered else invited_at,
            }
            changes = {
                "submission_id": f"f{rng.randrange(forms)}",
                "customer_key": _someone(rng, people),
                "channel": "app",
                "score": 4.0 if answered else None,
            }
            rows += _changing(rng, row, changes, "updated_at")
    return rows
