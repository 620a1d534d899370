{#
  Quantiles and tail probabilities in plain arithmetic, since neither engine has erf, normal or t.
  tests/dbt/test_statistics.py holds each to the error stated here, against scipy over grids.
  Pass column names, not long expressions: an argument is repeated in the text.
#}

{# The 0.975 quantile of the standard normal. #}
{% macro normal_975() %}1.959963984540054{% endmacro %}

{#
  The 0.975 quantile of Student's t for whole df >= 1 (a fraction is cut off, which widens); NULL below 1.
  To df 14 a table, above it the Cornish-Fisher expansion (Abramowitz & Stegun 26.7.5): error < 1.1e-6.
#}
{% macro t_975(df) %}
    {%- set table = [
        12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146,
        2.4469118511449786, 2.364624251592784, 2.306004135204166, 2.262157162798205, 2.228138851986274,
        2.200985160091639, 2.1788128296672284, 2.1603686564627913, 2.144786687917804,
    ] -%}
    {%- set z = 1.959963984540054 -%}
    {%- set x = "cast(" ~ df ~ " as double)" -%}
    {%- set z3, z5, z7, z9 = z ** 3, z ** 5, z ** 7, z ** 9 -%}
    case
        when {{ df }} < 1 then null
        {%- for quantile in table %}
        when {{ df }} < {{ loop.index + 1 }} then {{ quantile }}
        {%- endfor %}
        else {{ z }}
            + ({{ (z3 + z) / 4 }}
                + ({{ (5 * z5 + 16 * z3 + 3 * z) / 96 }}
                    + ({{ (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384 }}
                        + {{ (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / 92160 }}
                        / {{ x }}) / {{ x }}) / {{ x }}) / {{ x }}
    end
{%- endmacro %}

{#
  Two-sided p of a standard normal deviate. The rational Chebyshev fit of erfc in Press et al., Numerical
  Recipes, 6.2: relative error < 1.2e-7 at every z.
#}
{% macro normal_p(z) %}
    {%- set x = "(abs(" ~ z ~ ") * 0.7071067811865476)" -%}
    {%- set t = "(1.0 / (1.0 + 0.5 * " ~ x ~ "))" -%}
    {%- set horner = namespace(sum="0.17087277") -%}
    {%- for coefficient in [
        -0.82215223, 1.48851587, -1.13520398, 0.27886807, -0.18628806, 0.09678418, 0.37409196, 1.00002368,
        -1.26551223,
    ] -%}
        {%- set horner.sum = "(" ~ coefficient ~ " + " ~ t ~ " * " ~ horner.sum ~ ")" -%}
    {%- endfor -%}
    {{ t }} * exp(-{{ x }} * {{ x }} + {{ horner.sum }})
{%- endmacro %}

{#
  The normal deviate with the same two-sided p as Student's t at df (fractions too): Hill (1970), CACM
  algorithm 395. Error of normal_p(t_as_normal(t, df)): < 4.1e-7 from df 5, < 2.3e-5 from df 3, < 4.2e-4 at
  df 2, < 0.03 at df 1.
#}
{% macro t_as_normal(t, df) %}
    {%- set a = "(" ~ df ~ " - 0.5)" -%}
    {%- set b = "(48.0 * " ~ a ~ " * " ~ a ~ ")" -%}
    {%- set y = "(" ~ a ~ " * ln(1.0 + " ~ t ~ " * " ~ t ~ " / " ~ df ~ "))" -%}
    (
        ((((-0.4 * {{ y }} - 3.3) * {{ y }} - 24.0) * {{ y }} - 85.5)
            / (0.8 * {{ y }} * {{ y }} + 100.0 + {{ b }}) + {{ y }} + 3.0) / {{ b }} + 1.0
    ) * sqrt({{ y }})
{%- endmacro %}

{# Upper tail of chi-square with one degree of freedom (Mood's median test of two groups): as normal_p. #}
{% macro chi_square_1_p(statistic) %}{{ normal_p("sqrt(" ~ statistic ~ ")") }}{% endmacro %}
