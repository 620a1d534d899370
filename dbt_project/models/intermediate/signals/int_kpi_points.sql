-- One row per kpi, grain, period_start, dimension and dimension_value of the recent past that can be held against its
-- own history: complete, shown, and of 30 units or more; quarters of fewer too, since several are taken together.
{{ config(post_hook="delete from {{ this }} where {{ is_too_old_a_day(pointed_days()) }}", **kept_by_period('of_each')) }}
{%- set keys = ['grain', 'period_start', 'dimension', 'dimension_value'] %}
with

{%- for family in kpi_families() %}

periods_of_{{ family }} as (

    {{ tonights_compared_periods(family) }}

),

rows_of_{{ family }} as (

    select
        kpi_rows.*,
        {{ period_number('kpi_rows.grain', 'kpi_rows.period_start') }} as period_number,
        {%- for group in groups_of_family(family) %}
        periods.is_complete_{{ loop.index }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_kpi_' ~ family) }} as kpi_rows
    inner join periods_of_{{ family }} as periods
        on
            kpi_rows.grain = periods.grain
            and kpi_rows.period_start = periods.period_start
    where
        kpi_rows.slot = 'current'
        and kpi_rows.grain <> 'all'
        and not {{ is_too_old_a_day(pointed_days(), 'kpi_rows.grain', 'kpi_rows.period_start') }}

),
{%- endfor %}

final as (

    {%- set parts = [] %}
    {%- for family in kpi_families() %}
    {%- for group in groups_of_family(family) %}
    {%- set is_complete = 'is_complete_' ~ loop.index %}
    {%- for entry in group.kpis %}
    {%- set point = kpi_point(entry) %}
    {%- if point %}
    {{ 'union all' if parts }}
    {%- do parts.append(entry.kpi) %}
    select
        '{{ family }}' as family,
        '{{ entry.kpi }}' as kpi,
        {{ keys | join(',\n        ') }},
        period_number,
        {{ entry.kpi }} as value,
        {{ kpi_column(entry, 'n') }} as n,
        {{ kpi_column(entry, 'ci_low') }} as ci_low,
        {{ kpi_column(entry, 'ci_high') }} as ci_high,
        {{ point.measure }} as measure,
        {{ point.unit_variance }} as unit_variance,
        {{ point.is_log }} as is_log,
        {{ is_watched(entry, group) }} as is_watched,
        {{ group.window_days or 0 }} as window_days
    from rows_of_{{ family }}
    where
        {{ is_complete }}
        and ({{ kpi_column(entry, 'n') }} >= 30 or grain = 'quarter')
        and {{ entry.kpi }} is not null
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}

)

select * from final
