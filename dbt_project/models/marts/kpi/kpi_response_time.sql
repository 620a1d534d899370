-- One row per grain, period_start, dimension and dimension_value: how fast support answers and resolves.
{{ config(**kept_by_period('response_time', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_response_time") }}
