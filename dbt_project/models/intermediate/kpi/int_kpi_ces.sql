-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family ces.
{{ config(**kept_by_period('ces')) }}
{%- set scale_min, scale_max = var('ces_scale_min'), var('ces_scale_max') %}
with answers as (

    {{ units_of('ces', 'answers') }}

),

sums as (

    {{ grouped_survey_measures('answers', {
        'effort_sum': total_of('effort_score'),
        'effort_squares': total_of('effort_score * effort_score'),
        'low_effort': units_where('is_low_effort'),
        'native_sum': total_of('score'),
        'native_squares': total_of('score * score'),
        'native_min': least_of('scale_min'),
        'highest_native_min': greatest_of('scale_min'),
        'native_max': greatest_of('scale_max'),
        'lowest_native_max': least_of('scale_max'),
        'first_direction': least_of('scale_direction'),
        'last_direction': greatest_of('scale_direction'),
        'first_survey': least_of('survey'),
        'last_survey': greatest_of('survey'),
    }) }}

),

-- Ease mirrors effort about the middle of the scale.
measures as (

    select
        *,
        -- A survey's own mean makes sense on one scale read in one direction.
        dimension = 'survey'
        and native_min = highest_native_min
        and native_max = lowest_native_max
        and first_direction = last_direction
        and first_survey = last_survey as has_native_mean,
        n * ({{ scale_min }} + {{ scale_max }}) - effort_sum as ease_sum,
        n * ({{ scale_min }} + {{ scale_max }}) * ({{ scale_min }} + {{ scale_max }})
        - 2 * ({{ scale_min }} + {{ scale_max }}) * effort_sum
        + effort_squares as ease_squares
    from sums

),

final as (

    {{ family_kpis('ces', {'measures': [
        mean_kpi('ces', 'effort_sum', 'effort_squares', 'n', scale_min, scale_max),
        mean_kpi('ces_ease', 'ease_sum', 'ease_squares', 'n', scale_min, scale_max),
        rate_kpi('ces_low_effort_rate', 'low_effort', 'n'),
        mean_kpi(
            'ces_native', 'native_sum', 'native_squares', 'n', 'native_min', 'native_max', where='has_native_mean',
        ),
    ]}) }}

)

select * from final
