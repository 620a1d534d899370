{#- Business hours: the rules by which a schedule's local hours become open time between two instants.

    A schedule's clock F(t) counts the open time before t in microseconds (an integer, so that differences are exact).
    int_schedule_pieces holds it as straight pieces, none longer than a UTC day, so that reading it is an equality
    join with one comparison: any engine does that without sorting. -#}

{#- Seconds from midnight of a time of day as text, `HH:MM` or `HH:MM:SS`, up to `24:00`. -#}
{% macro seconds_of_day(time_text) -%}
    (
        cast(split_part({{ time_text }}, ':', 1) as integer) * 3600
        + cast(split_part({{ time_text }}, ':', 2) as integer) * 60
        + cast(coalesce(nullif(split_part({{ time_text }}, ':', 3), ''), '0') as integer)
    )
{%- endmacro %}

{#- A condition: a text is a time of day as `seconds_of_day` reads it. -#}
{% macro is_time_of_day(time_text) -%}
    {{ adapter.dispatch('matches')(time_text, '^(([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?|24:00(:00)?)$') }}
{%- endmacro %}

{% macro default__matches(text_column, pattern) -%}
    ({{ text_column }} rlike '{{ pattern }}')
{%- endmacro %}

{% macro duckdb__matches(text_column, pattern) -%}
    regexp_matches({{ text_column }}, '{{ pattern }}')
{%- endmacro %}

{#- The number of a weekday, Monday 0, of a date and of a name (mon … sun). 1 January 1900 was a Monday. -#}
{% macro weekday_of_date(date_column) -%}
    mod({{ days_between("date '1900-01-01'", date_column) }}, 7)
{%- endmacro %}

{% macro weekday_of_name(name) -%}
    case {{ name }}
        {%- for day in ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] %}
        when '{{ day }}' then {{ loop.index0 }}
        {%- endfor %}
    end
{%- endmacro %}

{#- What the ticket's clock adds for time under unknown hours: so much that a span which touches it is told from
    every span that does not (10^16 microseconds are 317 years). -#}
{% macro unknown_open_micros() -%}
    10000000000000000
{%- endmacro %}

{#- Business minutes (double) between two readings of one ticket's clock; null where either is unknown, inexact, or
    the span touches unknown hours. -#}
{% macro business_minutes(earlier_reading, later_reading, inexact='false') -%}
    case
        when {{ inexact }} then null
        when {{ later_reading }} - {{ earlier_reading }} < {{ unknown_open_micros() }}
            then greatest(cast({{ later_reading }} - {{ earlier_reading }} as double), 0.0) / 60000000.0
    end
{%- endmacro %}

{#- The condition that joins `pieces` of the schedules' clocks to an instant, and what the clock then reads. -#}
{% macro piece_at(pieces, schedule_id, instant) -%}
    {{ pieces }}.schedule_id = {{ schedule_id }}
            and {{ pieces }}.utc_date = cast({{ instant }} as date)
            and {{ pieces }}.starts_at <= {{ instant }}
            and {{ pieces }}.ends_at > {{ instant }}
{%- endmacro %}

{% macro open_micros_at(pieces, instant) -%}
    case
        when {{ pieces }}.is_open
            then {{ pieces }}.open_micros_before + {{ micros_between(pieces ~ '.starts_at', instant) }}
        else {{ pieces }}.open_micros_before
    end
{%- endmacro %}

{#- The inverse: the condition that joins `buckets` to what a schedule's clock reads, and the first instant at which
    it does. -#}
{% macro open_bucket(reading) -%}
    ({{ reading }} - 1 - mod({{ reading }} - 1, 86400000000))
{%- endmacro %}

{% macro bucket_of(buckets, schedule_id, reading) -%}
    {{ buckets }}.schedule_id = {{ schedule_id }}
            and {{ buckets }}.bucket = {{ open_bucket(reading) }}
            and {{ buckets }}.open_micros_before < {{ reading }}
            and {{ buckets }}.open_micros_before + {{ buckets }}.open_micros >= {{ reading }}
{%- endmacro %}

{% macro instant_of_reading(buckets, reading) -%}
    {{ add_micros(buckets ~ '.starts_at', '(' ~ reading ~ ') - ' ~ buckets ~ '.open_micros_before') }}
{%- endmacro %}
