"""What leaves the program beside facts: the long table of KPIs, in a folder of Parquet files.

What enters: cells, one row a grain, period_start and place of one dimension, with the sums KPIs are made of;
what a KPI is of these (`Kpi`).  Called by the modules that answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.in_polars import intervals
from benchmarks.in_polars.intervals import Ends, over
from benchmarks.in_polars.periods import earlier_periods

_NONE = pl.lit(None, pl.Float64)


@dataclass(frozen=True)
class Kpi:
    """A KPI of a cell; there where n > 0 and the condition holds."""

    name: str
    value: pl.Expr
    n: pl.Expr
    numerator: pl.Expr = _NONE
    denominator: pl.Expr = _NONE
    ends: Ends = (_NONE, _NONE)
    where: pl.Expr | None = None

    @property
    def is_there(self) -> pl.Expr:
        """Whether a cell has it."""
        return self.n > 0 if self.where is None else (self.n > 0) & self.where


def share(name: str, successes: pl.Expr, n: pl.Expr) -> Kpi:
    """A share in percent, with Wilson's interval."""
    return Kpi(name, 100.0 * over(successes, n), n, successes, n, intervals.wilson(successes, n))


def average(
    name: str, total: pl.Expr, squares: pl.Expr, n: pl.Expr, ends: tuple[pl.Expr, pl.Expr] | None = None
) -> Kpi:
    """A mean with its t interval, on a scale where `ends` says which."""
    reach = (
        intervals.scale_mean(total, squares, n, *ends) if ends else intervals.mean(total, squares, n, n - 1)
    )
    return Kpi(name, over(total, n), n, total, n, reach)


class KpiTable:
    """`kpi_answers` as it grows, a file a call of `add`."""

    def __init__(self, folder: Path, last_day: date) -> None:
        """Write into `folder`; periods that end after `last_day` are compared with none."""
        self._folder = folder / "kpi_answers"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.last_day = last_day
        self._files = 0

    def add(self, dimension: str, cells: pl.DataFrame, kpis: Sequence[Kpi]) -> None:
        """The KPIs of the cells of a dimension, beside those of the period before and of a year ago."""
        if cells.is_empty():
            return
        start = pl.col("period_start")
        key = (
            pl.col("place").to_physical().cast(pl.Int64) * 2**32
            + pl.col("grain").to_physical().cast(pl.Int64) * 2**24
        )
        valued = cells.with_columns(
            *(
                pl.when(kpi.is_there).then(kpi.value.cast(pl.Float64)).alias(f"{kpi.name}/value")
                for kpi in kpis
            )
        )
        asked = valued.join(
            earlier_periods(cells, self.last_day), on=["grain", "period_start"], how="left"
        ).with_columns(
            (key + pl.col(name).to_physical().cast(pl.Int64) + 2**20).alias(name)
            for name in ("previous_start", "year_ago_start")
        )
        names = [f"{kpi.name}/value" for kpi in kpis]
        values = valued.select((key + start.to_physical().cast(pl.Int64) + 2**20).alias("key"), *names)
        for which in ("previous", "year_ago"):
            asked = asked.join(
                values.rename({name: f"{name}/{which}" for name in names}),
                left_on=f"{which}_start",
                right_on="key",
                how="left",
            )
        told = [
            asked.lazy()
            .filter(kpi.is_there)
            .select(
                pl.lit(kpi.name).cast(pl.Categorical).alias("kpi"),
                "grain",
                "period_start",
                pl.lit(dimension).cast(pl.Categorical).alias("dimension"),
                pl.col("place").alias("dimension_value"),
                kpi.n.cast(pl.Int64).alias("n"),
                pl.col(f"{kpi.name}/value").alias("value"),
                kpi.numerator.cast(pl.Float64).alias("numerator"),
                kpi.denominator.cast(pl.Float64).alias("denominator"),
                kpi.ends[0].cast(pl.Float64).alias("ci_low"),
                kpi.ends[1].cast(pl.Float64).alias("ci_high"),
                pl.col(f"{kpi.name}/value/previous").alias("previous_value"),
                (pl.col(f"{kpi.name}/value") - pl.col(f"{kpi.name}/value/previous")).alias("change"),
                (pl.col(f"{kpi.name}/value") - pl.col(f"{kpi.name}/value/year_ago")).alias("yoy_change"),
                (kpi.n < 30).alias("is_small_sample"),
            )
            for kpi in kpis
        ]
        file = self._folder / f"{self._files:05d}.parquet"
        pl.concat(pl.collect_all(told)).write_parquet(file, compression="lz4", statistics=False)
        self._files += 1
