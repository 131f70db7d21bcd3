from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kpilayer.errors import Issue, Location
from kpilayer.load import meter
from kpilayer.load.template import TargetInfo, Templates

MACROS = {
    "macros/money.sql": """\
{% docs money %} it's prose with {{ any.thing }} {% enddocs %}
{% test positive(model) %} select {{ adapter.dispatch('x') }} {% endtest %}
{%- macro cents(column, per=100) -%}
  {{ column }} / {{ per }}
{%- endmacro %}
{% macro outer(x) %}{{ inner(x) }}{% endmacro %}
{% macro again() %}{{ again() }}{% endmacro %}
{% macro faulty(x) %}
  {{ x.foo }}
{% endmacro %}
{% macro broken(x) %}
  {{ x | }}
{% endmacro %}
""",
    "macros/text.sql": """\
{% macro inner(x) %}<{{ x }}>{% endmacro %}
{% macro wrap() %}[{{ caller() }}]{% endmacro %}
{% macro doubling() %}{{ doubling(varargs, varargs) }}{% endmacro %}
{% macro default__plain(x) %}plain {{ x }}{% endmacro %}
{% macro default__two(x) %}d{% endmacro %}
{% macro postgres__two(x) %}p{% endmacro %}
""",
}


def make(
    macros: dict[str, str] | None = None,
    quote: str = '"',
    environ: dict[str, str] | None = None,
) -> Templates:
    return Templates(
        macros=MACROS if macros is None else macros,
        variables={"currency": "USD", "tiers": [1, 2], "none": None},
        target=TargetInfo("dev", "main", "duckdb"),
        quote=quote,
        environ=environ or {"REGION": "EU"},
    )


TEMPLATES = make()


def places(text: str) -> Callable[[int, str], Location]:
    lines = text.split("\n")
    return lambda n, word: Location("m.yml", n, 1, 1, lines[n - 1])


def render(text: str) -> str:
    rendered, issues = TEMPLATES.render(text, places(text))
    assert issues == ()
    return rendered


def fails(text: str, templates: Templates = TEMPLATES) -> Issue:
    began = time.monotonic()
    rendered, issues = templates.render(text, places(text))
    assert time.monotonic() - began < 10
    assert rendered == text
    assert len(issues) == 1
    assert "Traceback" not in str(issues[0]) and " object at 0x" not in str(issues[0])
    return issues[0]


# -- names


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("Dimension('order__status')", '"order__status"'),
        ("Dimension('Order__Status')", '"order__status"'),
        ("Dimension('user__country', entity_path=['listing'])", '"listing__user__country"'),
        ("Dimension('order__ordered_at').grain('month')", '"order__ordered_at__month"'),
        ("Dimension('order__ordered_at').date_part('dow')", '"order__ordered_at__extract_dow"'),
        ("TimeDimension('metric_time')", '"metric_time"'),
        ("TimeDimension('metric_time', 'month')", '"metric_time__month"'),
        ("TimeDimension('user__ds', 'day', ['listing'])", '"listing__user__ds__day"'),
        (
            "TimeDimension('order__ordered_at', date_part_name='dow')",
            '"order__ordered_at__extract_dow"',
        ),
        ("Entity('customer')", '"customer"'),
        ("Entity('user', entity_path=['listing'])", '"listing__user"'),
        ("ref('orders')", '"__ref"."orders"'),
        ("ref('shop', 'orders')", '"__ref"."shop"."orders"'),
        ("source('raw', 'orders')", '"__source"."raw"."orders"'),
        ("var('currency')", "USD"),
        ("var('tiers')[1]", "2"),
        ("var('unset', 'EUR')", "EUR"),
        ("var('none', 1)", "None"),
        ("target.name ~ target.schema ~ target.type", "devmainduckdb"),
    ],
)
def test_names_render_to_group_by_names_relations_and_values(text: str, rendered: str) -> None:
    assert render(f"a {{{{ {text} }}}} b") == f"a {rendered} b"


