-- Grain: one ticket that tonight's build works out anew; the others stay as they are kept. What arrives touches its ticket,
-- and those whose story it is part of: of the same customer, the one it follows up, the ones an answer may mean. Besides,
-- what is not settled changes with time alone. A build that did not come to its end touched what it touched: its
-- tickets are touched again until one does.
{%- set is_kept = not execute or (is_kept(kept('int_ticket_unsettled')) and is_kept(kept('int_ticket_resolutions'))) %}
{%- set instants = ['created_at', 'first_responded_at', 'resolved_at', 'updated_at'] %}

with keys as (

    select * from {{ ref('int_ticket_keys') }}

),

built as (

    select * from {{ ref('stg_built') }}

),

{%- if is_kept %}

versions as (

    select * from {{ ref('int_tickets_versions') }}

),

answers as (

    select
        *,
        key_hash in (select {{ row_hash(['source', 'response_id']) }} from {{ ref('stg_feedback') }})
        or coalesce(customer_key in (select customer_key from {{ ref('stg_customers') }}), false) as is_touched
    from {{ ref('int_feedback_versions') }}
    where ticket_id is not null

),

touched_answers as (

    select * from answers
    where is_touched

),

arriving as (

    select
        source,
        ticket_id
    from {{ ref('stg_tickets') }}

    union

    select
        source,
        ticket_id
    from {{ ref('stg_ticket_events') }}

    union

    -- an event that comes again may have been another ticket's before
    select
        source,
        ticket_id
    from {{ ref('int_ticket_events_versions') }}
    where key_hash in (select {{ row_hash(['source', 'event_id']) }} from {{ ref('stg_ticket_events') }})

    union

    select
        versions.source,
        versions.ticket_id
    from versions
    inner join {{ ref('stg_customers') }} as customers on versions.customer_key = customers.customer_key

    union

    select
        versions.source,
        versions.ticket_id
    from versions
    where
        ticket_id in (select ticket_id from {{ ref('stg_feedback') }})
        or ticket_id in (select ticket_id from touched_answers)

    union

    -- what was dated beyond as_of
    select
        versions.source,
        versions.ticket_id
    from versions
    cross join built
    where {% for instant in instants %}versions.{{ instant }} > built.as_of{{ ' or ' if not loop.last }}{% endfor %}

    union

    select
        events.source,
        events.ticket_id
    from {{ ref('int_ticket_events_versions') }} as events
    cross join built
    where events.occurred_at > built.as_of

),

arriving_versions as (

    select versions.*
    from versions
    inner join arriving
        on
            versions.source = arriving.source
            and versions.ticket_id = arriving.ticket_id

),

touched as (

    select
        source,
        ticket_id
    from arriving

    union

    select
        source,
        ticket_id
    from versions
    where customer_key in (select customer_key from arriving_versions)

    union

    select
        source,
        parent_ticket_id as ticket_id
    from arriving_versions

),

sources_tiered_otherwise as (

    select coalesce(tiered_now.source, tiered_before.source) as source
    from {{ ref('int_tiered_sources') }} as tiered_now
    full join (
        select source
        from {{ kept('int_ticket_resolutions') }}
        group by source
        having count(escalation_count) > 0
    ) as tiered_before
        on tiered_now.source = tiered_before.source
    where
        tiered_now.source is null
        or tiered_before.source is null

),

touched_keys as (

    select keys.ticket_number
    from keys
    inner join touched
        on
            keys.source = touched.source
            and keys.ticket_id = touched.ticket_id

    union

    select ticket_number from {{ kept('int_ticket_unsettled') }}

    union

    select touched_before.ticket_number
    from {{ this }} as touched_before
    inner join built on touched_before.build = built.build

    union

    select ticket_number from keys
    where source in (select source from sources_tiered_otherwise)

    union

    -- time has gone back: what ended it was taken back
    select keys.ticket_number
    from keys
    cross join built
    cross join {{ ref('int_as_of') }} as as_of
    where as_of.as_of < built.as_of

),

-- An answer that names a ticket may mean any of that id: they are worked out together.
namesakes as (

    select namesakes.ticket_number
    from keys as namesakes
    where
        namesakes.ticket_id in (
            select keys.ticket_id
            from keys
            inner join touched_keys on keys.ticket_number = touched_keys.ticket_number
        )
        and namesakes.ticket_id in (select ticket_id from answers)

),

all_touched_keys as (

    select ticket_number from touched_keys
    union
    select ticket_number from namesakes

),
{%- endif %}

final as (

    select
        keys.source,
        keys.ticket_id,
        keys.ticket_number,
        keys.ticket_hash,
        built.build
    from keys
    cross join built
    {%- if is_kept %}
    inner join all_touched_keys on keys.ticket_number = all_touched_keys.ticket_number
    {%- endif %}

)

select * from final
