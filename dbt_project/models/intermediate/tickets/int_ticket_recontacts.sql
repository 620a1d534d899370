-- Grain: one published ticket that was ever solved: when, after its first solve, its customer came back.
-- Coming back is a follow-up of the ticket, or a new inbound ticket of the same customer (in any source) on the same
-- category, a missing category matching any. A ticket merged away since was a contact all the same.

with numbers as (

    select * from {{ ref('int_ticket_numbers') }}

),

-- Those that may be the same customer's, or a follow-up: whether they are touched tonight or not.
contacts as (

    select versions.*
    from {{ ref('int_tickets_versions') }} as versions
    cross join {{ ref('int_as_of') }} as as_of
    where
        versions.disposition in ('published', 'merged')
        and versions.created_at <= as_of.as_of
        and (
            versions.customer_key in (select customer_key from numbers)
            or versions.parent_ticket_id in (select ticket_id from numbers)
        )

),

solves as (

    select
        moments.ticket_number,
        moments.happened_at,
        moments.category,
        numbers.source,
        numbers.ticket_id,
        numbers.customer_key
    from {{ ref('int_ticket_moments') }} as moments
    inner join numbers on moments.ticket_number = numbers.ticket_number
    where moments.is_first_solve

),

follow_ups as (

    select
        solves.ticket_number,
        min(contacts.created_at) as first_follow_up_at
    from solves
    inner join contacts
        on
            solves.source = contacts.source
            and solves.ticket_id = contacts.parent_ticket_id
            and solves.happened_at < contacts.created_at
    group by solves.ticket_number

),

points as (

    select
        customer_key,
        category,
        cast(null as bigint) as ticket_number,
        created_at as point_at,
        0 as is_solve
    from contacts
    where
        coalesce(direction, 'inbound') = 'inbound'
        and customer_key is not null

    union all

    select
        customer_key,
        category,
        ticket_number,
        happened_at as point_at,
        1 as is_solve
    from solves
    where customer_key is not null

),

followed as (

    -- at one instant contacts sort before solves: only a later contact comes back
    select
        *,
        min(case when is_solve = 0 then point_at end) over (
            partition by customer_key order by point_at, is_solve rows between 1 following and unbounded following
        ) as next_contact_at,
        min(case when is_solve = 0 and category is null then point_at end) over (
            partition by customer_key order by point_at, is_solve rows between 1 following and unbounded following
        ) as next_unsorted_contact_at,
        min(case when is_solve = 0 then point_at end) over (
            partition by customer_key, category order by point_at, is_solve rows between 1 following and unbounded following
        ) as next_similar_contact_at
    from points

),

final as (

    select
        solves.ticket_number,
        follow_ups.first_follow_up_at,
        case
            when followed.category is null then followed.next_contact_at
            else least(
                coalesce(followed.next_unsorted_contact_at, followed.next_similar_contact_at),
                coalesce(followed.next_similar_contact_at, followed.next_unsorted_contact_at)
            )
        end as next_contact_at
    from solves
    left join follow_ups on solves.ticket_number = follow_ups.ticket_number
    left join followed
        on
            solves.ticket_number = followed.ticket_number
            and followed.is_solve = 1

)

select * from final
