{#
  The variance of a mean of ratios whose units come in clusters, from sums that add up over days. The ratios have names,
  and each cluster (a row) has of each the columns <name>_sum, of scores from 0 to 100, and <name>_n, how many.

  Of products of two of a cluster's columns, sums from the middle of the scale to lose no digits: name -> the two.
#}
{% macro cluster_products(ratios) %}
    {%- set factors, products = {}, {} -%}
    {%- for ratio in ratios -%}
        {%- do factors.update({ratio: "(" ~ ratio ~ "_sum - 50 * " ~ ratio ~ "_n)"}) -%}
        {%- do factors.update({ratio ~ "_n": ratio ~ "_n"}) -%}
    {%- endfor -%}
    {%- for left, left_value in factors.items() -%}
        {%- for right, right_value in factors.items() if left <= right -%}
            {%- do products.update({left ~ "_by_" ~ right: [left_value, right_value]}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(products) -}}
{% endmacro %}

{#
  Of the sums of a group's clusters, and of their `cluster_products`: the sum of squares of what each cluster adds to the
  deviation of the mean of the ratios, (sum - n * ratio) / (all n) a ratio (Woodruff 1971); null where one has no n.
  What rounding leaves where all clusters score alike is nothing.
#}
{% macro squared_deviations_of_clusters(ratios) %}
    {%- set terms, squares = [], [] -%}
    {%- for one in ratios -%}
        {%- set mean = "((" ~ one ~ "_sum - 50 * " ~ one ~ "_n) / nullif(" ~ one ~ "_n, 0))" -%}
        {%- do squares.append(one ~ "_by_" ~ one ~ " / nullif(" ~ one ~ "_n, 0) / " ~ one ~ "_n") -%}
        {%- for other in ratios -%}
            {%- set other_mean = "((" ~ other ~ "_sum - 50 * " ~ other ~ "_n) / nullif(" ~ other ~ "_n, 0))" -%}
            {%- do terms.append(
                "(" ~ ([one, other] | sort | join("_by_"))
                ~ " - " ~ other_mean ~ " * " ~ ([one, other ~ "_n"] | sort | join("_by_"))
                ~ " - " ~ mean ~ " * " ~ ([other, one ~ "_n"] | sort | join("_by_"))
                ~ " + " ~ mean ~ " * " ~ other_mean ~ " * " ~ ([one ~ "_n", other ~ "_n"] | sort | join("_by_"))
                ~ ") / nullif(" ~ one ~ "_n, 0) / nullif(" ~ other ~ "_n, 0)"
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    case
        when ({{ terms | join(" + ") }}) > 1e-12 * ({{ squares | join(" + ") }})
            then ({{ terms | join(" + ") }}) / {{ ratios | length * ratios | length }}
        when {{ squares | join(" + ") }} >= 0 then 0.0
    end
{% endmacro %}
