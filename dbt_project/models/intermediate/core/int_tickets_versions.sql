-- One row per passed version of a ticket, with its one disposition.
with final as (

    {{ with_disposition(
        ref('stg_tickets'),
        'ticket_id',
        spam="status = 'spam'",
        merged="status = 'merged' or merged_into_ticket_id is not null",
    ) }}

)

select * from final
