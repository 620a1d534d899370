-- One row per kpi, grain, period_start, dimension and dimension_value: every KPI, long, over the wide marts.
{#- Its tables' contracts hold for it too. dbt could check one of its own only by running the query outside the
    view, where a name without its catalog finds nothing. #}
{{ config(materialized="view", contract={"enforced": false}) }}

{{ long_kpis() }}
