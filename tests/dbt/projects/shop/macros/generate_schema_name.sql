{#
  Seeds go to `raw` everywhere: it stands in for what the loader writes in production.
  Everything else goes to the target's schema.
#}
{% macro generate_schema_name(custom_schema_name, node) %}
    {%- if node.resource_type == 'seed' and custom_schema_name -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ target.schema }}
    {%- endif -%}
{% endmacro %}
