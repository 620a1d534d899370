-- One row per grain, period_start, dimension and dimension_value: CSAT and its mirror DSAT.
{{ config(**kept_by_period('every')) }}
{{ wide_kpis("kpi_csat") }}
