-- One row per customer_key that has a cohort: the month of the first order (any amount) or, of contractual
-- customers, of the sign-up.
with lives as (

    select * from {{ ref('int_customer_lives') }}

),

first_live as (

    select
        customer_key,
        min(live_from_date) as first_live_date
    from {{ ref('int_customer_live_spans') }}
    group by customer_key

),

data_start as (

    select
        coalesce(
            (select min(first_transaction_date) from lives),
            (select first_event_date from {{ ref('int_as_of') }})
        ) as data_start_date

),

begun as (

    select
        lives.customer_key,
        lives.is_contractual,
        lives.signed_up_date,
        case
            when lives.is_contractual then coalesce(lives.signed_up_date, first_live.first_live_date)
            else lives.first_order_date
        end as cohort_date
    from lives
    left join first_live on lives.customer_key = first_live.customer_key

),

-- Already there when the data start: known to be so by an earlier sign-up, or, where no sign-up is known, met for
-- the first time in the month in which the data start.
final as (

    select
        begun.customer_key,
        begun.is_contractual,
        {{ period_start('month', 'begun.cohort_date') }} as cohort_month,
        case
            when begun.is_contractual then begun.cohort_date < data_start.data_start_date
            when begun.signed_up_date is not null then begun.signed_up_date < data_start.data_start_date
            else begun.cohort_date < {{ add_months(period_start('month', 'data_start.data_start_date'), 1) }}
        end as is_left_truncated
    from begun
    cross join data_start
    where begun.cohort_date is not null

)

select * from final
