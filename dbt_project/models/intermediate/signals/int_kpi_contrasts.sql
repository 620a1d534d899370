-- One row per kpi, quarter, dimension and dimension_value that differs from all the other values of its dimension
-- together, and per quarter in which employees expect something else than customers answer. What customers say and do
-- alone: that chats are answered faster than letters is no news, and money follows the size of the customer.
{%- set tested = [] %}
{%- set gaps = [] %}
{%- for group in kpi_catalog() %}
{%- for entry in group.kpis %}
{%- if group.family not in ['response_time', 'support'] and not entry.unit.startswith('units of')
    and entry.test in ['rate', 'nps', 'mean'] and entry.better != 'neither' %}{% do tested.append(entry.kpi) %}{% endif %}
{%- if entry.kpi.startswith('perception_gap_') %}{% do gaps.append(entry.kpi) %}{% endif %}
{%- endfor %}
{%- endfor %}
with points as (

    select * from {{ ref('int_kpi_points') }}
    where grain = 'quarter'

),

-- Answers of surveys of another type than the headline's are not among those of `all`.
parts as (

    select
        parts.*,
        wholes.n - parts.n as rest_n,
        wholes.unit_variance as whole_unit_variance,
        (wholes.n * wholes.measure - parts.n * parts.measure) / nullif(wholes.n - parts.n, 0) as rest_measure
    from points as parts
    inner join points as wholes
        on
            parts.kpi = wholes.kpi
            and parts.period_start = wholes.period_start
    where
        parts.dimension not in ('all', 'survey', 'survey_type')
        and parts.dimension_value not in ('(none)', '(other)')
        and wholes.dimension = 'all'
        and parts.kpi in ('{{ tested | join("', '") }}')

),

contrasts as (

    select
        kpi,
        period_start,
        dimension,
        dimension_value,
        value,
        case
            when is_log then (1 + value) * exp(rest_measure - measure) - 1
            else rest_measure
        end as expected_value,
        ci_low,
        ci_high,
        n,
        measure - rest_measure as measured_difference,
        whole_unit_variance as unit_variance,
        (measure - rest_measure) / nullif(
            sqrt(greatest(unit_variance, whole_unit_variance) / n + whole_unit_variance / rest_n), 0
        ) as z
    from parts
    where rest_n >= 30

    union all

    select
        kpi,
        period_start,
        dimension,
        dimension_value,
        value,
        0.0 as expected_value,
        ci_low,
        ci_high,
        n,
        measure as measured_difference,
        unit_variance,
        measure / nullif(sqrt(unit_variance / n), 0) as z
    from points
    where
        dimension = 'all'
        and kpi in ('{{ gaps | join("', '") }}')

),

p_values as (

    select
        *,
        {{ normal_p('z') }} as p_value,
        dimension = 'all' as is_overall
    from contrasts
    where z is not null

),

-- Benjamini and Hochberg, as in int_kpi_tests.
stepped as (

    select
        *,
        p_value
        * count(*) over (partition by period_start, is_overall)
        / count(*) over (partition by period_start, is_overall order by p_value) as stepped_p
    from p_values

),

corrected as (

    select
        *,
        min(stepped_p) over (
            partition by period_start, is_overall
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
        period_start as found_in,
        value,
        expected_value,
        ci_low,
        ci_high,
        n,
        p_value,
        q_value,
        cast(null as double) as deviation,
        measured_difference,
        unit_variance
    from corrected
    -- Groups are never quite alike. What is less than small in Cohen's (1988) words is no news.
    where
        q_value < {{ anomaly_rate() }}
        and abs(measured_difference) >= 0.2 * sqrt(unit_variance)

)

select * from final
