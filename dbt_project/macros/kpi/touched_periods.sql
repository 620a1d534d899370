{#-
  What of the KPIs a night computes anew. A model of KPIs that keeps its periods from night to night is configured by
  `{{ "{{ config(**kept_by_period(family)) }}" }}`; what it selects then is of tonight's periods of that family alone, or of all
  where nothing is kept yet. `every` is the family of what is made of all families.
-#}
{% macro kept_by_period(family) %}
    {{- return({
        "materialized": "incremental",
        "incremental_strategy": "overwrite",
        "on_schema_change": "fail",
        "meta": {"family": family},
        "overwrites": {
            "int_touched_periods": {"family": "'" ~ family ~ "'", "grain": "grain", "period_start": "period_start"},
        },
    }) -}}
{% endmacro %}

{#- A select of grain, period_start: the periods that the model computes tonight; none where it computes all. -#}
{% macro tonights_periods() %}
    {%- if not execute or is_incremental() -%}
    select
        grain,
        period_start
    from {{ ref("int_touched_periods") }}
    {%- if execute %}
    where family = '{{ model.config.meta.family }}'
    {%- endif %}
    {%- endif -%}
{% endmacro %}

{#- A condition on rows with grain and period_start: that the model computes their period tonight. -#}
{% macro is_of_tonight(grain="grain", period_start="period_start") %}
    {%- set periods = tonights_periods() -%}
    {{- "(" ~ grain ~ ", " ~ period_start ~ ") in (" ~ periods ~ ")" if periods else "true" -}}
{% endmacro %}

{#- The days, grains, periods and slots of `int_period_days`, of the periods that the model computes tonight, and `with_previous` of those before them. -#}
{% macro tonights_period_days(with_previous=false) %}
    select
        date_day,
        grain,
        period_start,
        slot
    from {{ ref("int_period_days") }}
    {%- set tonight = is_of_tonight() %}
    {%- if tonight != "true" %}
    where
        {{ tonight }}
        {%- if with_previous %}
        or (slot = 'current' and (grain, period_start) in (
            select
                grain,
                previous_period_start
            from {{ ref("int_periods") }}
            where {{ tonight }}
        ))
        {%- endif %}
    {%- endif %}
{% endmacro %}
