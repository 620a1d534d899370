-- Grain: one contact: an inbound ticket opened by as_of, published or merged away since, with the values of its
-- dimensions as it was opened.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_tickets': {'source': 'source', 'ticket_id': 'ticket_id'}},
) }}

with tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

versions as (

    select * from {{ ref('int_tickets_versions') }}
    where key_hash in (select ticket_hash from {{ ref('int_touched_tickets') }})

),

openings as (

    select * from {{ ref('int_ticket_moments') }}
    where event_kind = 'opened'

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

merged_tickets as (

    select versions.*
    from versions
    cross join as_of
    where
        versions.disposition = 'merged'
        and versions.created_at <= as_of.as_of

),

-- As a merged ticket was opened it was as its earliest known version has it.
first_versions as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.ticket_id
            order by versions.updated_at asc nulls first, versions.batch_sequence desc, versions.position desc
        ) as place
    from versions
    inner join merged_tickets
        on
            versions.source = merged_tickets.source
            and versions.ticket_id = merged_tickets.ticket_id
    where versions.disposition in ('merged', 'superseded')

),

contacts as (

    select
        tickets.source,
        tickets.ticket_id,
        tickets.direction,
        false as is_merged,
        tickets.customer_key,
        openings.happened_date as event_date,
        {%- for dimension in ticket_dimensions() %}
        openings.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from openings
    inner join tickets on openings.ticket_number = tickets.ticket_number

    union all

    select
        merged_tickets.source,
        merged_tickets.ticket_id,
        coalesce(merged_tickets.direction, 'inbound') as direction,
        true as is_merged,
        merged_tickets.customer_key,
        {{ local_date('merged_tickets.created_at') }} as event_date,
        {%- for dimension in ticket_dimensions() %}
        {%- if dimension in declared_attributes('tickets') %}
        {{ attribute(dimension, 'first_versions.attributes') }} as {{ dimension }}
        {%- elif dimension == 'segment' %}
        customers.segment
        {%- elif dimension == 'agent' %}
        first_versions.agent_key as agent
        {%- else %}
        first_versions.{{ dimension }}
        {%- endif %}{{ ',' if not loop.last }}
        {%- endfor %}
    from merged_tickets
    inner join first_versions
        on
            merged_tickets.source = first_versions.source
            and merged_tickets.ticket_id = first_versions.ticket_id
            and first_versions.place = 1
    left join customers
        on {{ in_force('customers', 'merged_tickets.customer_key', 'merged_tickets.created_at') }}

),

final as (

    select
        *,
        coalesce(customer_key, concat(source, ':', ticket_id)) as respondent_key
    from contacts
    where direction = 'inbound'

)

select * from final
