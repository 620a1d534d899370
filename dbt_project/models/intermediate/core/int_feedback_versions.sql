-- One row per passed version of an answer, with its one disposition.
with final as (

    {{ with_disposition(ref('stg_feedback'), 'response_id') }}

)

select * from final
