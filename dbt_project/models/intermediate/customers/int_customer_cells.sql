-- One row per grain (month, quarter, all), period_start, slot and combination of the customer dimensions: the sums
-- all customer KPIs are made of. Each customer is in one cell of a period, so that sums over cells are exact and
-- customers × periods are never stored.
{{ config(**kept_by_period('customers', touched='int_touched_customer_periods')) }}

-- Tonight's periods are the last ones: told by their number, no other is computed.
with customer_periods as (

    select * from {{ ref('int_customer_periods') }}
    where
        period_number >= {{ tonights_first_period_number() }}
        and {{ is_of_tonight() }}

),

-- What counts for whom: money of customers live in the period, recurring revenue and margin where they are known.
counted as (

    select
        *,
        case when is_live_in_period = 1 then revenue_amount else 0 end as live_revenue,
        case when is_live_in_period = 1 then margin_amount else 0 end as live_margin,
        case when is_live_in_period = 1 then margined_revenue_amount else 0 end as live_margined_revenue,
        is_live_at_start * (1 - is_mrr_unknown) as has_mrr,
        has_margin * is_margin_known as has_known_margin,
        case when acquisition_cost_amount is not null and is_margin_known = 1 then 1 else 0 end as has_cost
    from customer_periods

),

final as (

    select
        grain,
        period_start,
        slot,
        {{ customer_dimensions() | join(',\n        ') }},
        sum(greatest(is_live_at_start, is_live_in_period)) as customers_seen,
        sum(is_live_at_start) as customers_start,
        sum(is_live_at_end) as customers_end,
        sum(is_live_at_start * is_live_at_end) as customers_retained,
        sum(is_live_at_start * (1 - is_live_at_end)) as customers_lost,
        sum(is_acquired * is_live_at_end) as customers_new,
        sum(is_acquired * (1 - is_live_at_end)) as customers_new_already_gone,
        sum((1 - is_live_at_start) * (1 - is_acquired) * is_live_at_end) as customers_reactivated,
        sum(has_ordered) as buyers,
        sum(has_repeated) as repeat_buyers,
        sum(has_ordered_lately) as late_buyers,
        sum(has_repeated_lately) as late_repeat_buyers,
        sum(is_live_in_period) as live_customers,
        sum(live_revenue) as live_revenue_amount,
        {{ exact_sum('cast(live_revenue as double) * cast(live_revenue as double)') }} as live_revenue_squared,
        sum(live_margin) as live_margin_amount,
        sum(live_margined_revenue) as live_margined_revenue_amount,
        sum(has_mrr) as mrr_customers,
        sum(case when has_mrr = 1 then mrr_start_amount else 0 end) as mrr_start_amount,
        sum(case when has_mrr = 1 then mrr_end_amount else 0 end) as mrr_end_amount,
        sum(case when has_mrr = 1 then least(mrr_start_amount, mrr_end_amount) else 0 end) as mrr_kept_amount,
        sum(has_known_margin) as margined_customers,
        sum(case when has_known_margin = 1 then margin_amount_to_date else 0 end) as margin_amount,
        {{ exact_sum(
            'case when has_known_margin = 1 then cast(margin_amount_to_date as double) * cast(margin_amount_to_date as double) else 0 end'
        ) }} as margin_squared,
        sum(has_cost) as costed_customers,
        sum(case when has_cost = 1 then margin_amount_to_date else 0 end) as costed_margin_amount,
        coalesce({{ exact_sum('case when has_cost = 1 then acquisition_cost_amount end') }}, 0)
            as acquisition_cost_amount
    from counted
    group by
        grain,
        period_start,
        slot,
        {{ customer_dimensions() | join(',\n        ') }}

)

select * from final
