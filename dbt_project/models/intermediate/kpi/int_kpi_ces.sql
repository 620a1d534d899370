-- KPI rows of the family ces: one row per kpi, grain, period_start, slot, dimension and dimension_value.
{%- set scale_min, scale_max = var('ces_scale_min'), var('ces_scale_max') %}
with answers as (

    select * from {{ ref('int_feedback_answers') }}
    where
        effort_score is not null
        and respondent_type = 'customer'

),

grouped as (

    {{ grouped_survey_units('answers') }}

),

sums as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        count(*) as n,
        count(distinct respondent_key) as respondents,
        {{ stable_sum('effort_score') }} as effort_sum,
        {{ stable_sum('effort_score * effort_score') }} as effort_squares,
        sum(case when is_low_effort then 1 else 0 end) as low_effort,
        {{ stable_sum('score') }} as native_sum,
        {{ stable_sum('score * score') }} as native_squares,
        min(scale_min) as native_min,
        max(scale_max) as native_max,
        -- A survey's own mean makes sense on one scale read in one direction.
        dimension = 'survey'
        and min(scale_min) = max(scale_min)
        and min(scale_max) = max(scale_max)
        and min(scale_direction) = max(scale_direction)
        and min(survey) = max(survey) as has_native_mean
    from grouped
    group by grain, period_start, slot, dimension, dimension_value

),

-- Ease mirrors effort about the middle of the scale.
measures as (

    select
        *,
        n * ({{ scale_min }} + {{ scale_max }}) - effort_sum as ease_sum,
        n * ({{ scale_min }} + {{ scale_max }}) * ({{ scale_min }} + {{ scale_max }})
        - 2 * ({{ scale_min }} + {{ scale_max }}) * effort_sum
        + effort_squares as ease_squares
    from sums

),

final as (

    {{ kpi_rows('ces', 'measures', [
        mean_kpi('ces', 'effort_sum', 'effort_squares', 'n', scale_min, scale_max),
        mean_kpi('ces_ease', 'ease_sum', 'ease_squares', 'n', scale_min, scale_max, mirror_of='ces'),
        rate_kpi('ces_low_effort_rate', 'low_effort', 'n'),
        mean_kpi(
            'ces_native', 'native_sum', 'native_squares', 'n', 'native_min', 'native_max',
            mirror_of='ces', where='has_native_mean',
        ),
    ]) }}

)

select * from final
