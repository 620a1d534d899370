{#- Fails with each value of the column outside the bounds (included unless exclusive); null passes. -#}
{% test within(model, column_name, minimum=none, maximum=none, exclusive_minimum=false) %}
    select {{ column_name }}
    from {{ model }}
    where
        false
        {%- if minimum is not none %}
        or {{ column_name }} {{ '<=' if exclusive_minimum else '<' }} {{ minimum }}
        {%- endif %}
        {%- if maximum is not none %}
        or {{ column_name }} > {{ maximum }}
        {%- endif %}
{% endtest %}
