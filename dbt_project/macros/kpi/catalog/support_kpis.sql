{# The support KPIs (see kpi_catalog for what an entry holds). #}
{% macro support_kpis() %}
    {{- return([]) -}}
{% endmacro %}
