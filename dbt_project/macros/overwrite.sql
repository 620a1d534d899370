{#- How a night's model folds tonight's rows into what is kept: what they stand for is deleted, whether they put anything in
    its place or not, and they are inserted. Done again, it changes nothing. Of a model's configuration,

    unique_key    columns: kept rows that have them as one of tonight's rows has are overwritten
    overwrites    {model: {its column: an expression over a kept row}}: so are kept rows that match a row of the model -#}
{% macro get_incremental_overwrite_sql(arguments) -%}
    {%- set target, tonight = arguments.target_relation, arguments.temp_relation -%}
    {%- set columns = get_quoted_csv(arguments.dest_columns | map(attribute='name')) -%}
    {%- if arguments.unique_key %}
    delete from {{ target }}
    where {{ arguments.unique_key }} in (select {{ arguments.unique_key }} from {{ tonight }});
    {%- endif %}
    {%- for name, matched in config.get('overwrites', {}).items() %}
    {%- set overwritten = graph.nodes.values() | selectattr('resource_type', 'equalto', 'model')
        | selectattr('name', 'equalto', name) | first %}
    delete from {{ target }}
    where ({{ matched.values() | join(', ') }}) in (select {{ matched.keys() | join(', ') }} from {{ overwritten.relation_name }});
    {%- endfor %}

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ tonight }}
{%- endmacro %}

{#- A condition on a row of a kept model: tonight's build works it out anew, since `matched` ({column of `touched`: an
    expression over the row}, as in `overwrites`) is a row of `touched`. All are worked out where nothing is kept. -#}
{% macro is_touched(touched, matched) -%}
    {%- if is_incremental() -%}
    ({{ matched.values() | join(', ') }}) in (select {{ matched.keys() | join(', ') }} from {{ touched }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{#- Whether a relation is there from nights before. -#}
{% macro is_kept(relation) -%}
    {{- return(load_relation(relation) is not none) -}}
{%- endmacro %}

{#- What the last build left of a model that comes after this one: a name, and no dependency. Ask for it only where
    something is kept. -#}
{% macro kept(name) -%}
    {{- return(this.incorporate(path={'identifier': name})) -}}
{%- endmacro %}
