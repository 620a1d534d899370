-- One row per experience (csat, nps), customer_key and instant at which its outcome was known, good or bad; what
-- is neither (a passive) is no row.
with answers as (

    select *
    from {{ ref('int_feedback_answers') }}
    where
        respondent_type = 'customer'
        and customer_key is not null
        and responded_at is not null

),

final as (

    select
        'csat' as experience,
        customer_key,
        responded_at as known_at,
        responded_date as known_date,
        source,
        response_id as event_id,
        is_satisfied as is_good
    from answers
    where
        metric = 'csat'
        and is_satisfied is not null

    union all

    select
        'nps' as experience,
        customer_key,
        responded_at as known_at,
        responded_date as known_date,
        source,
        response_id as event_id,
        nps_class = 'promoter' as is_good
    from answers
    where
        metric = 'nps'
        and nps_class in ('promoter', 'detractor')

)

select * from final
