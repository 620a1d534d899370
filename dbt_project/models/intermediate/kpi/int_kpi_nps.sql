-- KPI rows of the family nps: one row per kpi, grain, period_start, slot, dimension and dimension_value.
with answers as (

    select * from {{ ref('int_feedback_answers') }}
    where
        nps_class is not null
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
        sum(case when nps_class = 'promoter' then 1 else 0 end) as promoters,
        sum(case when nps_class = 'passive' then 1 else 0 end) as passives,
        sum(case when nps_class = 'detractor' then 1 else 0 end) as detractors
    from grouped
    group by grain, period_start, slot, dimension, dimension_value

),

final as (

    {#- The shares stand beside the score; their changes are the score's, and not tested. -#}
    {{ kpi_rows('nps', 'measures', [
        {
            'kpi': 'nps',
            'n': 'n',
            'numerator': 'promoters - detractors',
            'denominator': 'n',
            'value': '100.0 * cast(promoters - detractors as double) / nullif(n, 0)',
            'ci_low': nps_interval_low('promoters', 'detractors', 'n'),
            'ci_high': nps_interval_high('promoters', 'detractors', 'n'),
            'test': 'nps',
            'test_positive': 'promoters',
            'test_negative': 'detractors',
        },
        rate_kpi('promoter_rate', 'promoters', 'n', tested=false),
        rate_kpi('passive_rate', 'passives', 'n', tested=false),
        rate_kpi('detractor_rate', 'detractors', 'n', tested=false),
    ]) }}

)

select * from final
