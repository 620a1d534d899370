"""What it costs to judge a landed batch, beside one hand-written query with the same answers.

Lands a batch of answers to surveys of which some break each rule, judges it in a child process as a night
does, and runs `gate_by_hand.sql` in another.  The quarantined rows with their rules and the counts of the
verdict are checked equal.  Prints CPU seconds, peak memory and the median of the ratios of paired runs.

    python -m benchmarks.gate [--scale 1000000] [--pairs 3] [--memory 3GB]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.beside import cost_of
from cx_pipeline.contract import ENTITIES
from cx_pipeline.landing.batch import Batch
from cx_pipeline.settings import Settings

REACH, REACH_GB = 2.5, 2.0
LANDED_AT = datetime(2026, 11, 22, 2, tzinfo=UTC)
_PART_ROWS = 131_072
_FAULTS = {  # column: what stands there instead, once in 10 000 rows each
    "response_id": "null",
    "metric": "'vibes'",
    "scale_direction": "'sideways'",
    "respondent_type": "'robot'",
    "channel": "'fax'",
    "journey_stage": "'limbo'",
    "delivery_status": "'lost'",
    "language": "'English please'",
    "score": "'inf'::double",
    "scale_min": "'-inf'::double",
    "scale_max": "'inf'::double",
    "weight": "0.0",
    "invited_at": "timestamptz '2026-12-24 00:00:00+00'",
    "responded_at": "timestamptz '1989-12-31 00:00:00+00'",
    "updated_at": "timestamptz '2027-01-01 00:00:00+00'",
    "brand": "repeat('x', 70000)",
}
_DRAWN = """
select
    'inbox' as source,
    1 as batch_sequence,
    i as position,
    case when h % 20 = 0 then 'invited_at' when h % 20 = 1 then 'invited_at,responded_at' end as date_only,
    'r' || lpad(i::varchar, 9, '0') as response_id,
    response_id as submission_id,
    ['nps_relationship', 'csat_support', 'csat_delivery', null, 'pulse'][1 + h % 5] as survey_id,
    ['nps', 'csat', 'csat', 'rating', 'ces', 'comment'][1 + h % 6] as metric,
    case when (h >> 8) % 4 > 0 and h % 6 < 5 then 1 + (h >> 10) % 5 end::double as score,
    case when metric = 'ces' and (h >> 13) % 1000 > 0 then 'higher_is_better' end as scale_direction,
    case when h % 3 = 0 then 'The agent was kind and solved it, order ' || i || ' came on day ' || h % 30 end
        as comment,
    ['ko', 'en', 'en-GB'][1 + (h >> 16) % 3] as language,
    sha256((h % 1000000)::varchar) as customer_key,
    'customer' as respondent_type,
    'T-' || h % 10000000 as ticket_id,
    'product ' || h % 50 as product,
    ['web', 'app', 'email', 'chat', 'phone'][1 + (h >> 20) % 5] as channel,
    'use' as journey_stage,
    timestamptz '2025-01-01 00:00:00+00' + to_seconds((h >> 4) % 50000000) as invited_at,
    'delivered' as delivery_status,
    case when score is not null or comment is not null or h % 7 = 0
        then invited_at + to_seconds((h >> 24) % 86400 - 40) end as responded_at,
    1.0 as weight,
    coalesce(responded_at, invited_at) as updated_at,
    h % 1000 = 0 as is_deleted
