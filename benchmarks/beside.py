"""The warehouse beside programs by hand with the same answers: what benchmarks of whole builds share.

Makes a company (`company`), answers with each part's program by hand in a process of its own (a DuckDB
script, or the modules of `in_polars` or `in_pandas`), builds the warehouse as a night does (dbt in a child
process),
checks that the answers are equal (counts and instants exactly, fractions to 1e-9, ends of intervals to 1e-6),
and prints CPU, wall time and peak memory of both, and the median of their ratios in paired runs.  Called by
`tickets`, `answers` and `full_rebuild`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from benchmarks.company import SEEDS, make_company
from cx_pipeline.settings import Settings
from cx_pipeline.settings.sections import Performance
from cx_pipeline.warehouse.inputs import PROJECT_DIR, dbt_environment, models_at_a_time
from cx_pipeline.warehouse.project import vars_argument

if TYPE_CHECKING:
    import duckdb

P = ParamSpec("P")
T = TypeVar("T")

REACH_GB = 4.0
REACH = {"duckdb": 2.5, "polars": 1.0, "pandas": 0.1}
"""What answers can be given with, and the CPU the warehouse may take for each second of that."""
KPIS = ("marts.kpis", ("kpi", "grain", "period_start", "dimension", "dimension_value"))
# A variance is the difference of two sums, and loses digits where a group's values hardly differ.
TOLERANCES = {"ci_low": 1e-6, "ci_high": 1e-6}
OF_WHOLE_PERIODS = {
    "previous_value": "w.is_complete and w.previous_value is not null",
    "change": "w.is_complete and w.change is not null",
    "yoy_change": "w.is_complete and w.yoy_change is not null",
}


@dataclass(frozen=True)
class Part:
    """What is answered by hand, and where: {table by hand: (in the warehouse, key)}."""

    name: str
    compared: Mapping[str, tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Cost:
    """What a child process took: CPU and wall seconds, greatest resident memory in GB."""

    cpu_seconds: float
    wall_seconds: float
    peak_gb: float

    def __str__(self) -> str:
        return f"{self.cpu_seconds:8.1f} CPU s {self.wall_seconds:8.1f} s {self.peak_gb:6.2f} GB"


def cost_of(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run `command` to its end; CalledProcessError where it fails."""
    start = time.monotonic()
    process = subprocess.Popen(command, env=dict(environment))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    wall = time.monotonic() - start
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1e6)


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in a process of its own.

    A child starts with the greatest memory of its parent: what is measured later is to have none of this.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(function, *args, **kwargs).result()


def limit_memory(setting: str) -> None:
    """Have both sides take of the machine what the setting `performance.memory` allows a night."""
    os.environ["CX_PERFORMANCE__MEMORY"] = setting
    os.environ["DUCKDB_MEMORY_LIMIT"] = str(Performance(memory=setting).duckdb_memory)


def build_warehouse(
    folder: Path, data: Path, tables: Iterable[str], *options: str
) -> tuple[Cost, dict[str, dict[str, float]]]:
    """Build `tables` (or everything), with the company's own seeds; the cost of all, and of each node."""
    project = folder / "dbt_project"
    shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"), dirs_exist_ok=True)
    for seed in SEEDS.glob("*.csv"):
        shutil.copy(seed, project / "seeds")
    settings = Settings.model_validate(
        {
            "data_dir": data,
            "reporting": {"time_zone": "Asia/Seoul"},
            "performance": {"memory": os.environ.get("CX_PERFORMANCE__MEMORY")},
        }
    )
    where = ["--project-dir", str(project), "--profiles-dir", str(project), *vars_argument(settings)]
    kinds = ["--resource-type", "model", "--resource-type", "seed"]
    selected = [f"+{table.removeprefix('marts.')}" for table in tables]
    models = ["--select", *selected] if selected else []
    costs = data / "costs.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.dbt_profile",
        str(costs),
        "build",
        "--quiet",
        "--threads",
        str(models_at_a_time(settings)),
        *kinds,
        *models,
    ]
    cost = cost_of([*command, *options, *where], os.environ | dbt_environment(settings))
    return cost, json.loads(costs.read_text(encoding="utf-8"))


def differences(connection: duckdb.DuckDBPyConnection, ours: str, theirs: str, key: Sequence[str]) -> int:
    """Compare every column both have, print how many values that were; the number of values that differ."""
    mine = {name: kind for name, kind, *_ in connection.execute(f"describe by_hand.{ours}").fetchall()}
    columns = [name for name, *_ in connection.execute(f"describe cx.{theirs}").fetchall()]
    shared = [name for name in columns if name in mine and name not in key]
    given = f"cx.{theirs}"
    if ours == "kpi_answers":
        given = f"(select * from {given} where kpi in (select distinct kpi from by_hand.{ours}))"
    on = " and ".join(f"h.{name} = w.{name}" for name in key)
    tests = []
    for name in shared:
        if mine[name] == "DOUBLE":
            far = f"abs(h.{name} - w.{name}) > {TOLERANCES.get(name, 1e-9)} * greatest(1, abs(w.{name}))"
            test = f"(h.{name} is null) <> (w.{name} is null) or coalesce({far}, false)"
            if ours == "kpi_answers":
                # The script keeps no small group back, and compares whole periods alone.
                test = f"not w.is_suppressed and {OF_WHOLE_PERIODS.get(name, 'true')} and ({test})"
        else:
            test = f"h.{name} is distinct from w.{name}"
        tests.append(f"count_if({test})")
    rows, alone, *found = connection.execute(
        f"select count(*), count_if(h.{key[0]} is null or w.{key[0]} is null), {', '.join(tests)} "
        f"from by_hand.{ours} as h full join {given} as w on {on}"
    ).fetchall()[0]
    wrong = alone + sum(found)
    print(f"{theirs:28} {rows:>10,} rows x {len(shared):2} columns: {wrong} differ")
    for name, count in zip(shared, found, strict=True):
        if count:
            print(f"    {name}: {count}")
    return int(wrong)


