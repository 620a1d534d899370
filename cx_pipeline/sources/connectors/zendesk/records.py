"""What Zendesk's records say in the contract's words.

What enters: one record and the directory.  What leaves: its rows.  Pure; called for each record of a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from cx_pipeline.sources.connector import Row, own_fields
from cx_pipeline.sources.connectors.zendesk.directory import Directory

_CHANNELS = {
    "web": "web",
    "help_center": "web",
    "mobile": "app",
    "mobile_sdk": "app",
    "email": "email",
    "chat": "chat",
    "native_messaging": "chat",
    "messaging": "chat",
    "voice": "phone",
    "phone": "phone",
    "sms": "sms",
    "twitter": "social",
    "facebook": "social",
    "instagram_dm": "social",
    "whatsapp": "social",
    "line": "social",
    "wechat": "social",
    "any_channel": "social",
    "forum": "community",
}
_STATUSES = {"hold": "on_hold", "deleted": "closed"}
_MERGED_TAG = "closed_by_merge"
_SCORES = {"good": 1, "good_with_comment": 1, "bad": 0, "bad_with_comment": 0}
_RULES = ("rule", "system", "admin_setting", "automation", "trigger")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TICKET_NUMBER = re.compile(r"#(\d+)")
_SYSTEM = -1  # the updater of what Zendesk did by itself


def epoch(text: str) -> int:
    """Seconds since 1970 of one of Zendesk's instants."""
    return int(datetime.fromisoformat(text).timestamp())


def instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def customer(user: dict[str, Any], directory: Directory, custom: frozenset[str]) -> Iterator[Row]:
    """An end user; a tombstone for who was deleted or became an agent."""
    is_customer = user["role"] == "end-user" and user.get("active", True)
    yield {
        "customer_id": directory.identity(user["id"]),
        "account_id": user.get("organization_id"),
        "signed_up_at": user["created_at"],
        "language": user.get("locale"),
        "updated_at": user["updated_at"],
        "is_deleted": not is_customer,
        **own_fields("user_fields", user.get("user_fields"), custom),
    }


def ticket(record: dict[str, Any], directory: Directory, custom: frozenset[str]) -> Iterator[Row]:
    """A ticket's latest state."""
    via = record.get("via") or {}
    source = via.get("source") or {}
    tags = record.get("tags") or []
    status = record["status"]
    generated = record.get("generated_timestamp")
    yield {
        "ticket_id": record["id"],
        "customer_id": directory.identity(record.get("requester_id")),
        "channel": _CHANNELS.get(str(via.get("channel")), "other"),
        "direction": "outbound" if source.get("rel") == "outbound" else "inbound",
        "category": record.get("type"),
        "priority": record.get("priority"),
        "status": "merged" if _MERGED_TAG in tags else _STATUSES.get(status, status),
        "team": directory.group(record.get("group_id")),
        "agent_id": directory.identity(record.get("assignee_id")),
        "subject": record.get("raw_subject") or record.get("subject"),
        "parent_ticket_id": (source.get("from") or {}).get("ticket_id")
        if source.get("rel") == "follow_up"
        else None,
        "created_at": record["created_at"],
        # also moves where updated_at does not: with what Zendesk itself does to a ticket
        "updated_at": record["updated_at"] if generated is None else instant(generated),
        "is_deleted": status == "deleted",
        "brand": directory.brand(record.get("brand_id")),
        "organization_id": record.get("organization_id"),
        "ticket_form_id": record.get("ticket_form_id"),
        "tags": ", ".join(tags),
        **(own_fields("custom_fields", _by_number(record), custom) if custom else {}),
    }


def _by_number(record: dict[str, Any]) -> dict[str, Any]:
    """A ticket's custom fields, by number."""
    return {str(field["id"]): field.get("value") for field in record.get("custom_fields") or ()}


def people_in(events: Sequence[dict[str, Any]]) -> set[int]:
    """The numbers of everyone who acts in these ticket events, or is assigned by them."""
    found = {event.get("updater_id") for event in events}
    for event in events:
        for child in event.get("child_events") or ():
            found |= {child.get("author_id"), _number(child.get("assignee_id"))}
    return {number for number in found if isinstance(number, int) and number > 0}


def ticket_events(event: dict[str, Any], directory: Directory) -> Iterator[Row]:
    """What happened in one update of a ticket, each change an event."""
    children = event["child_events"]
    common = {
        "ticket_id": event["ticket_id"],
        "occurred_at": instant(event["timestamp"]),
        "updated_at": instant(event["timestamp"]),
    }
    if any(child.get("event_type") == "Create" for child in children):
        yield {
            **common,
            **_actor(event, {}, directory),
            "event_id": f"{event['id']}-created",
            "event_type": "created",
        }
    target = _merge_target(children)
    for child in children:
        actor = _actor(event, child, directory)
        for number, change in enumerate(_changes(child, directory, target)):
            key = str(child["id"]) if number == 0 else f"{child['id']}-{number}"
            yield {**common, **actor, **change, "event_id": key}


def _actor(event: dict[str, Any], child: dict[str, Any], directory: Directory) -> Row:
    """Who did it: a rule is the system, whoever's update set it off."""
    via = child.get("via")
    channel = via.get("channel") if isinstance(via, dict) else via
    number = child.get("author_id", event.get("updater_id"))
    if number == _SYSTEM or str(channel).lower() in _RULES:
        return {"actor_role": "system"}
    found = directory.person(number)
    role = found.role if found else None
    return {"actor_role": role, "agent_id": found.id if found and role == "agent" else None}


