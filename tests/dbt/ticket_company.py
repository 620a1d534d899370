"""A company's tickets at random, as real exports hold them.

What enters: a seed and a number of tickets.  What leaves: rows of customers, tickets and ticket events with
ties, repeats, events out of order, before the opening or without a ticket, chats with and without session
ids, calls taken and missed, tickets without events, rows that changed, dates without times, outbound
tickets, follow-ups, and customers who come back.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime(2024, 1, 15, 3, 0)
STATUSES = ["new", "open", "pending", "on_hold", "solved", "closed"]

Row = dict[str, Any]


def random_company(  # noqa: PLR0912, PLR0915 (one ticket after the other)
    seed: int, tickets: int
) -> dict[str, list[Row]]:
    """Rows per entity; the events come in random order."""
    rng = random.Random(seed)
    rows: dict[str, list[Row]] = {"customers": [], "tickets": [], "ticket_events": []}
    customers = [f"c{n}" for n in range(tickets // 4)]
    for customer in customers:
        for version in range(rng.choice([1, 1, 2])):
            rows["customers"].append(
                {
                    "customer_key": customer,
                    "segment": rng.choice(["smb", "enterprise", None]) if version else "smb",
                    "updated_at": START + timedelta(days=30 * version),
                }
            )
    event_number = 0
    for number in range(tickets):
        ticket_id = f"t{number}"
        created = START + timedelta(days=rng.choice([0] * 9 + [40]), minutes=rng.randrange(60 * 24 * 50))
        base: Row = {
            "ticket_id": ticket_id,
            "source": rng.choice(["desk", "desk", "chatbox"]),
            "customer_key": rng.choice([rng.choice(customers)] * 6 + [None, customers[0]]),
            "channel": rng.choice(["email", "chat", "phone", "web", None]),
            "direction": rng.choice(["inbound"] * 5 + ["outbound"]),
            "category": rng.choice(["billing", "bug", "how-to", None]),
            "product": rng.choice(["app", None]),
            "priority": rng.choice(["low", "normal", "high", None]),
            "team": rng.choice(["tier1", "tier2", None]),
            "agent_key": rng.choice(["a1", "a2", None]),
            "brand": rng.choice(["x", "y"]),
            "attributes": {"tier": rng.choice(["gold", "tin"])},
            "status": rng.choice([*STATUSES, "solved", "closed"]),
            "created_at": created,
            "is_test": rng.random() < 0.02,
            "is_deleted": rng.random() < 0.02,
        }
        if rng.random() < 0.03:
            base["status"] = rng.choice(["merged", "spam"])
        if number and rng.random() < 0.1:
            base["parent_ticket_id"] = f"t{rng.randrange(number)}"
        if rng.random() < 0.03:
            base["date_only"] = "created_at"
        bare = rng.random() < 0.15
        if bare or rng.random() < 0.2:
            if rng.random() < 0.8:
                base["first_responded_at"] = created + timedelta(minutes=rng.randrange(2000))
            if rng.random() < 0.8:
                base["resolved_at"] = created + timedelta(minutes=rng.randrange(20000))
            base["reopen_count"] = rng.choice([0, 0, 1, 2, None])
            if rng.random() < 0.1:
                base["date_only"] = rng.choice(["resolved_at", "first_responded_at"])
        versions = rng.choice([1, 1, 1, 2, 3])
        for version in range(versions):
            row = dict(base, batch_sequence=version + 1)
            if versions > 1:
                row["updated_at"] = created + timedelta(hours=30 * version, minutes=1)
                row["team"] = rng.choice(["tier1", "tier2", None])
                row["category"] = rng.choice(["billing", "bug", None])
                row["agent_key"] = rng.choice(["a1", "a2", "a3"])
            rows["tickets"].append(row)
        if bare and rng.random() < 0.7:
            continue
        events: list[Row] = []
        if not bare:
            events.append({"event_type": "created", "actor_role": "customer", "occurred_at": created})
        instant = created
        for _ in range(rng.choice([0, 2, 5, 9, 16])):
            step = rng.choice([0, 0, 1, 7, 25, 31, 300, 3000, 12000])
            instant += timedelta(minutes=step, seconds=rng.choice([0, 0, 2, 30]))
            if instant > START + timedelta(days=100):
                break
            event = random_event(rng, bare)
            event["occurred_at"] = instant - timedelta(minutes=rng.choice([0] * 12 + [200]))
            if rng.random() < 0.01:
                event["date_only"] = "occurred_at"
            events.append(event)
            if rng.random() < 0.03:
                events.append(dict(event))
        for event in events:
            event_number += 1
            event |= {"event_id": f"e{event_number}", "ticket_id": ticket_id, "source": base["source"]}
        rows["ticket_events"].extend(events)
    rows["ticket_events"].append(
        {
            "event_id": "orphan",
            "ticket_id": "nowhere",
            "source": "desk",
            "occurred_at": START,
            "event_type": "reply",
            "actor_role": "agent",
        }
    )
    rng.shuffle(rows["ticket_events"])
    for position, row in enumerate(rows["tickets"]):
        row["position"] = position
    for entity_rows in rows.values():
        for row in entity_rows:
            for name, value in row.items():
                if isinstance(value, datetime):
                    row[name] = value.replace(tzinfo=UTC)
    return rows


def random_event(rng: random.Random, bare: bool) -> Row:
    kind = rng.choice(
        ["reply"] * 8
        + ["note", "call", "assignment", "team", "priority", "category", "handover"]
        + ["satisfaction_offered", "satisfaction", "other"]
        + ([] if bare else ["status"] * 5)
    )
    role = rng.choice(["customer", "customer", "agent", "agent", "agent", "bot", "system", None])
    event: Row = {"event_type": kind, "actor_role": role}
    if role == "agent" or rng.random() < 0.15:
        event["agent_key"] = rng.choice(["a1", "a2", "a3"])
    if rng.random() < 0.1:
        event["is_public"] = rng.random() < 0.5
    if kind == "status":
        event["value"] = rng.choice([*STATUSES, "solved", "open", " Solved", "archived"])
    elif kind == "team":
        event["value"] = rng.choice(["tier1", "tier2", None])
    elif kind == "priority":
        event["value"] = rng.choice(["low", "urgent"])
    elif kind == "category":
        event["value"] = rng.choice(["billing", "refund"])
    elif kind == "satisfaction":
        event["value"] = rng.choice(["good", "bad"])
    elif kind == "assignment":
        event["agent_key"] = rng.choice(["a1", "a2", "a3", None])
    elif kind in ("reply", "call"):
        if rng.random() < 0.2:
            event["session_id"] = rng.choice(["s1", "s2"])
        if rng.random() < 0.3:
            event["wait_seconds"] = float(rng.randrange(600))
    return event
