-- One row per grain, period_start, dimension and dimension_value: NPS and the shares of its three classes.
{{ wide_kpis("kpi_nps") }}
