-- One row per published submission: a filled-in form, a review, or an unanswered invitation, with the dimension
-- values of its first question: what response and comment rates count.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_submissions': {'source': 'source', 'submission_id': 'submission_id'}},
    on_schema_change='fail',
) }}

with final as (

    select
        source,
        submission_id,
        respondent_type,
        is_headline,
        invited_date,
        responded_date,
        is_answered,
        has_comment,
        survey as survey_id,
        survey_type,
        channel,
        touchpoint,
        journey_stage,
        segment,
        country,
        language,
        acquisition_channel,
        team,
        agent as agent_key,
        product,
        brand
    from {{ ref('int_feedback_submissions') }}
    where {{ is_touched(ref('int_touched_submissions'), {'source': 'source', 'submission_id': 'submission_id'}) }}

)

select *
from final
order by source, submission_id
