"""A small Qualtrics brand in the shapes Qualtrics documents, and a server that exports it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

from tests.connectors.service import Answer, Request

SURVEY = "SV_3gAcme1"
OPTIONS: dict[str, Any] = {
    "datacenter": "iad1",
    "token": "s3cret-t0ken",
    "surveys": {
        SURVEY: {
            "QID1": "nps",
            "QID2": {"metric": "csat"},
            "QID3": {"metric": "ces", "scale": [1, 7], "direction": "higher_is_better"},
            "QID4": "comment",
        }
    },
    "feedback": {"columns": {"transaction_id": "embedded.order"}},
}
ZONE = "America/Denver"
COLUMNS = {
    "EndDate": {"ImportId": "endDate", "timeZone": ZONE},
    "Status": {"ImportId": "status"},
    "RecordedDate": {"ImportId": "recordedDate", "timeZone": ZONE},
    "ResponseId": {"ImportId": "_recordId"},
    "RecipientEmail": {"ImportId": "recipientEmail"},
    "ExternalReference": {"ImportId": "externalDataReference"},
    "DistributionChannel": {"ImportId": "distributionChannel"},
    "UserLanguage": {"ImportId": "userLanguage"},
    "Q1": {"ImportId": "QID1"},
    "Q1_NPS_GROUP": {"ImportId": "QID1_NPS_GROUP"},
    "Q2": {"ImportId": "QID2"},
    "Q3": {"ImportId": "QID3"},
    "Q4": {"ImportId": "QID4_TEXT"},
    "order": {"ImportId": "order"},
}


def response(number: int, **changes: str) -> dict[str, str]:
    """The n-th response, a quarter of an hour after the one before."""
    hour, minute = divmod(number * 15, 60)
    at = f"2024-01-10 {hour:02d}:{minute:02d}:00"
    return {
        "EndDate": at,
        "Status": "0",
        "RecordedDate": at.replace(":00", ":05", 1) if minute == 0 else at,
        "ResponseId": f"R_{number}",
        "RecipientEmail": f"person{number}@shop.example" if number % 3 else "",
        "ExternalReference": f"c{number}",
        "DistributionChannel": "email" if number % 2 else "anonymous",
        "UserLanguage": "KO",
        "Q1": str(number % 11),
        "Q1_NPS_GROUP": "1",
        "Q2": str(number % 5 + 1),
        "Q3": str(number % 7 + 1) if number % 4 else "",
        "Q4": 'good, "solid"\nwork; 010-1234-5678' if number % 5 == 0 else "",
        "order": f"o{number}",
    } | changes


def zipped(records: list[dict[str, str]]) -> bytes:
    """Records as Qualtrics zips them: names, questions, import ids, then the records."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerow([f"{name}?" for name in COLUMNS])
    writer.writerow([json.dumps(told) for told in COLUMNS.values()])
    writer.writerows([[record[name] for name in COLUMNS] for record in records])
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("Acme.csv", "\ufeff" + text.getvalue())
    return archive.getvalue()


def contact(number: int, status: str = "Success", answer: str | None = None) -> dict[str, Any]:
    return {
        "contactId": f"CID_{number}",
        "contactLookupId": f"CGC_{number}",
        "distributionId": "EMD_1",
        "status": status,
        "surveyLink": "https://acme.example/secret-link",
        "contactFrequencyRuleId": None,
        "responseId": answer,
        "responseCompletedAt": "2024-01-10T12:00:00Z" if answer else None,
        "sentAt": None if status == "Pending" else "2024-01-09T00:00:00Z",
        "openedAt": None,
        "responseStartedAt": None,
        "surveySessionId": None,
    }


def distribution(name: str, kind: str = "Invite") -> dict[str, Any]:
    return {"id": name, "requestType": kind, "requestStatus": "Done", "sendDate": "2024-01-09T00:00:00Z"}


def _question(text: str, kind: str, selector: str, labels: list[str], first: int = 1) -> dict[str, Any]:
    return {
        "questionType": {"type": kind, "selector": selector, "subSelector": None},
        "questionText": text,
        "questionLabel": None,
        "choices": {
            str(n): {"recode": str(n), "description": label, "choiceText": f"<b>{label}</b>"}
            for n, label in enumerate(labels, first)
        },
    }


