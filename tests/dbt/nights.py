"""A company's rows night by night, as they really come.

What enters: rows per entity and a seed.  What leaves: nights, each the rows and batches landed so far: most
rows come the night after they happened, some late, some again; batches are held and let in later, dropped,
withdrawn by another that replaces their file.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]

HAPPENED = {
    "customers": ("updated_at", "signed_up_at"),
    "feedback": ("updated_at", "responded_at", "invited_at"),
    "tickets": ("updated_at", "created_at"),
    "ticket_events": ("updated_at", "occurred_at"),
    "transactions": ("updated_at", "occurred_at"),
    "touchpoints": ("updated_at", "occurred_at"),
}


@dataclass(frozen=True)
class Night:
    """All that has landed by a night, and what is said of its batches."""

    rows: Mapping[str, Sequence[Row]]
    batches: Sequence[Row]


def nights_of(rows: Mapping[str, Sequence[Row]], seed: int, edges: Sequence[datetime]) -> Iterator[Night]:
    """The nights that end at `edges`; what happened after the last comes with it."""
    rng = random.Random(seed)
    sources = {row.get("source", "test") for entity_rows in rows.values() for row in entity_rows}
    places = {source: 2 * place for place, source in enumerate(sorted(sources))}
    landed: dict[str, list[Row]] = {entity: [] for entity in rows}
    batches: dict[tuple[str, str, int], Row] = {}
    arriving: list[dict[str, list[Row]]] = [{entity: [] for entity in rows} for _ in edges]
    for entity, entity_rows in rows.items():
        for row in entity_rows:
            night = _night_of(entity, row, edges)
            if rng.random() < 0.02:
                night = rng.randrange(night, len(edges))
            arriving[night][entity].append(row)
            if rng.random() < 0.02:
                arriving[rng.randrange(night, len(edges))][entity].append(row)
    for number, tonight in enumerate(arriving, start=1):
        for entity, entity_rows in tonight.items():
            positions: dict[tuple[str, int], int] = {}
            for row in entity_rows:
                source = row.get("source", "test")
                sequence = 2 * len(places) * number + places[source] + rng.randrange(2)
                positions[source, sequence] = positions.get((source, sequence), -1) + 1
                landed[entity].append(
                    row | {"batch_sequence": sequence, "position": positions[source, sequence]}
                )
            for source, sequence in positions:
                batches[entity, source, sequence] = {
                    "entity": entity,
                    "source": source,
                    "batch_sequence": sequence,
                    "state": "held" if rng.random() < 0.1 else "passed",
                    "mode": "replace" if rng.random() < 0.1 else "upsert",
                    "origin": f"{entity}/{rng.randrange(4)}.csv",
                }
        for batch in batches.values():
            if batch["state"] == "held" and rng.random() < 0.4:
                batch["state"] = "accepted"
            elif rng.random() < 0.03:
                batch["state"] = "dropped"
        yield Night(
            {entity: list(all_rows) for entity, all_rows in landed.items()},
            [dict(batch) for batch in batches.values()],
        )


def _night_of(entity: str, row: Row, edges: Sequence[datetime]) -> int:
    instants = [row[name] for name in HAPPENED[entity] if row.get(name) is not None]
    happened_at = max(instants, default=edges[0])
    return next((number for number, edge in enumerate(edges) if happened_at < edge), len(edges) - 1)


def settled(company: Mapping[str, Sequence[Row]], seed: int) -> dict[str, list[Row]]:
    """The company's tickets spread over two years, most closed in the end, few of one customer.

    Some ids are two sources' at once.
    """
    rng = random.Random(seed)
    ids = {row["ticket_id"]: None for row in company["tickets"]} | {"nowhere": None}
    shifts = {ticket_id: timedelta(days=rng.randrange(620)) for ticket_id in ids}
    owners = {ticket_id: f"c{rng.randrange(len(ids))}" for ticket_id in ids}
    renamed = {ticket_id: ticket_id for ticket_id in ids}
    sources = {row["ticket_id"]: row["source"] for row in company["tickets"]}
    chats = [ticket_id for ticket_id, source in sources.items() if source == "chatbox"]
    desks = [ticket_id for ticket_id, source in sources.items() if source == "desk"]
    renamed |= dict(zip(chats[::3], desks, strict=False))
    closed = {ticket_id for ticket_id in ids if rng.random() < 0.85}
    spread: dict[str, list[Row]] = {}
    for entity, rows in company.items():
        spread[entity] = [dict(row) for row in rows]
        for row in spread[entity]:
            ticket_id = row.get("ticket_id")
            if ticket_id is None:
                continue
            for name in ("created_at", "occurred_at", "updated_at", "first_responded_at", "resolved_at"):
                if row.get(name) is not None:
                    row[name] += shifts[ticket_id]
            row["ticket_id"] = renamed[ticket_id]
            if "parent_ticket_id" in row:
                row["parent_ticket_id"] = renamed[row["parent_ticket_id"]]
            if entity == "tickets":
                row["customer_key"] = row["customer_key"] and owners[ticket_id]
                if ticket_id in closed and row["status"] not in ("merged", "spam"):
                    row["status"] = "closed"
    ends: dict[str, Row] = {}
    for row in spread["ticket_events"]:
        last = ends.get(row["ticket_id"])
        if last is None or row["occurred_at"] > last["occurred_at"]:
            ends[row["ticket_id"]] = row
    closed_ids = {renamed[ticket_id] for ticket_id in closed}
    spread["ticket_events"] += [
        {
            "event_id": f"end of {row['source']} {ticket_id}",
            "ticket_id": ticket_id,
            "source": row["source"],
            "occurred_at": row["occurred_at"] + timedelta(hours=2),
            "event_type": "status",
            "actor_role": "agent",
            "value": "closed",
        }
        for ticket_id, row in ends.items()
        if ticket_id in closed_ids
    ]
    return spread


def answers_about(tickets: Sequence[Row], customers: Sequence[str], seed: int) -> list[Row]:
    """Answers that name tickets (of their own source, of another's, of none), and some that name nothing."""
    rng = random.Random(seed)
    answers = []
    for number in range(len(tickets) // 3):
        ticket = rng.choice(tickets)
        responded_at = ticket["created_at"] + timedelta(minutes=rng.randrange(20000))
        answers.append(
            {
                "response_id": f"r{number}",
                "source": rng.choice(["desk", "survey"]),
                "metric": rng.choice(["csat", "csat", "nps"]),
                "score": rng.choice([1, 3, 4, 5]),
                "ticket_id": rng.choice([ticket["ticket_id"]] * 3 + ["unknown", None]),
                "customer_key": rng.choice([*customers[:20], None]),
                "responded_at": responded_at,
                "updated_at": responded_at + timedelta(days=rng.choice([0, 0, 0, 20])),
            }
        )
    return answers


def edges_every(start: datetime, days: int, count: int) -> list[datetime]:
    """`count` instants, `days` apart."""
    return [start.replace(tzinfo=UTC) + timedelta(days=days * (number + 1)) for number in range(count)]
