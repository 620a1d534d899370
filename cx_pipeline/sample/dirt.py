"""The rows planted to be caught: broken lines, broken rules, corrections and withdrawals.

They are additional rows with keys of their own (`X…`), so that no planted fact depends on whether
they are caught.  What enters: the window.  What leaves: lines and rows to append to each drop, and
their description.  Called by `generate`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pyarrow as pa

from cx_pipeline.sample.clock import Window
from cx_pipeline.sample.report import Dirt
from cx_pipeline.sample.support import EVENT_SCHEMA

CUSTOMERS = "customers/customers.csv"
SURVEYS = "feedback/surveys.csv.gz"
REVIEWS = "feedback/reviews_cp949.csv"
EMPLOYEES = "feedback/employees_utf16.tsv"
TICKETS = "tickets/tickets.csv"
EVENTS = "ticket_events/ticket_events.parquet"
TRANSACTIONS = "transactions/transactions.tsv"
TOUCHPOINTS = "touchpoints/touchpoints.jsonl.gz"


class Planted:
    """Collects dirty lines by file, and what they are."""

    def __init__(self, window: Window) -> None:
        self.day = window.end - timedelta(days=3)
        self.rows: dict[str, list[dict[str, str]]] = {}
        self.raw: dict[str, list[str]] = {}
        self.dirt: list[Dirt] = []
        self._plant()

    def at(self, time: str, days_earlier: int = 0) -> str:
        return f"{self.day - timedelta(days=days_earlier)}T{time}+09:00"

    def _add(
        self,
        path: str,
        key: str,
        fate: str,
        what: tuple[str, str],
        rows: Sequence[Mapping[str, str]],
        *,
        counted: int | None = None,
    ) -> None:
        """Rows for `path`, told apart by their `key`; `what` they are in English and Korean."""
        self.rows.setdefault(path, []).extend(dict(row) for row in rows)
        keys = tuple(dict.fromkeys(row[key] for row in rows))
        self.dirt.append(Dirt(path, fate, *what, len(rows) if counted is None else counted, keys))

    def _plant(self) -> None:
        csat = {
            "survey_id": "csat_support",
            "metric": "csat",
            "scale_min": "1",
            "scale_max": "5",
            "language": "en",
        }
        invited, answered = self.at("10:00:00"), self.at("11:00:00")
        asked = {"invited_at": invited, "responded_at": answered}
        self._add(
            SURVEYS,
            "response_id",
            "quarantined",
            ("score 9 on a scale from 1 to 5", "1~5점 척도에 9점"),
            [csat | asked | {"response_id": f"XR{i}", "score": "9"} for i in range(1, 4)],
        )
        self._add(
            SURVEYS,
            "response_id",
            "quarantined",
            ("NPS score 7.5, not whole", "정수가 아닌 NPS 점수 7.5"),
            [
                {"survey_id": "nps_relationship", "metric": "nps", "response_id": f"XR{i}", "score": "7.5"}
                | asked
                for i in range(4, 6)
            ],
        )
        self._add(
            SURVEYS,
            "response_id",
            "quarantined",
            ("answered before it was asked", "초대보다 앞선 응답 시각"),
            [
                csat
                | {"response_id": f"XR{i}", "score": "4", "invited_at": answered, "responded_at": invited}
                for i in range(6, 9)
            ],
        )
        self._add(
            SURVEYS,
            "response_id",
            "quarantined",
            ("a score without the time of the answer", "응답 시각이 없는 점수"),
            [csat | {"response_id": "XR9", "score": "5", "invited_at": invited}],
        )
        idea = {"survey_id": "ideas", "metric": "idea", "language": "ko", "responded_at": answered}
        for number in (10, 11):
            row = idea | {"response_id": f"XR{number}"}
            self._add(
                REVIEWS,
                "response_id",
                "superseded",
                ("an idea, corrected later", "나중에 수정된 제안"),
                [
                    row | {"comment": "앱에 다크모드를", "updated_at": answered},
                    row | {"comment": "앱에 다크 모드를 추가해 주세요.", "updated_at": self.at("12:00:00")},
                ],
                counted=1,
            )
        row = idea | {"response_id": "XR12", "comment": "삭제해 주세요."}
        self._add(
            REVIEWS,
            "response_id",
            "deleted",
            (
                "an idea, withdrawn later (and its first version superseded)",
                "나중에 철회된 제안 (첫 버전은 대체됨)",
            ),
            [row | {"updated_at": answered}, row | {"updated_at": self.at("13:00:00"), "is_deleted": "true"}],
            counted=1,
        )
        self._add(
            TICKETS,
            "ticket_id",
            "quarantined",
            ("status `waiting`, which nobody knows", "알 수 없는 상태 `waiting`"),
            [
                {"ticket_id": f"XT{i}", "status": "waiting", "channel": "email", "created_at": invited}
                for i in range(1, 4)
            ],
        )
        order = {
            "customer_id": "C1",
            "kind": "order",
            "amount": "10",
            "currency": "USD",
            "occurred_at": invited,
        }
        self._add(
            TRANSACTIONS,
            "transaction_id",
            "rejected",
            ("amount `twelve`", "금액 `twelve`"),
            [order | {"transaction_id": "XO1", "amount": "twelve"}],
        )
        self._add(
            TRANSACTIONS,
            "transaction_id",
            "quarantined",
            ("an order of 1970", "1970년의 주문"),
            [order | {"transaction_id": "XO2", "occurred_at": "1970-01-01T00:00:00+00:00"}],
        )
        self.raw[TRANSACTIONS] = [f"XO3\t\tC1\torder\t{answered}", f"XO4\t\tC1\torder\t10\t{answered}"]
        self.dirt.append(
            Dirt(TRANSACTIONS, "rejected", "lines with too few fields", "필드가 모자란 줄", 2, ("XO3", "XO4"))
        )
        self._add(
            CUSTOMERS,
            "customer_id",
            "quarantined",
            ("country `Korea` instead of `KR`", "`KR` 대신 `Korea`인 국가"),
            [{"customer_id": "XC1", "country": "Korea", "signed_up_at": invited}],
        )
        self._add(
            TOUCHPOINTS,
            "touchpoint_id",
            "other",
            ("channel `kiosk`, landed as `other`", "`other`로 적재되는 채널 `kiosk`"),
            [
                {
                    "touchpoint_id": f"XJ{i}",
                    "occurred_at": invited,
                    "channel": "kiosk",
                    "touchpoint": "store_visit",
                }
                for i in range(1, 5)
            ],
        )
        self.raw[TOUCHPOINTS] = ['{"touchpoint_id":"XJ5","occurred_at":']
        self.dirt.append(
            Dirt(TOUCHPOINTS, "rejected", "a line cut off in the middle", "중간에 잘린 줄", 1, ("XJ5",))
        )
        self.dirt.append(
            Dirt(
                EVENTS,
                "orphan",
                "events of tickets nobody has",
                "존재하지 않는 티켓의 이벤트",
                3,
                ("XE1", "XE2", "XE3"),
            )
        )

    def lines(self, path: str, columns: Sequence[str], format: str) -> tuple[str, ...]:
        """The dirty lines of a text drop with these columns."""
        made: list[str] = []
        for row in self.rows.get(path, []):
            missing = set(row) - set(columns)
            if missing:
                raise ValueError(f"{path} has no column {', '.join(sorted(missing))}")
            if format == "jsonl":
                made.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False))
                continue
            buffer = io.StringIO()
            csv.writer(buffer, delimiter="," if format == "csv" else "\t", lineterminator="").writerow(
                [row.get(name, "") for name in columns]
            )
            made.append(buffer.getvalue())
        return (*made, *self.raw.get(path, []))

    def events(self, window: Window) -> Any:
        """The orphans among the ticket events."""
        at = window.closes - 3 * 86_400
        rows = [
            {
                "event_id": f"XE{i}",
                "ticket_id": f"XT9{i}",
                "occurred_at": (at + i) * 1_000_000,
                "event_type": "note",
                "actor_role": "system",
                "is_public": False,
            }
            for i in range(1, 4)
        ]
        return pa.Table.from_pylist(rows, schema=EVENT_SCHEMA)
