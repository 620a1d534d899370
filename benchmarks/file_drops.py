"""What it costs to land dropped files, beside the fastest bare reader that writes their columns to Parquet.

Draws answers to surveys (twelve columns; e-mail addresses as ids, comments in Korean and English of which
some hold a phone number or an address, some rows broken) as CSV in UTF-8 and in CP949, as JSON lines and as
Parquet.  Each file is landed by a child process as a night lands it, and read by another with PyArrow (and
with polars where it is installed) straight to Parquet: no keys, no redaction, no reasons for rejects.  Rows
and rejects are checked.  Prints CPU seconds, peak memory and the median of the ratios of paired runs.

    python -m benchmarks.file_drops [--scale 1000000] [--pairs 3] [--formats csv cp949 jsonl parquet]
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.beside import Cost, cost_of

REACH, REACH_GB = 2.0, 2.0
FORMATS = {"csv": "csv", "cp949": "csv", "jsonl": "jsonl", "parquet": "parquet"}
BAD_NUMBER_EVERY, RAGGED_EVERY = 1_000, 2_500

_ANSWERS = """
select
    'r' || lpad(i::varchar, 9, '0') as response_id,
    's' || (h % 12) as survey_id,
    ['nps', 'csat', 'csat', 'rating'][1 + h % 4] as metric,
    (1 + (h >> 8) % 5)::double as score,
    case
        when (h >> 16) % 10 > 3 then null
        when (h >> 16) % 400 = 1 then '연락 주세요 010-' || 1000 + h % 9000 || '-1234 ' || i
        when (h >> 16) % 400 = 2 then 'write to me at user' || h % 100000 || '@example.com, order ' || i
        when (h >> 16) % 2 = 0 then '배송이 빨라서 좋았어요. 상담원 친절해요, 주문 ' || i || '번 감사합니다'
        else 'The agent was kind and solved it, order ' || i || ' came on day ' || h % 30
    end as comment,
    case when h % 3 = 0 then 'C-' || c else 'user' || c || '@example.com' end as customer_id,
    ['web', 'app', 'email', 'chat', 'phone'][1 + (h >> 20) % 5] as channel,
    ['ko', 'en'][1 + (h >> 16) % 2] as language,
    make_timestamp(1700000000000000 + (h % 63072000) * 1000000) as invited_at,
    make_timestamp(1700000000000000 + (h % 63072000 + (h >> 24) % 86400) * 1000000) as responded_at,
    'T-' || lpad(((h >> 12) % $rows)::varchar, 8, '0') as ticket_id,
    'product ' || (h >> 28) % 50 as product
