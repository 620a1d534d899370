-- Grain: one grain × period_start whose customers' cells tonight's build computes anew: all from the first changed one on, in the
-- order they end, and all time; and what is no period any more.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

changed as (

    select
        inputs.grain,
        inputs.period_start
    from {{ ref('int_customer_inputs') }} as inputs
    inner join built on inputs.changed_for = built.build

),

windows as (

    select * from {{ ref('int_period_windows') }}
    where grain in ('month', 'quarter', 'all')

),

touched as (

    select
        grain,
        period_start,
        cast(null as integer) as period_number
    from changed

    union all

    select
        grain,
        period_start,
        period_number
    from windows
    where
        grain = 'all'
        or period_number >= (
            select min(changed_windows.period_number)
            from windows as changed_windows
            inner join changed
                on
                    changed_windows.grain = changed.grain
                    and changed_windows.period_start = changed.period_start
        )

),

final as (

    select
        'customers' as family,
        grain,
        period_start,
        min(period_number) as period_number
    from touched
    group by
        grain,
        period_start

)

select * from final
