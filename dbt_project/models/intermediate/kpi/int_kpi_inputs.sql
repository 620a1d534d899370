-- Grain: one input of the KPIs × grain × period_start: a digest of all it is now, and the last build it changed for. The units of a
-- model by their day (grain `day`); the values a dimension keeps (grain `values`); what a period is compared with and
-- whether it is complete, by family; the days of the backlog; and the KPIs of retention, which are made whole.
{%- set models = {} %}
{%- for sets in counted_units().values() %}
{%- for entry in sets.values() %}
{%- do models.setdefault(entry.model, {}).update({entry.date_column: entry}) %}
{%- endfor %}
{%- endfor %}

with built as (

    select coalesce(build, '') as build from {{ ref('stg_built') }}

),

event_days as (

    select distinct date_day from {{ ref('int_period_days') }}

),

days as (

    {%- for model, date_columns in models.items() %}
    {%- set outer = loop %}
    {%- for date_column, entry in date_columns.items() %}
    {{- '\n    union all' if not (loop.first and outer.first) }}
    select
        '{{ model }}.{{ date_column }}' as input,
        'day' as grain,
        units.{{ date_column }} as period_start,
        {{ rows_digest('units') }} as digest
    from (
        select {{ entry.columns | join(', ') }} from {{ ref(model) }}
        where {{ entry.matters }}
    ) as units
    inner join event_days on units.{{ date_column }} = event_days.date_day
    group by units.{{ date_column }}
    {%- endfor %}
    {%- endfor %}

),

-- Among up to 200 values all keep their names: then a new one says nothing of the periods it does not come in.
ranked_values as (

    {%- for family, sets in counted_units().items() %}
    {%- set outer = loop %}
    {%- for name, entry in sets.items() %}
    {{- '\n    union all' if not (loop.first and outer.first) }}
    select
        '{{ family }}' as input,
        '{{ name }}' as units,
        dimension,
        dimension_value,
        place
    from (
        {{ kept_values(
            '(' ~ units_of(family, name) ~ ') as ' ~ name, entry.date_column, entry.dimensions, most=201
        ) }}
    ) as values_of_units
    {%- endfor %}
    {%- endfor %}

),

crowded_dimensions as (

    select
        input,
        units,
        dimension
    from ranked_values
    where place > 200

),

kept_values as (

    select
        ranked_values.input,
        ranked_values.units,
        ranked_values.dimension,
        ranked_values.dimension_value
    from ranked_values
    inner join crowded_dimensions
        on
            ranked_values.input = crowded_dimensions.input
            and ranked_values.units = crowded_dimensions.units
            and ranked_values.dimension = crowded_dimensions.dimension
    where ranked_values.place <= 200

),

known_bases as (

    select
        'support' as input,
        base as units,
        'all' as dimension,
        cast(min(date_day) as {{ dbt.type_string() }}) as dimension_value
    from {{ ref('int_ticket_contact_bases') }}
    where
        dimension = 'all'
        and amount > 0
    group by base

),

named_values as (

    select * from kept_values
    union all
    select * from known_bases

),

all_values as (

    select
        input,
        'values' as grain,
        date '1900-01-01' as period_start,
        {{ rows_digest('named_values') }} as digest
    from named_values
    group by input

),

periods as (

    {%- for family in kpi_families() %}
    select
        '{{ family }}' as input,
        grain,
        period_start,
        {{ rows_digest('compared') }} as digest
    from (
        {{ compared_periods(family) }}
    ) as compared
    group by
        grain,
        period_start
    union all
    {%- endfor %}
    select
        'backlog' as input,
        'day' as grain,
        date_day as period_start,
        '' as digest
    from event_days

),

kpis as (

    select * from {{ ref('int_kpi_retention') }}

),

retention as (

    select
        'int_kpi_retention' as input,
        grain,
        period_start,
        {{ rows_digest('kpis') }} as digest
    from kpis
    group by
        grain,
        period_start

),

inputs as (

    select * from days
    union all
    select * from all_values
    union all
    select * from periods
    union all
    select * from retention

),

final as (

    {{ changed_digests('inputs') }}

)

select * from final
