-- One row per customer_key and span of time: the customer's attributes in force from valid_from until
-- before valid_to. The earliest known version counts for all time before it; where several sources know
-- the person, the value changed last among those not null wins.
{{ config(
    materialized='incremental', incremental_strategy='overwrite',
    overwrites={'int_touched_customers': {'customer_key': 'customer_key'}},
) }}

with customers as (

    select * from {{ ref('int_customers_versions') }}
    where {{ is_touched(ref('int_touched_customers'), {'customer_key': 'customer_key'}) }}

),

published_keys as (

    select
        source,
        customer_key
    from customers
    where disposition = 'published'

),

-- Of versions with the same instant the last to land counts.
versions as (

    select *
    from (
        select
            customers.*,
            coalesce(customers.updated_at, {{ beginning_of_time() }}) as changed_at,
            row_number() over (
                partition by customers.source, customers.customer_key, customers.updated_at
                order by customers.batch_sequence desc, customers.position desc
            ) as recency
        from customers
        inner join published_keys
            on
                customers.source = published_keys.source
                and customers.customer_key = published_keys.customer_key
        where
            customers.disposition in ('published', 'superseded')
            and not customers.is_deleted
            and not customers.is_test
    ) as ranked
    where recency = 1

),

spans as (

    select
        *,
        case
            when row_number() over (partition by source, customer_key order by changed_at) = 1
                then {{ beginning_of_time() }}
            else changed_at
        end as in_force_from,
        coalesce(
            lead(changed_at) over (partition by source, customer_key order by changed_at),
            {{ end_of_time() }}
        ) as in_force_to,
        row_number() over (
            partition by customer_key
            order by changed_at, batch_sequence, position
        ) as change_rank
    from versions

),

boundaries as (

    select distinct
        customer_key,
        in_force_from as valid_from
    from spans

),

merged as (

    select
        boundaries.customer_key,
        boundaries.valid_from,
        {{ latest_known('spans.segment', 'spans.change_rank') }} as segment,
        {{ latest_known('spans.country', 'spans.change_rank') }} as country,
        {{ latest_known('spans.language', 'spans.change_rank') }} as language,
        {{ latest_known('spans.acquisition_channel', 'spans.change_rank') }} as acquisition_channel,
        {{ latest_known('spans.brand', 'spans.change_rank') }} as brand,
        {{ latest_known('spans.attributes', 'spans.change_rank') }} as attributes
    from boundaries
    inner join spans
        on
            boundaries.customer_key = spans.customer_key
            and boundaries.valid_from >= spans.in_force_from
            and boundaries.valid_from < spans.in_force_to
    group by boundaries.customer_key, boundaries.valid_from

),

final as (

    select
        customer_key,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by customer_key order by valid_from),
            {{ end_of_time() }}
        ) as valid_to,
        segment,
        country,
        language,
        acquisition_channel,
        brand,
        attributes
    from merged

)

select * from final
