-- Grain: one point of a watched series from its first touched period on, there now or kept: what is usual before it is
-- worked out anew tonight.
{%- set series = ['kpi', 'grain', 'dimension', 'dimension_value'] %}
with touched_series as (

    select * from {{ ref('int_touched_series') }}

),

points as (

    select
        {%- for key in series %}
        points.{{ key }},
        {%- endfor %}
        points.period_start
    from {{ ref('int_kpi_points') }} as points
    inner join touched_series
        on
            {%- for key in series %}
            {{ 'and ' if not loop.first }}points.{{ key }} = touched_series.{{ key }}
            {%- endfor %}
            and points.period_number >= touched_series.first_number
    where points.is_watched

),

{%- if execute and is_kept(kept('int_kpi_watched')) %}

kept as (

    select
        {%- for key in series %}
        watched.{{ key }},
        {%- endfor %}
        watched.period_start
    from {{ kept('int_kpi_watched') }} as watched
    inner join touched_series
        on
            {%- for key in series %}
            {{ 'and ' if not loop.first }}watched.{{ key }} = touched_series.{{ key }}
            {%- endfor %}
            and watched.period_number >= touched_series.first_number

),
{%- endif %}

final as (

    select * from points
    {%- if execute and is_kept(kept('int_kpi_watched')) %}
    union
    select * from kept
    {%- endif %}

)

select * from final
