{#
  Every published KPI, declared once; all that is done with KPIs in general follows from it: the union of the
  families, completeness, the wide marts and their contracts, the view `kpis`.

  A list of groups. The KPIs of a group are fed by the same units:
    mart         the wide table they stand in, a model of `{{ "{{ wide_kpis(<mart>) }}" }}`
    family       their model is int_kpi_<family>, from which that mart alone is made
    entities     whose watermarks say how far the feeding sources have come
    units, where the model (with a column `source`) and condition of the units that feed them
    window_days  days after a period's end until they are final (0 where left out)
    kpis         dicts: kpi (the name), unit, definition (each a phrase), better (which way is good for the company:
                 higher, lower or neither), mirror_of (where it is a mirror: the KPI whose p and q it inherits), test (of
                 its change; none where left out: rate, nps, mean, or given, a p value), is_running (true where successive
                 periods share units, so that it is no anomaly when it moves), counted_with (of a percentile: the mean of
                 the same units, whose n and suppression are its own; it has no numerator, denominator or interval)
    counts       column of the mart -> KPI whose numerator it repeats under a plain name
#}
{% macro kpi_catalog() %}
    {{- return(survey_kpis() + support_kpis() + contact_kpis() + customer_kpis()) -}}
{% endmacro %}

{# The families, in the order of the catalog. #}
{% macro kpi_families() %}
    {{- return(kpi_catalog() | map(attribute="family") | unique | list) -}}
{% endmacro %}

{# The wide marts, in the order of the catalog. #}
{% macro kpi_marts() %}
    {{- return(kpi_catalog() | map(attribute="mart") | unique | list) -}}
{% endmacro %}

{# The KPIs of a mart, in the order of the catalog. #}
{% macro kpis_of_mart(mart) %}
    {%- set kpis = [] -%}
    {%- for group in kpi_catalog() if group.mart == mart -%}
        {%- do kpis.extend(group.kpis) -%}
    {%- endfor -%}
    {{- return(kpis) -}}
{% endmacro %}

{# The groups of a family, in the order of the catalog. #}
{% macro groups_of_family(family) %}
    {{- return(kpi_catalog() | selectattr("family", "equalto", family) | list) -}}
{% endmacro %}

{# The family whose KPIs stand in a mart. #}
{% macro family_of_mart(mart) %}
    {{- return((kpi_catalog() | selectattr("mart", "equalto", mart) | first).family) -}}
{% endmacro %}

{# The KPIs of a family -> their entries. #}
{% macro entries_of_family(family) %}
    {%- set entries = {} -%}
    {%- for group in groups_of_family(family) -%}
        {%- for entry in group.kpis -%}
            {%- do entries.update({entry.kpi: entry}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(entries) -}}
{% endmacro %}

{# The KPIs that tell the whole story in short: what people look at first. #}
{% macro headline_kpis() %}
    {{- return([
        "nps", "csat", "ces", "response_rate", "retention_rate", "first_response_calendar_minutes_median",
        "resolution_calendar_minutes_median", "fcr_rate", "one_touch_rate", "reopen_rate",
    ]) -}}
{% endmacro %}

{#
  What a KPI speaks of. Findings of one subject and time are one piece of news, however many KPIs tell it: the
  statistics of one duration on both clocks, the promises of all service levels.
#}
{% macro kpi_subject(kpi) %}
    {%- set subject = namespace(name=kpi) -%}
    {%- for ending in ["_avg", "_median", "_p90", "_p95"] if kpi.endswith(ending) and kpi != "rating_avg" -%}
        {%- set subject.name = kpi[:-(ending | length)].replace("_calendar_minutes", "").replace("_business_minutes", "") -%}
    {%- endfor -%}
    {%- for beginning, name in {"sla_": "sla", "ces": "ces", "cx_": "cx", "ticket_csat": "csat",
        "repeat_purchase": "repeat_purchase"}.items() -%}
        {%- if kpi.startswith(beginning) -%} {%- set subject.name = name -%} {%- endif -%}
    {%- endfor -%}
    {{- return(subject.name) -}}
{% endmacro %}

{# The dimensions by which the KPIs of a family are published. #}
{% macro dimensions_of_family(family) %}
    {%- if family in ["response_time", "support"] -%}
        {%- set dimensions = ticket_dimensions() -%}
    {%- elif family == "retention" -%}
        {%- set dimensions = customer_dimensions() -%}
    {%- elif family == "journey" -%}
        {%- set dimensions = journey_dimensions() -%}
    {%- else -%}
        {%- set dimensions = survey_dimensions() -%}
    {%- endif -%}
    {{- return(["all"] + (dimensions | reject("equalto", "all") | list)) -}}
{% endmacro %}

{# What is published of each KPI: column of `kpis` -> type. `value` stands in the wide marts under the KPI's name. #}
{% macro kpi_measures() %}
    {{- return({
        "value": "double",
        "numerator": "double",
        "denominator": "double",
        "n": "bigint",
        "ci_low": "double",
        "ci_high": "double",
        "previous_value": "double",
        "change": "double",
        "yoy_change": "double",
        "p_value": "double",
        "q_value": "double",
        "is_significant": "boolean",
        "is_complete": "boolean",
        "is_small_sample": "boolean",
        "is_suppressed": "boolean",
        "target": "double",
        "status": "varchar",
    }) -}}
{% endmacro %}

{# The column of a wide mart that holds a measure of a KPI. #}
{% macro wide_column(kpi, measure) %}
    {{- return(kpi if measure == "value" else kpi ~ "_" ~ measure) -}}
{% endmacro %}
