{#-
  What of the KPIs a night computes anew. A model of KPIs that keeps its periods from night to night is configured by
  `{{ "{{ config(**kept_by_period(family)) }}" }}`; what it selects then is of tonight's periods of that family alone, or of all
  where nothing is kept yet. `every` is the family of what is made of all families together; what has rows `of_each` says in a
  column `family` whose they are. `touched` is the model that has tonight's periods; `grain` and `period_start` are what
  its rows are told by.
-#}
{% macro kept_by_period(family, touched="int_touched_periods", grain="grain", period_start="period_start") %}
    {%- set told_family = "family" if family == "of_each" else "'" ~ family ~ "'" -%}
    {#- Named while dbt parses, so that it comes before: what is computed tonight is asked of it when the model runs. -#}
    {%- if not execute -%}{%- do ref(touched) -%}{%- endif -%}
    {{- return({
        "materialized": "incremental",
        "incremental_strategy": "overwrite",
        "on_schema_change": "fail",
        "meta": {"family": family, "touched": touched},
        "overwrites": {touched: {"family": told_family, "grain": grain, "period_start": period_start}},
    }) -}}
{% endmacro %}

{#-
  A select of grain, period_start: the periods that the model computes tonight of its family, or of the one named; none
  where it computes all.
-#}
{% macro tonights_periods(family=none) %}
    {%- if execute and is_incremental() -%}
    select
        grain,
        period_start
    from {{ ref(model.config.meta.touched) }}
    where family = '{{ family or model.config.meta.family }}'
    {%- endif -%}
{% endmacro %}

{#- A condition on rows with grain and period_start: that the model computes their period tonight. -#}
{% macro is_of_tonight(grain="grain", period_start="period_start", family=none) %}
    {%- set periods = tonights_periods(family) -%}
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

{#-
  What the last builds left of digests (`this`: keys, digest, changed_for) and what they are now (`inputs`: the same
  without the last), together: a select of all, with the last build that came to its end when each changed. What is no
  longer there has no digest. A build begun again finds the same changed. `built` has that `build`.
-#}
{% macro changed_digests(inputs, keys=["input", "grain", "period_start"]) %}
    {%- if execute and not is_kept(this) %}
    select
        {{ inputs }}.*,
        built.build as changed_for
    from {{ inputs }}
    cross join built
    {%- else %}
    select
        {%- for key in keys %}
        coalesce({{ inputs }}.{{ key }}, kept_digests.{{ key }}) as {{ key }},
        {%- endfor %}
        {{ inputs }}.digest,
        case
            when coalesce({{ inputs }}.digest, '') = coalesce(kept_digests.digest, '') then kept_digests.changed_for
            else built.build
        end as changed_for
    from {{ inputs }}
    full join {{ this }} as kept_digests
        on
            {%- for key in keys %}
            {{ "and " if not loop.first }}{{ inputs }}.{{ key }} = kept_digests.{{ key }}
            {%- endfor %}
    cross join built
    {%- endif %}
{% endmacro %}
