-- One row per finished night: the last run of each date.
with final as (

    select
        run_id,
        night,
        {{ utc_instant('started_at') }} as started_at,
        {{ utc_instant('ended_at') }} as ended_at,
        outcome,
        batches,
        landed,
        rejected,
        quarantined,
        held,
        stale_sources,
        full_refresh
    from {{ source('state', 'nights') }}

)

select * from final
