{# Our fiscal year starts in February: FY2025 is February 2024 to January 2025. #}
{% macro fiscal_year(date) %}extract(year from {{ date }} + interval 11 month)::int{% endmacro %}

{% macro fiscal_quarter(date) -%}
    {{ fiscal_year(date) }} || '-Q' || extract(quarter from {{ date }} - interval 1 month)
{%- endmacro %}
