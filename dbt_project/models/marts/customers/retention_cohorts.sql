-- One row per cohort_month and month_number, from the cohort's own month to the month of as_of: the share of the
-- cohort active k months on; null while the month is incomplete.
with cohorts as (

    select * from {{ ref('int_customer_cohorts') }}

),

windows as (

    select *
    from {{ ref('int_period_windows') }}
    where
        grain = 'month'
        and slot = 'current'

),

watermarks as (

    select watermark_at
    from {{ ref('int_kpi_watermarks') }}
    where kpi = 'retention_rate'

),

as_of as (

    select as_of from {{ ref('int_as_of') }}

),

-- Complete as the KPIs are: ended, and every source that feeds them has come past the end.
months as (

    select
        windows.period_start as month_start,
        {{ local_midnight(add_months('windows.period_start', 1)) }}
            <= least(as_of.as_of, coalesce(watermarks.watermark_at, as_of.as_of)) as is_complete
    from windows
    cross join as_of
    left join watermarks on true

),

live_spans as (

    select * from {{ ref('int_customer_live_spans') }}

),

order_months as (

    select distinct
        customer_key,
        {{ period_start('month', 'occurred_date') }} as month_start
    from {{ ref('int_transactions_enriched') }}
    where kind in ('order', 'renewal') and customer_key is not null

),

active_by_order as (

    select
        cohorts.cohort_month,
        order_months.month_start,
        count(*) as active_customers
    from cohorts
    inner join order_months on cohorts.customer_key = order_months.customer_key
    where not cohorts.is_contractual
    group by cohorts.cohort_month, order_months.month_start

),

active_by_contract as (

    select
        cohorts.cohort_month,
        windows.period_start as month_start,
        count(*) as active_customers
    from cohorts
    inner join live_spans on cohorts.customer_key = live_spans.customer_key
    inner join windows
        on live_spans.live_from_date <= windows.last_day and live_spans.live_to_date > windows.last_day
    where cohorts.is_contractual
    group by cohorts.cohort_month, windows.period_start

),

active as (

    select
        cohort_month,
        month_start,
        sum(active_customers) as active_customers
    from (
        select * from active_by_order
        union all
        select * from active_by_contract
    ) as both_kinds
    group by cohort_month, month_start

),

sizes as (

    select
        cohort_month,
        count(*) as cohort_size,
        sum(case when is_left_truncated then 1 else 0 end) as left_truncated_customers
    from cohorts
    group by cohort_month

),

observed as (

    select
        sizes.cohort_month,
        months.month_start,
        {{ calendar_months_between('sizes.cohort_month', 'months.month_start') }} as month_number,
        sizes.cohort_size,
        sizes.left_truncated_customers,
        coalesce(active.active_customers, 0) as active_customers,
        months.is_complete,
        sizes.cohort_size < {{ var('min_n') }} as is_suppressed
    from sizes
    inner join months on sizes.cohort_month <= months.month_start
    left join active on sizes.cohort_month = active.cohort_month and months.month_start = active.month_start

),

final as (

    select
        cohort_month,
        cast(month_number as integer) as month_number,
        month_start,
        cast(cohort_size as bigint) as cohort_size,
        cast(case when is_complete then active_customers end as bigint) as active_customers,
        case
            when is_complete and not is_suppressed
                then 100.0 * cast(active_customers as double) / nullif(cohort_size, 0)
        end as retention_rate,
        case
            when is_complete and not is_suppressed then {{ wilson_interval_low('active_customers', 'cohort_size') }}
        end as ci_low,
        case
            when is_complete and not is_suppressed then {{ wilson_interval_high('active_customers', 'cohort_size') }}
        end as ci_high,
        is_complete,
        cohort_size < 30 as is_small_sample,
        is_suppressed,
        left_truncated_customers > 0 as is_left_truncated,
        cast(left_truncated_customers as bigint) as left_truncated_customers
    from observed

)

select *
from final
order by cohort_month, month_number
