"""The entities: the typed contract at the narrow waist.

Everything upstream (sources, landing, gate) adapts records to these six entities; everything
downstream (dbt) reads only them.  The landing schema, the file-drop templates, the dbt sources and
the documentation page are generated from this module or checked against it, so a column is spelled
here and nowhere else.

What enters: nothing.  What leaves: `ENTITIES`, one `Entity` each.  Anyone may import this module; it
imports nothing of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

CONTRACT_VERSION = 1
"""Raised with every change of a landed column; a mismatch makes the next night a full refresh."""


class Type(StrEnum):
    """The logical types of the contract."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    TIMESTAMP = "timestamp"
    BOOLEAN = "boolean"
    MAP = "map"


class Role(StrEnum):
    """How privacy at the edge treats a column."""

    PLAIN = "plain"  # redacted by pattern, like every text
    FREE_TEXT = "free_text"  # what people wrote
    ID = "id"  # keyed only where a value looks like an e-mail address or a phone number
    CUSTOMER = "customer"  # keyed: lands as customer_key
    ACCOUNT = "account"  # keyed: lands as account_key
    AGENT = "agent"  # keyed (or as it is where the settings say so): lands as agent_key


_LANDED_NAMES = {
    Role.CUSTOMER: "customer_key",
    Role.ACCOUNT: "account_key",
    Role.AGENT: "agent_key",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an entity.

    `allowed` is a closed list; an unknown value becomes `other` where the list has it, and breaks a
    row rule otherwise.  `minimum` bounds a number (exclusively where `exclusive_minimum`).
    `default` fills a missing value at landing.  `may_be_future` and `may_be_ancient` exempt an
    instant from the row rules on timestamps.
    """

    name: str
    type: Type
    description: str
    required: bool = False
    role: Role = Role.PLAIN
    allowed: tuple[str, ...] = ()
    default: str | float | bool | None = None
    minimum: float | None = None
    exclusive_minimum: bool = False
    may_be_future: bool = False
    may_be_ancient: bool = False
    pattern: str | None = None

    @property
    def landed_name(self) -> str:
        """The column's name in landing and everywhere downstream."""
        return _LANDED_NAMES.get(self.role, self.name)

    @property
    def has_other(self) -> bool:
        return "other" in self.allowed


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity: its name, the column that (with `source`) is its key, and its fields."""

    name: str
    key: str
    description: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """The field called `name` on input; KeyError where there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no column {name!r}")

    @property
    def landed_key(self) -> str:
        return self.field(self.key).landed_name

    @property
    def names(self) -> tuple[str, ...]:
        """The input column names, in order."""
        return tuple(field.name for field in self.fields)

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields if field.required)

    @property
    def generates_key(self) -> bool:
        """Whether rows of a file without the key column get a generated id (not so customers)."""
        return self.field(self.key).role is not Role.CUSTOMER


COUNTRY = r"^[A-Z]{2}$"  # ISO 3166-1 alpha-2
CURRENCY = r"^[A-Z]{3}$"  # ISO 4217
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$"  # BCP 47

CHANNELS = (
    "web",
    "app",
    "email",
    "chat",
    "phone",
    "sms",
    "social",
    "store",
    "bot",
    "community",
    "other",
)
ACQUISITION_CHANNELS = (
    "direct",
    "referral",
    "organic_search",
    "paid_search",
    "social",
    "email",
    "display",
    "store",
    "partner",
    "other",
)
TOUCHPOINT_CHANNELS = (*CHANNELS[:-1], *(c for c in ACQUISITION_CHANNELS if c not in CHANNELS), "other")
JOURNEY_STAGES = (
    "awareness",
    "consideration",
    "purchase",
    "onboarding",
    "use",
    "support",
    "renewal",
    "advocacy",
    "other",
)
METRICS = ("nps", "csat", "ces", "rating", "useful", "usable", "enjoyable", "comment", "idea")
PRIORITIES = ("low", "normal", "high", "urgent")
STATUSES = ("new", "open", "pending", "on_hold", "solved", "closed", "merged", "spam")
EVENT_TYPES = (
    "created",
    "reply",
    "note",
    "call",
    "status",
    "assignment",
    "team",
    "priority",
    "category",
    "schedule",
    "handover",
    "satisfaction_offered",
    "satisfaction",
    "merged",
    "other",
)