def test_the_quote_character_is_a_parameter() -> None:
    templates = make(quote="`")
    assert templates.render("{{ Entity('a') }}{{ ref('b') }}", places(""))[0] == "`a``__ref`.`b`"


@pytest.mark.parametrize(
    "text",
    [
        """Dimension('a"; drop table x')""",
        "Dimension('')",
        "Dimension('é')",
        "Dimension(1)",
        "Dimension('a', ['b\"'])",
        "Dimension('a').grain('mon\"th')",
        "TimeDimension('a', date_part_name='d w')",
        "Entity('a-b')",
        """ref('a"b')""",
        "source('a', 'b;')",
    ],
)
def test_a_name_cannot_leave_its_quotes(text: str) -> None:
    issue = fails(f"{{{{ {text} }}}}")
    assert issue.code == "jinja-error"
    assert "takes a name of letters, digits and underscores" in issue.message


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{{ Metric('orders', ['customer']) }} > 3", '"metric(orders by customer)" > 3'),
        ("{{ Metric('Orders', group_by='customer') }} > 3", '"metric(orders by customer)" > 3'),
        (
            "{{ Metric('orders', ['user', Dimension('user__country')]) }} > 3",
            '"metric(orders by user, user__country)" > 3',
        ),
        (
            "{{ Metric('orders', ['customer'], within_query_time=true) }} > 3",
            '"metric(orders by customer in range)" > 3',
        ),
    ],
)
def test_a_metric_in_a_filter_is_one_name(text: str, rendered: str) -> None:
    assert TEMPLATES.render(text, places(text)) == (rendered, ())


def test_a_name_that_sorts_downwards_is_no_name_for_a_condition() -> None:
    text = "{{ Dimension('order__amount').descending(True) }} > 3"
    assert TEMPLATES.render(text, places(text)) == ('"order__amount descending" > 3', ())


@pytest.mark.parametrize("name", ["x) OR (1", "x by y", "x'", 'x"'])
def test_a_metric_in_a_filter_cannot_leave_its_quotes(name: str) -> None:
    quoted = name.replace("'", "\\'")
    assert fails(f"{{{{ Metric('{quoted}', ['customer']) }}}}").code == "jinja-error"
    assert fails(f"{{{{ Metric('orders', ['{quoted}']) }}}}").code == "jinja-error"


def test_text_without_tags_comes_back_as_it_is() -> None:
    text = "a } b % c # }} %}\r\n"
    assert TEMPLATES.render(text, places(text)) == (text, ())


def test_an_unknown_variable_has_its_own_code_and_a_caret() -> None:
    issue = fails("a\n{{ var('currenci') }}")
    assert (issue.code, str(issue.location)) == ("unknown-var", "m.yml:2:9")


def test_environment_variables_are_read_with_a_warning_each_place_once() -> None:
    text = "{% for i in [1, 2] %}{{ env_var('REGION') }}{% endfor %}\n{{ env_var('X', 'y') }}"
    rendered, issues = TEMPLATES.render(text, places(text))
    assert rendered == "EUEU\ny"
    assert [(i.code, i.severity, str(i.location)) for i in issues] == [
        ("env-var-in-definition", "warning", "m.yml:1:34"),
        ("env-var-in-definition", "warning", "m.yml:2:13"),
    ]


def test_an_unset_environment_variable_is_an_error() -> None:
    _, issues = TEMPLATES.render("{{ env_var('NOPE') }}", places("{{ env_var('NOPE') }}"))
    assert [i.code for i in issues] == ["env-var-in-definition", "missing-env-var"]


# -- macros


def test_macros_call_each_other_in_any_file_and_order() -> None:
    assert render("{{ outer('a') }}") == "<a>"
    assert render("{{ cents('amount') }}") == "amount / 100"
    assert render("{{ cents(column='a', per=10) }}") == "a / 10"
    assert render("{% call wrap() %}x{% endcall %}") == "[x]"


def test_macro_text_is_plain_and_never_escaped_for_html() -> None:
    assert render("{{ outer('a < b & \"c\"') ~ '<' }}") == '<a < b & "c"><'


