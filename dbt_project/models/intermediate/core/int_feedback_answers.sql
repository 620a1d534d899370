-- One row per published feedback row, answered or not: its score oriented, classed and put on one scale,
-- its dates in the reporting zone, and the dimension values in force when it was answered (else invited).
-- Every scoring rule of the survey KPIs stands here and nowhere else.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_submissions': {'source': 'source', 'submission_id': 'submission_id'}},
) }}

with feedback as (

    select
        *,
        scale_max - scale_min as scale_span,
        coalesce(trim(comment), '') <> '' as has_comment,
        coalesce(responded_at, invited_at) as event_at
    from {{ ref('int_feedback') }}
    where {{ is_touched(ref('int_touched_submissions'), {'source': 'source', 'submission_id': 'submission_id'}) }}

),

customers as (

    select * from {{ ref('int_customer_history') }}

),

-- A score without a declared direction (ces alone can lack one) is never guessed: it stays unoriented.
oriented as (

    select
        *,
        case scale_direction
            when 'higher_is_better' then score
            when 'lower_is_better' then scale_min + scale_max - score
        end as oriented_score,
        case
            when metric in ('comment', 'idea') then has_comment
            else score is not null
        end as is_answered
    from feedback

),

positioned as (

    select
        *,
        oriented_score - scale_min as points_above_min,
        case
            when scale_span = floor(scale_span) then cast(scale_span as integer) + 1
        end as number_of_points,
        cast(oriented_score - scale_min as double) / nullif(scale_span, 0) as oriented_position
    from oriented

),

scored as (

    select
        *,
        case
            when metric <> 'nps' or scale_min <> 0 or scale_max <> 10 then null
            when oriented_score >= 9 then 'promoter'
            when oriented_score >= 7 then 'passive'
            when oriented_score >= 0 then 'detractor'
        end as nps_class,
        case
            when metric <> 'csat' or oriented_score is null then null
            when satisfied_from is not null then oriented_score >= satisfied_from
            when number_of_points between 2 and 3 then oriented_score >= scale_max
            when number_of_points between 4 and 7 then oriented_score >= scale_max - 1
            when number_of_points between 10 and 11 then oriented_score >= scale_max - 1
            else oriented_score >= scale_min + 0.75 * scale_span
        end as is_satisfied,
        case
            when metric = 'ces'
                then
                    {{ var('ces_scale_min') }}
                    + ({{ var('ces_scale_max') }} - {{ var('ces_scale_min') }})
                    * cast(scale_max - oriented_score as double)
                    / nullif(scale_span, 0)
        end as effort_score,
        case
            when metric = 'ces' then 3 * points_above_min >= 2 * scale_span
        end as is_low_effort
    from positioned

),

final as (

    select
        scored.source,
        scored.response_id,
        scored.submission_id,
        scored.survey_id,
        scored.question_id,
        scored.metric,
        scored.survey_type,
        case scored.metric
            when 'nps' then coalesce(scored.survey_type = '{{ var("headline_nps") }}', true)
            when 'csat' then coalesce(scored.survey_type = '{{ var("headline_csat") }}', true)
            when 'ces' then coalesce(scored.survey_type = '{{ var("headline_ces") }}', true)
            else true
        end as is_headline,
        scored.respondent_type,
        scored.customer_key,
        coalesce(scored.customer_key, concat(scored.source, ':', scored.submission_id)) as respondent_key,
        scored.ticket_id,
        scored.transaction_id,
        scored.agent_key,
        scored.score,
        scored.scale_min,
        scored.scale_max,
        scored.scale_direction,
        scored.satisfied_from,
        scored.comment,
        scored.has_comment,
        scored.weight,
        scored.is_answered,
        scored.oriented_score,
        scored.oriented_position,
        scored.nps_class,
        scored.is_satisfied,
        not scored.is_satisfied as is_dissatisfied,
        scored.effort_score,
        scored.is_low_effort,
        scored.invited_at,
        scored.invited_at_is_date_only,
        scored.delivery_status,
        scored.responded_at,
        scored.responded_at_is_date_only,
        {{ local_date('scored.invited_at') }} as invited_date,
        {{ local_date('scored.responded_at') }} as responded_date,
        {{ local_date('scored.responded_at') }} as event_date,
        scored.survey_id as survey,
        scored.channel,
        scored.touchpoint,
        scored.journey_stage,
        customers.segment,
        customers.country,
        coalesce(scored.language, customers.language) as language,
        customers.acquisition_channel,
        scored.team,
        scored.agent_key as agent,
        scored.product,
        coalesce(scored.brand, customers.brand) as brand,
        {{- attribute_columns('feedback', 'scored.attributes') }}
        scored.attributes
    from scored
    left join customers on {{ in_force('customers', 'scored.customer_key', 'scored.event_at') }}

)

select * from final
