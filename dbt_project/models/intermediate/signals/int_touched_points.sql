-- Grain: one point of a watched series from its first touched period on, there now or kept: what is usual before it is
-- worked out anew tonight.
{%- set series = ['kpi', 'grain', 'dimension', 'dimension_value'] %}
with touched_series as (

    select * from {{ ref('int_touched_series') }}

),

points as (

    select
        {{ series | join(',\n        ') }},
        period_start,
        period_number
    from {{ ref('int_kpi_points') }}
    where is_watched

    {%- if execute and is_kept(kept('int_kpi_watched')) %}

    union

    select
        {{ series | join(',\n        ') }},
        period_start,
        period_number
    from {{ kept('int_kpi_watched') }}
    {%- endif %}

),

final as (

    select
        {%- for key in series %}
        points.{{ key }},
        {%- endfor %}
        points.period_start
    from points
    inner join touched_series
        on
            {%- for key in series %}
            {{ 'and ' if not loop.first }}points.{{ key }} = touched_series.{{ key }}
            {%- endfor %}
            and points.period_number >= touched_series.first_number

)

select * from final
