-- One row per grain, period_start, dimension and dimension_value: CSAT and its mirror DSAT.
{{ wide_kpis("kpi_csat") }}
