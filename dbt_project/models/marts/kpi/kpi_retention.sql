-- One row per grain, period_start, dimension and dimension_value: who stays, comes back and buys again, and what
-- customers are worth.
{{ config(**kept_by_period('retention', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_retention") }}
