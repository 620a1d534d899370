-- Grain: one family × grain × period_start: a digest of the tests of its KPIs, and the last build it changed for.
with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

tests as (

    select * from {{ ref('int_kpi_tests') }}

),

families as (

    {%- for family in kpi_families() %}
    {%- set outer = loop %}
    {%- for kpi in entries_of_family(family) %}
    select
        '{{ kpi }}' as kpi,
        '{{ family }}' as input
    {{- '\n    union all' if not (loop.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}

),

inputs as (

    select
        families.input,
        tests.grain,
        tests.period_start,
        {{ rows_digest('tests') }} as digest
    from tests
    inner join families on tests.kpi = families.kpi
    group by
        families.input,
        tests.grain,
        tests.period_start

),

final as (

    {{ changed_digests('inputs') }}

)

select * from final
