-- One row per grain, period_start, dimension and dimension_value: NPS and the shares of its three classes.
{{ config(**kept_by_period('nps', touched='int_touched_marts')) }}
{{ wide_kpis("kpi_nps") }}
