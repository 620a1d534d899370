-- One row per published answer, unanswered invitation, rating, review or idea.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_submissions': {'source': 'source', 'submission_id': 'submission_id'}},
    on_schema_change='fail',
) }}

with final as (

    select
        source,
        response_id,
        submission_id,
        survey_id,
        question_id,
        metric,
        survey_type,
        is_headline,
        respondent_type,
        customer_key,
        ticket_id,
        transaction_id,
        agent_key,
        team,
        product,
        channel,
        touchpoint,
        journey_stage,
        segment,
        country,
        language,
        acquisition_channel,
        brand,
        score,
        scale_min,
        scale_max,
        scale_direction,
        satisfied_from,
        comment,
        weight,
        is_answered,
        oriented_score,
        oriented_position,
        nps_class,
        is_satisfied,
        is_dissatisfied,
        effort_score,
        is_low_effort,
        invited_at,
        invited_date,
        delivery_status,
        responded_at,
        responded_date,
        attributes
    from {{ ref('int_feedback_answers') }}
    where {{ is_touched(ref('int_touched_submissions'), {'source': 'source', 'submission_id': 'submission_id'}) }}

)

select *
from final
order by source, response_id
