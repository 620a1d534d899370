-- Grain: one ticket that ever came, and the number that stands for it wherever its history is worked out: there are many
-- rows a ticket. Of those that come together it follows (source, ticket_id); it is kept from night to night.
{{ config(materialized='incremental', incremental_strategy='append') }}

with tickets as (

    select distinct
        source,
        ticket_id
    from {{ ref('stg_tickets') }}

),

new_tickets as (

    select
        tickets.source,
        tickets.ticket_id
    from tickets
    {%- if is_incremental() %}
    left join {{ this }} as known
        on
            tickets.source = known.source
            and tickets.ticket_id = known.ticket_id
    where known.ticket_number is null
    {%- endif %}

),

final as (

    select
        source,
        ticket_id,
        {%- if is_incremental() %}
        (select coalesce(max(ticket_number), 0) from {{ this }})
        +
        {%- endif %}
        row_number() over (order by source, ticket_id) as ticket_number,
        {{ row_hash(['source', 'ticket_id']) }} as ticket_hash
    from new_tickets

)

select * from final
