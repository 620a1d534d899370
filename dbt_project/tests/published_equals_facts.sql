-- Every published row stands in its fact table, and nothing else does.
with published as (

    select
        entity,
        sum(published) as rows_published
    from {{ ref('reconciliation') }}
    group by entity

),

facts as (

    {%- set facts = {
        'feedback': 'fct_feedback', 'transactions': 'fct_transactions', 'touchpoints': 'fct_touchpoints',
        'tickets': 'fct_tickets',
    } %}
    {%- for entity, fact in facts.items() %}
    select
        '{{ entity }}' as entity,
        count(*) as rows_in_fact
    from {{ ref(fact) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    facts.entity,
    facts.rows_in_fact,
    coalesce(published.rows_published, 0) as rows_published
from facts
left join published on facts.entity = published.entity
where facts.rows_in_fact <> coalesce(published.rows_published, 0)
