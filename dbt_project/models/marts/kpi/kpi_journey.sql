-- One row per grain, period_start, dimension and dimension_value: where interactions fail, end early or are handed
-- up, which steps lead on, and how far satisfaction differs between channels.
{{ config(**kept_by_period('journey', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_journey") }}
