{# Whole calendar days from one date or timestamp to a later one; NULL while one is missing. #}
{% macro days_between(earlier, later) -%}
DATE_DIFF('day', CAST({{ earlier }} AS DATE), CAST({{ later }} AS DATE))
{%- endmacro %}

{# Minutes from one timestamp to a later one, with a fraction; NULL while one is missing. #}
{% macro minutes_between(earlier, later) -%}
((EXTRACT(epoch FROM {{ later }}) - EXTRACT(epoch FROM {{ earlier }})) / 60)
{%- endmacro %}

{# Hours from one timestamp to a later one, with a fraction; NULL while one is missing. #}
{% macro hours_between(earlier, later) -%}
((EXTRACT(epoch FROM {{ later }}) - EXTRACT(epoch FROM {{ earlier }})) / 3600)
{%- endmacro %}

{# Whether less than so many calendar months lie between two dates, as dimensions. #}
{% macro is_younger_than_months(born, seen, months) -%}
{{ Dimension(seen) }} < {{ Dimension(born) }} + INTERVAL '{{ months }}' MONTH
{%- endmacro %}

{# Whether two dates are in the same calendar quarter; NULL while one is missing. #}
{% macro is_same_quarter(one, other) -%}
DATE_TRUNC('quarter', {{ one }}) = DATE_TRUNC('quarter', {{ other }})
{%- endmacro %}
