-- One row per published submission: a filled-in form, a review, or an unanswered invitation, with the dimension
-- values of its first question: what response and comment rates count.
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

)

select *
from final
order by source, submission_id
