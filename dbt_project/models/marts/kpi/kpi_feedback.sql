-- One row per grain, period_start, dimension and dimension_value: response and comment rates, ratings, the CX
-- index and its pillars, the perception gap.
{{ config(**kept_by_period('feedback', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_feedback") }}
