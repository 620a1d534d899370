-- Grain: one local day × dimension × dimension_value × age band: tickets unsolved at the day's end, and what came and
-- went. Runs of unsolved days enter and leave each age band once and are summed over the days, so that no ticket
-- is spelled out day by day. Kept from night to night: a night makes the days from the first changed one on, and takes
-- over what stood unsolved the day before.
{{ config(**kept_by_period('backlog', grain="'day'", period_start='date_day')) }}
{%- set dimensions = ticket_dimensions() %}
{%- set bands = [[0, 1, '0'], [1, 3, '1-2'], [3, 7, '3-6'], [7, 30, '7-29'], [30, 90, '30-89'], [90, 999999, '90+']] %}

with spans as (

    select * from {{ ref('int_ticket_backlog_spans') }}

),

volume as (

    select * from {{ ref('int_ticket_volume') }}

),

as_of as (

    select * from {{ ref('int_as_of') }}

),

bands as (

    {%- for first, end, name in bands %}
    select
        {{ first }} as first_age,
        {{ end }} as end_age,
        '{{ name }}' as age_band_days
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

banded_spans as (

    select
        spans.*,
        bands.age_band_days,
        {{ add_days('spans.created_date', "greatest(" ~ days_between('spans.created_date', 'spans.first_date') ~ ", bands.first_age)") }}
            as enters_date,
        {{ add_days('spans.created_date', "least(" ~ days_between('spans.created_date', 'spans.end_date') ~ ", bands.end_age)") }}
            as leaves_date
    from spans
    inner join bands
        on
            {{ days_between('spans.created_date', 'spans.first_date') }} < bands.end_age
            and {{ days_between('spans.created_date', 'spans.end_date') }} > bands.first_age

),

changes as (

    {%- for date_column, sign in [('enters_date', 1), ('leaves_date', -1)] %}
    select
        {{ date_column }} as date_day,
        age_band_days,
        {{ sign }} as entered,
        0 as opened,
        0 as solved,
        0 as reopened,
        {%- for dimension in dimensions %}
        {{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from banded_spans

    union all

    {%- endfor %}

    select
        volume.happened_date as date_day,
        bands.age_band_days,
        0 as entered,
        case when volume.event_kind = 'opened' then 1 else 0 end as opened,
        case when volume.is_done_now then 1 else 0 end as solved,
        case when volume.is_reopen then 1 else 0 end as reopened,
        {%- for dimension in dimensions %}
        volume.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from volume
    inner join bands
        on
            {{ days_between('volume.created_date', 'volume.happened_date') }} >= bands.first_age
            and {{ days_between('volume.created_date', 'volume.happened_date') }} < bands.end_age

),

kept as (

    {{ kept_values('volume', 'happened_date', dimensions) }}

),

-- Added up by day once for each dimension.
daily_values as (

    {%- for dimension in ['all'] + dimensions %}
    {%- set value = "'all'" if dimension == 'all' else "coalesce(" ~ dimension ~ ", '(none)')" %}
    select
        date_day,
        '{{ dimension }}' as dimension,
        {{ value }} as dimension_value,
        age_band_days,
        cast(sum(entered) as bigint) as entered,
        cast(sum(opened) as bigint) as opened,
        cast(sum(solved) as bigint) as solved,
        cast(sum(reopened) as bigint) as reopened
    from changes
    where {{ is_of_tonight("'day'", 'date_day') }}
    group by
        date_day,
        {%- if dimension != 'all' %}
        {{ value }},
        {%- endif %}
        age_band_days
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- endfor %}

),

named_values as (

    select
        daily_values.date_day,
        daily_values.dimension,
        daily_values.age_band_days,
        daily_values.entered,
        daily_values.opened,
        daily_values.solved,
        daily_values.reopened,
        case
            when daily_values.dimension_value in ('all', '(none)') or kept.dimension_value is not null
                then daily_values.dimension_value
            else '(other)'
        end as kept_value
    from daily_values
    left join kept
        on
            daily_values.dimension = kept.dimension
            and daily_values.dimension_value = kept.dimension_value
    {%- if is_incremental() %}

    union all

    select
        {{ add_days('days_before.date_day', 1) }} as date_day,
        days_before.dimension,
        days_before.age_band_days,
        days_before.unsolved as entered,
        0 as opened,
        0 as solved,
        0 as reopened,
        days_before.dimension_value as kept_value
    from {{ this }} as days_before
    where {{ add_days('days_before.date_day', 1) }} = (
        select min(touched_days.period_start)
        from ({{ tonights_periods() }}) as touched_days
        where touched_days.grain = 'day'
    )
    {%- endif %}

),

-- A number stands for a group's names: there are millions of days.
numbered_groups as (

    select
        dimension,
        kept_value,
        age_band_days,
        min(date_day) as first_date,
        row_number() over (order by dimension, kept_value, age_band_days) as group_number
    from named_values
    group by
        dimension,
        kept_value,
        age_band_days

),

daily_changes as (

    select
        numbered_groups.group_number,
        named_values.date_day,
        cast(sum(named_values.entered) as bigint) as entered,
        cast(sum(named_values.opened) as bigint) as opened,
        cast(sum(named_values.solved) as bigint) as solved,
        cast(sum(named_values.reopened) as bigint) as reopened
    from named_values
    inner join numbered_groups
        on
            named_values.dimension = numbered_groups.dimension
            and named_values.kept_value = numbered_groups.kept_value
            and named_values.age_band_days = numbered_groups.age_band_days
    group by
        numbered_groups.group_number,
        named_values.date_day

),

days as (

    select distinct date_day from {{ ref('int_period_days') }}

),

-- Every day from a group's first change to as_of, so that a quiet day is a row and not a gap.
summed as (

    select
        numbered_groups.group_number,
        days.date_day,
        coalesce(daily_changes.opened, 0) as opened,
        coalesce(daily_changes.solved, 0) as solved,
        coalesce(daily_changes.reopened, 0) as reopened,
        sum(coalesce(daily_changes.entered, 0)) over (
            partition by numbered_groups.group_number
            order by days.date_day
            rows between unbounded preceding and current row
        ) as unsolved
    from numbered_groups
    cross join as_of
    inner join days on days.date_day between numbered_groups.first_date and as_of.as_of_date
    left join daily_changes
        on
            numbered_groups.group_number = daily_changes.group_number
            and days.date_day = daily_changes.date_day

),

final as (

    select
        summed.group_number,
        summed.date_day,
        numbered_groups.dimension,
        numbered_groups.kept_value as dimension_value,
        numbered_groups.age_band_days,
        summed.opened,
        summed.solved,
        summed.reopened,
        summed.opened + summed.reopened - summed.solved as net,
        cast(summed.unsolved as bigint) as unsolved
    from summed
    inner join numbered_groups on summed.group_number = numbered_groups.group_number

)

select {{ contract_columns() }} from final
order by group_number, date_day