def _merge_target(children: Sequence[dict[str, Any]]) -> str | None:
    """The ticket that the comment made by a merge names as `#123`, whatever its language."""
    texts = (str(child.get("body") or "") for child in children if child.get("event_type") == "Comment")
    found = (_TICKET_NUMBER.search(text) for text in texts)
    return next((match[1] for match in found if match), None)


def _changes(child: dict[str, Any], directory: Directory, target: str | None) -> Iterator[Row]:
    """`target`: the ticket that took this one over, if this is a merge."""
    kind = child.get("event_type")
    if kind == "Comment":
        is_public = bool(child["public"])
        yield {"event_type": "reply" if is_public else "note", "is_public": is_public}
        return
    if kind not in ("Create", "Change"):
        return
    if "status" in child:
        yield {"event_type": "status", "value": _STATUSES.get(child["status"], child["status"])}
    if "priority" in child:
        yield {"event_type": "priority", "value": child["priority"]}
    if "group_id" in child:
        yield {"event_type": "team", "value": directory.group(_number(child["group_id"]))}
    if "assignee_id" in child:
        yield {"event_type": "assignment", "agent_id": directory.identity(_number(child["assignee_id"]))}
    if "satisfaction_score" in child:
        score = child["satisfaction_score"]
        kind = "satisfaction_offered" if score == "offered" else "satisfaction"
        yield {"event_type": kind, "value": score}
    if _MERGED_TAG in _words(child.get("tags")) and _MERGED_TAG not in _words(child.get("previous_value")):
        yield {"event_type": "merged", "value": target}


def deleted_ticket(record: dict[str, Any]) -> Iterator[Row]:
    """A tombstone; a ticket that was restored since has a later version of its own."""
    yield {"ticket_id": record["id"], "updated_at": record["deleted_at"], "is_deleted": True}


def rating(record: dict[str, Any], directory: Directory, until: int | None) -> Iterator[Row]:
    """A rating, or the unanswered offer of one; what was never offered is nothing.

    From the second `until` on the account has surveys, and its ratings are only copies of their answers.
    """
    score = record["score"]
    if score == "unoffered" or (until is not None and epoch(record["created_at"]) >= until):
        return
    given = _SCORES.get(score)
    yield {
        "response_id": record["id"],
        "survey_id": "satisfaction_rating",
        "metric": "csat",
        "score": given,
        "scale_min": 0,
        "scale_max": 1,
        "comment": record.get("comment"),
        "customer_id": directory.identity(record.get("requester_id")),
        "ticket_id": record["ticket_id"],
        "agent_id": directory.identity(record.get("assignee_id")),
        "team": directory.group(record.get("group_id")),
        "invited_at": record["created_at"],
        "responded_at": None if given is None else record["updated_at"],
        "updated_at": record["updated_at"],
        "reason": record.get("reason"),
    }


def survey_created(record: dict[str, Any]) -> int:
    """The second a survey was offered: its id is a ULID, which begins with the time in milliseconds."""
    return _ulid_milliseconds(record["id"]) // 1000


def _ulid_milliseconds(ulid: str) -> int:
    milliseconds = 0
    for sign in ulid[:10].upper():
        milliseconds = milliseconds * 32 + _CROCKFORD.index(sign)
    return milliseconds


def survey_response(record: dict[str, Any], directory: Directory) -> Iterator[Row]:
    """The answer to a survey's question of satisfaction, or the unanswered offer of one."""
    answers = record["answers"]
    rated = [a for a in answers if (a.get("question") or {}).get("sub_type") == "customer_satisfaction"]
    rating = rated[0] if rated else {"question": {}}
    offered = datetime.fromtimestamp(_ulid_milliseconds(record["id"]) / 1000, UTC).isoformat()
    score = rating["rating"] if rating.get("type") == "rating_scale" else None
    scale = [option["rating"] for option in rating["question"].get("options") or ()]
    comments = [a["value"] for a in answers if a.get("type") == "open_ended" and a.get("value")]
    answered = max((a["updated_at"] for a in answers), default=offered)
    survey = record.get("survey") or {}
    yield {
        "response_id": record["id"],
        "survey_id": survey.get("id") or record.get("survey_id"),
        "question_id": rating["question"].get("id"),
        "metric": "csat",
        "score": score,
        "scale_min": min(scale) if len(scale) > 1 else 1,
        "scale_max": max(scale) if len(scale) > 1 else 5,
        "comment": "\n".join(comments) or None,
        "customer_id": directory.identity(record.get("responder_id")),
        "ticket_id": _subject_ticket(record),
        "invited_at": offered,
        "responded_at": None if score is None and not comments else answered,
        "updated_at": answered,
        "reason": ", ".join(_reasons(answers)) or None,
        "rating_category": rating.get("rating_category"),
    }


def _subject_ticket(record: dict[str, Any]) -> str | None:
    """The ticket a survey is about, of what may be a ticket or a conversation."""
    names = [name for name in record.get("subject_zrns") or () if ":ticket:" in name]
    return names[0].rpartition(":")[2] if names else None


def _reasons(answers: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What was chosen of the reasons offered: the label where Zendesk tells it, else the option's id."""
    for answer in answers:
        if answer.get("type") == "closed_ended":
            options = answer["question"].get("options") or ()
            labels = {option["id"]: option["label"].get("value") for option in options}
            for chosen in answer["selections"]:
                yield labels.get(chosen["option_id"]) or chosen["option_id"]


def _number(value: Any) -> int | None:
    """Changes carry numbers as text."""
    return int(value) if value not in (None, "") else None


def _words(value: Any) -> Iterable[str]:
    return value.split() if isinstance(value, str) else value or ()
