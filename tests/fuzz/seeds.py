"""Valid inputs of each target to start from, and the words that mutations put into them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.fuzz.targets import AUTHORING, SHOP

ROOT = Path(__file__).parent.parent.parent

PROFILES = """\
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('HOME') }}/x.duckdb", threads: 4}
    prod:
      type: postgres
      host: db.example.com
      port: "{{ env_var('PORT') | as_number }}"
      password: "{{ env_var('PASSWORD') }}"
      schema: "{{ var('region', 'EU') | lower }}"
      keepalives: "{% if env_var('PORT') %}1{% else %}0{% endif %}"
config: {send_anonymous_usage_stats: false}
"""
LOCK = """\
dialect: duckdb
relations:
  orders:
    columns:
      id: {type: INTEGER, nullable: false}
      shop_id: {type: INTEGER}
      ordered_at: {type: DATE}
      status: {type: VARCHAR}
      paid: {type: VARCHAR}
      amount: {type: 'DECIMAL(18,2)'}
    keys: [[id]]
  shops:
    columns: {id: {type: INTEGER}, region: {type: 'STRUCT(a INTEGER)'}}
"""
YAML = r"""
a: &x {b: [1, 2.5, 0x1F, 1e3, ~, true], "c d": 'it''s', e: "\u00e9\n\x41"}
f: *x
g:
  <<: *x
  h: |
    line one
      line two
  i: >-
    folded
    text

    more
? k
: - - l
  - {m: n}
