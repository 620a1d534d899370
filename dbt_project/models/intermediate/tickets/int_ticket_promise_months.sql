-- Grain: month × dimension × unit_value: how many promises to customers were decided and kept, from which all time is made.
{{ config(**kept_by_period('response_time', grain="'month'")) }}
{%- set rates = rate_measures(sla_attainment_rates()) %}

with promises {{ as_read_anew() }} (

    {{ units_of('response_time', 'promises') }}

),

final as (

    {{ month_measures('promises', 'event_date', ticket_dimensions(), rates.counts, rates.few) }}

)

select * from final
