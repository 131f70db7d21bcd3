{# What all our projects share. #}
{% macro surrogate_key(columns) -%}
    md5(concat_ws('-', {% for column in columns %}{{ column }}{% if not loop.last %}, {% endif %}{% endfor %}))
{%- endmacro %}

{% macro date_spine(first, last) -%}
    select cast(range as date) as date_day
    from range(date '{{ first }}', date '{{ last }}' + interval 1 day, interval 1 day)
{%- endmacro %}

{% test at_least_one(model, column_name) %}
select 1 as nothing
from {{ model }}
having count({{ column_name }}) = 0
{% endtest %}
