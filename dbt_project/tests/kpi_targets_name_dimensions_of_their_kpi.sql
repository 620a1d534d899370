-- A target in kpi_targets.csv of a dimension its KPI is not published by, which would hold for no row: correct the
-- dimension, or take the row out.
with dimensions as (

    {%- for family in kpi_families() %}
    {%- set outer = loop %}
    {%- for dimension in dimensions_of_family(family) %}
    select
        '{{ family }}' as family,
        '{{ dimension }}' as dimension
    {{- '\n    union all' if not (loop.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}

)

select
    targets.kpi,
    targets.dimension,
    'seeds/kpi_targets.csv: ' || targets.kpi || ' is not published by ' || targets.dimension as what_to_do
from {{ ref('kpi_targets') }} as targets
inner join {{ ref('dim_kpis') }} as kpis on targets.kpi = kpis.kpi
left join dimensions
    on
        kpis.family = dimensions.family
        and coalesce(targets.dimension, 'all') = dimensions.dimension
where dimensions.dimension is null
