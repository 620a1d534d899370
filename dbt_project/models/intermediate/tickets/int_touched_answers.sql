-- Grain: one answer whose credit tonight's build works out anew: what arrives, what names a touched ticket, and what a customer
-- said whose record arrives.
{%- set is_kept = not execute or is_kept(kept('int_ticket_csat_answers')) %}

with arriving as (

    select * from {{ ref('stg_feedback') }}

),

versions as (

    select * from {{ ref('int_feedback_versions') }}

),

final as (

    select
        source,
        response_id
    from arriving
    {%- if is_kept %}

    union

    select
        source,
        response_id
    from versions
    where
        ticket_id in (select ticket_id from {{ ref('int_touched_tickets') }})
        or customer_key in (select customer_key from {{ ref('stg_customers') }})
    {%- endif %}

)

select * from final
