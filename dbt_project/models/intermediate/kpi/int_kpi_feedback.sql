-- KPI rows of the family feedback: one row per kpi, grain, period_start, slot, dimension and dimension_value.
{%- set pillars = ['useful', 'usable', 'enjoyable'] %}
{%- set group_columns = 'grain, period_start, slot, dimension, dimension_value' %}
with submissions as (

    select * from {{ ref('int_feedback_submissions') }}
    where respondent_type = 'customer'

),

answers as (

    select * from {{ ref('int_feedback_answers') }}

),

-- Response rate: an invitation counts in the period it went out; an answer nobody was invited to give does not.
invitations as (

    select
        *,
        invited_date as event_date
    from submissions
    where invited_date is not null

),

grouped_invitations as (

    {{ grouped_survey_units('invitations') }}

),

invitation_measures as (

    select
        {{ group_columns }},
        count(*) as n,
        count(distinct respondent_key) as respondents,
        sum(case when is_answered then 1 else 0 end) as answered
    from grouped_invitations
    group by {{ group_columns }}

),

-- Comment rate: a form counts once, whichever of its questions the text answers.
forms as (

    select
        *,
        responded_date as event_date
    from submissions
    where responded_date is not null

),

grouped_forms as (

    {{ grouped_survey_units('forms') }}

),

form_measures as (

    select
        {{ group_columns }},
        count(*) as n,
        count(distinct respondent_key) as respondents,
        sum(case when has_comment then 1 else 0 end) as commented
    from grouped_forms
    group by {{ group_columns }}

),

-- Ratings on other scales are mapped to 1-5.
ratings as (

    select
        *,
        1 + 4 * oriented_position as rating
    from answers
    where
        metric = 'rating'
        and is_answered
        and respondent_type = 'customer'

),

grouped_ratings as (

    {{ grouped_survey_units('ratings') }}

),

rating_measures as (

    select
        {{ group_columns }},
        count(*) as n,
        count(distinct respondent_key) as respondents,
        {{ stable_sum('rating') }} as rating_sum,
        {{ stable_sum('rating * rating') }} as rating_squares
    from grouped_ratings
    group by {{ group_columns }}

),

-- CX index: each pillar is rescaled to 0-100; the answers of one submission are one cluster.
pillar_answers as (

    select
        *,
        100 * oriented_position as pillar_score
    from answers
    where
        metric in ({% for pillar in pillars %}'{{ pillar }}'{{ ', ' if not loop.last }}{% endfor %})
        and is_answered
        and respondent_type = 'customer'

),

grouped_pillars as (

    {{ grouped_survey_units('pillar_answers') }}

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
        count(distinct case when {{ pillar }}_n > 0 then respondent_key end) as {{ pillar }}_respondents,
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
        n * squared_deviations / nullif(n - 1, 0) as index_variance,
        least({% for pillar in pillars %}{{ pillar }}_respondents{{ ', ' if not loop.last }}{% endfor %})
            as index_respondents
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

    select * from answers
    where is_satisfied is not null

),

nps_answers as (

    select * from answers
    where nps_class is not null

),

grouped_csat as (

    {{ grouped_survey_units('csat_answers') }}

),

csat_gap as (

    select
        {{ group_columns }},
        sum(case when respondent_type = 'employee' then 1 else 0 end) as expected_n,
        sum(case when respondent_type = 'employee' and is_satisfied then 1 else 0 end) as expected_satisfied,
        count(distinct case when respondent_type = 'employee' then respondent_key end) as expected_respondents,
        sum(case when respondent_type = 'customer' then 1 else 0 end) as customer_n,
        sum(case when respondent_type = 'customer' and is_satisfied then 1 else 0 end) as customer_satisfied,
        count(distinct case when respondent_type = 'customer' then respondent_key end) as customer_respondents
    from grouped_csat
    group by {{ group_columns }}

),

grouped_nps as (

    {{ grouped_survey_units('nps_answers') }}

),

nps_gap as (

    select
        {{ group_columns }},
        {%- for side, respondent_type in [('expected', 'employee'), ('customer', 'customer')] %}
        sum(case when respondent_type = '{{ respondent_type }}' then 1 else 0 end) as {{ side }}_n,
        sum(
            case when respondent_type = '{{ respondent_type }}' and nps_class = 'promoter' then 1 else 0 end
        ) as {{ side }}_promoters,
        sum(
            case when respondent_type = '{{ respondent_type }}' and nps_class = 'detractor' then 1 else 0 end
        ) as {{ side }}_detractors,
        count(
            distinct case when respondent_type = '{{ respondent_type }}' then respondent_key end
        ) as {{ side }}_respondents
        {{- ',' if not loop.last }}
        {%- endfor %}
    from grouped_nps
    group by {{ group_columns }}

),

final as (

    {{ kpi_rows('feedback', 'invitation_measures', [rate_kpi('response_rate', 'answered', 'n')]) }}
    union all
    {{ kpi_rows('feedback', 'form_measures', [rate_kpi('comment_rate', 'commented', 'n')]) }}
    union all
    {{ kpi_rows('feedback', 'rating_measures', [mean_kpi('rating_avg', 'rating_sum', 'rating_squares', 'n', 1, 5)]) }}
    union all
    {%- for pillar in pillars %}
    {%- set row = mean_kpi('cx_' ~ pillar, pillar ~ '_sum', pillar ~ '_squares', pillar ~ '_n', 0, 100) %}
    {%- do row.update({'respondents': pillar ~ '_respondents'}) %}
    {{ kpi_rows('feedback', 'pillar_measures', [row]) }}
    union all
    {%- endfor %}
    {{ kpi_rows('feedback', 'pillar_measures', [{
        'kpi': 'cx_index',
        'n': 'n',
        'respondents': 'index_respondents',
        'value': 'cx_index',
        'ci_low': 'case when n > 1 then greatest(0.0, cx_index - half_width) end',
        'ci_high': 'case when n > 1 then least(100.0, cx_index + half_width) end',
        'where': 'cx_index is not null',
        'test': 'mean',
        'test_mean': 'cx_index',
        'test_variance': 'index_variance * n',
    }]) }}
    union all
    {{ kpi_rows('feedback', 'csat_gap', [{
        'kpi': 'perception_gap_csat',
        'n': 'least(expected_n, customer_n)',
        'respondents': 'least(expected_respondents, customer_respondents)',
        'value': '100.0 * cast(expected_satisfied as double) / nullif(expected_n, 0)'
            ~ ' - 100.0 * cast(customer_satisfied as double) / nullif(customer_n, 0)',
        'ci_low': newcombe_interval_low('expected_satisfied', 'expected_n', 'customer_satisfied', 'customer_n'),
        'ci_high': newcombe_interval_high('expected_satisfied', 'expected_n', 'customer_satisfied', 'customer_n'),
    }]) }}
    union all
    {%- set gap = [
        'expected_promoters', 'expected_detractors', 'expected_n',
        'customer_promoters', 'customer_detractors', 'customer_n',
    ] %}
    {{ kpi_rows('feedback', 'nps_gap', [{
        'kpi': 'perception_gap_nps',
        'n': 'least(expected_n, customer_n)',
        'respondents': 'least(expected_respondents, customer_respondents)',
        'value': '100.0 * cast(expected_promoters - expected_detractors as double) / nullif(expected_n, 0)'
            ~ ' - 100.0 * cast(customer_promoters - customer_detractors as double) / nullif(customer_n, 0)',
        'ci_low': nps_difference_low(*gap),
        'ci_high': nps_difference_high(*gap),
    }]) }}

)

select * from final