def test_foreign_blocks_of_macro_files_are_skipped() -> None:
    assert TEMPLATES.issues == ()
    assert fails("{{ positive(1) }}").message == "unknown name `positive`"


def test_a_default_version_serves_the_bare_name() -> None:
    assert render("{{ plain(1) }}") == "plain 1"


def test_versions_per_dialect_are_not_supported_yet() -> None:
    issue = fails("{{ two(1) }}")
    assert issue.code == "not-supported-yet"
    assert "`postgres__two`" in issue.message


def test_the_second_macro_of_a_name_is_reported_where_it_stands() -> None:
    files = {
        "macros/b.sql": "\n{% macro m() %}2{% endmacro %}",
        "macros/a.sql": "{% macro m() %}1{% endmacro %}{% macro ref() %}{% endmacro %}",
    }
    templates = make(files)
    assert [(i.code, str(i.location)) for i in templates.issues] == [
        ("duplicate-name", "macros/a.sql:1:40"),
        ("duplicate-name", "macros/b.sql:2:10"),
    ]
    assert [str(place) for _, place in templates.issues[1].see] == ["macros/a.sql:1:10"]
    assert templates.render("{{ m() }}", places(""))[0] == "1"


def test_a_macro_that_is_not_closed_is_reported() -> None:
    (issue,) = make({"macros/a.sql": "a\n{% macro m() %} x"}).issues
    assert (issue.code, str(issue.location)) == ("jinja-error", "macros/a.sql:2:10")


def test_a_file_that_cannot_be_lexed_keeps_the_macros_before() -> None:
    templates = make({"macros/a.sql": "{% macro m() %}1{% endmacro %}\n{{ 'x }}"})
    (issue,) = templates.issues
    assert (issue.code, str(issue.location)) == ("jinja-error", "macros/a.sql:2:1")
    assert templates.render("{{ m() }}", places(""))[0] == "1"


def test_a_fault_inside_a_macro_is_shown_there_and_where_it_was_used() -> None:
    issue = fails("x\n{{ faulty(1) }}")
    assert issue.message == "a number has no `foo`"
    assert str(issue.location) == "macros/money.sql:9:8"
    assert [(label, str(place)) for label, place in issue.see] == [("used here", "m.yml:2:1")]
    broken = fails("{{ broken(1) }}")
    assert (broken.code, str(broken.location)) == ("jinja-error", "macros/money.sql:12:3")


def test_a_macro_without_an_argument_it_uses_says_which() -> None:
    issue = fails("{{ inner() }}")
    assert issue.message == "the argument `x` is not given"
    assert str(issue.location) == "macros/text.sql:1:16"


# -- errors


@pytest.mark.parametrize(
    ("text", "message", "place", "hint"),
    [
        (
            "a\n{{ Dimenson('x') }}",
            "unknown name `Dimenson`",
            "m.yml:2:4",
            "did you mean `Dimension`?",
        ),
        ("{{ cent(1) }}", "unknown name `cent`", "m.yml:1:4", "did you mean `cents`?"),
        ("{{ nothing }}", "unknown name `nothing`", "m.yml:1:4", None),
        ("{{ nothing.at.all }}", "unknown name `nothing`", "m.yml:1:4", None),
        ("{{ 'a'|uper }}", "unknown filter `uper`", "m.yml:1:8", "did you mean `upper`?"),
        ("{{ 1 is evn }}", "unknown test `evn`", "m.yml:1:9", "did you mean `even`?"),
        ("{{ target.password }}", "`target` has no `password`", "m.yml:1:11", None),
        (
            "{{ Dimension() }}",
            "`Dimension`: missing a required argument: 'name'",
            "m.yml:1:4",
            None,
        ),
        ("{{ 1 / 0 }}", "a division by zero", "m.yml:1:1", None),
        ("{{ 'a' + 1 }}", "`+` does not take text and a number", "m.yml:1:8", None),
        ("{% for x in 5 %}{% endfor %}", "a number cannot be looped over", "m.yml:1:1", None),
        (
            "a\n\n{% if %}",
            "Expected an expression, got 'end of statement block'",
            "m.yml:3:1",
            None,
        ),
        ("{{ f(a=1, a=2) }}", None, "m.yml:1:1", None),
        ("{{ cents }}", "`cents` without `(..)` cannot be written as text", "m.yml:1:1", None),
        ("{{ []|first }}", "No first item, sequence was empty", "m.yml:1:1", None),
        ("{{ 1e999 }}", "a number is too large", "m.yml:1:1", None),
    ],
)
def test_errors_say_what_and_where(
    text: str, message: str | None, place: str, hint: str | None
) -> None:
    issue = fails(text)
    assert message is None or issue.message == message
    assert (str(issue.location), issue.hint) == (place, hint)


