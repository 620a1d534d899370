{#- Time: everything stored is a UTC timestamp without zone; dates are cut in the reporting zone. -#}

{#- A landed instant (with zone) as UTC timestamp. -#}
{% macro utc_instant(column) -%}
    {{ adapter.dispatch('utc_instant')(column) }}
{%- endmacro %}

{% macro default__utc_instant(column) -%}
    cast({{ column }} as timestamp)
{%- endmacro %}

{% macro duckdb__utc_instant(column) -%}
    timezone('UTC', {{ column }})
{%- endmacro %}

{#- The date of a UTC timestamp in the reporting zone. -#}
{% macro local_date(instant) -%}
    {{ adapter.dispatch('local_date')(instant) }}
{%- endmacro %}

{% macro default__local_date(instant) -%}
    cast(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}') as date)
{%- endmacro %}

{% macro duckdb__local_date(instant) -%}
    {%- if var('time_zone') == 'UTC' -%}
        cast({{ instant }} as date)
    {%- else -%}
        cast(timezone('{{ var("time_zone") }}', timezone('UTC', {{ instant }})) as date)
    {%- endif -%}
{%- endmacro %}

{#- The UTC timestamp of a local one in a zone (an expression). A local time that comes twice is the first of the
    two, one that does not exist moves forward by the gap: as Python's zoneinfo has it with fold=0. -#}
{% macro utc_of_local(local, zone) -%}
    {{ adapter.dispatch('utc_of_local')(local, zone) }}
{%- endmacro %}

{% macro default__utc_of_local(local, zone) -%}
    to_utc_timestamp({{ local }}, {{ zone }})
{%- endmacro %}

{#- DuckDB takes the second of the two. The first, where there is one, is told by the offset of the day before. -#}
{% macro duckdb__utc_of_local(local, zone) -%}
    {%- set second = "timezone('UTC', timezone(" ~ zone ~ ", " ~ local ~ "))" -%}
    {%- set day_before = "(" ~ second ~ " - interval 24 hours)" -%}
    {%- set offset = "(timezone(" ~ zone ~ ", timezone('UTC', " ~ day_before ~ ")) - " ~ day_before ~ ")" -%}
    {%- set first = "(" ~ local ~ " - " ~ offset ~ ")" -%}
    case
        when timezone({{ zone }}, timezone('UTC', {{ first }})) = {{ local }} then least({{ first }}, {{ second }})
        else {{ second }}
    end
{%- endmacro %}

{#- The UTC timestamp at which a date begins in the reporting zone. -#}
{% macro local_midnight(date_column) -%}
    {{ utc_of_local('cast(' ~ date_column ~ ' as timestamp)', "'" ~ var('time_zone') ~ "'") }}
{%- endmacro %}

{#- Microseconds (bigint) from the earlier to the later of two timestamps. -#}
{% macro micros_between(earlier, later) -%}
    {{ adapter.dispatch('micros_between')(earlier, later) }}
{%- endmacro %}

{% macro default__micros_between(earlier, later) -%}
    (unix_micros({{ later }}) - unix_micros({{ earlier }}))
{%- endmacro %}

{% macro duckdb__micros_between(earlier, later) -%}
    (epoch_us({{ later }}) - epoch_us({{ earlier }}))
{%- endmacro %}

{#- Seconds and minutes (double) from the earlier to the later of two timestamps. -#}
{% macro seconds_between(earlier, later) -%}
    (cast({{ micros_between(earlier, later) }} as double) / 1000000.0)
{%- endmacro %}

{% macro minutes_between(earlier, later) -%}
    ({{ seconds_between(earlier, later) }} / 60)
{%- endmacro %}

{#- A timestamp moved by microseconds, or by whole seconds. -#}
{% macro add_micros(instant, micros) -%}
    {{ adapter.dispatch('add_micros')(instant, micros) }}
{%- endmacro %}

{% macro default__add_micros(instant, micros) -%}
    timestampadd(microsecond, {{ micros }}, {{ instant }})
{%- endmacro %}

{% macro duckdb__add_micros(instant, micros) -%}
    ({{ instant }} + to_microseconds(cast({{ micros }} as bigint)))
{%- endmacro %}

{% macro add_seconds(instant, seconds) -%}
    {{ add_micros(instant, '1000000 * cast(' ~ seconds ~ ' as bigint)') }}
{%- endmacro %}

{#- A UTC timestamp moved by a number of minutes, hours or days of 24 hours. -#}
{% macro add_minutes(instant, minutes) -%}
    {{ adapter.dispatch('add_minutes')(instant, minutes) }}
{%- endmacro %}

{% macro default__add_minutes(instant, minutes) -%}
    timestampadd(minute, {{ minutes }}, {{ instant }})
{%- endmacro %}

{% macro duckdb__add_minutes(instant, minutes) -%}
    ({{ instant }} + to_minutes(cast({{ minutes }} as bigint)))
{%- endmacro %}

{#- A date moved by days or months (the end of a shorter month where the day does not exist). -#}
{% macro add_days(date_column, days) -%}
    {{ adapter.dispatch('add_days')(date_column, days) }}
{%- endmacro %}

{% macro default__add_days(date_column, days) -%}
    date_add({{ date_column }}, cast({{ days }} as int))
{%- endmacro %}

{% macro duckdb__add_days(date_column, days) -%}
    ({{ date_column }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro add_months(date_column, months) -%}
    {{ adapter.dispatch('add_months')(date_column, months) }}
{%- endmacro %}

{% macro default__add_months(date_column, months) -%}
    add_months({{ date_column }}, cast({{ months }} as int))
{%- endmacro %}

{% macro duckdb__add_months(date_column, months) -%}
    cast({{ date_column }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{#- Whole days from the earlier to the later of two dates. -#}
{% macro days_between(earlier, later) -%}
    {{ adapter.dispatch('days_between')(earlier, later) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{% macro duckdb__days_between(earlier, later) -%}
    ({{ later }} - {{ earlier }})
{%- endmacro %}

{#- The first day of the day, week (ISO), month or quarter a date lies in. -#}
{% macro period_start(grain, date_column) -%}
    cast(date_trunc('{{ grain }}', {{ date_column }}) as date)
{%- endmacro %}

{#- A select of one row a day, `date_day`, from the date in one column of a relation to that in another,
    both included; no row where either is null. -#}
{% macro days_of(relation, first_date, last_date) -%}
    {{ adapter.dispatch('days_of')(relation, first_date, last_date) }}
{%- endmacro %}

{% macro default__days_of(relation, first_date, last_date) -%}
    select explode(sequence({{ first_date }}, {{ last_date }})) as date_day
    from {{ relation }}
    where {{ first_date }} <= {{ last_date }}
{%- endmacro %}

{% macro duckdb__days_of(relation, first_date, last_date) -%}
    select cast(unnest(generate_series(
        cast({{ first_date }} as timestamp), cast({{ last_date }} as timestamp), interval 1 day
    )) as date) as date_day
    from {{ relation }}
{%- endmacro %}

{#- The first and the last instant that count: what is valid from always, and for ever. -#}
{% macro beginning_of_time() -%}
    timestamp '1900-01-01 00:00:00'
{%- endmacro %}

{% macro end_of_time() -%}
    timestamp '9999-12-31 00:00:00'
{%- endmacro %}