DEFAULT_SCALES: dict[str, tuple[float, float]] = {
    "nps": (0, 10),
    "csat": (1, 5),
    "rating": (1, 5),
    "ces": (1, 7),
    "useful": (1, 5),
    "usable": (1, 5),
    "enjoyable": (1, 5),
}
"""metric -> (scale_min, scale_max) where neither the row nor the survey declares a scale."""


def _text(name: str, description: str, **options: object) -> Field:
    return Field(name, Type.TEXT, description, **options)  # type: ignore[arg-type]


def _id(name: str, description: str, **options: object) -> Field:
    return Field(name, Type.TEXT, description, role=Role.ID, **options)  # type: ignore[arg-type]


def _instant(name: str, description: str, **options: object) -> Field:
    return Field(name, Type.TIMESTAMP, description, **options)  # type: ignore[arg-type]


def _number(name: str, description: str, **options: object) -> Field:
    return Field(name, Type.DECIMAL, description, **options)  # type: ignore[arg-type]


def _customer(required: bool = False) -> Field:
    return Field(
        "customer_id",
        Type.TEXT,
        "The person or account as the source knows it; lands only as customer_key.",
        required=required,
        role=Role.CUSTOMER,
    )


_AGENT = Field(
    "agent_id",
    Type.TEXT,
    "The agent (acting, assigned or rated); lands as agent_key.",
    role=Role.AGENT,
)
_CURRENCY = _text("currency", "ISO 4217 code of the amounts.", pattern=CURRENCY)
_LANGUAGE = _text("language", "BCP 47 language tag.", pattern=LANGUAGE)
_PRODUCT = _text("product", "What it is about.")
_STAGE = _text("journey_stage", "Stage of the customer journey.", allowed=JOURNEY_STAGES)

_ON_EVERY_ENTITY = (
    _instant("updated_at", "When the source last changed the row; the greatest wins."),
    Field("is_deleted", Type.BOOLEAN, "A tombstone: the key leaves the published tables.", default=False),
    Field("is_test", Type.BOOLEAN, "A test record; never published.", default=False),
    _text("brand", "The brand it belongs to."),
    Field("attributes", Type.MAP, "The attributes the settings declare for the entity, by name."),
)


