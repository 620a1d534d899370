-- One row per passed version of a transaction, with its one disposition.
with final as (

    {{ with_disposition(ref('stg_transactions'), 'transaction_id') }}

)

select * from final
