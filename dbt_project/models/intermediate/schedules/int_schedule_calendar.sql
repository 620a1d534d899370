-- Grain: one day for which the schedules' hours are laid out: from before the first ticket to years beyond as_of, so
-- that a target far ahead has an instant too.
{%- set days_before = 60 %}
{%- set days_ahead = 1830 %}

with bounds as (

    select
        {{ add_days('cast(min(tickets.created_at) as date)', -days_before) }} as first_date,
        {{ add_days('cast(max(as_of.as_of) as date)', days_ahead) }} as last_date
    from {{ ref('int_tickets') }} as tickets
    cross join {{ ref('int_as_of') }} as as_of

),

days as (

    {{ days_of('bounds', 'first_date', 'last_date') }}

),

final as (

    select
        date_day,
        {{ weekday_of_date('date_day') }} as weekday
    from days

)

select * from final
