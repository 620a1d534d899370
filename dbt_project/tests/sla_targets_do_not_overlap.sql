-- Two targets of one metric and priority that hold on the same day: sla_targets.csv cannot say which is meant.
select
    earlier.metric,
    earlier.priority,
    earlier.valid_from,
    later.valid_from as overlapped_from
from {{ ref('sla_targets') }} as earlier
inner join {{ ref('sla_targets') }} as later
    on
        earlier.metric = later.metric
        and coalesce(earlier.priority, '') = coalesce(later.priority, '')
        and coalesce(earlier.valid_from, date '1900-01-01') < coalesce(later.valid_from, date '1900-01-01')
        and (earlier.valid_to is null or earlier.valid_to > later.valid_from)