def test_undefined_names_can_be_asked_for() -> None:
    assert render("{{ x is defined }} {{ x|default('d') }}") == "False d"


# -- what stays usable


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{% for x in [1, 2] %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "1,2"),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", "a=1"),
        ("{% for i in [1, 2] %}{{ cents(i) }};{% endfor %}", "1 / 100;2 / 100;"),
        ("{% for i in range(3) if i is odd %}{{ loop.index }}{{ i }}{% endfor %}", "11"),
        (
            "{% set n = namespace(v=0) %}{% for i in [1,2,3] %}{% set n.v = n.v + i %}"
            "{% endfor %}{{ n.v }}",
            "6",
        ),
        ("{{ 'a,b'.split(',')|map('upper')|join('-') }}", "A-B"),
        ("{{ 'a' ~ 1 ~ Entity('x') }}", 'a1"x"'),
        ("{{ 'abc'.replace('b', 'x').upper() }}", "AXC"),
        ("{{ {'a': 1}.a }}{{ {'a': 1}['a'] }}{{ {'a': 1}.get('b', 2) }}", "112"),
        ("{{ ['b', 'a']|sort|first }}{{ [1, 2]|sum }}{{ 3.567|round(1) }}", "a33.6"),
        ("{{ 'a\nb'|indent(2) }}{{ 'a'|center(3) }}", "a\n  b a "),
        ("{% filter upper %}a{% endfilter %}{% set x %}b{% endset %}{{ x }}", "Ab"),
        ("{% raw %}{{ x }}{% endraw %}{# comment #}{{ '{{' }}", "{{ x }}{{"),
        ("{{ 7 // 2 }} {{ 2 ** 10 }} {{ 7 % 4 }} {{ 'ab'[1:] }}", "3 1024 3 b"),
        (r"{{ '\d+' }}", r"\d+"),
        ("{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(1) }}", "<1>"),
    ],
)
def test_ordinary_templates_render_as_in_jinja(text: str, rendered: str) -> None:
    assert render(text) == rendered


# -- the sandbox


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ ''['__class__'] }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ self._TemplateReference__context }}",
        "{{ self }}",
        "{{ ''|attr('__class__') }}",
        '{{ "%c"|format(97) }}',
        '{{ "%s" % 1 }}',
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '{0}'.format_map({}) }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ namespace(a=1).__class__ }}",
        "{{ range.__class__ }}",
        "{{ dict.__base__ }}",
        "{{ Dimension.run }}{{ Dimension.run.__globals__ }}",
        "{{ Dimension.call }}",
        "{{ Dimension('a').quote }}",
        "{{ Dimension('a').grain.__self__ }}",
        "{{ Entity('a').grain('month') }}",
        "{{ cents.name }}",
        "{{ cents._func }}",
        "{% for x in [1] %}{{ loop._iterator }}{% endfor %}",
        "{% for x in [1] recursive %}{{ loop([x]) }}{% endfor %}",
        "{{ [1]|map(attribute='__class__')|list }}",
        "{{ [1]|sort(attribute='__class__') }}",
        "{{ [1].append(2) }}",
        "{% do {}.update({}) %}",
        "{{ 'a'.encode() }}",
        "{{ 1() }}",
        "{{ [1]|random }}",
        "{{ 'a'|wordwrap(1) }}",
        "{{ 'a'|pprint }}",
        "{{ 'a' is callable }}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% from 'x' import y %}",
        "{% extends 'x' %}",
        "{% block x %}{% endblock %}",
    ],
)
def test_what_is_outside_the_sandbox_is_refused(text: str) -> None:
    assert fails(text).code == "jinja-sandbox"


