-- One row per finding: a KPI that changed, left its usual range, moved to a new level or differs for one group, with
-- its evidence, ranked by how much it matters.
with findings as (

    select * from {{ ref('int_kpi_findings') }}

),

kpis as (

    select * from {{ ref('dim_kpis') }}

),

subjects as (

    {%- for group in kpi_catalog() %}
    {%- set outer = loop %}
    {%- for entry in group.kpis %}
    select
        '{{ entry.kpi }}' as kpi,
        '{{ kpi_subject(entry.kpi) }}' as subject
    {{- '\n    union all' if not (loop.last and outer.last) }}
    {%- endfor %}
    {%- endfor %}

),

latest_periods as (

    select * from {{ ref('int_kpi_latest_periods') }}

),

-- Of how many units the whole was while the finding lasted.
totals as (

    select
        findings.kind,
        findings.kpi,
        findings.grain,
        findings.dimension,
        findings.dimension_value,
        findings.period_start,
        sum(points.n) as n
    from findings
    inner join {{ ref('int_kpi_points') }} as points
        on
            findings.kpi = points.kpi
            and findings.grain = points.grain
            and findings.period_start <= points.period_start
            and findings.found_in >= points.period_start
    where points.dimension = 'all'
    group by
        findings.kind,
        findings.kpi,
        findings.grain,
        findings.dimension,
        findings.dimension_value,
        findings.period_start

),

described as (

    select
        findings.*,
        kpis.unit,
        kpis.is_headline,
        subjects.subject,
        findings.value - findings.expected_value as difference,
        coalesce(findings.found_in = latest_periods.period_start, false) as is_latest,
        case
            when kpis.better = 'neither' or findings.value = findings.expected_value then 'different'
            when (findings.value > findings.expected_value) = (kpis.better = 'higher') then 'better'
            else 'worse'
        end as effect,
        least(coalesce(cast(findings.n as double) / nullif(totals.n, 0), 1.0), 1.0) as share_of_all
    from findings
    inner join kpis on findings.kpi = kpis.kpi
    inner join subjects on findings.kpi = subjects.kpi
    left join latest_periods
        on
            findings.kpi = latest_periods.kpi
            and findings.grain = latest_periods.grain
    left join totals
        on
            findings.kind = totals.kind
            and findings.kpi = totals.kpi
            and findings.grain = totals.grain
            and findings.dimension = totals.dimension
            and findings.dimension_value = totals.dimension_value
            and findings.period_start = totals.period_start

),

-- How much a finding matters by itself.
weighed as (

    select
        *,
        100.0
        * least(effect_size, 2.0)
        * sqrt(share_of_all)
        * (1.0 - q_value)
        * case when is_headline then 2.0 else 1.0 end
        * case when dimension = 'all' then 1.5 else 1.0 end
        * case when kind = 'contrast' then 0.5 else 1.0 end
        * case when effect = 'different' then 0.5 else 1.0 end
        * case when grain = 'day' and kind <> 'level_shift' then 0.5 else 1.0 end as weight
    from described

),

keyed as (

    select
        *,
        {{ story_key('subject', 'kind', 'grain', 'dimension', 'dimension_value', 'found_in', 'effect') }} as story_id
    from weighed

),

-- The weightiest finding of a story stands for it.
led as (

    select
        *,
        row_number() over (
            partition by story_id
            order by weight desc, kpi asc, kind asc, period_start asc
        ) = 1 as is_lead
    from keyed

),

-- Stories of one subject and period are mostly one piece of news: the second counts half, the third a third.
placed as (

    select
        *,
        row_number() over (
            partition by subject, grain, found_in, is_lead
            order by weight desc, dimension asc, dimension_value asc, kpi asc, kind asc, period_start asc
        ) as place_in_subject
    from led

),

important as (

    select
        *,
        weight / place_in_subject as importance,
        {{ finding_key('kind', 'kpi', 'grain', 'dimension', 'dimension_value', 'period_start') }} as signal_id
    from placed

),

final as (

    select
        signal_id,
        kind,
        kpi,
        grain,
        period_start,
        dimension,
        dimension_value,
        found_in,
        effect,
        value,
        expected_value,
        difference,
        ci_low,
        ci_high,
        n,
        p_value,
        q_value,
        deviation,
        importance,
        row_number() over (
            order by is_latest desc, is_lead desc, importance desc, found_in desc, signal_id asc
        ) as rank,
        is_latest,
        story_id,
        is_lead,
        {{ finding_evidence() }} as evidence
    from important

)

select * from final
order by rank
