-- One row per version of an answer (or of an unanswered invitation) that arrives tonight (of a batch that is new,
-- or stands otherwise than before): the contract's columns, each scale as it is in force (the row's own, else the
-- survey's, else the metric's), instants in UTC.
with arriving as (

    {{ arriving_rows('feedback') }}

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
        arriving.source,
        arriving.batch_sequence,
        arriving.position,
        arriving.response_id,
        coalesce(arriving.submission_id, arriving.response_id) as submission_id,
        arriving.survey_id,
        arriving.question_id,
        arriving.metric,
        arriving.score,
        coalesce(
            arriving.scale_min, surveys.scale_min, {{ default_scale('arriving.metric', 'min') }}
        ) as scale_min,
        coalesce(
            arriving.scale_max, surveys.scale_max, {{ default_scale('arriving.metric', 'max') }}
        ) as scale_max,
        coalesce(
            arriving.scale_direction,
            surveys.direction,
            case when arriving.metric <> 'ces' then 'higher_is_better' end
        ) as scale_direction,
        arriving.comment,
        arriving.language,
        arriving.customer_key,
        arriving.respondent_type,
        arriving.ticket_id,
        arriving.transaction_id,
        arriving.agent_key,
        arriving.team,
        arriving.product,
        arriving.channel,
        arriving.touchpoint,
        arriving.journey_stage,
        {{ utc_instant('arriving.invited_at') }} as invited_at,
        arriving.delivery_status,
        {{ utc_instant('arriving.responded_at') }} as responded_at,
        arriving.weight,
        {{ utc_instant('arriving.updated_at') }} as updated_at,
        coalesce(arriving.is_deleted, false) as is_deleted,
        coalesce(arriving.is_test, false) as is_test,
        arriving.brand,
        arriving.attributes,
        {{ is_listed('invited_at', 'arriving.date_only') }} as invited_at_is_date_only,
        {{ is_listed('responded_at', 'arriving.date_only') }} as responded_at_is_date_only,
        {{ is_listed('updated_at', 'arriving.date_only') }} as updated_at_is_date_only,
        coalesce(surveys.survey_type, survey_types.survey_type) as survey_type,
        surveys.scale_min as survey_scale_min,
        surveys.scale_max as survey_scale_max,
        surveys.satisfied_from as survey_satisfied_from,
        arriving.is_withdrawn,
        arriving.is_readable
    from arriving
    left join surveys
        on
            arriving.survey_id = surveys.survey_id
            and arriving.metric = surveys.metric
    left join survey_types on arriving.survey_id = survey_types.survey_id

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
