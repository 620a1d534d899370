-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family `journey`: where interactions fail, end early or are handed up, which steps lead on, and how far
-- satisfaction differs between channels.
{{ config(**kept_by_period('journey')) }}
with outcomes as (

    {{ units_of('journey', 'outcomes') }}

),

steps as (

    {{ units_of('journey', 'steps') }}

),

satisfaction as (

    select * from {{ ref('int_kpi_csat') }}

),

outcome_measures as (

    {{ grouped_measures('outcomes', 'event_date', journey_dimensions(), {
        'failures': units_where('is_failure = 1'),
        'abandonments': units_where('is_abandoned = 1'),
        'escalations': units_where('is_escalated = 1'),
    }) }}

),

grouped_steps as (

    {{ grouped_measures('steps', 'event_date', ['journey_stage', 'touchpoint'], {
        'conversions': units_where('is_converted = 1'),
    }) }}

),

-- A conversion belongs to its step: over all steps it would say how many there are.
step_measures as (

    select * from grouped_steps
    where dimension <> 'all'

),

-- Channels too small to be shown are too small to be compared.
channel_measures as (

    select
        grain,
        period_start,
        slot,
        'all' as dimension,
        'all' as dimension_value,
        sum(csat_n) as answers,
        false as is_few,
        count(*) as channels,
        max(csat) as highest_csat,
        min(csat) as lowest_csat
    from satisfaction
    where
        dimension = 'channel'
        and dimension_value not in ('(none)', '(other)')
        and not csat_is_suppressed
        and {{ is_of_tonight() }}
    group by grain, period_start, slot

),

final as (

    {{ family_kpis('journey', {
        'outcome_measures': [
            rate_kpi('failure_rate', 'failures', 'n'),
            rate_kpi('abandonment_rate', 'abandonments', 'n'),
            rate_kpi('escalation_rate', 'escalations', 'n'),
        ],
        'step_measures': [rate_kpi('step_conversion_rate', 'conversions', 'n')],
        'channel_measures': [{
            'kpi': 'channel_consistency', 'n': 'answers',
            'value': 'highest_csat - lowest_csat', 'where': 'channels >= 2',
        }],
    }) }}

)

select * from final
