-- One row per grain, period_start, slot, dimension and dimension_value: the KPIs of the family `support`: live
-- contacts, volume, what a resolution takes, and ticket CSAT.
{{ config(**kept_by_period('support')) }}
{%- set dimensions = ticket_dimensions() %}
{%- set efforts = {
    'replies_per_resolution': 'agent_reply_count',
    'touches_per_resolution': 'touch_count',
    'handoffs_per_ticket': 'handoff_count',
    'transfers_per_ticket': 'transfer_count',
    'escalations_per_ticket': 'escalation_count',
} %}

with inbound_contacts {{ as_read_anew() }} (

    {{ units_of('support', 'live_contacts') }}

),

live_contacts {{ as_read_anew() }} (

    select
        *,
        case when is_offered and is_answered then wait_seconds end as speed_of_answer_seconds
    from inbound_contacts

),

volume {{ as_read_anew() }} (

    {{ units_of('support', 'volume') }}

),

bases as (

    {{ units_of('support', 'bases') }}

),

period_days as (

    {{ tonights_period_days() }}

),

resolutions {{ as_read_anew() }} (

    {{ units_of('support', 'resolutions') }}

),

solves {{ as_read_anew() }} (

    {{ units_of('support', 'solves') }}

),

answers as (

    {{ units_of('support', 'answers') }}

),

-- Before the first customer or order is known contacts are held against nothing.
known_bases as (

    select
        min(case when base = 'customers' then date_day end) as first_customer_date,
        min(case when base = 'orders' then date_day end) as first_order_date
    from bases
    where
        dimension = 'all'
        and amount > 0

),

contacts {{ as_read_anew() }} (

    select
        contacts.*,
        coalesce(contacts.event_date >= known_bases.first_customer_date, false) as is_of_customers,
        coalesce(contacts.event_date >= known_bases.first_order_date, false) as is_of_orders
    from {{ ref('int_ticket_contacts') }} as contacts
    cross join known_bases

),

contact_counts as (

    {{ grouped_measures('contacts', 'event_date', dimensions, {
        'contacts_of_customers': units_where('is_of_customers'),
        'contacts_of_orders': units_where('is_of_orders'),
    }, few={'is_few_of_customers': 'is_of_customers', 'is_few_of_orders': 'is_of_orders'}) }}

),

named_values as (

    select distinct
        dimension,
        dimension_value
    from contact_counts

),

-- Customers of a period: the mean of those live on each of its days. Orders: their sum.
period_bases as (

    select
        bases.base,
        period_days.grain,
        period_days.period_start,
        period_days.slot,
        bases.dimension,
        case
            when bases.dimension_value in ('all', '(none)') then bases.dimension_value
            else coalesce(named_values.dimension_value, '(other)')
        end as dimension_value,
        cast(sum(bases.amount) as double)
        / case when bases.base = 'customers' then count(distinct bases.date_day) else 1 end as amount
    from bases
    cross join known_bases
    inner join period_days
        on bases.date_day = period_days.date_day
    left join named_values
        on
            bases.dimension = named_values.dimension
            and bases.dimension_value = named_values.dimension_value
    where
        bases.base = 'orders'
        or bases.date_day >= known_bases.first_customer_date
    group by
        bases.base,
        period_days.grain,
        period_days.period_start,
        period_days.slot,
        bases.dimension,
        case
            when bases.dimension_value in ('all', '(none)') then bases.dimension_value
            else coalesce(named_values.dimension_value, '(other)')
        end

),

