-- One row per kpi, grain, period_start, slot, dimension and dimension_value (KPI rows, see docs/design.md) of the
-- family `journey`: where interactions fail, end early or are handed up, which steps lead on, and how far
-- satisfaction differs between channels.
with outcomes as (

    select * from {{ ref('int_journey_outcomes') }}

),

steps as (

    select * from {{ ref('int_journey_steps') }}

),

satisfaction as (

    select * from {{ ref('int_kpi_csat') }}

),

grouped_outcomes as (

    {{ grouped_units('outcomes', 'event_date', journey_dimensions()) }}

),

outcome_measures as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        count(*) as outcomes,
        count(distinct respondent_key) as respondents,
        sum(is_failure) as failures,
        sum(is_abandoned) as abandonments,
        sum(is_escalated) as escalations
    from grouped_outcomes
    group by grain, period_start, slot, dimension, dimension_value

),

grouped_steps as (

    {{ grouped_units('steps', 'event_date', ['journey_stage', 'touchpoint']) }}

),

-- A conversion belongs to its step: over all steps it would say how many there are.
step_measures as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        count(*) as sessions,
        count(distinct respondent_key) as respondents,
        sum(is_converted) as conversions
    from grouped_steps
    where dimension <> 'all'
    group by grain, period_start, slot, dimension, dimension_value

),

-- Channels too small to be shown are too small to be compared.
channel_measures as (

    select
        grain,
        period_start,
        slot,
        'all' as dimension,
        'all' as dimension_value,
        sum(n) as answers,
        sum(respondents) as respondents,
        count(*) as channels,
        max(value) as highest_csat,
        min(value) as lowest_csat
    from satisfaction
    where
        kpi = 'csat'
        and dimension = 'channel'
        and dimension_value not in ('(none)', '(other)')
        and respondents >= {{ var('min_n') }}
    group by grain, period_start, slot

),

outcome_rows as (

    {{ kpi_rows('journey', 'outcome_measures', [
        rate_kpi('failure_rate', 'failures', 'outcomes'),
        rate_kpi('abandonment_rate', 'abandonments', 'outcomes'),
        rate_kpi('escalation_rate', 'escalations', 'outcomes'),
    ]) }}

),

step_rows as (

    {{ kpi_rows('journey', 'step_measures', [
        rate_kpi('step_conversion_rate', 'conversions', 'sessions'),
    ]) }}

),

channel_rows as (

    {{ kpi_rows('journey', 'channel_measures', [
        {
            'kpi': 'channel_consistency', 'n': 'answers',
            'value': 'highest_csat - lowest_csat', 'where': 'channels >= 2',
        },
    ]) }}

),

final as (

    select * from outcome_rows
    union all
    select * from step_rows
    union all
    select * from channel_rows

)

select * from final
