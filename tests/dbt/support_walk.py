"""A random company's support, and a walk through it in plain Python that shares no code with the models.

What enters: a seed.  What leaves: rows per entity (calls taken, made and missed, chats with and without
session ids, bots that hand over or contain, teams of three tiers, merged tickets, surveys that name tickets
of their own or of another source, customers who order and come and go), and `Ticket`, which tells one
ticket from its events.
Instants are distinct: ties, repeats and clocks that differ are the business of test_ticket_oracle.
`test_support_oracle` calls it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
START = datetime(2024, 1, 15, 3, 0)
DAYS = 100
GAP = timedelta(minutes=30)
SERVICE_LEVEL = 25
CHURN_DAYS = 20
MIN_N = 4
TIERS = {"care": 1, "also_care": 1, "expert": 2, "maker": 3}
TEAMS = [*TIERS, "sales", None]
DIMENSIONS = ["channel", "priority", "team", "agent", "category", "segment", "product", "brand", "tier"]
DONE = ("solved", "closed")

Row = dict[str, Any]


# --- the random company ---------------------------------------------------------------------------


def random_company(seed: int, tickets: int) -> dict[str, list[Row]]:
    """Rows per entity, naive UTC instants."""
    rng = random.Random(seed)
    customers = [f"c{n}" for n in range(tickets // 3)]
    rows: dict[str, list[Row]] = {
        "customers": [
            {
                "customer_key": customer,
                "segment": rng.choice(["smb", "enterprise", None]),
                "brand": rng.choice(["x", "y"]),
                "updated_at": START + timedelta(days=version * rng.randrange(1, DAYS)),
                "batch_sequence": version + 1,
            }
            for customer in customers[:-20]
            for version in range(rng.choice([1, 1, 2]))
        ],
        "transactions": [
            {
                "transaction_id": f"o{n}",
                "customer_key": rng.choice(customers),
                "kind": rng.choice(["order"] * 8 + ["renewal", "refund"]),
                "amount": 10.0,
                "currency": "USD",
                "product": rng.choice(["app", "lamp", None]),
                "brand": rng.choice(["x", None]),
                "occurred_at": START + timedelta(days=10, seconds=rng.randrange((DAYS - 10) * 86400)),
            }
            for n in range(tickets // 2)
        ],
        "tickets": [],
        "ticket_events": [],
        "feedback": [],
    }
    for number in range(tickets):
        created = START + timedelta(seconds=rng.randrange(DAYS * 86400))
        ticket: Row = {
            "ticket_id": f"t{number}",
            "source": rng.choice(["desk", "desk", "phones"]),
            "customer_key": rng.choice([*customers[: tickets // 4], None]),
            "channel": rng.choice(["email", "chat", "chat", "phone", None]),
            "direction": rng.choice(["inbound"] * 6 + ["outbound", None]),
            "category": rng.choice(["billing", "bug", None]),
            "product": rng.choice(["app", "lamp", None]),
            "priority": rng.choice(["low", "high", None]),
            "team": rng.choice(TEAMS),
            "agent_key": rng.choice(["a1", "a2", None]),
            "brand": rng.choice(["x", "y"]),
            "attributes": {"tier": rng.choice(["gold", "tin"])},
            "status": rng.choice(["open"] * 9 + ["merged"]),
            "created_at": created,
        }
        rows["tickets"].append(ticket)
        rows["ticket_events"] += random_events(rng, ticket)
        if rng.random() < 0.4:
            other = f"t{rng.randrange(tickets + 20)}"
            rows["feedback"].append(
                {
                    "response_id": f"r{number}",
                    "survey_id": rng.choice(["undeclared", "csat_support", "nps_relationship"]),
                    "source": rng.choice([ticket["source"], "survey"]),
                    "metric": rng.choice(["csat", "csat", "csat", "comment"]),
                    "score": None,
                    "comment": "fine",
                    "ticket_id": rng.choice([ticket["ticket_id"], ticket["ticket_id"], other, None]),
                    "customer_key": ticket["customer_key"],
                    "team": rng.choice(["said", None]),
                    "agent_key": rng.choice(["said", None]),
                    "responded_at": created + timedelta(seconds=rng.randrange(15 * 86400)),
                    "respondent_type": rng.choice(["customer"] * 9 + ["employee"]),
                }
            )
            if rows["feedback"][-1]["metric"] == "csat":
                rows["feedback"][-1]["score"] = float(rng.choice([1, 3, 4, 5, 5]))
    for name, entity_rows in rows.items():
        for position, row in enumerate(entity_rows):
            row["position"] = position
            row.setdefault("source", "shop" if name != "feedback" else "survey")
    return rows


def random_events(rng: random.Random, ticket: Row) -> list[Row]:
    events: list[Row] = [
        {"event_type": "created", "actor_role": "customer", "occurred_at": ticket["created_at"]}
    ]
    if rng.random() < 0.1:
        events = []  # a bare row, with messages at most
    at = ticket["created_at"]
    kinds = ["reply"] * 8 + ["call"] * 3 + ["assignment", "team", "team", "handover", "note", "priority"]
    for _ in range(rng.randrange(12)):
        at += timedelta(seconds=rng.choice([3, 20, 45, 400, 1799, 1800, 1801, 5000, 90000]))
        kind = rng.choice(kinds + (["status"] * 3 if events and events[0]["event_type"] == "created" else []))
        role = rng.choice(["customer", "customer", "agent", "agent", "bot", "system", None])
        event: Row = {"event_type": kind, "actor_role": role, "occurred_at": at}
        if role == "agent" or rng.random() < 0.2:
            event["agent_key"] = rng.choice(["a1", "a2", "a3"])
        if kind == "status":
            event["value"] = rng.choice(["new", "open", "pending", "solved", "solved", "closed"])
        elif kind == "team":
            event["value"] = rng.choice(TEAMS)
        elif kind == "priority":
            event["value"] = rng.choice(["low", "urgent"])
        elif kind == "assignment":
            event["agent_key"] = rng.choice(["a1", "a2", "a3", None])
        elif kind in ("reply", "call"):
            if kind == "reply" and rng.random() < 0.4:
                event["session_id"] = rng.choice(["s1", "s2"])
            if rng.random() < 0.3:
                event["wait_seconds"] = rng.choice([0.0, 5.5, 25.0, 25.5, 300.0])
            if rng.random() < 0.5:
                event["duration_seconds"] = float(rng.randrange(900))
        events.append(event)
    for number, event in enumerate(events):
        event |= {
            "event_id": f"{ticket['ticket_id']}-{number:02}",
            "ticket_id": ticket["ticket_id"],
            "source": ticket["source"],
        }
    return events


# --- the walk ---------------------------------------------------------------------------------------


@dataclass
class Unit:
    """Something a KPI counts: its day, who it was, the values in force, and what is measured."""

    day: date
    respondent: str
    values: Row
    measured: Row


def local(instant: datetime) -> date:
    return instant.replace(tzinfo=UTC).astimezone(ZONE).date()


def author_of(event: Row) -> str | None:
    return event.get("actor_role") or ("agent" if event.get("agent_key") else None)


class Ticket:
    """One published ticket, told from its events."""

    def __init__(self, row: Row, events: list[Row], segment_at: Callable[..., Any], as_of: datetime) -> None:
        self.row, self.as_of, self.segment_at = row, as_of, segment_at
        self.events = sorted((e for e in events if e["occurred_at"] <= as_of), key=lambda e: e["occurred_at"])
        self.inbound = row["direction"] in ("inbound", None)
        self.respondent = row["customer_key"] or f"{row['source']}:{row['ticket_id']}"
        self.has_history = any(e["event_type"] in ("created", "status") for e in self.events)
        self.has_messages = any(e["event_type"] in ("reply", "call") for e in self.events)
        self.contacts = sorted([*self.calls(), *self.chats()], key=lambda c: c["began"])
        self.flows = list(self.walk_statuses())

    def values_at(self, at: datetime, agent: str | None = None) -> Row:
        """The dimension values just after an instant."""
        held = {
            "team": self.row["team"],
            "priority": self.row["priority"],
            "agent": self.row["agent_key"],
        }
        for event in self.events:
            if event["occurred_at"] <= at and event["event_type"] in ("team", "priority", "assignment"):
                name = "agent" if event["event_type"] == "assignment" else str(event["event_type"])
                held[name] = event.get("agent_key" if name == "agent" else "value")
        return {
            **{name: self.row[name] for name in ("channel", "category", "product", "brand")},
            "tier": self.row["attributes"]["tier"],
            "segment": self.segment_at(self.row["customer_key"], at),
            **held,
            "agent": agent or held["agent"],
        }

    def spoken(self, before: datetime) -> bool:
        """Whether the customer has said something by then."""
        return any(
            e["event_type"] in ("reply", "call") and author_of(e) == "customer" and e["occurred_at"] <= before
            for e in self.events
        )

    def answers(self, event: Row) -> bool:
        """Whether a person answers the customer by this event."""
        author, kind = author_of(event), event["event_type"]
        human = (kind == "reply" and author == "agent") or (
            kind == "call" and (author == "agent" or (author == "customer" and bool(event.get("agent_key"))))
        )
        return human and (self.inbound or self.spoken(event["occurred_at"]))

    def calls(self) -> Iterator[Row]:
        for event in self.events:
            if event["event_type"] != "call":
                continue
            wait = event.get("wait_seconds")
            author = author_of(event)
            yield self.contact(
                "call",
                event["occurred_at"],
                event,
                offered=author == "customer" or (wait is not None and author != "bot"),
                answered=author == "agent" or bool(event.get("agent_key")),
                over=True,
                wait=wait,
                duration=event.get("duration_seconds"),
            )

    def sessions(self) -> Iterator[list[Row]]:
        named: dict[str, list[Row]] = defaultdict(list)
        loose: list[list[Row]] = []
        for event in self.events:
            if event["event_type"] != "reply":
                continue
            if event.get("session_id"):
                named[event["session_id"]].append(event)
            elif self.row["channel"] == "chat":
                if not loose or event["occurred_at"] - loose[-1][-1]["occurred_at"] > GAP:
                    loose.append([])
                loose[-1].append(event)
        yield from named.values()
        yield from loose

    def chats(self) -> Iterator[Row]:
        opened_by = next(
            (
                e
                for e in self.events
                if e["event_type"] in ("reply", "call") and (author_of(e) == "customer" or self.answers(e))
            ),
            None,
        )
        handovers = [e["occurred_at"] for e in self.events if e["event_type"] == "handover"]
        for messages in self.sessions():
            authors = [author_of(e) for e in messages]
            if "customer" not in authors and "agent" not in authors:
                continue
            began, ended = messages[0]["occurred_at"], messages[-1]["occurred_at"]
            answer = next((e for e in messages if self.answers(e)), None)
            asked = [e["occurred_at"] for e in messages if author_of(e) == "customer"]
            waits = [e["wait_seconds"] for e in messages if e.get("wait_seconds") is not None]
            handed = [at for at in handovers if began <= at <= ended + GAP]
            opens = opened_by is None or began <= opened_by["occurred_at"]
            live = bool(messages[0].get("session_id")) or bool(waits) or opens
            to_people = answer is not None or "bot" not in authors or bool(handed)
            wait = answer.get("wait_seconds") if answer else None
            if answer and wait is None:
                entered = [at for at in handed if at <= answer["occurred_at"]][-1:] or [
                    at for at in asked if at <= answer["occurred_at"]
                ][:1]
                wait = (answer["occurred_at"] - entered[0]).total_seconds() if entered else None
            durations = [e["duration_seconds"] for e in messages if e.get("duration_seconds") is not None]
            yield self.contact(
                "chat",
                began,
                answer or messages[-1],
                offered=live and to_people and (bool(asked) or bool(waits)),
                answered=answer is not None,
                over=self.as_of - ended >= GAP,
                wait=wait,
                duration=max(durations, default=None),
            )

    def contact(
        self,
        kind: str,
        began: datetime,
        decided: Row,
        *,
        offered: bool,
        answered: bool,
        over: bool,
        wait: float | None,
        duration: float | None,
    ) -> Row:
        abandoned = None if not offered or (not answered and not over) else not answered
        met = False if abandoned else None
        if offered and answered and wait is not None:
            met = wait <= SERVICE_LEVEL
        return {
            "began": began,
            "contact_kind": kind,
            "is_offered": offered,
            "is_answered": answered,
            "is_abandoned": abandoned,
            "answered_at": decided["occurred_at"] if answered else None,
            "wait_seconds": wait,
            "is_within_service_level": met,
            "handle_minutes": duration / 60 if answered and duration is not None else None,
            "event_date": local(decided["occurred_at"]),
            **self.values_at(decided["occurred_at"], decided.get("agent_key") if answered else None),
        }

    def walk_statuses(self) -> Iterator[tuple[str, datetime, str | None, str | None]]:
        """What came and went: (opened | solved | reopened, when, the agent who did it, the new status)."""
        yield "opened", self.row["created_at"], None, None
        status = "new"
        for event in self.events:
            if event["event_type"] == "status" and event["value"] != status:
                was, status = status, event["value"]
                agent = event.get("agent_key") if author_of(event) == "agent" else None
                if status in DONE and was not in DONE:
                    yield "solved", event["occurred_at"], agent, status
                if was in DONE and status not in DONE:
                    yield "reopened", event["occurred_at"], agent, status
        self.status = status if self.has_history else self.row["status"]

    def solves(self) -> list[Row]:
        """Transitions to solved; of a ticket never solved, those to closed."""
        changes, status = [], "new"
        for event in self.events:
            if event["event_type"] == "status" and event["value"] != status:
                status = event["value"]
                changes.append(event)
        return [e for e in changes if e["value"] == "solved"] or [
            e for e in changes if e["value"] == "closed"
        ]

    def escalations(self) -> int:
        tiers = [
            TIERS[e["value"]] for e in self.events if e["event_type"] == "team" and e.get("value") in TIERS
        ]
        return sum(later > earlier for earlier, later in pairwise(tiers))

    def moves(self, kind: str, value: str) -> int:
        """Changes after the first, whatever came in between that named nobody."""
        named = [e[value] for e in self.events if e["event_type"] == kind and e.get(value)]
        return sum(later != earlier for earlier, later in pairwise(named))

    def touches(self) -> int:
        count = sum(self.answers(e) for e in self.events if e["event_type"] == "call")
        in_sessions = {id(e) for session in self.sessions() for e in session}
        count += sum(
            self.answers(e) for e in self.events if e["event_type"] == "reply" and id(e) not in in_sessions
        )
        return count + sum(any(self.answers(e) for e in session) for session in self.sessions())
