-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family nps.
{{ config(**kept_by_period('nps')) }}
with answers as (

    {{ units_of('nps', 'answers') }}

),

measures as (

    {{ grouped_survey_measures('answers', {
        'promoters': units_where("nps_class = 'promoter'"),
        'passives': units_where("nps_class = 'passive'"),
        'detractors': units_where("nps_class = 'detractor'"),
    }) }}

),

final as (

    {{ family_kpis('nps', {'measures': [
        {
            'kpi': 'nps',
            'n': 'n',
            'numerator': 'promoters - detractors',
            'denominator': 'n',
            'value': '100.0 * cast(promoters - detractors as double) / nullif(n, 0)',
            'ci_low': nps_interval_low('promoters', 'detractors', 'n'),
            'ci_high': nps_interval_high('promoters', 'detractors', 'n'),
            'positive': 'promoters',
            'negative': 'detractors',
        },
        rate_kpi('promoter_rate', 'promoters', 'n'),
        rate_kpi('passive_rate', 'passives', 'n'),
        rate_kpi('detractor_rate', 'detractors', 'n'),
    ]}) }}

)

select * from final
