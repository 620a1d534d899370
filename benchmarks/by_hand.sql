-- What the scripts by hand share: days and periods of the reporting zone, the intervals, and the table of KPIs they
-- leave. A period that has not ended they compare with none.

create macro utc(landed) as make_timestamp(epoch_us(landed));
create macro local_day(instant) as cast(timezone('Asia/Seoul', timezone('UTC', instant)) as date);

create macro grain_of(by_day, by_week, by_month, by_quarter) as
    case when by_day = 0 then 'day' when by_week = 0 then 'week' when by_month = 0 then 'month'
        when by_quarter = 0 then 'quarter' else 'all' end;
create macro week_of(day) as date_trunc('week', day)::date;
create macro month_of(day) as date_trunc('month', day)::date;
create macro quarter_of(day) as date_trunc('quarter', day)::date;
create macro before(grain, period_start) as
    case grain when 'day' then period_start - 7 when 'week' then period_start - 7
        when 'month' then (period_start - interval 1 month)::date when 'quarter' then (period_start - interval 3 month)::date end;
create macro a_year_before(grain, period_start) as
    case when grain in ('day', 'week') then period_start - 364 when grain <> 'all' then (period_start - interval 12 month)::date end;
create macro ends(grain, period_start) as
    case grain when 'day' then period_start + 1 when 'week' then period_start + 7
        when 'month' then (period_start + interval 1 month)::date when 'quarter' then (period_start + interval 3 month)::date end;

-- Student's t at 97.5 %: a table to 14 degrees of freedom, then Cornish and Fisher's expansion; and Wilson's interval.
create macro t_975(df) as case when df < 15 then
    [12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146, 2.4469118511449786,
    2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274, 2.200985160091639, 2.1788128296672284,
    2.1603686564627913, 2.144786687917804][df::bigint]
    else 1.959963984540054 + (2.372271230298562 + (2.8224986157396112 + (2.555849679507722 + 1.5895340533938225 / df) / df) / df) / df end;
create macro wilson(successes, n, sign) as 100 * least(greatest((successes + 1.9207294103470618
    + sign * 1.959963984540054 * sqrt(successes * (n - successes) / n + 0.9603647051735309)) / (n + 3.8414588206941236), 0), 1);

create table kpi_answers (
    kpi varchar, grain varchar, period_start date, dimension varchar, dimension_value varchar, n bigint, value double,
    numerator double, denominator double, ci_low double, ci_high double, previous_value double, change double,
    yoy_change double, is_small_sample boolean
);
