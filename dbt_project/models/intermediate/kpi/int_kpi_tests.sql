-- One row per kpi, grain, period_start, dimension and dimension_value whose change was tested: its p, and its q among
-- all tests of the period.
{{ config(**kept_by_period('every')) }}
with changes as (

    select
        *,
        dimension = 'all' as is_overall
    from {{ ref('int_kpi_changes') }}
    where {{ is_of_tonight() }}

),

-- The tests of one grain and period_start are one family, those of dimension rows another, so that what was
-- published for a period stays as it is when a new one arrives. A mirror is no test of its own.
-- Benjamini and Hochberg (1995): each p over the share of the family's that are not greater, then the smallest of
-- these from there on. Of
-- equal p the last has the greatest share, and the window's frame holds it for all of them.
stepped as (

    select
        *,
        p_value
        * count(*) over (partition by grain, period_start, is_overall)
        / row_number() over (partition by grain, period_start, is_overall order by p_value) as stepped_p
    from changes

),

final as (

    select
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        p_value,
        min(stepped_p) over (
            partition by grain, period_start, is_overall
            order by p_value desc
        ) as q_value
    from stepped

)

select * from final
