{#
  The 95 % intervals of docs/kpis.md, each as …_low and …_high, from counts and sums. Rates and scores are in
  percent or points. NULL where n is 0. Pass column names: an argument is repeated in the text.
#}

{# NPS, adjusted Wald after Rocks (2016), with the 1.96 of that paper; clamped to ±100. #}
{% macro nps_interval_low(promoters, detractors, n) %}{{ _nps_bound(promoters, detractors, n, "-") }}{% endmacro %}
{% macro nps_interval_high(promoters, detractors, n) %}{{ _nps_bound(promoters, detractors, n, "+") }}{% endmacro %}

{% macro _nps_bound(promoters, detractors, n, sign) %}
    case
        when {{ n }} > 0 then
            greatest(-100.0, least(100.0,
                100.0 * ({{ nps_adjusted(promoters, detractors, n) }}
                    {{ sign }} 1.96 * sqrt({{ nps_adjusted_variance(promoters, detractors, n) }}))
            ))
    end
{%- endmacro %}

{# The Rocks-adjusted score (−1 … 1) and its sampling variance: three answers added, ¾ of one at each end. #}
{% macro nps_adjusted(promoters, detractors, n) -%}
    (cast({{ promoters }} - ({{ detractors }}) as double) / ({{ n }} + 3.0))
{%- endmacro %}

{% macro nps_adjusted_variance(promoters, detractors, n) -%}
    (greatest(
        cast({{ promoters }} + {{ detractors }} + 1.5 as double) / ({{ n }} + 3.0)
            - {{ nps_adjusted(promoters, detractors, n) }} * {{ nps_adjusted(promoters, detractors, n) }},
        0.0
    ) / ({{ n }} + 3.0))
{%- endmacro %}

{# A share of successes in trials, after Wilson (1927). #}
{% macro wilson_interval_low(successes, trials) %}{{ _wilson_bound(successes, trials, "-") }}{% endmacro %}
{% macro wilson_interval_high(successes, trials) %}{{ _wilson_bound(successes, trials, "+") }}{% endmacro %}

{% macro _wilson_bound(successes, trials, sign) %}
    {%- set z = normal_975() -%}
    {%- set z2 = "(" ~ z ~ " * " ~ z ~ ")" -%}
    case
        when {{ trials }} > 0 then
            greatest(0.0, least(100.0,
                100.0 * (
                    cast({{ successes }} as double) + {{ z2 }} / 2
                    {{ sign }} {{ z }} * sqrt(
                        cast({{ successes }} as double) * ({{ trials }} - {{ successes }}) / {{ trials }} + {{ z2 }} / 4
                    )
                ) / ({{ trials }} + {{ z2 }})
            ))
    end
{%- endmacro %}

{#
  A mean, by Student's t. On a scale with two ends half an answer is added at each (N = n + 1, df = n), so that
  one answer, or answers all alike, still have an honest interval; it is clamped to the scale. Without a scale
  the plain interval with df = n − 1, NULL below two values.
#}
{% macro mean_interval_low(total, total_of_squares, n, scale_min=none, scale_max=none) -%}
    {{ _mean_bound(total, total_of_squares, n, scale_min, scale_max, "-") }}
{%- endmacro %}
{% macro mean_interval_high(total, total_of_squares, n, scale_min=none, scale_max=none) -%}
    {{ _mean_bound(total, total_of_squares, n, scale_min, scale_max, "+") }}
{%- endmacro %}

{% macro _mean_bound(total, total_of_squares, n, scale_min, scale_max, sign) %}
    {%- if scale_min is none -%}
        case
            when {{ n }} > 1 then
                {{ _t_bound(total, total_of_squares, n, n ~ " - 1", sign) }}
        end
    {%- else -%}
        {%- set sum = "(" ~ total ~ " + (" ~ scale_min ~ " + " ~ scale_max ~ ") / 2.0)" -%}
        {%- set squares = "(" ~ total_of_squares ~ " + (" ~ scale_min ~ " * " ~ scale_min ~ " + " ~ scale_max ~ " * " ~ scale_max ~ ") / 2.0)" -%}
        case
            when {{ n }} > 0 then
                greatest({{ scale_min }}, least({{ scale_max }},
                    {{ _t_bound(sum, squares, "(" ~ n ~ " + 1.0)", n, sign) }}
                ))
        end
    {%- endif -%}
{%- endmacro %}

{% macro _t_bound(total, total_of_squares, n, df, sign) -%}
    {{ total }} / {{ n }}
    {{ sign }} ({{ t_975("(" ~ df ~ ")") }})
    * sqrt(greatest({{ total_of_squares }} - {{ total }} * {{ total }} / {{ n }}, 0.0) / ({{ df }}) / {{ n }})
{%- endmacro %}

{# The sample variance from sums; NULL below two values. #}
{% macro variance_of_sums(total, total_of_squares, n) -%}
    (greatest({{ total_of_squares }} - {{ total }} * {{ total }} / nullif({{ n }}, 0), 0.0) / nullif({{ n }} - 1, 0))
{%- endmacro %}

{# The difference of two shares (first − second) in points, after Newcombe (1998), method 10. #}
{% macro newcombe_interval_low(successes, trials, other_successes, other_trials) -%}
    {{ _newcombe_bound(successes, trials, other_successes, other_trials, "-") }}
{%- endmacro %}
{% macro newcombe_interval_high(successes, trials, other_successes, other_trials) -%}
    {{ _newcombe_bound(successes, trials, other_successes, other_trials, "+") }}
{%- endmacro %}

{% macro _newcombe_bound(successes, trials, other_successes, other_trials, sign) %}
    {%- set share = "(100.0 * cast(" ~ successes ~ " as double) / " ~ trials ~ ")" -%}
    {%- set other = "(100.0 * cast(" ~ other_successes ~ " as double) / " ~ other_trials ~ ")" -%}
    {%- set away = "-" if sign == "-" else "+" -%}
    {%- set towards = "+" if sign == "-" else "-" -%}
    {%- set a = "(" ~ share ~ " - (" ~ _wilson_bound(successes, trials, away) ~ "))" -%}
    {%- set b = "(" ~ other ~ " - (" ~ _wilson_bound(other_successes, other_trials, towards) ~ "))" -%}
    case
        when {{ trials }} > 0 and {{ other_trials }} > 0 then
            {{ share }} - {{ other }} {{ sign }} sqrt({{ a }} * {{ a }} + {{ b }} * {{ b }})
    end
{%- endmacro %}

{# The difference of two net promoter scores (first − second), both Rocks-adjusted; clamped to ±200. #}
{% macro nps_difference_low(promoters, detractors, n, other_promoters, other_detractors, other_n) -%}
    {{ _nps_difference_bound(promoters, detractors, n, other_promoters, other_detractors, other_n, "-") }}
{%- endmacro %}
{% macro nps_difference_high(promoters, detractors, n, other_promoters, other_detractors, other_n) -%}
    {{ _nps_difference_bound(promoters, detractors, n, other_promoters, other_detractors, other_n, "+") }}
{%- endmacro %}

{% macro _nps_difference_bound(promoters, detractors, n, other_promoters, other_detractors, other_n, sign) %}
    case
        when {{ n }} > 0 and {{ other_n }} > 0 then
            greatest(-200.0, least(200.0, 100.0 * (
                {{ nps_adjusted(promoters, detractors, n) }}
                - {{ nps_adjusted(other_promoters, other_detractors, other_n) }}
                {{ sign }} 1.96 * sqrt(
                    {{ nps_adjusted_variance(promoters, detractors, n) }}
                    + {{ nps_adjusted_variance(other_promoters, other_detractors, other_n) }}
                )
            )))
    end
{%- endmacro %}
