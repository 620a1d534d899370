{#- Schemas are named as configured (staging, intermediate, marts), without the target's prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}

{#- A mart as another mart's view must name it: schema and table alone. The published file is attached
    under names of the reader's choosing, so a view that named the catalog would break there. -#}
{% macro mart(name) -%}
    {{ ref(name).include(database=false) }}
{%- endmacro %}
