-- One row per kpi, dimension and dimension_value that differed over the last year from all the other values of its
-- dimension together, and per perception gap: what employees expected beside what customers answered. What customers
-- say and do alone: that chats are answered faster than letters is no news, and money follows the size of the customer.
{#- How many quarters are taken together. Customers come again each quarter, and the next one tells little that the
last did not: theirs is one. -#}
{%- set quarters = {} %}
{%- set rates = [] %}
{%- set gaps = [] %}
{%- for group in kpi_catalog() %}
{%- for entry in group.kpis %}
{%- if group.family not in ['response_time', 'support'] and not entry.unit.startswith('units of')
    and entry.test in ['rate', 'nps', 'mean'] and entry.better != 'neither' %}
{%- do quarters.update({entry.kpi: 1 if group.family == 'retention' else 4}) %}
{%- if entry.test == 'rate' %}{% do rates.append(entry.kpi) %}{% endif %}
{%- endif %}
{%- if entry.kpi.startswith('perception_gap_') %}{% do gaps.append(entry.kpi) %}{% endif %}
{%- endfor %}
{%- endfor %}
{%- set single = quarters | dictsort | selectattr(1, 'equalto', 1) | map(attribute=0) | list %}
with points as (

    select * from {{ ref('int_kpi_points') }}
    where grain = 'quarter'

),

latest_periods as (

    select * from {{ ref('int_kpi_latest_periods') }}
    where grain = 'quarter'

),

year as (

    select
        points.*,
        latest_periods.period_start as found_in
    from points
    inner join latest_periods on points.kpi = latest_periods.kpi
    where
        points.period_number
        + case when points.kpi in ('{{ single | join("', '") }}') then 1 else 4 end
        > {{ period_number("'quarter'", 'latest_periods.period_start') }}
        and points.period_start <= latest_periods.period_start

),

-- Each quarter of a group beside the others in that quarter, so that neither a good quarter nor the mix of quarters is
-- taken for the group's. The weights are those of Mantel and Haenszel (1959). Answers of surveys of another type than
-- the headline's are not among those of `all`.
strata as (

    select
        parts.kpi,
        parts.dimension,
        parts.dimension_value,
        parts.period_start,
        parts.found_in,
        parts.value,
        parts.ci_low,
        parts.ci_high,
        parts.n,
        wholes.n - parts.n as rest_n,
        wholes.unit_variance as unit_variance,
        parts.n * (cast(wholes.n as double) - parts.n) / wholes.n as weight,
        (parts.measure - wholes.measure) * wholes.n / nullif(wholes.n - parts.n, 0) as difference,
        greatest(parts.unit_variance, wholes.unit_variance) / parts.n
        + wholes.unit_variance / nullif(wholes.n - parts.n, 0) as variance
    from year as parts
    inner join year as wholes
        on
            parts.kpi = wholes.kpi
            and parts.period_start = wholes.period_start
    where
        parts.dimension not in ('all', 'survey', 'survey_type')
        and parts.dimension_value not in ('(none)', '(other)')
        and wholes.dimension = 'all'
        and wholes.n > parts.n
        and parts.kpi in ('{{ quarters | join("', '") }}')

    union all

    -- Held against nothing: were they right, the gap would be 0.
    select
        kpi,
        dimension,
        dimension_value,
        period_start,
        found_in,
        value,
        ci_low,
        ci_high,
        n,
        n as rest_n,
        unit_variance,
        cast(n as double) as weight,
        measure as difference,
        unit_variance / n as variance
    from year
    where
        dimension = 'all'
        and kpi in ('{{ gaps | join("', '") }}')

),

totals as (

    select
        *,
        sum(n) over (partition by kpi, dimension, dimension_value, found_in) as year_n
    from strata

),

contrasts as (

    select
        kpi,
        dimension,
        dimension_value,
        found_in,
        dimension = 'all' as is_overall,
        min(period_start) as period_start,
        cast(sum(n) as bigint) as n,
        cast(sum(rest_n) as bigint) as rest_n,
        {{ stable_sum('value * n / year_n') }} as value,
        -- The interval of a weighted mean from those of its parts (MOVER, Zou and Donner 2008): of one quarter its own.
        sqrt({{ stable_sum('(value - ci_low) * (value - ci_low) * n * n / year_n / year_n') }}) as below,
        sqrt({{ stable_sum('(ci_high - value) * (ci_high - value) * n * n / year_n / year_n') }}) as above,
        {{ stable_sum('weight * difference') }} / nullif({{ stable_sum('weight') }}, 0) as measured_difference,
        {{ stable_sum('weight * difference') }}
        / nullif(sqrt({{ stable_sum('weight * weight * variance') }}), 0) as z,
        {{ stable_sum('unit_variance * n / year_n') }} as unit_variance
    from totals
    group by
        kpi,
        dimension,
        dimension_value,
        found_in

),

p_values as (

    select
        *,
        {{ normal_p('z') }} as p_value
    from contrasts
    where
        z is not null
        and n >= 30
        and rest_n >= 30

),

-- Benjamini and Hochberg, as in int_kpi_tests.
stepped as (

    select
        *,
        p_value
        * count(*) over (partition by found_in, is_overall)
        / count(*) over (partition by found_in, is_overall order by p_value) as stepped_p
    from p_values

),

corrected as (

    select
        *,
        min(stepped_p) over (
            partition by found_in, is_overall
            order by p_value
            rows between current row and unbounded following
        ) as q_value
    from stepped

),

final as (

    select
        'contrast' as kind,
        kpi,
        'quarter' as grain,
        period_start,
        dimension,
        dimension_value,
        found_in,
        value,
        value - measured_difference as expected_value,
        value - below as ci_low,
        value + above as ci_high,
        n,
        p_value,
        q_value,
        cast(null as double) as deviation,
        measured_difference,
        unit_variance
    from corrected
    where
        q_value < {{ anomaly_rate() }}
        -- Groups are never quite alike. What is less than small in Cohen's (1988) words is no news.
        and abs(measured_difference) >= 0.2 * sqrt(unit_variance)
        -- Nor that nobody is handed on to a person by a shop window: what never happens there, or only there.
        and (
            kpi not in ('{{ rates | join("', '") }}')
            or (value > 0 and value - measured_difference > 1e-9)
        )

)

select * from final
