-- Grain: one schedule of the business hours, and whether its clock can be read.

with hours as (

    select
        schedule_id,
        time_zone
    from {{ ref('business_hours') }}

),

zones as (

    select distinct time_zone from {{ source('state', 'time_zone_rules') }}

),

final as (

    select
        hours.schedule_id,
        max(case when zones.time_zone is null then 'unknown_time_zone' end) as gap
    from hours
    left join zones on hours.time_zone = zones.time_zone
    group by hours.schedule_id

)

select * from final
