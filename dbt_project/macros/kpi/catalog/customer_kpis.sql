{# The customer and journey KPIs (see kpi_catalog for what an entry holds). #}
{% macro customer_kpis() %}
    {%- set money = "of the reporting currency" -%}
    {{- return([
        {
            "mart": "kpi_retention",
            "family": "retention",
            "entities": ["transactions"],
            "units": "int_transactions_enriched",
            "where": "customer_key is not null",
            "kpis": [
                {
                    "kpi": "retention_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of the customers live at the start who are live at the end",
                    "test": "rate",
                },
                {
                    "kpi": "churn_rate",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "100 - retention_rate",
                    "mirror_of": "retention_rate",
                },
                {
                    "kpi": "customers_start",
                    "unit": "customers",
                    "better": "neither",
                    "is_running": true,
                    "definition": "customers live on the day before the period",
                },
                {
                    "kpi": "customers_lost",
                    "unit": "customers",
                    "better": "lower",
                    "definition": "of those live at the start, the ones not live on the last day",
                },
                {
                    "kpi": "customers_new",
                    "unit": "customers",
                    "better": "higher",
                    "definition": "customers live on the last day who were never live before the period",
                },
                {
                    "kpi": "customers_reactivated",
                    "unit": "customers",
                    "better": "higher",
                    "definition": "customers live on the last day, not at the start, but some day before",
                },
                {
                    "kpi": "customers_end",
                    "unit": "customers",
                    "better": "higher",
                    "is_running": true,
                    "definition": "customers live on the last day: start - lost + new + reactivated",
                },
                {
                    "kpi": "customers_new_already_gone",
                    "unit": "customers",
                    "better": "lower",
                    "definition": "customers first live in the period and gone by its last day; not in customers_new",
                },
                {
                    "kpi": "repeat_purchase_rate",
                    "unit": "percent",
                    "better": "higher",
                    "is_running": true,
                    "definition": "share of the buyers of the 365 days ending with the period (grain all: of all "
                        ~ "time) with two order days or more; fully refunded orders left out",
                    "test": "rate",
                },
                {
                    "kpi": "repeat_purchase_lifetime_rate",
                    "unit": "percent",
                    "better": "higher",
                    "is_running": true,
                    "definition": "share of all buyers up to the end of the period with two order days or more",
                    "test": "rate",
                },
                {
                    "kpi": "returning_customer_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of the buyers of the period who had ordered before it",
                    "test": "rate",
                },
                {
                    "kpi": "grr",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "gross revenue retention: sum of min(MRR at the end, MRR at the start) / MRR at "
                        ~ "the start, over the customers live at the start",
                },
                {
                    "kpi": "nrr",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "net revenue retention: MRR at the end / MRR at the start, over the customers "
                        ~ "live at the start",
                },
                {
                    "kpi": "arpu",
                    "unit": "units " ~ money,
                    "better": "higher",
                    "definition": "revenue of the period per customer live on a day of it, refunds taken off",
                    "test": "mean",
                },
                {
                    "kpi": "clv_historical",
                    "unit": "units " ~ money,
                    "better": "higher",
                    "is_running": true,
                    "definition": "mean margin to date of the customers whose margin is known",
                    "test": "mean",
                },
                {
                    "kpi": "clv_expected_12m",
                    "unit": "units " ~ money,
                    "better": "higher",
                    "definition": "expected value of a customer: arpu x margin share / churn; null without churn",
                },
                {
                    "kpi": "clv_cac_ratio",
                    "unit": "times",
                    "better": "higher",
                    "is_running": true,
                    "definition": "margin to date / acquisition cost of the customers whose cost is known",
                },
            ],
        },
        {
            "mart": "kpi_retention",
            "family": "retention",
            "entities": ["touchpoints"],
            "units": "int_touchpoints_enriched",
            "where": "customer_key is not null",
            "kpis": [
                {
                    "kpi": "revisit_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of the visitors of the period who had a touchpoint before it",
                    "test": "rate",
                },
            ],
        },
        {
            "mart": "kpi_journey",
            "family": "journey",
            "entities": ["touchpoints"],
            "units": "int_journey_outcomes",
            "where": "true",
            "kpis": [
                {
                    "kpi": "failure_rate",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "share of failures in outcomes",
                    "test": "rate",
                },
                {
                    "kpi": "abandonment_rate",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "share of abandonments in outcomes",
                    "test": "rate",
                },
                {
                    "kpi": "escalation_rate",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "share of escalations in outcomes",
                    "test": "rate",
                },
            ],
            "counts": {
                "failures": "failure_rate",
                "abandonments": "abandonment_rate",
                "escalations": "escalation_rate",
            },
        },
        {
            "mart": "kpi_journey",
            "family": "journey",
            "entities": ["touchpoints"],
            "units": "int_journey_steps",
            "where": "true",
            "kpis": [
                {
                    "kpi": "step_conversion_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of the sessions that reached a stage and went on to a later one",
                    "test": "rate",
                },
            ],
        },
        {
            "mart": "kpi_journey",
            "family": "journey",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'csat' and respondent_type = 'customer'",
            "kpis": [
                {
                    "kpi": "channel_consistency",
                    "unit": "percentage points",
                    "better": "lower",
                    "definition": "highest CSAT of a channel - lowest; 0 is the same everywhere",
                },
            ],
        },
    ]) -}}
{% endmacro %}
