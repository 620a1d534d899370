-- One row per published submission: a filled-in form, a review, or an unanswered invitation, with the dimension
-- values of its first question.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_submissions': {'source': 'source', 'submission_id': 'submission_id'}},
) }}
{%- set facts = {
    'invited_date': "min(case when delivery_status = 'delivered' then invited_date end)",
    'responded_date': 'min(case when is_answered or has_comment then responded_date end)',
    'answered': 'max(case when is_answered or has_comment then 1 else 0 end)',
    'commented': 'max(case when has_comment then 1 else 0 end)',
    'headline': "max(case when metric in ('nps', 'csat', 'ces') then case when is_headline then 1 else 0 end end)",
} %}

with questions as (

    select
        source,
        submission_id,
        respondent_type,
        respondent_key,
        {%- for dimension in survey_dimensions() %}
        {{ dimension }},
        {%- endfor %}
        {%- for name, fact in facts.items() %}
        {{ fact }} over submission as {{ name }},
        {%- endfor %}
        row_number() over (
            partition by source, submission_id
            order by question_id nulls last, response_id
        ) as place
    from {{ ref('int_feedback_answers') }}
    where {{ is_touched(ref('int_touched_submissions'), {'source': 'source', 'submission_id': 'submission_id'}) }}
    window submission as (partition by source, submission_id)

),

final as (

    select
        source,
        submission_id,
        invited_date,
        responded_date,
        answered = 1 as is_answered,
        commented = 1 as has_comment,
        -- A form belongs to the headline when one of its scored questions does.
        coalesce(headline, 1) = 1 as is_headline,
        respondent_type,
        respondent_key
        {%- for dimension in survey_dimensions() %},
        {{ dimension }}
        {%- endfor %}
    from questions
    where place = 1

)

select * from final
