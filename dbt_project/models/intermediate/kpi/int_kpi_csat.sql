-- KPI rows of the family csat: one row per kpi, grain, period_start, slot, dimension and dimension_value.
with answers as (

    select * from {{ ref('int_feedback_answers') }}
    where
        is_satisfied is not null
        and respondent_type = 'customer'

),

grouped as (

    {{ grouped_survey_units('answers') }}

),

measures as (

    select
        grain,
        period_start,
        slot,
        dimension,
        dimension_value,
        count(*) as n,
        count(distinct respondent_key) as respondents,
        sum(case when is_satisfied then 1 else 0 end) as satisfied,
        sum(case when is_satisfied then 0 else 1 end) as dissatisfied
    from grouped
    group by grain, period_start, slot, dimension, dimension_value

),

final as (

    {{ kpi_rows('csat', 'measures', [
        rate_kpi('csat', 'satisfied', 'n'),
        rate_kpi('dsat', 'dissatisfied', 'n', mirror_of='csat'),
    ]) }}

)

select * from final
