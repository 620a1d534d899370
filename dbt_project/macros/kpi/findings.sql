{# The stable id of a finding. #}
{% macro finding_key(kind, kpi, grain, dimension, dimension_value, period_start) -%}
    md5(concat_ws(
        '|', {{ kind }}, {{ kpi }}, {{ grain }}, {{ dimension }}, {{ dimension_value }},
        cast({{ period_start }} as {{ dbt.type_string() }})
    ))
{%- endmacro %}

{#
  What makes findings one piece of news: those of one subject, of one group, told in one period, in one direction. A
  difference between groups is the same news for as long as it stands.
#}
{% macro story_key(subject, kind, grain, dimension, dimension_value, found_in, effect) -%}
    md5(concat_ws(
        '|', {{ subject }}, {{ grain }}, {{ dimension }}, {{ dimension_value }}, {{ effect }},
        case
            when {{ kind }} = 'contrast' then 'contrast'
            else cast({{ found_in }} as {{ dbt.type_string() }})
        end
    ))
{%- endmacro %}

{# A number as people read it: whole from 100 on, else with as many places as tell something. #}
{% macro told_number(value) -%}
    case
        when abs({{ value }}) >= 100 then cast(cast(round({{ value }}, 0) as bigint) as {{ dbt.type_string() }})
        when abs({{ value }}) >= 10 then cast(cast({{ value }} as decimal(18, 1)) as {{ dbt.type_string() }})
        when abs({{ value }}) >= 0.01 or {{ value }} = 0 then cast(cast({{ value }} as decimal(18, 2)) as {{ dbt.type_string() }})
        else cast(cast({{ value }} as decimal(18, 4)) as {{ dbt.type_string() }})
    end
{%- endmacro %}

{#
  One English sentence with the numbers of a finding, over the columns of the mart `signals` and `unit`. It holds
  dimension values and no more of anybody.
#}
{% macro finding_evidence() -%}
    concat(
        kpi,
        case when dimension = 'all' then '' else concat(' of ', dimension, ' ', dimension_value) end,
        case kind
            when 'level_shift' then concat(' has been at ', {{ told_number("value") }}, ' since the ')
            else concat(' was ', {{ told_number("value") }}, ' in the ')
        end,
        grain,
        case when kind = 'contrast' and period_start < found_in then 's' else '' end,
        case when grain = 'day' then ' ' else ' of ' end,
        cast(period_start as {{ dbt.type_string() }}),
        case
            when kind = 'contrast' and period_start < found_in
                then concat(' to ', cast(found_in as {{ dbt.type_string() }}))
            else ''
        end,
        ', ',
        {{ told_number("abs(value - expected_value)") }},
        case when value >= expected_value then ' more than ' else ' less than ' end,
        case kind
            when 'change' then
                case when grain = 'day' then 'the same weekday a week before (' else concat('the ', grain, ' before (') end
            when 'outlier' then 'usual ('
            when 'contrast' then case when dimension = 'all' then 'what customers answer (' else 'elsewhere (' end
            else 'before ('
        end,
        {{ told_number("expected_value") }},
        '); n = ',
        cast(n as {{ dbt.type_string() }}),
        case
            when ci_low is not null and ci_high is not null
                then concat(', 95 % interval ', {{ told_number("ci_low") }}, ' to ', {{ told_number("ci_high") }})
            else ''
        end,
        case
            when deviation is not null
                then concat(', ', {{ told_number("abs(deviation)") }}, ' standard deviations')
            else ''
        end,
        ', q = ',
        case
            when q_value < 0.0001 then 'below 0.0001'
            else cast(cast(q_value as decimal(5, 4)) as {{ dbt.type_string() }})
        end,
        '.'
    )
{%- endmacro %}
