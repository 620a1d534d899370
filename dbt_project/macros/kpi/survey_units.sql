{# The dimensions of the survey KPIs: the declared attributes of feedback come last. #}
{% macro survey_dimensions() %}
    {{- return([
        "survey", "survey_type", "channel", "touchpoint", "journey_stage", "segment", "country", "language",
        "acquisition_channel", "team", "agent", "product", "brand",
    ] + declared_attributes("feedback")) -}}
{% endmacro %}

{#
  `grouped_measures` of answers or submissions. Relational and transactional ones are never pooled: rows of the
  dimensions survey and survey_type hold all, every other row the headline type alone.
#}
{% macro grouped_survey_measures(units, measures={}, few={"is_few": "true"}, date_column="event_date", ranked=none) %}
    {{- grouped_measures(
        units, date_column, survey_dimensions(), measures, few,
        restricted="is_headline", unrestricted=["survey", "survey_type"], ranked=ranked
    ) -}}
{% endmacro %}

{# `grouped_units` of answers, likewise. #}
{% macro grouped_survey_units(units, ranked=none) %}
    select *
    from (
        {{ grouped_units(units, "event_date", survey_dimensions(), ranked) }}
    ) as grouped_units
    where is_headline or dimension in ('survey', 'survey_type')
{% endmacro %}
