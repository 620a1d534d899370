-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family feedback.
{{ config(**kept_by_period('feedback')) }}
{%- set pillars = cx_pillars() %}
{%- set group_columns = 'grain, period_start, slot, dimension, dimension_value' %}

-- Response rate: an invitation counts in the period it went out; an answer nobody was invited to give does not.
with invitations {{ as_read_anew() }} (

    {{ units_of('feedback', 'invitations') }}

),

invitation_measures as (

    {{ grouped_survey_measures('invitations', {'answered': units_where('is_answered')}, date_column='invited_date') }}

),

-- Comment rate: a form counts once, whichever of its questions the text answers.
forms {{ as_read_anew() }} (

    {{ units_of('feedback', 'forms') }}

),

form_measures as (

    {{ grouped_survey_measures('forms', {'commented': units_where('has_comment')}, date_column='responded_date') }}

),

-- Ratings on other scales are mapped to 1-5.
rating_answers {{ as_read_anew() }} (

    {{ units_of('feedback', 'rating_answers') }}

),

ratings {{ as_read_anew() }} (

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
pillar_answers {{ as_read_anew() }} (

    {{ units_of('feedback', 'pillar_answers') }}

),

pillar_scores {{ as_read_anew() }} (

    select
        *,
        100 * oriented_position as pillar_score
    from pillar_answers

),

{%- set form_columns = ['source', 'submission_id', 'event_date', 'is_headline'] + survey_dimensions() %}

-- A submission's answers of one day and the same dimension values, which is nearly always all of them.
pillar_forms as (

    select
        {%- for column in form_columns %}
        {{ column }},
        {%- endfor %}
        {%- for pillar in pillars %}
        {{ stable_sum("case when metric = '" ~ pillar ~ "' then pillar_score else 0 end") }} as {{ pillar }}_sum,
        {{ stable_sum(
            "case when metric = '" ~ pillar ~ "' then pillar_score * pillar_score else 0 end"
        ) }} as {{ pillar }}_squares,
        sum(case when metric = '{{ pillar }}' then 1 else 0 end) as {{ pillar }}_n,
        {%- endfor %}
        max(respondent_key) as respondent_key
    from pillar_scores
    group by {{ form_columns | join(', ') }}

),

{%- set measures, few, products = {}, {}, cluster_products(pillars) %}
{%- for pillar in pillars %}
{%- do few.update({'is_few_' ~ pillar: pillar ~ '_n > 0'}) %}
{%- do measures.update({
    pillar ~ '_sum': total_of(pillar ~ '_sum'),
    pillar ~ '_squares': total_of(pillar ~ '_squares'),
    pillar ~ '_n': count_of(pillar ~ '_n'),
}) %}
{%- endfor %}
{%- for name, (left, right) in products.items() %}
{%- do measures.update({name: total_of(left ~ ' * ' ~ right)}) %}
{%- endfor %}

pillar_form_measures as (

    {{ grouped_survey_measures('pillar_forms', measures, few, ranked='pillar_answers') }}

),

parted_submissions as (

    select
        source,
        submission_id
    from pillar_forms
    group by source, submission_id
    having count(*) > 1

),

parted_forms as (

    select pillar_forms.*
    from pillar_forms
    inner join parted_submissions
        on
            pillar_forms.source = parted_submissions.source
            and pillar_forms.submission_id = parted_submissions.submission_id

),

grouped_parts as (

    {{ grouped_survey_units('parted_forms', ranked='pillar_answers') }}

),

-- What the parts of a submission that meet in a group are beyond each alone.
rejoined_forms as (

    select
        {{ group_columns }},
        {%- for name, (left, right) in products.items() %}
        {{ stable_sum(left) }} * {{ stable_sum(right) }} - {{ stable_sum(left ~ ' * ' ~ right) }} as {{ name }},
        {%- endfor %}
        count(*) - 1 as spare_parts
    from grouped_parts
    group by {{ group_columns }}, source, submission_id

),

rejoined_measures as (

    select
        {{ group_columns }},
        {%- for name in products %}
        {{ stable_sum(name) }} as {{ name }},
        {%- endfor %}
        cast(sum(spare_parts) as bigint) as spare_parts
    from rejoined_forms
    group by {{ group_columns }}

),

pillar_sums as (

    select
        {%- for column in group_columns.split(', ') %}
        forms.{{ column }},
        {%- endfor %}
        {%- for pillar in pillars %}
        forms.{{ pillar }}_sum,
        forms.{{ pillar }}_squares,
        forms.{{ pillar }}_n,
        forms.is_few_{{ pillar }},
        {%- endfor %}
        {%- for name in products %}
        forms.{{ name }} + coalesce(rejoined.{{ name }}, 0) as {{ name }},
        {%- endfor %}
        forms.n - coalesce(rejoined.spare_parts, 0) as n
    from pillar_form_measures as forms
    left join rejoined_measures as rejoined
        on
            {%- for column in group_columns.split(', ') %}
            {{ 'and ' if not loop.first }}forms.{{ column }} = rejoined.{{ column }}
            {%- endfor %}

),

indexed as (

    select
        *,
        (
            {%- for pillar in pillars %}
            {{ pillar }}_sum / nullif({{ pillar }}_n, 0){{ ' +' if not loop.last }}
            {%- endfor %}
        ) / 3 as cx_index,
        n / nullif(n - 1, 0) * {{ squared_deviations_of_clusters(pillars) }} as index_variance
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
