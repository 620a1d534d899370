{#
  The survey KPIs (see kpi_catalog for what an entry holds).
#}
{% macro survey_kpis() %}
    {%- set customers = "respondent_type = 'customer'" -%}
    {{- return([
        {
            "mart": "kpi_nps",
            "family": "nps",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'nps' and " ~ customers,
            "kpis": [
                {
                    "kpi": "nps",
                    "unit": "points from -100 to 100",
                    "better": "higher",
                    "definition": "100 x (promoters - detractors) / answers; promoters answer 9-10, detractors 0-6",
                    "test": "nps",
                },
                {
                    "kpi": "promoter_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of promoters (9-10) in answers",
                },
                {
                    "kpi": "passive_rate",
                    "unit": "percent",
                    "better": "neither",
                    "definition": "share of passives (7-8) in answers",
                },
                {
                    "kpi": "detractor_rate",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "share of detractors (0-6) in answers",
                },
            ],
            "counts": {
                "promoters": "promoter_rate",
                "passives": "passive_rate",
                "detractors": "detractor_rate",
            },
        },
        {
            "mart": "kpi_csat",
            "family": "csat",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'csat' and " ~ customers,
            "kpis": [
                {
                    "kpi": "csat",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of satisfied answers",
                    "test": "rate",
                },
                {
                    "kpi": "dsat",
                    "unit": "percent",
                    "better": "lower",
                    "definition": "100 - csat",
                    "mirror_of": "csat",
                },
            ],
            "counts": {"satisfied": "csat", "dissatisfied": "dsat"},
        },
        {
            "mart": "kpi_ces",
            "family": "ces",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'ces' and " ~ customers,
            "kpis": [
                {
                    "kpi": "ces",
                    "unit": "points of the scale of the setting ces_scale",
                    "better": "lower",
                    "definition": "mean effort, lower is better; ease questions inverted, other scales mapped linearly",
                    "test": "mean",
                },
                {
                    "kpi": "ces_ease",
                    "unit": "points of the scale of the setting ces_scale",
                    "better": "higher",
                    "definition": "mean ease, higher is better: both ends of the scale - ces",
                    "mirror_of": "ces",
                },
                {
                    "kpi": "ces_low_effort_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of answers in the upper third of ease (5-7 of 7, 4-5 of 5)",
                    "test": "rate",
                },
                {
                    "kpi": "ces_native",
                    "unit": "points of the survey's own scale",
                    "better": "neither",
                    "definition": "mean score as answered; only by survey, where it has one scale and direction",
                    "mirror_of": "ces",
                },
            ],
            "counts": {"low_effort": "ces_low_effort_rate"},
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_submissions",
            "where": "invited_date is not null and " ~ customers,
            "window_days": var("response_window_days"),
            "kpis": [
                {
                    "kpi": "response_rate",
                    "unit": "percent",
                    "better": "higher",
                    "definition": "share of delivered invitations that were answered, by the day of the invitation",
                    "test": "rate",
                },
            ],
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_submissions",
            "where": "responded_date is not null and " ~ customers,
            "kpis": [
                {
                    "kpi": "comment_rate",
                    "unit": "percent",
                    "better": "neither",
                    "definition": "share of answered submissions with text",
                    "test": "rate",
                },
            ],
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'rating' and " ~ customers,
            "kpis": [
                {
                    "kpi": "rating_avg",
                    "unit": "points from 1 to 5",
                    "better": "higher",
                    "definition": "mean rating; other scales mapped linearly to 1-5",
                    "test": "mean",
                },
            ],
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric in ('useful', 'usable', 'enjoyable') and " ~ customers,
            "kpis": [
                {
                    "kpi": "cx_useful",
                    "unit": "points from 0 to 100",
                    "better": "higher",
                    "definition": "mean of the pillar useful",
                    "test": "mean",
                },
                {
                    "kpi": "cx_usable",
                    "unit": "points from 0 to 100",
                    "better": "higher",
                    "definition": "mean of the pillar usable",
                    "test": "mean",
                },
                {
                    "kpi": "cx_enjoyable",
                    "unit": "points from 0 to 100",
                    "better": "higher",
                    "definition": "mean of the pillar enjoyable",
                    "test": "mean",
                },
                {
                    "kpi": "cx_index",
                    "unit": "points from 0 to 100",
                    "better": "higher",
                    "definition": "unweighted mean of the three pillar means",
                    "test": "mean",
                },
            ],
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'csat'",
            "kpis": [
                {
                    "kpi": "perception_gap_csat",
                    "unit": "percentage points",
                    "better": "neither",
                    "definition": "CSAT employees expect customers to answer - CSAT customers answer",
                },
            ],
        },
        {
            "mart": "kpi_feedback",
            "family": "feedback",
            "entities": ["feedback"],
            "units": "int_feedback_answers",
            "where": "metric = 'nps'",
            "kpis": [
                {
                    "kpi": "perception_gap_nps",
                    "unit": "points from -200 to 200",
                    "better": "neither",
                    "definition": "NPS employees expect customers to answer - NPS customers answer",
                },
            ],
        },
    ]) -}}
{% endmacro %}
