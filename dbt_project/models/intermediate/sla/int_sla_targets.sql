-- Grain: one SLA target, numbered, with its minutes in microseconds and the statuses in which its clock stands.

with targets as (

    select * from {{ ref('sla_targets') }}

),

final as (

    select
        row_number() over (order by metric, priority, valid_from) as target_id,
        metric,
        priority,
        target_minutes,
        cast(round(60000000.0 * target_minutes) as bigint) as target_micros,
        clock,
        concat(
            ' ', coalesce(pauses_on, ''), ' ',
            -- the requester's wait stands by itself while it is not the company's turn
            case when metric = 'requester_wait' then 'pending solved closed ' else '' end
        ) as pauses_on,
        valid_from,
        valid_to
    from targets

)

select * from final
