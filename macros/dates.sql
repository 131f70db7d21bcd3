{# Whole calendar days from one date or timestamp to a later one; NULL while one is missing. #}
{% macro days_between(earlier, later) -%}
DATE_DIFF('day', CAST({{ earlier }} AS DATE), CAST({{ later }} AS DATE))
{%- endmacro %}
