-- One row per grain, period_start, dimension and dimension_value: customer effort.
{{ config(**kept_by_period('ces', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_ces") }}
