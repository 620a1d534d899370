-- One row per published touchpoint that had an outcome, with its values in force: the units of the failure,
-- abandonment and escalation rates.
{{ config(materialized='view') }}
with touchpoints as (

    select * from {{ ref('int_touchpoints_enriched') }}

),

final as (

    select
        source,
        touchpoint_id,
        respondent_key,
        event_date,
        case when outcome = 'failure' then 1 else 0 end as is_failure,
        case when outcome = 'abandoned' then 1 else 0 end as is_abandoned,
        case when outcome = 'escalated' then 1 else 0 end as is_escalated,
        {{ journey_dimensions() | join(',\n        ') }}
    from touchpoints
    where
        outcome is not null
        and outcome <> 'none'

)

select * from final
