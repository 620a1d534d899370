-- Grain: one run of an SLA clock × target that governs it at any time: what the target's clock, its pauses taken out, has
-- counted in all, and the stretch in which it reaches the target, or what is left and from where it would go on.
with spans {{ as_read_anew() }} (

    select * from {{ ref('int_sla_spans') }}

),

targets as (

    select * from {{ ref('int_sla_targets') }}

),

-- Nearly every run has one target all along. Where the priority changed, each target is held against the whole run.
run_targets as (

    select
        run_number,
        target_id
    from spans
    where target_id is not null
    group by run_number, target_id

),

counted as (

    select
        spans.run_number,
        spans.event_number,
        spans.priority,
        spans.schedule_id,
        spans.is_last,
        spans.started_at,
        spans.ended_at,
        targets.target_id,
        targets.target_micros,
        targets.clock,
        coalesce(spans.target_id = targets.target_id, false) as is_governing,
        position(concat(' ', spans.status, ' ') in targets.pauses_on) > 0 as is_paused,
        case
            when position(concat(' ', spans.status, ' ') in targets.pauses_on) > 0 then 0
            when targets.clock = 'business' then spans.business_micros
            else spans.calendar_micros
        end as micros
    from spans
    inner join run_targets on spans.run_number = run_targets.run_number
    inner join targets on run_targets.target_id = targets.target_id

),

summed as (

    select
        *,
        sum(micros) over (
            partition by run_number, target_id order by event_number
            rows between unbounded preceding and current row
        ) as micros_after
    from counted

),

-- The stretches a target governs in or after which it is reached; one of no length governs nothing, but for the last.
overdue as (

    select
        *,
        case
            when is_governing and micros_after >= target_micros and (started_at < ended_at or is_last)
                then sum(
                    case
                        when is_governing and micros_after >= target_micros and (started_at < ended_at or is_last) then 1
                        else 0
                    end
                ) over (
                    partition by run_number, target_id order by event_number
                    rows between unbounded preceding and current row
                )
        end as overdue_place
    from summed

),

final as (

    select
        run_number,
        target_id,
        min(target_micros) as target_micros,
        min(clock) as clock,
        sum(micros) as elapsed_micros,
        max(case when is_last then ended_at end) as ended_at,
        max(case when is_last then schedule_id end) as last_schedule_id,
        max(case when is_last then priority end) as last_priority,
        bool_or(is_last and is_governing) as is_in_force,
        bool_or(is_last and is_paused) as is_paused,
        -- the stretch in which the target is reached
        max(case when micros_after >= target_micros and micros_after - micros < target_micros then started_at end)
            as reached_from,
        max(case when micros_after >= target_micros and micros_after - micros < target_micros then schedule_id end)
            as reached_schedule_id,
        max(
            case
                when micros_after >= target_micros and micros_after - micros < target_micros
                    then target_micros - (micros_after - micros)
            end
        ) as reached_after_micros,
        bool_or(
            micros_after >= target_micros and micros_after - micros < target_micros
            and micros >= {{ unknown_open_micros() }}
        ) as is_reached_at_unknown_hours,
        -- the first two of its overdue stretches: due at the very end of the first is in time there
        max(case when overdue_place = 1 then started_at end) as overdue_from,
        max(case when overdue_place = 1 then ended_at end) as overdue_to,
        max(case when overdue_place = 1 then priority end) as overdue_priority,
        max(case when overdue_place = 2 then started_at end) as overdue_again_from,
        max(case when overdue_place = 2 then priority end) as overdue_again_priority
    from overdue
    group by run_number, target_id

)

select * from final
