-- One row per passed version of a touchpoint, with its one disposition.
with final as (

    {{ with_disposition(ref('stg_touchpoints'), 'touchpoint_id') }}

)

select * from final
