-- One row per passed version of an answer (or of an unanswered invitation): the contract's columns, each
-- scale as it is in force (the row's own, else the survey's, else the metric's), instants in UTC.
with passed as (

    {{ passed_rows('feedback') }}

),

surveys as (

    select * from {{ ref('surveys') }}

),

-- A question the seed does not name (a comment, say) is of its survey's type.
survey_types as (

    select
        survey_id,
        min(survey_type) as survey_type
    from surveys
    group by survey_id

),

scaled as (

    select
        passed.source,
        passed.batch_sequence,
        passed.position,
        passed.response_id,
        coalesce(passed.submission_id, passed.response_id) as submission_id,
        passed.survey_id,
        passed.question_id,
        passed.metric,
        passed.score,
        coalesce(
            passed.scale_min, surveys.scale_min, {{ default_scale('passed.metric', 'min') }}
        ) as scale_min,
        coalesce(
            passed.scale_max, surveys.scale_max, {{ default_scale('passed.metric', 'max') }}
        ) as scale_max,
        coalesce(
            passed.scale_direction,
            surveys.direction,
            case when passed.metric <> 'ces' then 'higher_is_better' end
        ) as scale_direction,
        passed.comment,
        passed.language,
        passed.customer_key,
        passed.respondent_type,
        passed.ticket_id,
        passed.transaction_id,
        passed.agent_key,
        passed.team,
        passed.product,
        passed.channel,
        passed.touchpoint,
        passed.journey_stage,
        {{ utc_instant('passed.invited_at') }} as invited_at,
        passed.delivery_status,
        {{ utc_instant('passed.responded_at') }} as responded_at,
        passed.weight,
        {{ utc_instant('passed.updated_at') }} as updated_at,
        coalesce(passed.is_deleted, false) as is_deleted,
        coalesce(passed.is_test, false) as is_test,
        passed.brand,
        passed.attributes,
        {{ is_listed('invited_at', 'passed.date_only') }} as invited_at_is_date_only,
        {{ is_listed('responded_at', 'passed.date_only') }} as responded_at_is_date_only,
        {{ is_listed('updated_at', 'passed.date_only') }} as updated_at_is_date_only,
        coalesce(surveys.survey_type, survey_types.survey_type) as survey_type,
        surveys.scale_min as survey_scale_min,
        surveys.scale_max as survey_scale_max,
        surveys.satisfied_from as survey_satisfied_from,
        passed.is_withdrawn
    from passed
    left join surveys
        on
            passed.survey_id = surveys.survey_id
            and passed.metric = surveys.metric
    left join survey_types on passed.survey_id = survey_types.survey_id

),

-- A threshold counts on the scale it was declared for alone.
final as (

    select
        *,
        case
            when
                scale_min = coalesce(survey_scale_min, {{ default_scale('metric', 'min') }})
                and scale_max = coalesce(survey_scale_max, {{ default_scale('metric', 'max') }})
                then survey_satisfied_from
        end as satisfied_from
    from scaled

)

select * from final
