-- KPI rows of the family response_time: one row per kpi, grain, period_start, slot, dimension and dimension_value.
{%- set metrics = ['first_response', 'first_resolution', 'resolution', 'next_response'] %}
{%- set rates = {
    'fcr_rate': 'is_first_contact_resolved',
    'one_touch_rate': 'is_one_touch',
    'reopen_rate': 'is_reopened_or_followed_up',
    'self_served_rate': 'is_self_served',
    'bot_contained_rate': 'is_bot_contained',
} %}
{%- set keys = 'metric, grain, period_start, slot, dimension, dimension_value' %}
{%- set rate_keys = 'grain, period_start, slot, dimension, dimension_value' %}

with durations as (

    select * from {{ ref('int_ticket_durations') }}

),

solves as (

    select * from {{ ref('int_ticket_solves') }}

),

periods as (

    select * from {{ ref('int_periods') }}

),

-- Without the unit's own dimension columns, which would make by far the largest relation here several times wider.
grouped_durations as (

    select
        metric,
        calendar_minutes,
        calendar_log_minutes,
        respondent_key,
        grain,
        period_start,
        slot,
        dimension,
        dimension_value
    from (
        {{ grouped_units('durations', 'event_date', ticket_dimensions()) }}
    ) as every_column

),

spreads as (

    select
        {{ keys }},
        count(*) as n,
        {{ stable_sum('calendar_minutes') }} as minutes_sum,
        {{ stable_sum('calendar_minutes * calendar_minutes') }} as minutes_squares,
        {{ stable_sum('calendar_log_minutes') }} as log_sum,
        {{ stable_sum('calendar_log_minutes * calendar_log_minutes') }} as log_squares,
        {{ percentiles('calendar_minutes', [0.5, 0.9, 0.95]) }} as minutes_percentiles
    from grouped_durations
    group by {{ keys }}

),

respondents as (

    select
        {{ keys }},
        count(distinct respondent_key) as respondents
    from grouped_durations
    group by {{ keys }}

),

-- Mood's test compares a period with the one before about the median of both. Only periods that have ended, with at
-- least 30 durations each, are compared at all.
pairs as (

    select
        spreads.metric,
        spreads.grain,
        spreads.period_start,
        spreads.dimension,
        spreads.dimension_value,
        periods.previous_period_start
    from spreads
    inner join periods
        on
            spreads.grain = periods.grain
            and spreads.period_start = periods.period_start
    inner join spreads as previous
        on
            spreads.metric = previous.metric
            and spreads.grain = previous.grain
            and spreads.dimension = previous.dimension
            and spreads.dimension_value = previous.dimension_value
            and periods.previous_period_start = previous.period_start
            and spreads.slot = previous.slot
    where
        spreads.slot = 'current'
        and periods.is_ended
        and spreads.n >= 30
        and previous.n >= 30

),

paired_durations as (

    select
        pairs.metric,
        pairs.grain,
        pairs.period_start,
        pairs.dimension,
        pairs.dimension_value,
        grouped_durations.calendar_minutes,
        true as is_later
    from pairs
    inner join grouped_durations
        on
            pairs.metric = grouped_durations.metric
            and pairs.grain = grouped_durations.grain
            and pairs.dimension = grouped_durations.dimension
            and pairs.dimension_value = grouped_durations.dimension_value
            and pairs.period_start = grouped_durations.period_start
    where grouped_durations.slot = 'current'

    union all

    select
        pairs.metric,
        pairs.grain,
        pairs.period_start,
        pairs.dimension,
        pairs.dimension_value,
        grouped_durations.calendar_minutes,
        false as is_later
    from pairs
    inner join grouped_durations
        on
            pairs.metric = grouped_durations.metric
            and pairs.grain = grouped_durations.grain
            and pairs.dimension = grouped_durations.dimension
            and pairs.dimension_value = grouped_durations.dimension_value
            and pairs.previous_period_start = grouped_durations.period_start
    where grouped_durations.slot = 'current'

),

pooled_medians as (

    select
        metric,
        grain,
        period_start,
        dimension,
        dimension_value,
        {{ nth(percentiles('calendar_minutes', [0.5]), 1) }} as pooled_median
    from paired_durations
    group by metric, grain, period_start, dimension, dimension_value

),

