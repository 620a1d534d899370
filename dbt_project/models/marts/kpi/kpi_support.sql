-- One row per grain, period_start, dimension and dimension_value: calls and chats, volume, what a resolution takes, and
-- ticket CSAT.
{{ config(**kept_by_period('support', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_support") }}
