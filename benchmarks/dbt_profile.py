"""dbt in a process of its own that writes down what each node cost: the child of `beside`.

    python -m benchmarks.dbt_profile COSTS_JSON <arguments of dbt>

Writes {unique_id: {"cpu_seconds", "wall_seconds"}}.  With `--threads 1` a node's CPU is its own; with more,
that of whatever ran meanwhile.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def _cpu() -> float:
    times = os.times()
    return times.user + times.system


def main() -> None:
    """Run dbt with the arguments given; exits as dbt does."""
    from dbt.cli.main import dbtRunner

    started: dict[str, tuple[float, float]] = {}
    costs: dict[str, dict[str, float]] = {}

    def on_event(event: Any) -> None:
        if event.info.name not in ("NodeStart", "NodeFinished"):
            return
        node = event.data.node_info.unique_id
        if event.info.name == "NodeStart":
            started[node] = (_cpu(), time.monotonic())
        elif node in started:
            cpu, wall = started[node]
            costs[node] = {"cpu_seconds": _cpu() - cpu, "wall_seconds": time.monotonic() - wall}

    result = dbtRunner(callbacks=[on_event]).invoke(sys.argv[2:])
    Path(sys.argv[1]).write_text(json.dumps(costs), encoding="utf-8")
    sys.exit(0 if result.success else 1)


if __name__ == "__main__":
    main()
