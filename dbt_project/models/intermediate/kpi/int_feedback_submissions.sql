-- One row per published submission: a filled-in form, a review, or an unanswered invitation, with the dimension
-- values of its first question.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_submissions': {'source': 'source', 'submission_id': 'submission_id'}},
) }}

with questions as (

    select
        *,
        row_number() over (
            partition by source, submission_id
            order by question_id nulls last, response_id
        ) as place
    from {{ ref('int_feedback_answers') }}
    where {{ is_touched(ref('int_touched_submissions'), {'source': 'source', 'submission_id': 'submission_id'}) }}

),

-- A form belongs to the headline when one of its scored questions does.
submissions as (

    select
        source,
        submission_id,
        min(case when delivery_status = 'delivered' then invited_date end) as invited_date,
        min(case when is_answered or has_comment then responded_date end) as responded_date,
        max(case when is_answered or has_comment then 1 else 0 end) = 1 as is_answered,
        max(case when has_comment then 1 else 0 end) = 1 as has_comment,
        coalesce(
            max(case when metric in ('nps', 'csat', 'ces') then case when is_headline then 1 else 0 end end),
            1
        ) = 1 as is_headline
    from questions
    group by source, submission_id

),

final as (

    select
        submissions.source,
        submissions.submission_id,
        submissions.invited_date,
        submissions.responded_date,
        submissions.is_answered,
        submissions.has_comment,
        submissions.is_headline,
        questions.respondent_type,
        questions.respondent_key
        {%- for dimension in survey_dimensions() %},
        questions.{{ dimension }}
        {%- endfor %}
    from submissions
    inner join questions
        on
            submissions.source = questions.source
            and submissions.submission_id = questions.submission_id
            and questions.place = 1

)

select * from final
