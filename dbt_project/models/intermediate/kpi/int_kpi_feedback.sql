-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family feedback.
{{ config(**kept_by_period('feedback')) }}
{%- set pillars = cx_pillars() %}
{%- set group_columns = 'grain, period_start, slot, dimension, dimension_value' %}

-- Response rate: an invitation counts in the period it went out; an answer nobody was invited to give does not.
with invitations as (

    {{ units_of('feedback', 'invitations') }}

),

invitation_measures as (

    {{ grouped_survey_measures('invitations', {'answered': units_where('is_answered')}, date_column='invited_date') }}

),

-- Comment rate: a form counts once, whichever of its questions the text answers.
forms as (

    {{ units_of('feedback', 'forms') }}

),

form_measures as (

    {{ grouped_survey_measures('forms', {'commented': units_where('has_comment')}, date_column='responded_date') }}

),

-- Ratings on other scales are mapped to 1-5.
rating_answers as (

    {{ units_of('feedback', 'rating_answers') }}

),

ratings as (

    select
        *,
        1 + 4 * oriented_position as rating
    from rating_answers

),

rating_measures as (

    {{ grouped_survey_measures('ratings', {
        'rating_sum': total_of('rating'),
        'rating_squares': total_of('rating * rating'),
    }) }}

),

-- CX index: each pillar is rescaled to 0-100; the answers of one submission are one cluster.
pillar_answers as (

    {{ units_of('feedback', 'pillar_answers') }}

),

pillar_scores as (

    select
        source,
        submission_id,
        respondent_key,
        metric,
        event_date,
        is_headline,
        {%- for dimension in survey_dimensions() %}
        {{ dimension }},
        {%- endfor %}
        100 * oriented_position as pillar_score
    from pillar_answers

),

grouped_pillars as (

    {{ grouped_survey_units('pillar_scores') }}

),

clusters as (

    select
        {{ group_columns }},
        source,
        submission_id,
        {%- for pillar in pillars %}
        {{ stable_sum("case when metric = '" ~ pillar ~ "' then pillar_score else 0 end") }} as {{ pillar }}_sum,
        {{ stable_sum(
            "case when metric = '" ~ pillar ~ "' then pillar_score * pillar_score else 0 end"
        ) }} as {{ pillar }}_squares,
        sum(case when metric = '{{ pillar }}' then 1 else 0 end) as {{ pillar }}_n,
        {%- endfor %}
        max(respondent_key) as respondent_key
    from grouped_pillars
    group by {{ group_columns }}, source, submission_id

),

clusters_with_totals as (

    select
        *
        {%- for pillar in pillars %},
        {{ stable_sum(pillar ~ '_sum', window='partition by ' ~ group_columns) }} as {{ pillar }}_total,
        sum({{ pillar }}_n) over (partition by {{ group_columns }}) as {{ pillar }}_total_n
        {%- endfor %}
    from clusters

),

-- What each cluster adds to the index's deviation (the linearised mean of three ratios); null where a pillar
-- has no answer at all.
deviations as (

    select
        *,
        (
            {%- for pillar in pillars %}
            ({{ pillar }}_sum - {{ pillar }}_n * {{ pillar }}_total / nullif({{ pillar }}_total_n, 0))
            / nullif({{ pillar }}_total_n, 0)
            {{- ' +' if not loop.last }}
            {%- endfor %}
        ) / 3 as deviation
    from clusters_with_totals

),

pillar_sums as (

    select
        {{ group_columns }},
        count(*) as n,
        {%- for pillar in pillars %}
        {{ stable_sum(pillar ~ '_sum') }} as {{ pillar }}_sum,
        {{ stable_sum(pillar ~ '_squares') }} as {{ pillar }}_squares,
        sum({{ pillar }}_n) as {{ pillar }}_n,
        count(distinct case when {{ pillar }}_n > 0 then respondent_key end) < {{ var('min_n') }} as is_few_{{ pillar }},
        {%- endfor %}
        {{ stable_sum('deviation * deviation') }} as squared_deviations
    from deviations
    group by {{ group_columns }}

),

indexed as (

    select
        *,
        (
            {%- for pillar in pillars %}
            {{ pillar }}_sum / nullif({{ pillar }}_n, 0){{ ' +' if not loop.last }}
            {%- endfor %}
        ) / 3 as cx_index,
        n * squared_deviations / nullif(n - 1, 0) as index_variance
    from pillar_sums

),

