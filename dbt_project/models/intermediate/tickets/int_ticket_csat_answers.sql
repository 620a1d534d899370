-- Grain: one customer's CSAT answer that names a ticket, credited to the team and assignee in force at the solve it
-- followed (the last one before it; before any solve, the first one after it; else as the answer was given).
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_answers': {'source': 'source', 'response_id': 'response_id'}},
) }}

with answers as (

    select *
    from {{ ref('int_feedback_answers') }}
    where
        (source, response_id) in (
            select
                source,
                response_id
            from {{ ref('int_touched_answers') }}
        )
        and metric = 'csat'
        and is_satisfied is not null
        and respondent_type = 'customer'
        and ticket_id is not null
        and coalesce(survey_type <> 'relational', true)

),

tickets as (

    select * from {{ ref('int_ticket_numbers') }}

),

spine as (

    select * from {{ ref('int_ticket_spine') }}

),

ticket_values as (

    select * from {{ ref('int_ticket_values') }}

),

-- A survey tool may name the tickets of a help desk: where its own source has none of that id, the one source that
-- has is meant.
tickets_by_id as (

    select
        ticket_id,
        max(ticket_number) as ticket_number
    from tickets
    group by ticket_id
    having count(*) = 1

),

tied as (

    select
        answers.source,
        answers.response_id,
        answers.responded_at,
        coalesce(own_tickets.ticket_number, tickets_by_id.ticket_number) as ticket_number
    from answers
    left join tickets as own_tickets
        on
            answers.source = own_tickets.source
            and answers.ticket_id = own_tickets.ticket_id
    left join tickets_by_id
        on answers.ticket_id = tickets_by_id.ticket_id

),

-- In this order: the solve the answer followed, the first solve after it, what stood in force as it was given.
ranked as (

    select
        tied.response_id,
        tied.source as answer_source,
        spine.*,
        row_number() over (
            partition by tied.source, tied.response_id
            order by
                case
                    when spine.is_done_now and spine.happened_at <= tied.responded_at then 0
                    when spine.is_done_now then 1
                    else 2
                end,
                case when spine.happened_at <= tied.responded_at then -spine.event_number end nulls last,
                spine.event_number
        ) as place
    from tied
    inner join spine on tied.ticket_number = spine.ticket_number

),

credited as (

    select
        ranked.answer_source,
        ranked.response_id,
        {{- values_in_force('ticket_values', 'answers') }}
        ranked.ticket_number
    from ranked
    inner join answers
        on
            ranked.answer_source = answers.source
            and ranked.response_id = answers.response_id
    inner join ticket_values
        on
            ranked.ticket_number = ticket_values.ticket_number
            and ranked.values_number = ticket_values.values_number
    where ranked.place = 1

),

final as (

    select
        answers.source,
        answers.response_id,
        answers.ticket_id,
        credited.ticket_number is not null as is_ticket_known,
        answers.respondent_key,
        answers.event_date,
        answers.is_satisfied,
        {%- for dimension in ticket_dimensions() %}
        {%- if dimension in ['channel', 'team', 'agent', 'product', 'brand'] %}
        case when credited.ticket_number is not null then credited.{{ dimension }} else answers.{{ dimension }} end
            as {{ dimension }}
        {%- elif dimension == 'segment' %}
        answers.segment
        {%- else %}
        credited.{{ dimension }}
        {%- endif %}{{ ',' if not loop.last }}
        {%- endfor %}
    from answers
    left join credited
        on
            answers.source = credited.answer_source
            and answers.response_id = credited.response_id

)

select * from final
