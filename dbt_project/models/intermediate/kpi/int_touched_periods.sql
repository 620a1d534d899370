-- Grain: one family × grain × period_start whose KPIs tonight's build computes anew; the others stay as they are kept.
-- A period is touched where its units have changed, or what it is compared with, or whether it is complete; so are
-- those that compare themselves with one that is, those that have not ended, and all time. Where the values that a
-- dimension keeps have changed, all are. The family `every` has the periods of all that KPIs are made of. The backlog is
-- carried from day to day, so that of it all days from the first one touched are.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

changed as (

    select inputs.*
    from {{ ref('int_kpi_inputs') }} as inputs
    inner join built on inputs.changed_for = built.build

),

periods as (

    select * from {{ ref('int_periods') }}

),

{%- set grains = ['day', 'week', 'month', 'quarter'] %}
{%- set families = (kpi_families() + counted_units().keys() | list) | unique | list %}

fed as (

    {%- for family, sets in counted_units().items() %}
    {%- set outer = loop %}
    {%- for entry in sets.values() %}
    {{- '\n    union all' if not (loop.first and outer.first) }}
    select
        '{{ family }}' as family,
        '{{ entry.model }}.{{ entry.date_column }}' as input
    {%- endfor %}
    {%- endfor %}

),

changed_days as (

    select distinct
        fed.family,
        changed.period_start as date_day
    from changed
    inner join fed on changed.input = fed.input
    where changed.grain = 'day'

),

touched as (

    {%- for grain in grains %}
    select
        family,
        '{{ grain }}' as grain,
        {{ period_start(grain, 'date_day') }} as period_start
    from changed_days

    union
    {%- endfor %}

    select
        case input when 'int_kpi_retention' then 'retention' else input end as family,
        grain,
        period_start
    from changed
    where
        grain <> 'values'
        and input in ('int_kpi_retention', '{{ families | join("', '") }}')

    union

    select
        changed.input as family,
        periods.grain,
        periods.period_start
    from changed
    cross join periods
    where changed.grain = 'values'

    union

    {%- for family in families %}
    select
        '{{ family }}' as family,
        grain,
        period_start
    from periods
    where
        not is_ended
        or grain = 'all'
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}

),

compared as (

    {%- for compared_with in ['previous_period_start', 'yoy_period_start'] %}
    select
        touched.family,
        periods.grain,
        periods.period_start
    from touched
    inner join periods
        on
            touched.grain = periods.grain
            and touched.period_start = periods.{{ compared_with }}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}

),

carried as (

    select
        'backlog' as family,
        grain,
        period_start
    from periods
    where
        grain = 'day'
        and period_start >= (
            select min(touched.period_start)
            from touched
            where
                touched.family = 'backlog'
                and touched.grain = 'day'
        )

),

of_families as (

    select * from touched
    union
    select * from compared
    union
    select * from carried

),

final as (

    select * from of_families

    union all

    select distinct
        'every' as family,
        grain,
        period_start
    from of_families
    where family in ('{{ kpi_families() | join("', '") }}')

)

select * from final
