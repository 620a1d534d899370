-- One row per kpi, grain, period_start, dimension and dimension_value: the value beside those of the
-- comparable periods, how far it can be trusted, and the p value of its change.
with kpi_rows as (

    select * from {{ ref('int_kpi_rows') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

watermarks as (

    select * from {{ ref('int_kpi_watermarks') }}

),

-- The days after a period's end until a KPI is final, where there are any.
windows as (

    {%- for group in kpi_catalog() %}
    {%- set outer = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        {{ group.window_days or 0 }} as window_days
    {%- if not (loop.last and outer.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}

),

-- A period that has not ended is compared with the same elapsed part of the one before, and with no year ago.
periods as (

    select
        periods.grain,
        periods.period_start,
        windows.kpi,
        case when periods.is_ended then 'current' else 'elapsed' end as previous_slot,
        case
            when periods.is_ended then periods.previous_period_start
            else periods.period_start
        end as previous_start,
        case when periods.is_ended then periods.yoy_period_start end as yoy_start,
        periods.is_ended
        and {{ local_midnight(add_days('periods.period_end', 'windows.window_days')) }}
        <= least(as_of.as_of, coalesce(watermarks.watermark_at, as_of.as_of)) as is_complete
    from {{ ref('int_periods') }} as periods
    cross join windows
    cross join as_of
    left join watermarks on windows.kpi = watermarks.kpi

),

judged as (

    select
        *,
        respondents < {{ var('min_n') }} as is_suppressed
    from kpi_rows

),

compared as (

    select
        judged.*,
        periods.is_complete,
        case when not previous.is_suppressed then previous.value end as previous_value,
        case when not judged.is_suppressed and not previous.is_suppressed
            then judged.value - previous.value
        end as change,
        case when not judged.is_suppressed and not year_ago.is_suppressed
            then judged.value - year_ago.value
        end as yoy_change,
        periods.is_complete
        and not judged.is_suppressed
        and not previous.is_suppressed
        and judged.n >= 30
        and previous.n >= 30 as is_tested,
        previous.n as n_0,
        previous.test_positive as positive_0,
        previous.test_negative as negative_0,
        previous.test_mean as mean_0,
        -- What each mean's variance adds to that of their difference.
        judged.test_variance / judged.n as mean_variance,
        previous.test_variance / previous.n as mean_variance_0
    from judged
    inner join periods
        on
            judged.grain = periods.grain
            and judged.period_start = periods.period_start
            and judged.kpi = periods.kpi
    left join judged as previous
        on
            judged.kpi = previous.kpi
            and judged.grain = previous.grain
            and judged.dimension = previous.dimension
            and judged.dimension_value = previous.dimension_value
            and periods.previous_start = previous.period_start
            and periods.previous_slot = previous.slot
    left join judged as year_ago
        on
            judged.kpi = year_ago.kpi
            and judged.grain = year_ago.grain
            and judged.dimension = year_ago.dimension
            and judged.dimension_value = year_ago.dimension_value
            and periods.yoy_start = year_ago.period_start
            and year_ago.slot = 'current'
    where judged.slot = 'current'

),

-- Welch's statistic and degrees of freedom; both null where neither period varies.
welch as (

    select
        *,
        (test_mean - mean_0) / nullif(sqrt(mean_variance + mean_variance_0), 0) as t,
        (mean_variance + mean_variance_0) * (mean_variance + mean_variance_0)
        / nullif(
            mean_variance * mean_variance / nullif(n - 1, 0)
            + mean_variance_0 * mean_variance_0 / nullif(n_0 - 1, 0),
            0
        ) as df
    from compared

),

-- The change as a standard normal deviate: NPS on the Rocks-adjusted counts, rates after Agresti and Caffo
-- (one success and one failure added to each period), means after Welch.
deviates as (

    select
        *,
        case test
            when 'nps' then
                ({{ nps_adjusted('test_positive', 'test_negative', 'n') }}
                - {{ nps_adjusted('positive_0', 'negative_0', 'n_0') }})
                / sqrt(
                    {{ nps_adjusted_variance('test_positive', 'test_negative', 'n') }}
                    + {{ nps_adjusted_variance('positive_0', 'negative_0', 'n_0') }}
                )
            when 'rate' then
                ((test_positive + 1) / (n + 2) - (positive_0 + 1) / (n_0 + 2))
                / sqrt(
                    (test_positive + 1) * (n - test_positive + 1) / power(n + 2.0, 3)
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
        n,
        respondents,
        numerator,
        denominator,
        case when not is_suppressed then value end as value,
        case when not is_suppressed then ci_low end as ci_low,
        case when not is_suppressed then ci_high end as ci_high,
        previous_value,
        change,
        yoy_change,
        case
            when not coalesce(is_tested, false) then null
            when test = 'given' then p_value
            -- Everybody alike in both periods.
            when test = 'mean' and t is null then case when test_mean = mean_0 then 1.0 else 0.0 end
            else {{ normal_p('z') }}
        end as p_value,
        mirror_of,
        is_complete,
        n < 30 as is_small_sample,
        is_suppressed
    from deviates

)

select * from final
