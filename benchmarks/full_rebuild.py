"""What a full rebuild of everything costs, beside the programs by hand of tickets and of answers.

python -m benchmarks.full_rebuild [--scale 100000] [--pairs 3] [--memory 4GB] [--models]
    [--beside duckdb|polars|pandas]
"""

from __future__ import annotations

from benchmarks.answers import ANSWERS
from benchmarks.beside import measure
from benchmarks.tickets import TICKETS

if __name__ == "__main__":
    measure("A full rebuild from landing to KPIs, beside scripts by hand.", [TICKETS, ANSWERS])
