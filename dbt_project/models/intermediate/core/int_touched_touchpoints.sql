-- Grain: one interaction tonight's build works out anew: it arrives, or is of a customer whose record arrives. None where
-- nothing is kept: then all are worked out.
{%- set is_kept = not execute or is_kept(kept('int_touchpoints_enriched')) %}

with arriving as (

    select * from {{ ref('stg_touchpoints') }}

),

versions as (

    select * from {{ ref('int_touchpoints_versions') }}

),

customers as (

    select * from {{ ref('stg_customers') }}

),

touched as (

    select
        source,
        touchpoint_id
    from arriving

    union

    select
        source,
        touchpoint_id
    from versions
    where customer_key in (select customer_key from customers)

),

final as (

    select
        source,
        touchpoint_id
    from touched
    {%- if not is_kept %}
    where false
    {%- endif %}

)

select * from final
