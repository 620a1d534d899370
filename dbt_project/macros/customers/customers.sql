{#- What the customer models share: their dimensions, exact sums of money, months of service. -#}

{#- The dimensions of the customer KPIs, declared attributes included. -#}
{% macro customer_dimensions() -%}
    {{ return(["segment", "country", "language", "acquisition_channel", "brand"] + declared_attributes("customers")) }}
{%- endmacro %}

{#- The least number of the periods whose cells are computed tonight; 1 where all are. -#}
{% macro tonights_first_period_number() -%}
    {%- if execute and is_incremental() -%}
        {%- set numbers = run_query("select min(period_number) from " ~ ref("int_touched_customer_periods")) -%}
        {{- numbers.columns[0].values()[0] or 1 -}}
    {%- else -%}
        1
    {%- endif -%}
{%- endmacro %}

{#- A sum of money that comes out the same in whatever order its rows are read. -#}
{% macro exact_sum(amount) -%}
    sum(cast({{ amount }} as decimal(38, 6)))
{%- endmacro %}

{#- Calendar-month difference of two dates: 31 January to 1 February is 1. -#}
{% macro calendar_months_between(earlier, later) -%}
    ((year({{ later }}) - year({{ earlier }})) * 12 + month({{ later }}) - month({{ earlier }}))
{%- endmacro %}

{#- Length in months (double) of [earlier, later): whole months, then the rest as a share of the month it lies
    in, so that a monthly fee is the same in February and in March. -#}
{% macro service_months(earlier, later) -%}
    {%- set upper = calendar_months_between(earlier, later) -%}
    {%- set whole -%}
        ({{ upper }} - case when {{ add_months(earlier, upper) }} > {{ later }} then 1 else 0 end)
    {%- endset -%}
    ({{ whole }} + cast({{ days_between(add_months(earlier, whole), later) }} as double)
        / nullif({{ days_between(add_months(earlier, whole), add_months(earlier, whole ~ " + 1")) }}, 0))
{%- endmacro %}

{#- The first day without the service. An end within the last minute of a day (23:59:59) is the end of that
    day, else subscriptions billed back to back would leave a day uncovered every month. -#}
{% macro service_end_date(instant) -%}
    {{ local_date(add_minutes(instant, 1)) }}
{%- endmacro %}

{#- The sources whose customers are contractual where no customer record says otherwise, as SQL literals. -#}
{% macro contractual_sources() -%}
    {%- for source in var("contractual_sources") -%} '{{ source }}', {% endfor -%} ''
{%- endmacro %}

{#- KPIs for `family_kpis` whose n is distinct customers, which says whether they are few where nothing else does. -#}
{% macro of_customers(kpis) -%}
    {%- for kpi in kpis if not kpi.is_few -%}
        {%- do kpi.update({"is_few": kpi.n ~ " < " ~ var("min_n")}) -%}
    {%- endfor -%}
    {{ return(kpis) }}
{%- endmacro %}

{#- The dimensions of the journey KPIs, declared attributes included. -#}
{% macro journey_dimensions() -%}
    {{ return(
        ["touchpoint", "journey_stage", "channel", "segment", "product", "campaign", "brand"]
        + declared_attributes("touchpoints")
    ) }}
{%- endmacro %}