from (
    select i, (hash(i) >> 1)::bigint as h, (hash(i + 7) % greatest($rows // 10, 1))::bigint as c
    from range($rows) as numbers(i)
)
"""
_INSTANTS = ("invited_at", "responded_at")
_SPELLED = ", ".join(f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ') as {name}" for name in _INSTANTS)
_COUNTED = "*, row_number() over () - 1 as i"


def draw(folder: Path, rows: int, kind: str) -> tuple[Path, int]:
    """Write `rows` answers in the format `kind`; the file, and how many of its rows cannot land."""
    import duckdb

    path = folder / kind / "feedback" / f"answers.{FORMATS[kind]}"
    path.parent.mkdir(parents=True)
    with duckdb.connect(config={"temp_directory": str(folder), "memory_limit": "4GB"}) as connection:
        connection.execute("set timezone = 'UTC'; set preserve_insertion_order = true")
        answers = f"with answers as ({_ANSWERS})"
        if kind == "parquet":
            connection.execute(f"copy ({answers} from answers) to '{path}' (format parquet)", {"rows": rows})
            return path, 0
        broken = f"case when i % {BAD_NUMBER_EVERY} = 7 then 'n/a ' || i else score::varchar end as score"
        ragged = f"case when i % {RAGGED_EVERY} = 9 then language || ',' else language end as language"
        counted = f"from (from answers select {_COUNTED})"
        if kind == "jsonl":
            spelled = f"select * exclude (i) replace ({_SPELLED}, {broken}) {counted}"
            connection.execute(f"copy ({answers} {spelled}) to '{path}' (format json)", {"rows": rows})
            return path, len(range(7, rows, BAD_NUMBER_EVERY))
        target = path.with_suffix(".utf-8") if kind == "cp949" else path
        spelled = f"select * exclude (i) replace ({_SPELLED}, {broken}, {ragged}) {counted}"
        # never quoted, so that the second comma of a ragged row is one
        options = "format csv, header, delimiter ',', quote '', escape ''"
        without_commas = f"select * replace (replace(comment, ',', ';') as comment) from ({spelled})"
        connection.execute(f"copy ({answers} {without_commas}) to '{target}' ({options})", {"rows": rows})
    if kind == "cp949":
        with target.open(encoding="utf-8", newline="") as given, path.open("wb") as made:
            while text := given.read(1 << 22):
                made.write(text.encode("cp949"))
        target.unlink()
    both = {*range(7, rows, BAD_NUMBER_EVERY)} | {*range(9, rows, RAGGED_EVERY)}
    return path, len(both)


# ---------------------------------------------------------------- what is measured, each in a child process


def land(inbox: str, data: str) -> None:
    """Land what lies in `inbox`, as a night does."""
    from cx_pipeline.landing import pull_files
    from cx_pipeline.settings import Settings

    settings = Settings.model_validate({"data_dir": data, "inbox_dir": inbox})
    report = pull_files(settings, "inbox", date(2026, 11, 22))
    for file in report.files:
        print(file.read, file.landed, file.rejected)


def _types() -> dict[str, object]:
    import pyarrow as pa

    return {"score": pa.float64()} | dict.fromkeys(_INSTANTS, pa.timestamp("us", tz="UTC"))


def read_with_pyarrow(path: str, target: str, encoding: str) -> None:
    """The file's columns to Parquet, streamed by PyArrow, typed where no row is broken."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet as pq

    if path.endswith(".parquet"):
        with pq.ParquetFile(path) as file, pq.ParquetWriter(target, file.schema_arrow) as writer:
            for batch in file.iter_batches(131_072):
                writer.write_batch(batch)
        return
    types = {name: kind for name, kind in _types().items() if name != "score"}
    if path.endswith(".jsonl"):
        reader = pa.json.open_json(
            path,
            read_options=pa.json.ReadOptions(block_size=8 << 20),
            parse_options=pa.json.ParseOptions(explicit_schema=pa.schema(list(types.items()))),
        )
    else:
        reader = pa.csv.open_csv(
            path,
            read_options=pa.csv.ReadOptions(encoding=encoding, block_size=8 << 20),
            parse_options=pa.csv.ParseOptions(invalid_row_handler=lambda _: "skip"),
            convert_options=pa.csv.ConvertOptions(
                column_types=types | dict.fromkeys(("score", "comment"), pa.string())
            ),
        )
    with pq.ParquetWriter(target, reader.schema) as writer:
        for batch in reader:
            writer.write_batch(batch)


def read_with_polars(path: str, target: str, encoding: str) -> None:
    """The same by polars, which reads no CP949."""
    import polars as pl  # type: ignore[import-not-found, unused-ignore]

    if path.endswith(".parquet"):
        frame = pl.scan_parquet(path)
    elif path.endswith(".jsonl"):
        frame = pl.scan_ndjson(path)
    else:
        frame = pl.scan_csv(path, schema_overrides={"score": pl.String}, truncate_ragged_lines=True)
    frame.sink_parquet(target, compression="snappy")


def _child(name: str, *given: str) -> None:
    if name == "land":
        land(*given)
    elif name == "polars":
        read_with_polars(*given)
    else:
        read_with_pyarrow(*given)


def _cost(folder: Path, name: str, *arguments: str) -> Cost:
    return cost_of([sys.executable, "-m", "benchmarks.file_drops", "--child", name, *arguments], os.environ)


def landed(data: Path) -> tuple[int, int]:
    """Rows landed and rejected, counted in the files."""
    import duckdb

    with duckdb.connect() as connection:
        files = "feedback/*/*/*.parquet"
        rows = [
            connection.execute(f"select count(*) from '{data / folder}/{files}'").fetchall()[0][0]
            for folder in ("landing", "rejected")
        ]
    return rows[0], rows[1]


def main() -> None:
    """Measure, check and print; exits 1 where a row is lost."""
    parser = argparse.ArgumentParser(description="Dropped files to landing, beside bare readers.")
    parser.add_argument("--scale", type=int, default=1_000_000, help="rows of each file")
    parser.add_argument("--pairs", type=int, help="how often each is measured; 3, or 1 beyond a million rows")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    pairs = arguments.pairs or (3 if arguments.scale <= 1_000_000 else 1)
    if arguments.child:
        _child(*arguments.child)
        return
    bare = [name for name in ("pyarrow", "polars") if importlib.util.find_spec(name)]
    wrong = []
    for kind in arguments.formats:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            path, broken = draw(folder, arguments.scale, kind)
            print(f"{kind}: {arguments.scale:,} rows, {path.stat().st_size / 1e6:,.0f} MB, {broken:,} broken")
            ratios = []
            for pair in range(pairs):
                data = folder / f"data{pair}"
                ours = _cost(folder, "land", str(path.parents[1]), str(data))
                if landed(data) != (arguments.scale - broken, broken):
                    wrong.append(f"{kind}: landed and rejected {landed(data)}, {broken} rows are broken")
                print(f"    landed      {ours}")
                costs = {}
                for reader in bare:
                    if reader == "polars" and kind == "cp949":
                        continue
                    encoding = "cp949" if kind == "cp949" else "utf8"
                    costs[reader] = _cost(folder, reader, str(path), str(folder / "bare.parquet"), encoding)
                    print(f"    {reader:11} {costs[reader]}")
                ratios.append(ours.cpu_seconds / min(cost.cpu_seconds for cost in costs.values()))
            ratio = statistics.median(ratios)
            print(f"    ratio of CPU {ratio:.2f}, median of {pairs} (reach: {REACH}, {REACH_GB} GB)")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
