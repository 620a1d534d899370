-- Grain: one watched series (kpi × grain × dimension × dimension_value) of which a point has come, gone or changed since
-- the last build that came to its end. `first_number` is the first period of the series that may have: the first that its
-- family computes tonight; 0 where what is kept of days does not go back far enough before it.
{%- set day = watched_grains().day %}
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

digests as (

    select * from {{ ref('int_kpi_series_digests') }}

),

first_periods as (

    select
        family,
        grain,
        min({{ period_number('grain', 'period_start') }}) as first_number
    from {{ ref('int_touched_periods') }}
    where grain in ('{{ watched_grains() | join("', '") }}')
    group by
        family,
        grain

),

kept_days as (

    select {{ period_number("'day'", 'as_of_date') }} - {{ watched_days() }} as last_dropped_number
    from {{ ref('int_as_of') }}

),

final as (

    select
        digests.kpi,
        digests.grain,
        digests.dimension,
        digests.dimension_value,
        case
            when
                digests.grain = 'day'
                and first_periods.first_number - {{ day.spread + day.run }} <= kept_days.last_dropped_number
                then 0
            else coalesce(first_periods.first_number, 0)
        end as first_number
    from digests
    inner join built on digests.changed_for = built.build
    cross join kept_days
    left join first_periods
        on
            digests.family = first_periods.family
            and digests.grain = first_periods.grain

)

select * from final
