"""How many records a CPU-second a page of the heaviest connector maps and lands.

Prints records per CPU-second of JSON to landed Parquet, and its ratio to the 20 000 that are asked for.
"""

from __future__ import annotations

import json
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

WANTED = 20_000
PAGES, RECORDS = 20, 1000


def pages() -> list[bytes]:
    """Pages of ticket exports as Zendesk words them, each ticket its own."""
    made = []
    for page in range(PAGES):
        tickets = [
            {
                "id": number,
                "via": {"channel": "email", "source": {"rel": None, "from": {}, "to": {}}},
                "created_at": f"2023-11-{number % 28 + 1:02d}T22:13:{number % 60:02d}Z",
                "updated_at": "2023-11-29T23:13:20Z",
                "type": "question",
                "subject": f"Order {number}: 언제 오나요?",
                "raw_subject": f"Order {number}: 언제 오나요?",
                "description": "x" * 400,
                "priority": "high",
                "status": "solved",
                "requester_id": 6_130_907_000_000 + number % 700,
                "assignee_id": 6_130_000_000_000 + number % 40,
                "group_id": number % 5,
                "brand_id": 1,
                "tags": ["a", "b"],
                "custom_fields": [{"id": n, "value": None} for n in range(20)],
                "generated_timestamp": 1_700_000_000 + number,
            }
            for number in range(page * RECORDS, (page + 1) * RECORDS)
        ]
        made.append(json.dumps({"tickets": tickets}).encode())
    return made


def ready(settings: Any) -> None:
    """Import what a pull imports, and make the store: neither is a page's cost."""
    from cx_pipeline.landing.session import Session

    Session(settings, "desk", date(2024, 1, 15))


def main() -> None:
    import orjson

    from cx_pipeline.landing import connect, pull_service
    from cx_pipeline.settings import Settings

    given = pages()
    with tempfile.TemporaryDirectory() as root:
        settings = Settings.model_validate(
            {
                "data_dir": Path(root),
                "sources": {"desk": {"type": "zendesk", "subdomain": "a", "token": "t", "identify_by": "id"}},
            }
        )
        connector = connect(settings, "desk")
        answers = iter(given)

        class Client:
            """Answers from memory: what is measured begins with the bytes of a page."""

            def get(self, path: str, *_: object, **__: object) -> Any:
                if path == "incremental/tickets/cursor.json":
                    body = next(answers, None)
                    found = orjson.loads(body)["tickets"] if body else []
                    return {"tickets": found, "after_cursor": str(id(body)), "end_of_stream": body is None}
                name = path.rsplit("/", maxsplit=1)[-1].removesuffix(".json")
                plural = {"show_many": "users", "cursor": "users"}.get(name, name)
                return {plural: [], "end_of_stream": True, "meta": {}}

        connector.__dict__["_client"] = Client()
        ready(settings)
        start = time.process_time()
        report = pull_service(settings, "desk", date(2024, 1, 15), connector=connector)
        seconds = time.process_time() - start
    landed = report.totals["tickets"].landed
    print(f"{landed:,} tickets in {PAGES} pages: {landed / seconds:,.0f} records per CPU-second, ", end="")
    print(f"{landed / seconds / WANTED:.2f} of the {WANTED:,} asked for")


if __name__ == "__main__":
    main()
