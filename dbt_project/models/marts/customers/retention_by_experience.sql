-- One row per experience (csat, nps), grain (month, quarter, all), period_start and earlier_orders (all, 0, 1, 2-3,
-- 4+ order days before): how many customers were still live churn_after_days after a good and after a bad
-- experience. An association, not an effect: who is content may have stayed anyway.
with outcomes as (

    select * from {{ ref('int_experience_outcomes') }}

),

strata as (

    select
        experience,
        grain,
        period_start,
        earlier_orders,
        sum(case when is_good then 1 else 0 end) as good_customers,
        sum(case when is_good then is_retained else 0 end) as good_retained,
        sum(case when is_good then 0 else 1 end) as bad_customers,
        sum(case when is_good then 0 else is_retained end) as bad_retained
    from outcomes
    group by experience, grain, period_start, earlier_orders

),

-- Mantel-Haenszel weights: a stratum counts by what it can tell, and one with a single kind of experience not.
weighted as (

    select
        *,
        cast(good_customers as double) * bad_customers / nullif(good_customers + bad_customers, 0) as weight,
        100.0 * cast(good_retained as double) / nullif(good_customers, 0) as good_rate,
        100.0 * cast(bad_retained as double) / nullif(bad_customers, 0) as bad_rate,
        {{ wilson_interval_low('good_retained', 'good_customers') }} as good_low,
        {{ wilson_interval_high('good_retained', 'good_customers') }} as good_high,
        {{ wilson_interval_low('bad_retained', 'bad_customers') }} as bad_low,
        {{ wilson_interval_high('bad_retained', 'bad_customers') }} as bad_high
    from strata

),

reaching as (

    select
        *,
        (good_rate - good_low) * (good_rate - good_low)
        + (bad_high - bad_rate) * (bad_high - bad_rate) as below_squared,
        (good_high - good_rate) * (good_high - good_rate)
        + (bad_rate - bad_low) * (bad_rate - bad_low) as above_squared
    from weighted

),

-- The interval of the weighted difference combines the strata's Wilson limits as Newcombe's combines two
-- (Zou and Donner 2008, for any weighted sum); with one stratum it is Newcombe's own.
pooled as (

    select
        experience,
        grain,
        period_start,
        'all' as earlier_orders,
        sum(good_customers) as good_customers,
        sum(good_retained) as good_retained,
        sum(bad_customers) as bad_customers,
        sum(bad_retained) as bad_retained,
        {%- set total_weight = 'nullif(cast(' ~ exact_sum('weight') ~ ' as double), 0)' %}
        cast({{ exact_sum('weight * (good_rate - bad_rate)') }} as double) / {{ total_weight }}
            as stratified_difference,
        sqrt(cast({{ exact_sum('weight * weight * below_squared') }} as double)) / {{ total_weight }} as reach_below,
        sqrt(cast({{ exact_sum('weight * weight * above_squared') }} as double)) / {{ total_weight }} as reach_above
    from reaching
    group by experience, grain, period_start

),

together as (

    select
        experience,
        grain,
        period_start,
        earlier_orders,
        good_customers,
        good_retained,
        bad_customers,
        bad_retained,
        stratified_difference,
        stratified_difference - reach_below as stratified_low,
        stratified_difference + reach_above as stratified_high
    from pooled

    union all

    select
        experience,
        grain,
        period_start,
        earlier_orders,
        good_customers,
        good_retained,
        bad_customers,
        bad_retained,
        cast(null as double) as stratified_difference,
        cast(null as double) as stratified_low,
        cast(null as double) as stratified_high
    from strata

),

judged as (

    select
        *,
        good_customers < {{ var('min_n') }} as is_good_suppressed,
        bad_customers < {{ var('min_n') }} as is_bad_suppressed
    from together

),

final as (

    select
        experience,
        grain,
        period_start,
        earlier_orders,
        cast(good_customers as bigint) as good_customers,
        cast(good_retained as bigint) as good_retained,
        case
            when not is_good_suppressed then 100.0 * cast(good_retained as double) / nullif(good_customers, 0)
        end as good_retention_rate,
        case
            when not is_good_suppressed then {{ wilson_interval_low('good_retained', 'good_customers') }}
        end as good_ci_low,
        case
            when not is_good_suppressed then {{ wilson_interval_high('good_retained', 'good_customers') }}
        end as good_ci_high,
        cast(bad_customers as bigint) as bad_customers,
        cast(bad_retained as bigint) as bad_retained,
        case
            when not is_bad_suppressed then 100.0 * cast(bad_retained as double) / nullif(bad_customers, 0)
        end as bad_retention_rate,
        case
            when not is_bad_suppressed then {{ wilson_interval_low('bad_retained', 'bad_customers') }}
        end as bad_ci_low,
        case
            when not is_bad_suppressed then {{ wilson_interval_high('bad_retained', 'bad_customers') }}
        end as bad_ci_high,
        case
            when not (is_good_suppressed or is_bad_suppressed)
                then
                    100.0 * cast(good_retained as double) / nullif(good_customers, 0)
                    - 100.0 * cast(bad_retained as double) / nullif(bad_customers, 0)
        end as difference,
        case
            when not (is_good_suppressed or is_bad_suppressed)
                then {{ newcombe_interval_low('good_retained', 'good_customers', 'bad_retained', 'bad_customers') }}
        end as difference_ci_low,
        case
            when not (is_good_suppressed or is_bad_suppressed)
                then {{ newcombe_interval_high('good_retained', 'good_customers', 'bad_retained', 'bad_customers') }}
        end as difference_ci_high,
        case when not (is_good_suppressed or is_bad_suppressed) then stratified_difference end
            as stratified_difference,
        case when not (is_good_suppressed or is_bad_suppressed) then stratified_low end
            as stratified_difference_ci_low,
        case when not (is_good_suppressed or is_bad_suppressed) then stratified_high end
            as stratified_difference_ci_high,
        is_good_suppressed or is_bad_suppressed as is_suppressed
    from judged

)

select *
from final
order by experience, grain, period_start, earlier_orders
