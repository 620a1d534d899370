"""The foundation builds and answers on no data at all, and on a little."""

from pathlib import Path

from tests.dbt.harness import build_warehouse


def test_an_empty_warehouse_builds_and_has_no_periods(tmp_path: Path) -> None:
    with build_warehouse(tmp_path, {}) as warehouse:
        assert warehouse.rows("select as_of, as_of_date from int_as_of") == [(None, None)]
        assert warehouse.rows("select * from int_periods") == []
        assert warehouse.rows("select * from int_period_days") == []
