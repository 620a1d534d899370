-- One row per currency and span of days (valid_from until before valid_to) in which its rate into the reporting
-- currency is known.
with rates as (

    select
        currency,
        rate,
        date as valid_from,
        coalesce(lead(date) over (partition by currency order by date), date '9999-12-31') as valid_to
    from {{ ref('fx_rates') }}

),

-- The worth of the reporting currency itself: 1 where the seed does not list it.
reporting_rates as (

    select
        rate,
        valid_from,
        valid_to
    from rates
    where currency = '{{ var("currency") }}'

    union all

    select
        cast(1 as double) as rate,
        date '1900-01-01' as valid_from,
        date '9999-12-31' as valid_to
    where not exists (
            select 1
            from rates
            where currency = '{{ var("currency") }}'
        )

),

final as (

    select
        '{{ var("currency") }}' as currency,
        date '1900-01-01' as valid_from,
        date '9999-12-31' as valid_to,
        cast(1 as double) as reporting_rate

    union all

    select
        rates.currency,
        greatest(rates.valid_from, reporting_rates.valid_from) as valid_from,
        least(rates.valid_to, reporting_rates.valid_to) as valid_to,
        rates.rate / nullif(reporting_rates.rate, 0) as reporting_rate
    from rates
    inner join reporting_rates
        on
            rates.valid_from < reporting_rates.valid_to
            and rates.valid_to > reporting_rates.valid_from
    where rates.currency <> '{{ var("currency") }}'

)

select * from final
