{#- Fails with each value of the column that the parent does not know, of sources that deliver the parent
    entity at all: a source that does not deliver it owes nothing. -#}
{% test parent_delivered(model, column_name, parent, parent_column, parent_entity) %}
    select
        children.source,
        children.{{ column_name }}
    from {{ model }} as children
    inner join (
        select distinct source
        from {{ ref('stg_batches') }}
        where entity = '{{ parent_entity }}' and is_readable and landed > 0
    ) as delivering
        on children.source = delivering.source
    left join {{ parent }} as parents
        on
            children.source = parents.source
            and children.{{ column_name }} = parents.{{ parent_column }}
    where children.{{ column_name }} is not null and parents.{{ parent_column }} is null
{% endtest %}
