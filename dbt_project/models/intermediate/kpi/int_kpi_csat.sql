-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family csat.
{{ config(**kept_by_period('csat')) }}
with answers as (

    {{ units_of('csat', 'answers') }}

),

measures as (

    {{ grouped_survey_measures('answers', {
        'satisfied': units_where('is_satisfied'),
        'dissatisfied': units_where('not is_satisfied'),
    }) }}

),

final as (

    {{ family_kpis('csat', {'measures': [
        rate_kpi('csat', 'satisfied', 'n'),
        rate_kpi('dsat', 'dissatisfied', 'n'),
    ]}) }}

)

select * from final
