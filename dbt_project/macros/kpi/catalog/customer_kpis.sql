{# The customer and journey KPIs (see kpi_catalog for what an entry holds). #}
{% macro customer_kpis() %}
    {{- return([]) -}}
{% endmacro %}
