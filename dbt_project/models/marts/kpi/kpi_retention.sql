-- One row per grain, period_start, dimension and dimension_value: who stays, comes back and buys again, and what
-- customers are worth.
{{ wide_kpis("kpi_retention") }}
