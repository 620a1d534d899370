"""What HubSpot's records say in the contract's words.

What enters: one record and the directory.  What leaves: its rows.  Pure but for the directory's look-ups;
called for each record of a page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cx_pipeline.sources import instants
from cx_pipeline.sources.connector import Row, own_fields
from cx_pipeline.sources.connectors.hubspot.directory import Directory
from cx_pipeline.sources.surveys import TEXTS, Question

CONTACT = (
    "email",
    "createdate",
    "associatedcompanyid",
    "hs_language",
    "hs_country_region_code",
    "hs_analytics_source",
)
TICKET = (
    "subject",
    "hs_pipeline",
    "hs_pipeline_stage",
    "hs_ticket_priority",
    "hs_ticket_category",
    "hubspot_owner_id",
    "hubspot_team_id",
    "source_type",
    "createdate",
    "closed_date",
    "first_agent_reply_date",
    "hs_merged_object_ids",
)
CHANGING = ("hs_pipeline_stage", "hubspot_owner_id", "hs_ticket_priority")
HISTORY = ("createdate", *CHANGING)
FEEDBACK = (
    "hs_survey_id",
    "hs_survey_name",
    "hs_survey_type",
    "hs_survey_channel",
    "hs_industry_standard_question_type",
    "hs_value",
    "hs_content",
    "hs_contact_id",
    "hs_ticket_id",
    "hs_submission_timestamp",
)

_CHANNELS = {
    "EMAIL": "email",
    "CHAT": "chat",
    "LIVE_CHAT": "chat",
    "FORM": "web",
    "WEB": "web",
    "WEBPAGE": "web",
    "CUSTOMER_PORTAL": "web",
    "PHONE": "phone",
    "CALLING": "phone",
    "SMS": "sms",
    "FB_MESSENGER": "social",
    "WHATSAPP": "social",
    "INSTAGRAM": "social",
    "BOT": "bot",
}
_PRIORITIES = {"LOW": "low", "MEDIUM": "normal", "HIGH": "high", "URGENT": "urgent"}
_ACQUISITION = {
    "DIRECT_TRAFFIC": "direct",
    "REFERRALS": "referral",
    "ORGANIC_SEARCH": "organic_search",
    "PAID_SEARCH": "paid_search",
    "SOCIAL_MEDIA": "social",
    "PAID_SOCIAL": "social",
    "EMAIL_MARKETING": "email",
}
_STANDARD_STAGES = {"1": "new", "2": "pending", "3": "open"}
"""The open stages of the pipeline every account begins with (its number is 0)."""
_SCALES: dict[str, tuple[float, float]] = {"nps": (0, 10), "csat": (0, 2), "ces": (1, 7)}
"""HubSpot's own scales: csat has three faces."""
_TYPES = {
    "NPS": Question(metric="nps"),
    "CSAT": Question(metric="csat"),
    "CES": Question(metric="ces", direction="higher_is_better"),  # "made it easy", agree
}


class Stages:
    """What the stages of all ticket pipelines mean; `declared` by their number or name."""

    def __init__(
        self, pipelines: Iterable[dict[str, Any]], declared: Mapping[str, str], note: Callable[[str], None]
    ) -> None:
        self._note = note
        self._declared = dict(declared)
        self._found: dict[str, str] = {}
        for pipeline in pipelines:
            for stage in pipeline.get("stages") or ():
                self._found[str(stage["id"])] = self._meaning(stage, str(pipeline.get("id")))

    def _meaning(self, stage: dict[str, Any], pipeline: str) -> str:
        key, name = str(stage["id"]), str(stage.get("label"))
        metadata = stage.get("metadata") or {}
        if declared := self._declared.get(key) or self._declared.get(name):
            return declared
        if metadata.get("ticketState") == "CLOSED" or metadata.get("isClosed") == "true":
            return "solved"
        if pipeline == "0" and key in _STANDARD_STAGES:
            return _STANDARD_STAGES[key]
        if stage.get("displayOrder") == 0:
            return "new"
        self._note(
            f'the stage {key} ({name}) is read as open: say what it means, stages = {{ "{key}" = "pending" }}'
        )
        return "open"

    def __getitem__(self, stage: str | None) -> str:
        if stage in self._found:
            return self._found[stage]
        return self._declared.get(str(stage), "open")  # of a pipeline that is gone


