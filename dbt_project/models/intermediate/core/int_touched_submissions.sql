-- Grain: one submission whose answers tonight's build works out anew: those that arrive are in it, or were before they
-- changed, or are of a customer whose record arrives. None where nothing is kept: then all are worked out.
{%- set is_kept = not execute or is_kept(kept('int_feedback_answers')) %}

with arriving as (

    select * from {{ ref('stg_feedback') }}

),

versions as (

    select * from {{ ref('int_feedback_versions') }}

),

customers as (

    select * from {{ ref('stg_customers') }}

),

touched as (

    select
        source,
        submission_id
    from arriving

    union

    select
        source,
        submission_id
    from versions
    where
        key_hash in (select {{ row_hash(['source', 'response_id']) }} from arriving)
        or customer_key in (select customer_key from customers)

),

final as (

    select
        source,
        submission_id
    from touched
    {%- if not is_kept %}
    where false
    {%- endif %}

)

select * from final