@pytest.mark.parametrize(
    "text",
    [
        "{{ lipsum() }}",
        "{{ joiner() }}",
        "{{ request.application }}",
        "{{ config.items() }}",
        "{{ context }}{{ environment }}",
        "{{ get_flashed_messages }}",
        "{{ this }}",
        "{{ modules.re }}",
        "{{ __import__('os') }}",
        "{{ target['name'] }}",
        "{{ ['a']|map('attr', '__class__')|list }}",
        "{{ ['a']|map('format', 1)|list }}",
        "{{ [Entity('x')]|map(attribute='quote')|list }}",
        "{{ 'a'|_concat }}",
        "{{ 'a'.upper }}",
    ],
)
def test_what_other_sandboxes_offer_is_not_there(text: str) -> None:
    assert fails(text).code == "jinja-error"


GROW = (
    "{{% set n = namespace(x={start}) %}}"
    "{{% for i in range(99) %}}{{% set n.x = {step} %}}{{% endfor %}}"
)


@pytest.mark.parametrize(
    "text",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
        "{{ 'a' * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ [1] * 10**9 }}",
        "{{ 9 ** (9 ** 9) }}",
        "{{ 2 ** 5000 }}",
        "{{ again() }}",
        "{{ doubling(1) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        GROW.format(start="[1]", step="n.x + n.x"),
        GROW.format(start="[1]", step="[n.x, n.x]"),
        GROW.format(start="[1]", step="(n.x, n.x)"),
        GROW.format(start="1", step="{'a': n.x, 'b': n.x}"),
        GROW.format(start="'a'", step="n.x ~ n.x"),
        GROW.format(start="'a'", step="n.x + n.x"),
        GROW.format(start="2", step="n.x * n.x"),
        GROW.format(start="none", step="namespace(p=n.x, s='a' * 900000)"),
        "{{ ('a' * 1000)|replace('a', 'b' * 100000) }}",
        "{{ ('a' * 1000).replace('a', 'b' * 100000) }}",
        "{{ (['a'] * 900)|join('x' * 10000) }}",
        "{{ ('x' * 10000).join(['a'] * 900) }}",
        "{{ 'a'|center(10**9) }}",
        "{{ 'a'|indent(10**9, true) }}",
        "{{ ('a\n' * 10000)|indent(999) }}",
        "{{ [1]|batch(10**9, 'x')|list }}",
        "{{ 5|round(10**9) }}",
        "{{ 5|round(-10**9, 'floor') }}",
        "{{ range(10**9)|list }}",
        "{{ 1 if 5 in range(10**30) }}",
        "{{ 1 if range(10**9) is iterable }}",
        "{{ ('a' * 900000)|list|map('list')|list }}",
        "{% for i in range(20000) %}{{ 'a' * 99 }}{% endfor %}",
        "{% set x %}{% for i in range(90000) %}" + "a" * 99 + "{% endfor %}{% endset %}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "1+" * 5000 + "1 }}",
        "{% for x in y %}" * 25 + "{% endfor %}" * 25,
        "{{ [" + "1," * 60000 + "] }}",
        "{{ '" + "a" * 1_000_000 + "' }}",
    ],
)
def test_bombs_reach_a_limit(text: str) -> None:
    assert fails(text).code == "jinja-limit"


