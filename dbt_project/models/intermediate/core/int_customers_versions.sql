-- One row per passed version of a customer, with its one disposition.
with final as (

    {{ with_disposition(ref('stg_customers'), 'customer_key') }}

)

select * from final
