-- One row per grain, period_start, dimension and dimension_value: customer effort.
{{ wide_kpis("kpi_ces") }}
