-- Grain: one local day × dimension × dimension_value × age band: tickets unsolved at the day's end, and what came and
-- went. Runs of unsolved days enter and leave each age band once and are summed over the days, so that no ticket
-- is spelled out day by day.
{%- set dimensions = ticket_dimensions() %}
{%- set kept_values = 200 %}
{%- set bands = [[0, 1, '0'], [1, 3, '1-2'], [3, 7, '3-6'], [7, 30, '7-29'], [30, 90, '30-89'], [90, 999999, '90+']] %}

with spans as (

    select * from {{ ref('int_ticket_backlog_spans') }}

),

moments as (

    select * from {{ ref('int_ticket_moments') }}
    where
        (event_kind = 'opened' and status is not null)
        or is_done_now
        or is_reopen

),

tickets as (

    select
        source,
        ticket_id,
        {{ local_date('created_at') }} as created_date
    from {{ ref('int_tickets') }}

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

dimensions as (

    select 'all' as dimension
    {%- for dimension in dimensions %}
    union all
    select '{{ dimension }}' as dimension
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
        moments.happened_date as date_day,
        bands.age_band_days,
        0 as entered,
        case when moments.event_kind = 'opened' then 1 else 0 end as opened,
        case when moments.is_done_now then 1 else 0 end as solved,
        case when moments.is_reopen then 1 else 0 end as reopened,
        {%- for dimension in dimensions %}
        moments.{{ dimension }}{{ ',' if not loop.last }}
        {%- endfor %}
    from moments
    inner join tickets
        on
            moments.source = tickets.source
            and moments.ticket_id = tickets.ticket_id
    inner join bands
        on
            {{ days_between('tickets.created_date', 'moments.happened_date') }} >= bands.first_age
            and {{ days_between('tickets.created_date', 'moments.happened_date') }} < bands.end_age

),

kept as (

    {%- for dimension in dimensions %}
    select
        dimension,
        dimension_value
    from (
        select
            '{{ dimension }}' as dimension,
            {{ dimension }} as dimension_value,
            row_number() over (order by count(*) desc, {{ dimension }}) as place
        from moments
        where {{ dimension }} is not null
        group by {{ dimension }}
    ) as ranked_{{ dimension }}
    where place <= {{ kept_values }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

unfolded as (

    select
        changes.date_day,
        changes.age_band_days,
        changes.entered,
        changes.opened,
        changes.solved,
        changes.reopened,
        dimensions.dimension,
        case dimensions.dimension
            when 'all' then 'all'
            {%- for dimension in dimensions %}
            when '{{ dimension }}' then coalesce(changes.{{ dimension }}, '(none)')
            {%- endfor %}
        end as dimension_value
    from changes
    cross join dimensions

),

daily_changes as (

    select
        unfolded.date_day,
        unfolded.dimension,
        case
            when unfolded.dimension_value in ('all', '(none)') or kept.dimension_value is not null
                then unfolded.dimension_value
            else '(other)'
        end as kept_value,
        unfolded.age_band_days,
        sum(unfolded.entered) as entered,
        sum(unfolded.opened) as opened,
        sum(unfolded.solved) as solved,
        sum(unfolded.reopened) as reopened
    from unfolded
    left join kept
        on
            unfolded.dimension = kept.dimension
            and unfolded.dimension_value = kept.dimension_value
    group by
        unfolded.date_day,
        unfolded.dimension,
        kept_value,
        unfolded.age_band_days

),

-- Every day from a group's first change to as_of, so that a quiet day is a row and not a gap.
first_days as (

    select
        daily_changes.dimension,
        daily_changes.kept_value,
        daily_changes.age_band_days,
        min(daily_changes.date_day) as first_date,
        min(as_of.as_of_date) as last_date
    from daily_changes
    cross join as_of
    group by
        daily_changes.dimension,
        daily_changes.kept_value,
        daily_changes.age_band_days

),

days as (

    select distinct date_day from {{ ref('int_period_days') }}

),

summed as (

    select
        days.date_day,
        first_days.dimension,
        first_days.kept_value as dimension_value,
        first_days.age_band_days,
        coalesce(daily_changes.opened, 0) as opened,
        coalesce(daily_changes.solved, 0) as solved,
        coalesce(daily_changes.reopened, 0) as reopened,
        sum(coalesce(daily_changes.entered, 0)) over (
            partition by first_days.dimension, first_days.kept_value, first_days.age_band_days
            order by days.date_day
            rows between unbounded preceding and current row
        ) as unsolved
    from first_days
    inner join days on days.date_day between first_days.first_date and first_days.last_date
    left join daily_changes
        on
            first_days.dimension = daily_changes.dimension
            and first_days.kept_value = daily_changes.kept_value
            and first_days.age_band_days = daily_changes.age_band_days
            and days.date_day = daily_changes.date_day

),

final as (

    select
        date_day,
        dimension,
        dimension_value,
        age_band_days,
        cast(opened as bigint) as opened,
        cast(solved as bigint) as solved,
        cast(reopened as bigint) as reopened,
        cast(opened + reopened - solved as bigint) as net,
        cast(unsolved as bigint) as unsolved
    from summed

)

select * from final
order by dimension, dimension_value, age_band_days, date_day