-- A duration equal to the pooled median counts as not above it.
sides as (

    select
        paired_durations.metric,
        paired_durations.grain,
        paired_durations.period_start,
        paired_durations.dimension,
        paired_durations.dimension_value,
        cast(sum(case when is_later and calendar_minutes > pooled_median then 1 else 0 end) as double) as later_above,
        cast(sum(case when is_later and calendar_minutes <= pooled_median then 1 else 0 end) as double) as later_below,
        cast(sum(case when not is_later and calendar_minutes > pooled_median then 1 else 0 end) as double)
            as earlier_above,
        cast(sum(case when not is_later and calendar_minutes <= pooled_median then 1 else 0 end) as double)
            as earlier_below
    from paired_durations
    inner join pooled_medians
        on
            paired_durations.metric = pooled_medians.metric
            and paired_durations.grain = pooled_medians.grain
            and paired_durations.period_start = pooled_medians.period_start
            and paired_durations.dimension = pooled_medians.dimension
            and paired_durations.dimension_value = pooled_medians.dimension_value
    group by
        paired_durations.metric,
        paired_durations.grain,
        paired_durations.period_start,
        paired_durations.dimension,
        paired_durations.dimension_value

),

-- Chi-square of the two by two table, each deviation half a count smaller (Yates), as scipy.stats.median_test.
median_tests as (

    select
        *,
        coalesce(
            power(
                greatest(
                    abs(later_above * earlier_below - later_below * earlier_above)
                    / (later_above + later_below + earlier_above + earlier_below) - 0.5,
                    0
                ), 2
            )
            * power(later_above + later_below + earlier_above + earlier_below, 3)
            / nullif(
                (later_above + earlier_above) * (later_below + earlier_below)
                * (later_above + later_below) * (earlier_above + earlier_below),
                0
            ),
            0.0
        ) as chi_square
    from sides

),

duration_measures as (

    select
        spreads.*,
        respondents.respondents,
        {{ nth('spreads.minutes_percentiles', 1) }} as minutes_median,
        {{ nth('spreads.minutes_percentiles', 2) }} as minutes_p90,
        {{ nth('spreads.minutes_percentiles', 3) }} as minutes_p95,
        case when median_tests.chi_square is not null then {{ chi_square_1_p('median_tests.chi_square') }} end
            as median_p_value
    from spreads
    inner join respondents
        on
            spreads.metric = respondents.metric
            and spreads.grain = respondents.grain
            and spreads.period_start = respondents.period_start
            and spreads.slot = respondents.slot
            and spreads.dimension = respondents.dimension
            and spreads.dimension_value = respondents.dimension_value
    left join median_tests
        on
            spreads.metric = median_tests.metric
            and spreads.grain = median_tests.grain
            and spreads.period_start = median_tests.period_start
            and spreads.dimension = median_tests.dimension
            and spreads.dimension_value = median_tests.dimension_value
            and spreads.slot = 'current'

),

grouped_solves as (

    {{ grouped_units('solves', 'event_date', ticket_dimensions()) }}

),

rate_measures as (

    select
        {{ rate_keys }},
        {%- for kpi, flag in rates.items() %}
        sum(case when {{ flag }} then 1 else 0 end) as {{ kpi }}_successes,
        count({{ flag }}) as {{ kpi }}_trials,
        count(distinct case when {{ flag }} is not null then respondent_key end) as {{ kpi }}_respondents
        {{- ',' if not loop.last }}
        {%- endfor %}
    from grouped_solves
    group by {{ rate_keys }}

),

{%- set duration_kpis = [] %}
{%- for metric in metrics %}
{%- set where = "metric = '" ~ metric ~ "'" %}
{%- set name = metric ~ '_calendar_minutes' %}
{#- the averages are tested on ln(1 + minutes), which is nearer to normal #}
{%- set average = mean_kpi(name ~ '_avg', 'minutes_sum', 'minutes_squares', 'n') %}
{%- do average.update({
    'where': where,
    'test_mean': 'log_sum / nullif(n, 0)',
    'test_variance': variance_of_sums('log_sum', 'log_squares', 'n'),
}) %}
{%- do duration_kpis.extend([
    average,
    {'kpi': name ~ '_median', 'n': 'n', 'value': 'minutes_median', 'test': 'given',
     'p_value': 'median_p_value', 'where': where},
    {'kpi': name ~ '_p90', 'n': 'n', 'value': 'minutes_p90', 'where': where},
    {'kpi': name ~ '_p95', 'n': 'n', 'value': 'minutes_p95', 'where': where},
]) %}
{%- endfor %}
{%- set rate_kpis = [] %}
{%- for kpi in rates %}
{%- set entry = rate_kpi(kpi, kpi ~ '_successes', kpi ~ '_trials') %}
{%- do entry.update({'respondents': kpi ~ '_respondents'}) %}
{%- do rate_kpis.append(entry) %}
{%- endfor %}

final as (

    {{ kpi_rows('response_time', 'duration_measures', duration_kpis) }}
    union all
    {{ kpi_rows('response_time', 'rate_measures', rate_kpis) }}

)

select * from final
