-- One row per night: its last finished run.
with final as (

    select
        night,
        run_id,
        started_at,
        ended_at,
        outcome,
        batches,
        landed,
        rejected,
        quarantined,
        held,
        stale_sources,
        full_refresh
    from {{ ref('stg_nights') }}

)

select *
from final
order by night
