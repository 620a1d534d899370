-- One row per session and stage of the funnel it reached: whether the session went on to a later stage, with the
-- values of its first touchpoint of the stage: the units of the step conversion rate.
with touchpoints as (

    select * from {{ ref('int_touchpoints_enriched') }}

),

-- Support and `other` are no step of the funnel, and nothing comes after advocacy.
stages as (

    select
        *,
        case journey_stage
            {%- for stage in ['awareness', 'consideration', 'purchase', 'onboarding', 'use', 'renewal', 'advocacy'] %}
            when '{{ stage }}' then {{ loop.index }}
            {%- endfor %}
        end as stage_number
    from touchpoints
    where session_id is not null

),

ranked as (

    select
        *,
        row_number() over (
            partition by source, session_id, stage_number
            order by occurred_at, touchpoint_id
        ) as touchpoint_number,
        max(occurred_at) over (partition by source, session_id, stage_number) as last_occurred_at
    from stages
    where stage_number is not null

),

steps as (

    select
        *,
        max(last_occurred_at) over (
            partition by source, session_id
            order by stage_number
            rows between 1 following and unbounded following
        ) as later_stage_at
    from ranked
    where touchpoint_number = 1

),

final as (

    select
        source,
        session_id,
        respondent_key,
        event_date,
        case when coalesce(later_stage_at >= occurred_at, false) then 1 else 0 end as is_converted,
        {{ journey_dimensions() | join(',\n        ') }}
    from steps
    where journey_stage <> 'advocacy'

)

select * from final