-- Customers and orders are split by what they have themselves (segment, brand; an order's product); contacts by
-- anything else are held against all of them.
contact_measures as (

    select
        contact_counts.*,
        customers.amount as customers,
        orders.amount as orders
    from contact_counts
    {%- for base, split_by in {'customers': ['segment', 'brand'], 'orders': ['segment', 'brand', 'product']}.items() %}
    left join period_bases as {{ base }}
        on
            {{ base }}.base = '{{ base }}'
            and contact_counts.grain = {{ base }}.grain
            and contact_counts.period_start = {{ base }}.period_start
            and contact_counts.slot = {{ base }}.slot
            and {{ base }}.dimension
            = case when contact_counts.dimension in ('{{ split_by | join("', '") }}') then contact_counts.dimension else 'all' end
            and {{ base }}.dimension_value
            = case when contact_counts.dimension in ('{{ split_by | join("', '") }}') then contact_counts.dimension_value else 'all' end
    {%- endfor %}

),

{%- set is_waited = 'is_within_service_level is not null' %}
{%- set is_decided = 'is_abandoned is not null' %}

live_rates as (

    {{ grouped_measures('live_contacts', 'event_date', dimensions, {
        'within_service_level': units_where('is_within_service_level'),
        'offered': units_where(is_waited),
        'abandoned': units_where('is_abandoned'),
        'decided': units_where(is_decided),
    }, few={'is_few_offered': is_waited, 'is_few_decided': is_decided}) }}

),

live_spreads as (

    {{ grouped_spreads('live_contacts', 'event_date', dimensions, ['speed_of_answer_seconds', 'handle_minutes']) }}

),

volume_measures as (

    {{ grouped_measures('volume', 'happened_date', dimensions, {
        'opened': units_where("event_kind = 'opened'"),
        'solved': units_where('is_done_now'),
        'reopened': units_where('is_reopen'),
    }) }}

),

{%- set measures, few = {}, {} %}
{%- for kpi, column in efforts.items() %}
{%- do measures.update({
    column ~ '_n': units_where(column ~ ' is not null'),
    column ~ '_sum': total_of(column),
    column ~ '_squares': total_of(column ~ ' * ' ~ column),
}) %}
{%- do few.update({'is_few_' ~ column: column ~ ' is not null'}) %}
{%- endfor %}
{%- do measures.update({'escalated': units_where('is_escalated')}) %}

effort_measures as (

    {{ grouped_measures('resolutions', 'event_date', dimensions, measures, few) }}

),

solve_measures as (

    {{ grouped_measures('solves', 'event_date', dimensions, {'auto_solved': units_where('is_auto_solved')}) }}

),

answer_measures as (

    {{ grouped_measures('answers', 'event_date', dimensions, {'satisfied': units_where('is_satisfied')}) }}

),

{%- set effort_kpis = [] %}
{%- for kpi, column in efforts.items() %}
{%- do effort_kpis.append(
    mean_kpi(kpi, column ~ '_sum', column ~ '_squares', column ~ '_n', is_few='is_few_' ~ column)
) %}
{%- endfor %}
{%- do effort_kpis.append(rate_kpi(
    'ticket_escalation_rate', 'escalated', 'escalation_count_n', is_few='is_few_escalation_count'
)) %}
{%- set volume_kpis = [] %}
{%- for kpi, count in {
    'tickets_opened': 'opened', 'tickets_solved': 'solved', 'tickets_reopened': 'reopened',
    'tickets_net': 'opened + reopened - solved',
}.items() %}
{#- a count is published however small the group is #}
{%- do volume_kpis.append({'kpi': kpi, 'n': 'n', 'numerator': count, 'value': count, 'is_few': 'false'}) %}
{%- endfor %}
{%- set ratio_kpis = [] %}
{%- for base in ['customers', 'orders'] %}
{%- do ratio_kpis.append({
    'kpi': 'contacts_per_100_' ~ base, 'n': 'contacts_of_' ~ base, 'where': base ~ ' > 0',
    'numerator': 'contacts_of_' ~ base, 'denominator': base,
    'value': '100.0 * cast(contacts_of_' ~ base ~ ' as double) / ' ~ base, 'is_few': 'is_few_of_' ~ base,
}) %}
{%- endfor %}

final as (

    {{ family_kpis('support', {
        'live_rates': [
            rate_kpi('service_level_rate', 'within_service_level', 'offered', is_few='is_few_offered'),
            rate_kpi('contact_abandonment_rate', 'abandoned', 'decided', is_few='is_few_decided'),
        ],
        'live_spreads':
            spread_kpis('speed_of_answer_seconds', 'speed_of_answer_seconds')
            + spread_kpis('handle_minutes', 'handle_minutes'),
        'volume_measures': volume_kpis,
        'contact_measures': ratio_kpis,
        'effort_measures': effort_kpis,
        'solve_measures': [rate_kpi('auto_solved_rate', 'auto_solved', 'n')],
        'answer_measures': [rate_kpi('ticket_csat', 'satisfied', 'n')],
    }) }}

)

select * from final
