{% macro net(column) -%}
    {{ column }} / {{ var('vat') }}
{%- endmacro %}

{% macro real_seller(column='seller_id') -%}
    {{ column }} <> '{{ var("test_seller") }}'
{%- endmacro %}