def test_a_slow_template_is_stopped_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "MAX_SECONDS", 0.05)
    monkeypatch.setattr(meter, "MAX_STEPS", 10**9)
    began = time.monotonic()
    issue = fails("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    assert issue.code == "jinja-limit" and "longer than 0.05 seconds" in issue.message
    assert time.monotonic() - began < 2


# -- whole files


def test_each_line_of_a_rendered_file_knows_its_line_in_the_template() -> None:
    text = """\
metrics:
{% for x in ['a', 'b'] %}
  - name: rev_{{ x }}
    expr: {{ cents('amount') }}
{%- if x == 'a' %}
    label: A
{%- endif %}
{% endfor %}
{# two
lines #}
last: 1
"""
    rendered, lines, issues = TEMPLATES.render_file("m.yml.jinja", text)
    assert rendered is not None and issues == ()
    numbered = [
        (line.strip(), number)
        for line, number in zip(rendered.split("\n"), lines, strict=True)
        if line.strip()
    ]
    assert numbered == [
        ("metrics:", 1),
        ("- name: rev_a", 3),
        ("expr: amount / 100", 4),
        ("label: A", 6),
        ("- name: rev_b", 3),
        ("expr: amount / 100", 4),
        ("last: 1", 11),
    ]


def test_a_file_without_tags_maps_to_itself() -> None:
    assert TEMPLATES.render_file("m.yml.jinja", "a: 1\nb: 2") == ("a: 1\nb: 2", (1, 2), ())


def test_a_template_that_counts_characters_still_renders_right() -> None:
    rendered, lines, _ = TEMPLATES.render_file("m", "{% set x %}abc{% endset %}\n{{ x|length }}")
    assert (rendered, lines) == ("\n3", (1, 2))


def test_a_fault_in_a_file_is_at_its_line() -> None:
    rendered, lines, (issue,) = TEMPLATES.render_file("m.yml.jinja", "a: 1\nb: {{ nope }}\n")
    assert (rendered, lines) == (None, ())
    assert str(issue.location) == "m.yml.jinja:2:7"
    assert issue.location is not None and issue.location.text == "b: {{ nope }}"


def test_a_sql_model_refers_to_relations_by_two_part_names() -> None:
    text = "select *\nfrom {{ ref('orders') }} o, {{ source('raw', 'fees') }}\n"
    rendered, lines, issues = TEMPLATES.render_file("models/o.sql", text)
    assert rendered == 'select *\nfrom "__ref"."orders" o, "__source"."raw"."fees"\n'
    assert lines == (1, 2, 3) and issues == ()


# -- anything at all

PIECES = [
    *("{{", "}}", "{%", "%}", "{#", "#}", "-", " ", "\n", "(", ")", "[", "]", ",", ".", "|", "~"),
    *("for x in ", "endfor", "if ", "endif", "set x = ", "macro m(x)", "endmacro", "call m()"),
    *("endcall", "filter upper", "endfilter", "raw", "endraw", "do ", "with ", "block b"),
    *("'a'", "1", "9", "*", "**", "+", "/", "%", " is ", " not ", "defined", "upper", "join", "x"),
    *("loop", "self", "range", "Dimension", "cents", "target", "namespace", "__class__", "name"),
    *("'__class__'", "attr", "map", "sort", "list", "{'a': 1}", "\\", "\x00", "é", "\ud800"),
]


def check_any(text: str) -> None:
    rendered, issues = TEMPLATES.render(text, lambda n, word: Location("m.yml", n))
    assert isinstance(rendered, str)
    assert all(isinstance(issue, Issue) and str(issue) for issue in issues)
    whole, lines, _ = TEMPLATES.render_file("m.yml.jinja", text)
    assert whole is None or len(lines) == whole.count("\n") + 1
    make({"macros/a.sql": text})


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_template_gives_text_or_issues(text: str) -> None:
    check_any(text)


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map(lambda p: "{{ " + "".join(p) + " }}"))
def test_any_expression_gives_text_or_issues(text: str) -> None:
    check_any(text)


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_text_or_issues(text: str) -> None:
    check_any("{{ " + text + " }}")


def test_a_secret_variable_is_refused_by_name() -> None:
    text = "{{ env_var('DBT_ENV_SECRET_TOKEN', 'none') }}"
    secret = {"DBT_ENV_SECRET_TOKEN": "hunter22"}
    issue = fails(text, make(environ=secret))
    assert (issue.code, str(issue.location)) == ("jinja-sandbox", "m.yml:1:13")
    assert issue.message == ("`DBT_ENV_SECRET_TOKEN` is a secret, which only profiles.yml may read")
