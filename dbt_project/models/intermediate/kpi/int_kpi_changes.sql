-- One row per kpi, grain, period_start, dimension and dimension_value whose change from the comparable period can be
-- tested: the p value of that change. Mirrors are not tested.
{{ config(**kept_by_period('of_each')) }}
{%- set keys = ['grain', 'period_start', 'dimension', 'dimension_value'] %}
with

{%- for family in kpi_families() if entries_of_family(family).values() | selectattr('test') | list %}

periods_of_{{ family }} as (

    {{ tonights_compared_periods(family) }}

),

-- Beside each period the one before it. Only where both are complete, shown and of 30 units or more there is a test.
pairs_of_{{ family }} as (

    select
        {%- for key in keys %}
        current_rows.{{ key }}
        {{- ',' if not loop.last }}
        {%- endfor %}
        {%- for group in groups_of_family(family) %}
        {%- set is_complete = 'is_complete_' ~ loop.index %}
        {%- for entry in group.kpis if entry.test %}
        {%- set kpi, n, is_suppressed = entry.kpi, kpi_column(entry, 'n'), kpi_column(entry, 'is_suppressed') %},
        current_rows.{{ n }} as {{ kpi }}_n,
        previous_rows.{{ n }} as {{ kpi }}_n_0,
        {%- for input in test_inputs(entry.test) + (['numerator'] if entry.test == 'rate' else []) %}
        current_rows.{{ kpi }}_{{ input }},
        previous_rows.{{ kpi }}_{{ input }} as {{ kpi }}_{{ input }}_0,
        {%- endfor %}
        periods.{{ is_complete }}
        and not current_rows.{{ is_suppressed }}
        and not previous_rows.{{ is_suppressed }}
        and current_rows.{{ n }} >= 30
        and previous_rows.{{ n }} >= 30 as {{ kpi }}_is_tested
        {%- endfor %}
        {%- endfor %}
    from {{ ref('int_kpi_' ~ family) }} as current_rows
    inner join periods_of_{{ family }} as periods
        on
            current_rows.grain = periods.grain
            and current_rows.period_start = periods.period_start
    inner join {{ ref('int_kpi_' ~ family) }} as previous_rows
        on {{ is_previous_of('previous_rows', 'current_rows', 'periods') }}
    where
        current_rows.slot = 'current'
        and periods.previous_slot = 'current'

),
{%- endfor %}

tested as (

    {%- for family in kpi_families() %}
    {%- set outer = loop %}
    {%- for entry in entries_of_family(family).values() if entry.test %}
    {%- set kpi, test = entry.kpi, entry.test %}
    {{ 'union all' if not (loop.first and outer.first) }}
    select
        '{{ family }}' as family,
        '{{ kpi }}' as kpi,
        {{ keys | join(', ') }},
        '{{ test }}' as test,
        {{ kpi }}_n as n,
        {{ kpi }}_n_0 as n_0,
        {%- set needed = {
            'positive': {'nps': 'positive', 'rate': 'numerator'},
            'negative': {'nps': 'negative'},
            'mean': {'mean': 'mean'},
            'variance': {'mean': 'variance'},
        } %}
        {%- for name, inputs in needed.items() %}
        {%- for suffix in ['', '_0'] %}
        {% if test in inputs -%} {{ kpi }}_{{ inputs[test] }}{{ suffix }}
        {%- else -%} cast(null as double) {%- endif %} as {{ name }}{{ suffix }},
        {%- endfor %}
        {%- endfor %}
        {% if test == 'given' -%} {{ kpi }}_p_value {%- else -%} cast(null as double) {%- endif %} as given_p
    from pairs_of_{{ family }}
    where {{ kpi }}_is_tested
    {%- endfor %}
    {%- endfor %}

),

-- What each mean's variance adds to that of their difference.
spread as (

    select
        *,
        variance / n as mean_variance,
        variance_0 / n_0 as mean_variance_0
    from tested

),

-- Welch's statistic and degrees of freedom; both null where neither period varies.
welch as (

    select
        *,
        (mean - mean_0) / nullif(sqrt(mean_variance + mean_variance_0), 0) as t,
        (mean_variance + mean_variance_0) * (mean_variance + mean_variance_0)
        / nullif(
            mean_variance * mean_variance / nullif(n - 1, 0)
            + mean_variance_0 * mean_variance_0 / nullif(n_0 - 1, 0),
            0
        ) as df
    from spread

),

-- The change as a standard normal deviate: NPS on the Rocks-adjusted counts, rates after Agresti and Caffo
-- (one success and one failure added to each period), means after Welch.
deviates as (

    select
        *,
        case test
            when 'nps' then
                ({{ nps_adjusted('positive', 'negative', 'n') }}
                - {{ nps_adjusted('positive_0', 'negative_0', 'n_0') }})
                / sqrt(
                    {{ nps_adjusted_variance('positive', 'negative', 'n') }}
                    + {{ nps_adjusted_variance('positive_0', 'negative_0', 'n_0') }}
                )
            when 'rate' then
                ((positive + 1) / (n + 2) - (positive_0 + 1) / (n_0 + 2))
                / sqrt(
                    (positive + 1) * (n - positive + 1) / power(n + 2.0, 3)
                    + (positive_0 + 1) * (n_0 - positive_0 + 1) / power(n_0 + 2.0, 3)
                )
            when 'mean' then {{ t_as_normal('t', 'df') }}
        end as z
    from welch

),

final as (

    select
        family,
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        case
            when test = 'given' then given_p
            -- Everybody alike in both periods.
            when test = 'mean' and t is null then case when mean = mean_0 then 1.0 else 0.0 end
            else {{ normal_p('z') }}
        end as p_value
    from deviates

)

select * from final
where p_value is not null