pillar_measures as (

    select
        *,
        {{ t_975('(n - 1)') }} * sqrt(index_variance) as half_width
    from indexed

),

-- Perception gap: employees say what they expect customers to answer.
csat_answers as (

    {{ units_of('feedback', 'csat_answers') }}

),

nps_answers as (

    {{ units_of('feedback', 'nps_answers') }}

),

{%- set few_of_either = {
    'is_few_expected': "respondent_type = 'employee'",
    'is_few_customers': "respondent_type = 'customer'",
} %}

csat_gap as (

    {{ grouped_survey_measures('csat_answers', {
        'expected_n': units_where("respondent_type = 'employee'"),
        'expected_satisfied': units_where("respondent_type = 'employee' and is_satisfied"),
        'customer_n': units_where("respondent_type = 'customer'"),
        'customer_satisfied': units_where("respondent_type = 'customer' and is_satisfied"),
    }, few_of_either) }}

),

nps_gap as (

    {%- set counts = {} %}
    {%- for side, respondent_type in {'expected': 'employee', 'customer': 'customer'}.items() %}
    {%- set of_side = "respondent_type = '" ~ respondent_type ~ "'" %}
    {%- do counts.update({
        side ~ '_n': units_where(of_side),
        side ~ '_promoters': units_where(of_side ~ " and nps_class = 'promoter'"),
        side ~ '_detractors': units_where(of_side ~ " and nps_class = 'detractor'"),
    }) %}
    {%- endfor %}
    {{ grouped_survey_measures('nps_answers', counts, few_of_either) }}

),

{%- set pillar_kpis = [] %}
{%- for pillar in pillars %}
{%- do pillar_kpis.append(mean_kpi(
    'cx_' ~ pillar, pillar ~ '_sum', pillar ~ '_squares', pillar ~ '_n', 0, 100, is_few='is_few_' ~ pillar
)) %}
{%- endfor %}
{%- do pillar_kpis.append({
    'kpi': 'cx_index',
    'n': 'n',
    'is_few': 'is_few_useful or is_few_usable or is_few_enjoyable',
    'value': 'cx_index',
    'ci_low': 'case when n > 1 then greatest(0.0, cx_index - half_width) end',
    'ci_high': 'case when n > 1 then least(100.0, cx_index + half_width) end',
    'where': 'cx_index is not null',
    'mean': 'cx_index',
    'variance': 'index_variance * n',
}) %}
{%- set gap = [
    'expected_promoters', 'expected_detractors', 'expected_n',
    'customer_promoters', 'customer_detractors', 'customer_n',
] %}

final as (

    {{ family_kpis('feedback', {
        'invitation_measures': [rate_kpi('response_rate', 'answered', 'n')],
        'form_measures': [rate_kpi('comment_rate', 'commented', 'n')],
        'rating_measures': [mean_kpi('rating_avg', 'rating_sum', 'rating_squares', 'n', 1, 5)],
        'pillar_measures': pillar_kpis,
        'csat_gap': [{
            'kpi': 'perception_gap_csat',
            'n': 'least(expected_n, customer_n)',
            'is_few': 'is_few_expected or is_few_customers',
            'value': '100.0 * cast(expected_satisfied as double) / nullif(expected_n, 0)'
                ~ ' - 100.0 * cast(customer_satisfied as double) / nullif(customer_n, 0)',
            'ci_low': newcombe_interval_low('expected_satisfied', 'expected_n', 'customer_satisfied', 'customer_n'),
            'ci_high': newcombe_interval_high('expected_satisfied', 'expected_n', 'customer_satisfied', 'customer_n'),
        }],
        'nps_gap': [{
            'kpi': 'perception_gap_nps',
            'n': 'least(expected_n, customer_n)',
            'is_few': 'is_few_expected or is_few_customers',
            'value': '100.0 * cast(expected_promoters - expected_detractors as double) / nullif(expected_n, 0)'
                ~ ' - 100.0 * cast(customer_promoters - customer_detractors as double) / nullif(customer_n, 0)',
            'ci_low': nps_difference_low(*gap),
            'ci_high': nps_difference_high(*gap),
        }],
    }) }}

)

select * from final
