-- One row per kpi, grain, period_start, slot, dimension and dimension_value: the KPI rows of all families.
{{ config(materialized='view') }}

with final as (

    {%- for family in kpi_families() %}
    select * from {{ ref('int_kpi_' ~ family) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from final