# comment
o: !!str 1
"""
MACROS = """\
{% macro cents(column, per=100) %}{{ column }} / {{ per }}{% endmacro %}
{% macro wrap() %}[{{ caller() }}]{% endmacro %}
{% docs x %}prose{% enddocs %}
"""
TEMPLATES = (
    "{{ Dimension('order__status') }} = 'x' and {{ TimeDimension('metric_time', 'month') }} > 1",
    "{% for x in [1, 2, 3] %}{{ x ~ loop.index }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% set n = namespace(a=1) %}{% set n.a = n.a + 1 %}{{ n.a }}{{ var('currency') | lower }}",
    "{{ cents('amount', per=10) }} {% call wrap() %}x{% endcall %} {{ env_var('REGION', 'x') }}",
    "select * from {{ ref('orders') }} where a = {{ var('tiers')[0] }} {# note #} {%- raw -%}{{x}}{% endraw %}",
    "{{ 'a,b'.split(',') | map('upper') | join('-') | replace('A', 'b') }}{{ dict(a=1).items() }}",
    "{{ range(3) | list | sum }} {{ [1, 2] | batch(2) | list }} {{ (1, 2)[0] ** 2 // 3 % 2 }}",
    "{% filter upper %}a{% endfilter %}{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, b=3) }}",
)
SNIPPETS = (
    "amount * 1.1 - discount / NULLIF(quantity, 0)",
    "CASE WHEN status IN ('a', 'it''s') THEN 1 ELSE 0 END",
    "CAST(x AS DECIMAL(10, 2)) + COALESCE(y, 0) % 2",
    "order__status = 'open' AND (shop__region <> 'north' OR order__is_large)",
    "metric_time >= '2026-01-01' AND metric_time__month BETWEEN '2026-01-01' AND DATE '2026-02-01'",
    "LOWER(TRIM(order__status)) LIKE 'a\\_%' ESCAPE '\\'",
    "EXTRACT(YEAR FROM metric_time) = 2026 AND order__paid IS NOT NULL",
    "DATE_TRUNC('month', metric_time) = '2026-01-01' AND NOT order__is_large",
    "SELECT a, COUNT(*) FROM __ref.orders AS o JOIN t ON o.id = t.id GROUP BY 1 ORDER BY 2 LIMIT 3",
    "WITH x AS (SELECT 1 AS a) SELECT * FROM x UNION ALL SELECT 2",
    "ordered_at + INTERVAL '1 day' < CURRENT_DATE AND x ->> 'a' = $$b$$",
    "SUBSTRING(s, 1, 2) || '-' || s::text || r'\\x' || N'y'",
    'analytics."Order Lines"',
)
QUESTIONS = (
    "revenue\x1emetric_time__month,shop__region\x1eorder__status = 'open'\x1e2026-01-01\x1e2026-01-31\x1e-revenue\x1e10\x1e{currency: USD}",
    "average_order,order_count\x1eTimeDimension('metric_time', 'day')\x1e\x1e2026-01-01T10:00:00\x1e\x1emetric_time__day\x1e-1x\x1ea: [1, {b: c}]",
    "double_revenue\x1eorder__ordered_at__extract_dow,order\x1e{{ Dimension('order__paid') }} = 'yes'\x1e\x1e\x1e\x1e\x1e",
)
GROUPS = (
    *(
        "metric_time__month",
        "order__ordered_at__extract_dow",
        "shop__region",
        "order__shop__region",
    ),
    *("Dimension('order__status')", "TimeDimension('metric_time', 'week')", "Entity('order')"),
    "order__status,shop__region,metric_time",
)
CLI = (
    "-m\x1erevenue\x1e-g\x1emetric_time__month\x1e-w\x1eorder__status = 'x'",
    "--metrics\x1eaverage_order\x1e--start\x1e2026-01-01\x1e--end\x1e2026-02-01\x1e--limit\x1e5\x1e--stage\x1eplan",
    "-m\x1erevenue,order_count\x1e--order-by\x1e-revenue\x1e--vars\x1e{a: 1}\x1e--exact",
)


def _project() -> list[str]:
    """The small shop, and each file of the shipped example with what it needs least."""
    config = "=== kpilayer.yml\nname: shop\ndialect: duckdb\nvars: {currency: USD}\n"
    shop = f"{config}=== models/shop.yml\n{SHOP}=== kpilayer.lock\n{LOCK}"
    more = (
        f"{shop}=== models/big.sql\nSELECT * FROM {{{{ ref('orders') }}}} WHERE amount > 5\n"
        "=== models/big.yml.jinja\nmodels:\n  - name: big\n    semantic_model: true\n"
        "    primary_entity: big\n    columns:\n{% for c in ['status', 'paid'] %}"
        "      - {name: {{ c }}, dimension: categorical}\n{% endfor %}\n"
        f"=== macros/m.sql\n{MACROS}"
    )
    areas = []
    for path in sorted([*(ROOT / "models").rglob("*.yml"), *(ROOT / "metrics").rglob("*.yml")]):
        text = path.read_text(encoding="utf-8")
        areas.append(f"{config}=== models/{path.name}\n{text}")
    return [shop, more, more, *areas, *_more_projects()]


def seeds(target: str) -> list[bytes]:
    """Valid inputs of a target."""
    match target:
        case "yaml":
            texts = [YAML, SHOP, LOCK, PROFILES, '{"a": [1, {"b": null}]}']
        case "template":
            texts = [f"{t}\x1e{MACROS}" for t in TEMPLATES]
        case "profiles":
            texts = [PROFILES, f"{PROFILES}\x1eshop\x1eprod", f"{PROFILES}\x1e\x1enothing"]
        case "lock":
            texts = [LOCK]
        case "project":
            texts = _project()
        case "snippet" | "where":
            texts = [chr(n) + s for s in SNIPPETS for n in range(len(AUTHORING))]
        case "group_by":
            texts = list(GROUPS)
        case "question":
            texts = list(QUESTIONS)
        case _:
            texts = list(CLI)
    return [t.encode() for t in texts]


#: Words with a meaning somewhere, and things that have broken parsers.
HOSTILE = (
    *("", " ", "\t", "\n", "\r", "\r\n", "\x00", "\x1e", "\ufeff", "\u2028", "\x85", "\u202e", "é"),
    *("е", "Ａ", "\U0001f600", "\u0301", "\x7f", "'", '"', "`", "’", "\u02bc", "\\", "\\'", "''"),
    *("{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{{-", "|", "~", "{{ x }}", "{{ [] }}"),
    *(
        "--",
        "/*",
        "*/",
        "/*!",
        "#",
        ";",
        "; DROP TABLE canary --",
        "$$",
        "$a$",
        "$1",
        ":a",
        "?",
        "@a",
    ),
    *(
        "0",
        "-1",
        "1e999",
        "1e400",
        ".inf",
        ".nan",
        "0x1F",
        "0o17",
        "1_000",
        "9" * 5000,
        "1__0",
        "1.",
    ),
    *(
        "null",
        "~",
        "true",
        "NO",
        "&a",
        "*a",
        "<<: *a",
        "<<",
        "!!python/object:os.system",
        "!x",
        "? ",
    ),
    *(
        "- ",
        ": ",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "(",
        ")",
        "|\n  a",
        ">-\n b\n\n  c",
        "---",
        "...",
        "%TAG ! x",
    ),
    *(
        "SELECT",
        "UNION ALL SELECT 1",
        "FROM",
        "WHERE",
        "OR 1=1",
        "CASE",
        "END",
        "NOT",
        "IN",
        "LIKE",
    ),
    *(
        "INTERVAL '1 day'",
        "CAST(",
        "AS text",
        "::int",
        "OVER ()",
        "[1]",
        "x -> x",
        "{'a': 1}",
        "N'x'",
    ),
    *(
        "e'\\''",
        "r'\\'",
        "x'41'",
        "b'1'",
        "U&'\\0061'",
        'COLLATE "C"',
        "AT TIME ZONE 'x'",
        "EXISTS",
    ),
    *(
        "metric_time",
        "__",
        "__day",
        "__extract_dow",
        "order__",
        "__ref",
        "revenue",
        "Dimension('a')",
    ),
    *(
        "__class__",
        "|attr('x')",
        ".format",
        "range(10**9)",
        "self",
        "loop",
        "cycler",
        "lipsum",
        "import",
    ),
    *("env_var('PASSWORD')", "var('currency')", "ref('orders')", "(" * 60, "[" * 70, "a" * 70_000),
    *("9999-12-31", "0001-01-01", "2026-W01", "2026-02-30", "2026-01-01T00:00:00+01:00", "=== x"),
    *(
        "name",
        "type",
        "expr",
        "filter",
        "columns",
        "metrics",
        "models",
        "dimension",
        "entity",
        "config",
    ),
    *(
        "simple",
        "ratio",
        "derived",
        "input_metrics",
        "agg",
        "sum",
        "percentile",
        "-",
        "+",
        "*",
        "/",
    ),
)


def _more_projects() -> list[str]:
    """Every kind of metric, dbt's older forms, dbt projects and what dbt writes into target/."""
    config = "=== kpilayer.yml\nname: shop\nvars: {currency: USD}\n"
    tests = ROOT / "tests"
    found = []
    for path in sorted((tests / "unit" / "legacy").glob("*.*")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".yml":
            found.append(f"{config}=== models/{path.name}\n{text}")
        elif path.name.startswith("semantic"):
            paths = f"{config}model-paths: [target/{path.name}]\n"
            found.append(f"{paths}=== target/{path.name}\n{text}")
        else:
            paths = "=== dbt_project.yml\nname: shop\nversion: '1.0'\nprofile: shop\n"
            found.append(f"{paths}=== target/manifest.json\n{text}")
    for path in sorted((tests / "unit").glob("test_*.py")):
        for text in re.findall(
            r'(?ms)^[A-Z_]+ = """\\?\n(.*?)^"""', path.read_text(encoding="utf-8")
        ):
            if "metrics:" in text:
                found.append(f"{config}=== models/{path.stem}.yml\n{text}")
    for folder in sorted((tests / "dbt" / "projects").glob("*")):
        files = [f for f in sorted(folder.rglob("*")) if f.suffix in (".yml", ".sql", ".md")]
        texts = [(f.relative_to(folder).as_posix(), f.read_text(encoding="utf-8")) for f in files]
        found.append("".join(f"=== {name}\n{text}\n" for name, text in texts))
    return [text for text in found if len(text) < 60_000]
