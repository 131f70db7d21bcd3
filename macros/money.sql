{# What an invoice is worth to the company: taxes are only passed on. #}
{% macro net_of_tax(amount, tax) -%}
({{ amount }} - {{ tax }})
{%- endmacro %}