def module_of(part: Part, beside: str) -> str:
    """The module that answers a part by hand."""
    return f"benchmarks.{part.name}_by_hand" if beside == "duckdb" else f"benchmarks.in_{beside}.{part.name}"


def answers_of(part: Part, folder: Path, beside: str) -> Path:
    """Where a program leaves its answers: a DuckDB file, or a folder of a Parquet file or folder a table."""
    return folder / (f"{part.name}.duckdb" if beside == "duckdb" else part.name)


def show_answers(connection: duckdb.DuckDBPyConnection, answers: Path) -> None:
    """Have `by_hand` stand for the answers at a path."""
    if answers.is_dir():
        connection.execute("attach ':memory:' as by_hand")
        for table in sorted(answers.iterdir()):
            files = table / "*.parquet" if table.is_dir() else table
            connection.execute(f"create view by_hand.{table.stem} as from read_parquet('{files}')")
    else:
        connection.execute(f"attach '{answers}' as by_hand (read_only)")


def compare(data: Path, part: Part, answers: Path) -> int:
    """Hold a part's answers against the warehouse built in `data`; the number of values that differ."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        show_answers(connection, answers)
        connection.execute(f"attach '{data / 'warehouse' / 'cx.duckdb'}' as cx (read_only)")
        return sum(differences(connection, ours, *theirs) for ours, theirs in part.compared.items())


def forget_build(folder: Path, data: Path) -> None:
    """Leave nothing of a build before: no table, and nothing dbt has parsed."""
    for built in (data / "warehouse").glob("*.duckdb*"):
        built.unlink()
    for parsed in (data / "warehouse" / "dbt", folder / "dbt_project"):
        shutil.rmtree(parsed, ignore_errors=True)


def answer_by_hand(folder: Path, data: Path, parts: Iterable[Part], beside: str) -> dict[str, Cost]:
    """Answer each part into `folder`, made afresh; what each took."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    costs = {}
    for part in parts:
        answers = answers_of(part, folder, beside)
        command = [sys.executable, "-m", module_of(part, beside), str(data), str(answers)]
        costs[part.name] = cost_of(command, os.environ)
        print(f"{part.name + ' in ' + beside:18} {costs[part.name]}", flush=True)
    return costs


def measure(description: str, parts: Sequence[Part]) -> None:
    """Measure, compare and print, as the command line says; exits 1 where an answer differs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scale", type=int, default=100_000, help="tickets, and answers")
    parser.add_argument("--pairs", type=int, default=3, help="how often both are measured; compared once")
    parser.add_argument("--memory", default="4GB", help="the setting performance.memory, of both")
    parser.add_argument("--models", action="store_true", help="one model after the other, and what each took")
    parser.add_argument("--beside", choices=REACH, default="duckdb", help="what answers by hand")
    arguments = parser.parse_args()
    if arguments.pairs < 1:
        parser.error("--pairs: at least 1")
    answered = [part for part in parts if find_spec(module_of(part, arguments.beside))]
    if not answered:
        sys.exit(f"nothing here answers in {arguments.beside}")
    limit_memory(arguments.memory)
    tables = dict.fromkeys(table for part in parts for table, _ in part.compared.values())
    options = ["--threads", "1"] if arguments.models else []
    ratios = []
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder, data = Path(name), Path(name) / "data"
        data.mkdir()
        made = apart(make_company, data, arguments.scale, [part.name for part in parts])
        print("landed: " + ", ".join(f"{rows:,} {entity}" for entity, rows in made.items()))
        for pair in range(arguments.pairs):
            forget_build(folder, data)
            by_hand: dict[str, Cost] = {}
            if pair % 2 == 0:  # what goes first finds the files less warm: each does in turn
                by_hand = answer_by_hand(folder / "answers", data, answered, arguments.beside)
            warehouse, models = build_warehouse(folder, data, tables, *options)
            print(f"{'the warehouse':18} {warehouse} (reach: {REACH_GB} GB)", flush=True)
            by_hand = by_hand or answer_by_hand(folder / "answers", data, answered, arguments.beside)
            ratios.append(warehouse.cpu_seconds / sum(cost.cpu_seconds for cost in by_hand.values()))
            print(f"{'ratio of CPU':18} {ratios[-1]:8.3f}", flush=True)
            if pair == 0:
                costly = sorted(models.items(), key=lambda item: -item[1]["cpu_seconds"])
                for node, cost in costly[: 40 if arguments.models else 0]:
                    print(f"{cost['cpu_seconds']:8.2f} CPU s  {node.split('.')[2]}")
                found = (answers_of(part, folder / "answers", arguments.beside) for part in answered)
                wrong = sum(apart(compare, data, *both) for both in zip(answered, found, strict=True))
    ratio = statistics.median(ratios)
    print(f"{'ratio of CPU':18} {ratio:8.3f}, median of {len(ratios)} (reach: {REACH[arguments.beside]})")
    if left_out := [part.name for part in parts if part not in answered]:
        print(f"{arguments.beside} leaves out {', '.join(left_out)}: the ratio of whole programs is lower")
    if wrong:
        sys.exit(f"{wrong} answers differ")
