{#- dbt compares the columns of a query with those of a contract, and with those of a kept table, each with each: seconds
    of every night for a mart of 1 500 columns. The same with each column looked up by its name. -#}
{% macro duckdb__get_assert_columns_equivalent(sql) -%}
    {%- set of_query = format_columns(get_column_schema_from_query(sql, config.get('sql_header', none))) -%}
    {%- set of_contract = format_columns(get_column_schema_from_query(get_empty_schema_sql(model['columns']))) -%}
    {%- set types = {} -%}
    {%- for column in of_contract -%}
        {%- do types.update({column['name']: column['formatted']}) -%}
    {%- endfor -%}
    {%- set equivalent = of_query | map(attribute='formatted') | list -%}
    {%- set expected = [] -%}
    {%- for column in of_query -%}
        {%- do expected.append(types.get(column['name'])) -%}
    {%- endfor -%}
    {%- if of_query | length != of_contract | length or equivalent != expected -%}
        {%- do exceptions.raise_contract_error(of_contract, of_query) -%}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__diff_column_data_types(source_columns, target_columns) -%}
    {%- set targets = {} -%}
    {%- for column in target_columns -%}
        {%- do targets.update({column.name: column}) -%}
    {%- endfor -%}
    {%- set result = [] -%}
    {%- for column in source_columns if column.name in targets -%}
        {%- set target = targets[column.name] -%}
        {%- if column.expanded_data_type != target.expanded_data_type and not column.can_expand_to(other_column=target) -%}
            {%- do result.append({'column_name': target.name, 'new_type': column.expanded_data_type}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{- return(result) -}}
{%- endmacro %}
