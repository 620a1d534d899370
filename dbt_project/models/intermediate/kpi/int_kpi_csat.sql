-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family csat.
with answers as (

    select * from {{ ref('int_feedback_answers') }}
    where
        is_satisfied is not null
        and respondent_type = 'customer'

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