class Surveys:
    """What the surveys measure: as declared, else by HubSpot's type."""

    def __init__(self, declared: Mapping[str, Question], note: Callable[[str], None]) -> None:
        self._declared = declared
        self._note = note

    def answer(self, properties: dict[str, Any]) -> Row | None:
        """Metric, score and scale of a submission; None where nobody says what its survey measures."""
        survey = str(properties.get("hs_survey_id"))
        question = self._declared.get(survey) or self._by_type(properties)
        if question is None:
            self._note(
                f"the survey {survey} is left out: say what it measures, "
                f'surveys = {{ "{survey}" = {{ metric = "rating", scale = [1, 5] }} }}'
            )
            return None
        if question.metric in TEXTS:
            return {"metric": question.metric}
        low, high = question.scale or _SCALES.get(question.metric) or (None, None)
        return {
            "metric": question.metric,
            "score": question.score(properties.get("hs_value")),
            "scale_min": low,
            "scale_max": high,
            "scale_direction": question.direction or "higher_is_better",
        }

    @staticmethod
    def _by_type(properties: dict[str, Any]) -> Question | None:
        for name in ("hs_survey_type", "hs_industry_standard_question_type"):
            if question := _TYPES.get(str(properties.get(name))):
                return question
        return None


def customer(contact: dict[str, Any], directory: Directory, wanted: frozenset[str]) -> Iterator[Row]:
    """A contact."""
    properties = contact["properties"]
    source = properties.get("hs_analytics_source")
    yield {
        "customer_id": directory.contact(contact["id"]),
        "account_id": properties.get("associatedcompanyid"),
        "signed_up_at": properties.get("createdate") or contact["createdAt"],
        "country": properties.get("hs_country_region_code"),
        "language": properties.get("hs_language"),
        "acquisition_channel": _ACQUISITION.get(source, "other") if source else None,
        "updated_at": properties.get("lastmodifieddate") or contact["updatedAt"],
        **own_fields("properties", properties, wanted),
    }


def archived_contact(contact: dict[str, Any], directory: Directory) -> Iterator[Row]:
    """A tombstone."""
    yield {
        "customer_id": directory.contact(contact["id"]),
        "updated_at": contact.get("archivedAt") or contact.get("updatedAt"),
        "is_deleted": True,
    }


def ticket(
    record: dict[str, Any],
    contacts: Mapping[str, str],
    directory: Directory,
    stages: Stages,
    wanted: frozenset[str],
) -> Iterator[Row]:
    """A ticket's latest state, and tombstones of the tickets merged into it."""
    properties = record["properties"]
    status = stages[properties.get("hs_pipeline_stage")]
    updated_at = properties.get("hs_lastmodifieddate") or record["updatedAt"]
    yield {
        "ticket_id": record["id"],
        "customer_id": directory.contact(contacts.get(str(record["id"]))),
        "channel": _CHANNELS.get(str(properties.get("source_type")), "other"),
        "category": properties.get("hs_ticket_category"),
        "priority": _PRIORITIES.get(str(properties.get("hs_ticket_priority"))),
        "status": status,
        "team": directory.team(properties.get("hubspot_team_id")),
        "agent_id": directory.owner(properties.get("hubspot_owner_id")),
        "subject": properties.get("subject"),
        "created_at": properties.get("createdate") or record["createdAt"],
        "first_responded_at": properties.get("first_agent_reply_date"),
        "resolved_at": properties.get("closed_date") if status in ("solved", "closed") else None,
        "updated_at": updated_at,
        "pipeline": properties.get("hs_pipeline"),
        **own_fields("properties", properties, wanted),
    }
    for merged in str(properties.get("hs_merged_object_ids") or "").split(";"):
        if merged.strip():
            yield {"ticket_id": merged.strip(), "updated_at": updated_at, "is_deleted": True}


def archived_ticket(record: dict[str, Any]) -> Iterator[Row]:
    """A tombstone."""
    yield {
        "ticket_id": record["id"],
        "updated_at": record.get("archivedAt") or record.get("updatedAt"),
        "is_deleted": True,
    }