def _entity(name: str, key: str, description: str, *fields: Field) -> Entity:
    return Entity(name, key, description, (*fields, *_ON_EVERY_ENTITY))


ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        _entity(
            "customers",
            "customer_id",
            "A person or account the company serves.",
            _customer(required=True),
            Field(
                "account_id",
                Type.TEXT,
                "The account the person belongs to; lands as account_key.",
                role=Role.ACCOUNT,
            ),
            _text(
                "relationship",
                "Whether a contract says who is live; default by the source's setting.",
                allowed=("contractual", "non_contractual"),
            ),
            _instant("signed_up_at", "Start of the relation.", may_be_ancient=True),
            _instant("ended_at", "End of the relation.", may_be_ancient=True, may_be_future=True),
            _text("segment", "The company's own segment."),
            _text("country", "ISO 3166-1 alpha-2 code.", pattern=COUNTRY),
            _LANGUAGE,
            _text("acquisition_channel", "How the customer came.", allowed=ACQUISITION_CHANNELS),
            _number("acquisition_cost", "What it cost to win the customer, in currency.", minimum=0),
            _CURRENCY,
        ),
        _entity(
            "feedback",
            "response_id",
            "One answer to one survey question (or an unanswered invitation), a rating, a review, an idea.",
            _id("response_id", "The answer.", required=True),
            _id("submission_id", "The filled-in form or invitation; default response_id."),
            _id("survey_id", "The survey, as seeds/surveys.csv declares it."),
            _id("question_id", "The question within the survey."),
            _text("metric", "What the question measures.", required=True, allowed=METRICS),
            _number("score", "The answer on its scale; null = invited, not answered."),
            _number("scale_min", "Lowest point; default by survey, then by metric."),
            _number("scale_max", "Highest point; default by survey, then by metric."),
            _text(
                "scale_direction",
                "Which end is good; default higher_is_better, but ces must declare it.",
                allowed=("higher_is_better", "lower_is_better"),
            ),
            _text("comment", "What the respondent wrote.", role=Role.FREE_TEXT),
            _LANGUAGE,
            _customer(),
            _text(
                "respondent_type",
                "Who answered.",
                allowed=("customer", "employee"),
                default="customer",
            ),
            _id("ticket_id", "The ticket it is about."),
            _id("transaction_id", "The transaction it is about."),
            _AGENT,
            _text("team", "The team it is about."),
            _PRODUCT,
            _text("channel", "Where it was asked.", allowed=CHANNELS),
            _text("touchpoint", "The touchpoint it is about."),
            _STAGE,
            _instant("invited_at", "When the invitation went out."),
            _text(
                "delivery_status",
                "What became of the invitation.",
                allowed=("delivered", "bounced", "blocked"),
                default="delivered",
            ),
            _instant("responded_at", "When it was answered; required with a score or a comment."),
            _number(
                "weight",
                "Survey weight; used only where weighted KPIs are asked for.",
                default=1.0,
                minimum=0,
                exclusive_minimum=True,
            ),
        ),
        _entity(
            "tickets",
            "ticket_id",
            "A support conversation, its latest state.",
            _id("ticket_id", "The ticket.", required=True),
            _customer(),
            _text("channel", "Where it came in.", allowed=CHANNELS),
            _text(
                "direction",
                "Who opened it: the customer (inbound) or the company (outbound).",
                allowed=("inbound", "outbound"),
                default="inbound",
            ),
            _text("category", "What it is about, as the company sorts it."),
            _PRODUCT,
            _text("priority", "How urgent it is.", allowed=PRIORITIES),
            _text("status", "The latest status.", required=True, allowed=STATUSES),
            _text("team", "The team it is assigned to."),
            _AGENT,
            _id("schedule_id", "Its business hours, as seeds/business_hours.csv declares them."),
            _text("subject", "The subject line.", role=Role.FREE_TEXT),
            _LANGUAGE,
            _id("parent_ticket_id", "The ticket this one follows up."),
            _id("merged_into_ticket_id", "The ticket that took this one over."),
            _instant("created_at", "When it was opened.", required=True),
            _instant("first_responded_at", "Used only without a created or status event."),
            _instant("resolved_at", "Used only without a created or status event."),
            Field(
                "reopen_count",
                Type.INTEGER,
                "Used only without a created or status event.",
                minimum=0,
            ),
            Field(
                "source_sla_met",
                Type.BOOLEAN,
                "The vendor's own SLA verdict, published beside ours.",
            ),
        ),
        _entity(
            "ticket_events",
            "event_id",
            "One thing that happened on a ticket.",
            _id("event_id", "The event.", required=True),
            _id("ticket_id", "The ticket it happened on.", required=True),
            _instant("occurred_at", "When it happened.", required=True),
            _text("event_type", "What happened.", required=True, allowed=EVENT_TYPES),
            _text("actor_role", "Who did it.", allowed=("customer", "agent", "bot", "system")),
            _AGENT,
            Field(
                "is_public",
                Type.BOOLEAN,
                "Whether the customer sees it; default true for reply and call, false for note.",
            ),
            _text("value", "The new status, priority, team, schedule, score …"),
            _id("session_id", "The live session a chat message belongs to."),
            _number("duration_seconds", "Length of a call or chat.", minimum=0),
            _number("wait_seconds", "Time in the queue before it was answered.", minimum=0),
        ),
        _entity(
            "transactions",
            "transaction_id",
            "An order, renewal, refund or cancellation.",
            _id("transaction_id", "The transaction.", required=True),
            _id("parent_transaction_id", "The transaction a refund refers to."),
            _customer(required=True),
            _text(
                "kind",
                "What it is.",
                allowed=("order", "renewal", "refund", "cancellation"),
                default="order",
            ),
            _number("amount", "In currency; refunds are negative."),
            _number("margin", "What is left of the amount, in currency."),
            _CURRENCY,
            _PRODUCT,
            _text("channel", "Where it was sold."),
            _instant("occurred_at", "When it happened.", required=True),
            _instant(
                "service_start",
                "Start of the interval the amount pays for.",
                may_be_future=True,
            ),
            _instant("service_end", "End of that interval, exclusive.", may_be_future=True),
        ),
        _entity(
            "touchpoints",
            "touchpoint_id",
            "One interaction on the customer journey with its outcome.",
            _id("touchpoint_id", "The interaction.", required=True),
            _customer(),
            _id("session_id", "The visit it belongs to."),
            _instant("occurred_at", "When it happened.", required=True),
            _text("channel", "Where it happened.", allowed=TOUCHPOINT_CHANNELS),
            _text("touchpoint", "Which touchpoint."),
            _STAGE,
            _text(
                "outcome",
                "What came of it.",
                allowed=("success", "failure", "abandoned", "escalated", "none"),
                default="none",
            ),
            _number("duration_seconds", "How long it took.", minimum=0),
            _text("campaign", "The campaign that led to it."),
            _PRODUCT,
        ),
    )
}
