-- Grain: one published ticket with events: its live contacts, escalations and resolutions, added up.

with spine as (

    select * from {{ ref('int_ticket_spine') }}

),

numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

live_contacts as (

    select * from {{ ref('int_ticket_live_contacts') }}
    where ticket_number in (select ticket_number from numbers)

),

teams as (

    select * from {{ ref('teams') }}

),

-- A team without a tier neither escalates nor lets a ticket forget the tier it had.
tiered_moves as (

    select
        spine.ticket_number,
        teams.tier,
        lag(teams.tier) over (partition by spine.ticket_number order by spine.event_number) as previous_tier
    from spine
    inner join teams
        on spine.event_value = teams.team
    where spine.event_kind = 'team'

),

escalations as (

    select
        ticket_number,
        sum(case when tier > previous_tier then 1 else 0 end) as escalation_count
    from tiered_moves
    group by ticket_number

),

tiered_sources as (

    select * from {{ ref('int_tiered_sources') }}

),

resolutions as (

    select
        ticket_number,
        sum(case when is_done_now then 1 else 0 end) as resolution_count
    from spine
    where is_done_now
    group by ticket_number

),

contacts as (

    select
        ticket_number,
        sum(case when contact_kind = 'chat' then 1 else 0 end) as live_session_count,
        sum(case when is_abandoned then 1 else 0 end) as abandoned_contact_count,
        {{ latest_known(
            'case when is_offered and is_answered then wait_seconds end', '-contact_number'
        ) }} as speed_of_answer_seconds,
        {{ stable_sum('handle_minutes') }} as handle_minutes
    from live_contacts
    group by ticket_number

),

outcomes as (

    select * from {{ ref('int_ticket_outcomes') }}

),

final as (

    select
        outcomes.ticket_number,
        -- nothing is known of sessions where no message and no status tells of the ticket's life
        case when outcomes.touch_count is not null then coalesce(contacts.live_session_count, 0) end
            as live_session_count,
        case when outcomes.touch_count is not null then coalesce(contacts.abandoned_contact_count, 0) end
            as abandoned_contact_count,
        contacts.speed_of_answer_seconds,
        contacts.handle_minutes,
        case
            when outcomes.has_event_history and tiered_sources.source is not null
                then coalesce(escalations.escalation_count, 0)
        end as escalation_count,
        case
            when outcomes.has_event_history then coalesce(resolutions.resolution_count, 0)
            else outcomes.reopen_count + case when {{ is_done('outcomes.status') }} then 1 else 0 end
        end as resolution_count
    from outcomes
    left join contacts on outcomes.ticket_number = contacts.ticket_number
    left join escalations on outcomes.ticket_number = escalations.ticket_number
    left join tiered_sources
        on outcomes.source = tiered_sources.source
    left join resolutions on outcomes.ticket_number = resolutions.ticket_number

)

select * from final