def ticket_events(
    record: dict[str, Any], messages: Sequence[dict[str, Any]], directory: Directory, stages: Stages
) -> Iterator[Row]:
    """The opening, the changes of stage, owner and priority, and what was said."""
    properties = record["properties"]
    key = record["id"]
    created_at = properties.get("createdate") or record["createdAt"]
    yield {
        "event_id": f"{key}-created",
        "ticket_id": key,
        "event_type": "created",
        "occurred_at": created_at,
        "updated_at": created_at,
        "actor_role": "customer",
    }
    history = record.get("propertiesWithHistory") or {}
    for name, kind in zip(CHANGING, ("status", "assignment", "priority"), strict=True):
        before: object = None
        for change in sorted(history.get(name) or (), key=lambda one: str(one["timestamp"])):
            value = change.get("value") or None
            now = stages[value] if kind == "status" else value
            if now == before:
                continue
            before = now
            at = change["timestamp"]
            instant = instants.parsed(at)
            event = {
                "event_id": f"{key}-{kind}-{round(instant.timestamp() * 1000) if instant else at}",
                "ticket_id": key,
                "event_type": kind,
                "occurred_at": at,
                "updated_at": at,
                **_changed_by(change, directory),
            }
            if kind == "status":
                event["value"] = now
            elif kind == "priority":
                event["value"] = _PRIORITIES.get(str(value))
            else:
                event["agent_id"] = directory.owner(value)
            yield event
    for message in messages:
        yield from _said(message, key, directory)


def _changed_by(change: dict[str, Any], directory: Directory) -> Row:
    """Who changed a property: a user, else HubSpot itself or a workflow."""
    user = change.get("updatedByUserId")
    if user is None and str(change.get("sourceId")).startswith("userId:"):
        user = str(change["sourceId"]).removeprefix("userId:")
    if user is None:
        return {"actor_role": "system", "agent_id": None}
    return {"actor_role": "agent", "agent_id": directory.user(user)}


def _said(message: dict[str, Any], ticket: Any, directory: Directory) -> Iterator[Row]:
    """A message the customer wrote or got, or a comment among agents."""
    kind = message.get("type")
    if kind not in ("MESSAGE", "COMMENT"):
        return
    sender = str(((message.get("senders") or [{}])[0]).get("actorId") or message.get("createdBy") or "")
    prefix, _, number = sender.partition("-")
    is_incoming = kind == "MESSAGE" and message.get("direction") == "INCOMING"
    role = "customer" if is_incoming else {"A": "agent", "B": "bot", "L": "bot"}.get(prefix, "system")
    yield {
        "event_id": message["id"],
        "ticket_id": ticket,
        "event_type": "reply" if kind == "MESSAGE" else "note",
        "occurred_at": message["createdAt"],
        "updated_at": message.get("updatedAt") or message["createdAt"],
        "actor_role": role,
        "agent_id": directory.user(number) if role == "agent" else None,
        "is_public": kind == "MESSAGE",
    }


def feedback(
    record: dict[str, Any], directory: Directory, surveys: Surveys, wanted: frozenset[str]
) -> Iterator[Row]:
    """An answer to a survey whose metric is known."""
    properties = record["properties"]
    measured = surveys.answer(properties)
    if measured is None:
        return
    yield {
        "response_id": record["id"],
        "survey_id": properties.get("hs_survey_id"),
        **measured,
        "comment": properties.get("hs_content"),
        "customer_id": directory.contact(properties.get("hs_contact_id")),
        "ticket_id": properties.get("hs_ticket_id"),
        "channel": _CHANNELS.get(str(properties.get("hs_survey_channel")), "other"),
        "responded_at": properties.get("hs_submission_timestamp") or record["createdAt"],
        "updated_at": properties.get("hs_lastmodifieddate") or record["updatedAt"],
        **own_fields("properties", properties, wanted),
    }


def surveys_toml(source: str, submissions: Sequence[dict[str, Any]]) -> str:
    """A proposal of settings for the surveys of these submissions."""
    seen: dict[tuple[str, str, str], list[float]] = {}
    for record in submissions:
        properties = record["properties"]
        name = " ".join(str(properties.get("hs_survey_name")).split())
        survey = (str(properties.get("hs_survey_id")), name, str(properties.get("hs_survey_type")))
        answers = seen.setdefault(survey, [])
        if properties.get("hs_value"):
            answers.append(float(properties["hs_value"]))
    lines = [f"[sources.{source}.surveys]"]
    for (survey_id, name, kind), answers in sorted(seen.items()):
        question = _TYPES.get(kind)
        metric = question.metric if question else "rating" if answers else "comment"
        scale = _SCALES.get(metric, (1, 5))
        span = f"answers from {min(answers):g} to {max(answers):g}" if answers else "answers without a number"
        declared = [f'metric = "{metric}"']
        if metric != "comment":
            declared.append(f"scale = [{scale[0]:g}, {scale[1]:g}]")
        if question and question.direction:
            declared.append(f'direction = "{question.direction}"')
        lines.append(f"{json.dumps(survey_id)} = {{ {', '.join(declared)} }}   # {name} ({kind}), {span}")
    return "\n".join(lines) + "\n"
