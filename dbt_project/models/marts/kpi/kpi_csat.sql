-- One row per grain, period_start, dimension and dimension_value: CSAT and its mirror DSAT.
{{ config(**kept_by_period('csat', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_csat") }}