from (select i, (hash(i) >> 1)::bigint as h from range($rows) as numbers(i))
"""


_COUNTS = "select rule, count(*) from (select unnest(string_split(rules, ',')) as rule from {}) group by rule"


def land(settings: Settings, rows: int) -> Path:
    """Land a batch of `rows` answers; its file."""
    import duckdb
    import pyarrow as pa

    from cx_pipeline.contract.landing_schema import landing_schema
    from cx_pipeline.landing import batch_path
    from cx_pipeline.landing.store import BatchWriter

    entity = ENTITIES["feedback"]
    batch = Batch(
        batch_id="0" * 16,
        sequence=1,
        source="inbox",
        entity=entity.name,
        night="2026-11-22",
        generation=1,
        contract_version=1,
        key_fingerprint="k",
        mapping_fingerprint="m",
        landed_at=LANDED_AT.isoformat(),
        origin="answers.csv",
        content_sha256="s",
        read=rows,
        landed=rows,
        delivered=entity.names,
    )
    broken = ", ".join(
        f"if(position % 10000 = {n * 7 + 3}, {fault}, {column}) as {column}"
        for n, (column, fault) in enumerate(_FAULTS.items())
    )
    absent = ", ".join(f"null::double as {name}" for name in ("scale_min", "scale_max"))
    schema = landing_schema(entity)
    with duckdb.connect() as connection, BatchWriter(settings.paths, batch) as writer:
        connection.execute("set timezone = 'UTC'")
        drawn = (
            f"from (select *, {absent}, null::varchar as brand from ({_DRAWN.replace('$rows', str(rows))}))"
        )
        for part in connection.sql(f"select * replace ({broken}) {drawn}").to_arrow_reader(_PART_ROWS):
            columns = [
                part.column(field.name).cast(field.type)
                if field.name in part.schema.names
                else pa.nulls(len(part), field.type)
                for field in schema
            ]
            writer.write(pa.table(columns, schema=schema))
        writer.finish(batch)
    return batch_path(settings.paths, batch)


def judge_child(data: str, memory: str) -> None:
    """Judge what waits, as a night does."""
    from cx_pipeline.gate import judge

    settings = Settings.model_validate({"data_dir": data, "performance": {"memory": memory}})
    (batch,) = judge(settings).batches
    print(f"    {batch.quarantined:,} rows quarantined")


def by_hand_child(batch: str, target: str, memory: str) -> None:
    """The same answers by the hand-written query: broken rows, then how many broke each rule."""
    import duckdb

    from cx_pipeline.gate.columns import HORIZON, SURVEYS_FILE
    from cx_pipeline.settings.sections import Performance

    limit = Performance(memory=memory).duckdb_memory
    sql = Path(__file__).with_name("gate_by_hand.sql").read_text(encoding="utf-8")
    with duckdb.connect(config={"memory_limit": limit or "80%"}) as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(
            sql,
            {
                "batch": batch,
                "target": target,
                "surveys": str(SURVEYS_FILE),
                "pull_horizon": LANDED_AT + HORIZON,
            },
        )
        connection.execute(_COUNTS.format(f"'{target}'")).fetchall()


def differences(data: Path, by_hand: Path) -> list[str]:
    """What the verdict and the query do not agree on, in words."""
    import duckdb

    from cx_pipeline.gate import load_verdicts
    from cx_pipeline.settings import DataPaths

    (verdict,) = load_verdicts(DataPaths(data, None)).values()
    with duckdb.connect() as connection:
        connection.execute(
            f"create view gate as select position, row_key, rules from '{data}/quarantine/*/*/*/0*.parquet'"
        )
        connection.execute(f"create view by_hand as from '{by_hand}'")
        apart = sum(
            connection.execute(f"select count(*) from (from {a} except all from {b})").fetchall()[0][0]
            for a, b in (("gate", "by_hand"), ("by_hand", "gate"))
        )
        counts = dict(connection.execute(_COUNTS.format("by_hand")).fetchall())
    wrong = [f"{apart} quarantined rows differ"] if apart else []
    for result in verdict.rules:
        if result.kind == "row" and result.broken != counts.get(result.rule, 0):
            wrong.append(f"{result.rule}: {result.broken} by the gate, {counts.get(result.rule, 0)} by hand")
    return wrong


def main() -> None:
    """Measure, compare and print; exits 1 where an answer differs."""
    parser = argparse.ArgumentParser(description="The gate over a landed batch, beside a query by hand.")
    parser.add_argument("--scale", type=int, default=1_000_000, help="rows of the batch")
    parser.add_argument("--pairs", type=int, help="how often each is measured; 3, or 1 beyond a million rows")
    parser.add_argument("--memory", default="3GB", help="the setting performance.memory, of both")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    pairs = arguments.pairs or (3 if arguments.scale <= 1_000_000 else 1)
    if arguments.child:
        child, *given = arguments.child
        if child == "judge":
            judge_child(*given)
        else:
            by_hand_child(*given)
        return
    with tempfile.TemporaryDirectory() as name:
        data, by_hand = Path(name) / "data", Path(name) / "by_hand.parquet"
        path = land(Settings(data_dir=data), arguments.scale)
        print(f"{arguments.scale:,} rows landed, {path.stat().st_size / 1e6:,.0f} MB")
        ratios, wrong = [], []
        me = [sys.executable, "-m", "benchmarks.gate", "--child"]
        for _ in range(pairs):
            shutil.rmtree(data / "state", ignore_errors=True)
            query = cost_of([*me, "by_hand", str(path), str(by_hand), arguments.memory], os.environ)
            gate = cost_of([*me, "judge", str(data), arguments.memory], os.environ)
            wrong += differences(data, by_hand)
            print(f"    by hand   {query}")
            print(f"    the gate  {gate} (reach: {REACH_GB} GB)")
            ratios.append(gate.cpu_seconds / query.cpu_seconds)
        print(
            f"ratio of CPU  {statistics.median(ratios):.2f}, median of {pairs} (reach at 10 M rows: {REACH})"
        )
    if wrong:
        sys.exit("\n".join(dict.fromkeys(wrong)))


if __name__ == "__main__":
    main()
