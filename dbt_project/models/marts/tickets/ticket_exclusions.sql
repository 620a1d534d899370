-- Grain: one source × measure × reason × detail: how many tickets (turns, for next_response) a measure leaves out, and why.

with exclusions as (

    select * from {{ ref('int_ticket_exclusions') }}

),

final as (

    select
        source,
        measure,
        reason,
        detail,
        count(*) as number_excluded
    from exclusions
    group by source, measure, reason, detail

)

select * from final
order by source, measure, reason, detail
