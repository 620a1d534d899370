-- A target in kpi_targets.csv of a KPI that is not published: correct its name, or take the row out.
select
    targets.kpi,
    'seeds/kpi_targets.csv: ' || targets.kpi || ' is no KPI; dim_kpis lists them' as what_to_do
from {{ ref('kpi_targets') }} as targets
left join {{ ref('dim_kpis') }} as kpis on targets.kpi = kpis.kpi
where kpis.kpi is null