SATISFIED = ["Very dissatisfied", "Dissatisfied", "Neither", "Satisfied", "Very satisfied"]
DEFINITION = {
    "id": SURVEY,
    "name": "After the <b>purchase</b>",
    "questions": {
        "QID1": _question("Would you recommend Acme?", "MC", "NPS", [str(n) for n in range(11)], 0),
        "QID2": _question("How satisfied are you?<br>", "MC", "SAVR", SATISFIED),
        "QID3": _question("얼마나 쉬웠나요?", "Matrix", "Likert", [f"{n}점" for n in range(1, 8)])
        | {"subQuestions": {"1": {"recode": "1", "description": "반품", "choiceText": "반품"}}},
        "QID4": _question("Anything else?", "TE", "ESTB", []),
        "QID5": _question("Thank you", "DB", "TB", []),
        "QID6": _question("How often do you shop?", "MC", "SAVR", ["daily", "weekly"]),
    },
}


class Qualtrics:
    """The brand; `responses` and `contacts` may be changed between pulls."""

    def __init__(self) -> None:
        self.responses = [response(n) for n in range(1, 13)]
        self.responses[3] = response(4, Status="1")
        self.responses[4] = response(5, Status="8")
        self.contacts = [
            contact(1, "SurveyFinished", "R_1"),
            contact(20),
            contact(21, "HardBounce"),
            contact(22, "Pending"),
        ]
        self.polls: dict[str, int] = {}

    def __call__(self, request: Request) -> Answer:  # noqa: PLR0911 - one a path
        if request.headers.get("x-api-token") != "s3cret-t0ken":
            return Answer({"meta": {"httpStatus": "401"}}, 401)
        path = request.path.removeprefix("/API/v3/")
        exports = f"surveys/{SURVEY}/export-responses/"
        if path == exports and request.method == "POST":
            since = (request.body.get("startDate") or "").replace("T", " ").rstrip("Z")
            name = f"ES_{since.replace(' ', '_')}"
            self.polls[name] = 0
            return _ok({"progressId": name, "percentComplete": 0.0, "status": "inProgress"})
        if path.startswith(exports) and path.endswith("/file"):
            since = path.removeprefix(exports).removesuffix("/file").removeprefix("F_").replace("_", " ")
            return Answer(zipped([r for r in self.responses if _utc(r["RecordedDate"]) >= since]))
        if path.startswith(exports):
            name = path.removeprefix(exports)
            self.polls[name] = self.polls.get(name, 0) + 1
            if self.polls[name] < 3:
                return _ok({"percentComplete": 50.0, "status": "inProgress"})
            file = name.replace("ES_", "F_")
            return _ok({"fileId": file, "percentComplete": 100.0, "status": "complete"})
        if path == "distributions":
            found = [distribution("EMD_1"), distribution("EMD_2", "Reminder")]
            return _ok({"elements": found, "nextPage": None})
        if path == "distributions/EMD_1/history":
            at = int(request.value("skipToken") or 0)
            more = at + 3 < len(self.contacts)
            following = f"https://iad1.qualtrics.com/API/v3/{path}?skipToken={at + 3}" if more else None
            return _ok({"elements": self.contacts[at : at + 3], "nextPage": following})
        single: dict[str, Any] = {
            "whoami": {"userId": "UR_1"},
            "surveys": {"elements": [{"id": SURVEY, "name": "Acme"}], "nextPage": None},
            f"surveys/{SURVEY}/": DEFINITION,
        }
        return _ok(single[path]) if path in single else Answer({"meta": {}}, 404)


def _utc(denver: str) -> str:
    """Denver is seven hours behind in January."""
    day, time = denver.split()
    hour = int(time[:2]) + 7
    return f"2024-01-{int(day[-2:]) + hour // 24:02d} {hour % 24:02d}{time[2:]}"


def _ok(result: Any) -> Answer:
    return Answer({"result": result, "meta": {"httpStatus": "200 - OK", "requestId": "1"}})
