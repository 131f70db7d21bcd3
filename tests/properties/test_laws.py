"""What must hold of any answer, and of any fingerprint."""

from __future__ import annotations

import math
import random
import textwrap
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from kpilayer import Project, snippets
from kpilayer.canonical import canonical
from kpilayer.errors import QueryError
from tests.oracle.bench import Bench
from tests.oracle.databases import database
from tests.oracle.joins import Row
from tests.oracle.query import Query
from tests.oracle.world import METRICS, MODELS

ADDITIVE = ["revenue", "order_count", "quantity", "gifts", "done_revenue", "net"]


class Answers:
    """The shop of the random questions, on a connection of its own."""

    def __init__(self, root: Path) -> None:
        self.bench = Bench(root, random.Random(0), size=None)
        self.project, self.connection = self.bench.project, self.bench.connection

    def to(
        self, metrics: Sequence[str], groups: Sequence[str], **rest: Any
    ) -> dict[tuple[Any, ...], Any]:
        try:
            rows = self.project.query(metrics, groups, **rest).rows()
        except QueryError as error:
            assume(not {"not-supported-yet", "no-primary-key"} & {i.code for i in error.issues})
            raise
        return {row[: len(groups)]: row[len(groups) :] for row in rows}

    def database(self, choice: random.Random) -> dict[str, list[Row]]:
        tables = database(choice)
        self.bench.fill(tables)
        return tables

    def question(self, choice: random.Random) -> Query:
        self.bench.random = self.bench.library.random = choice
        return self.bench.question()

    def condition(self, choice: random.Random) -> str:
        """A condition that holds for a row or does not: nothing of which a row has many."""
        return replace(self.bench.library, random=choice, many=0).condition(["revenue"])

    def extra(self, choice: random.Random) -> str:
        """A group-by of which a row has one value."""
        found = replace(self.bench.library, random=choice, many=0).asked(["revenue"])
        assert found is not None
        return found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return Answers(tmp_path_factory.mktemp("laws"))


#: What databases and questions are drawn from.
CHOICE = st.integers(0, 2**32).map(random.Random)


def close(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return type(one) is type(other) and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


few = settings(max_examples=settings().max_examples // 6)


# --------------------------------------------------------------------------------------- of answers


@few
@given(choice=CHOICE, metric=st.sampled_from(ADDITIVE))
def test_joining_an_attribute_keeps_every_row(
    shop: Answers, choice: random.Random, metric: str
) -> None:
    shop.database(choice)
    whole = shop.to([metric], [])[()][0]
    parts = [row[0] for row in shop.to([metric], [shop.extra(choice)]).values()]
    known = [p for p in parts if p is not None]
    assert close(whole, sum(known[1:], known[0]) if known else None)


@few
@given(choice=CHOICE)
def test_order_of_group_bys_changes_only_columns(shop: Answers, choice: random.Random) -> None:
    shop.database(choice)
    question = shop.question(choice)
    names = list(question.group_by)
    assume(len(names) > 1)
    order = choice.sample(range(len(names)), len(names))
    straight = shop.to(question.metrics, names)
    turned = shop.to(question.metrics, [names[i] for i in order])
    assert {tuple(key[i] for i in order): row for key, row in straight.items()} == turned


@few
@given(choice=CHOICE)
def test_metrics_together_equal_each_alone(shop: Answers, choice: random.Random) -> None:
    shop.database(choice)
    question = shop.question(choice)
    asked = {
        "where": question.where,
        "start": question.start,
        "end": question.end,
        "exact": question.exact,
    }
    together = shop.to(question.metrics, question.group_by, **asked)
    groups: set[tuple[Any, ...]] = set()
    for index, metric in enumerate(question.metrics):
        alone = shop.to([metric], question.group_by, **asked)
        groups |= alone.keys()
        for key, row in together.items():
            assert close_or_equal(row[index], alone[key][0] if key in alone else None), metric
    assert groups == together.keys()


def close_or_equal(one: Any, other: Any) -> bool:
    return close(one, other) if isinstance(one, float) else one == other


@few
@given(choice=CHOICE)
def test_a_filter_that_is_always_true_changes_nothing(shop: Answers, choice: random.Random) -> None:
    shop.database(choice)
    question = shop.question(choice)
    assume(question.group_by)
    first = question.group_by[0]
    always = f"{first} IS NULL OR NOT {first} IS NULL"
    asked = (question.metrics, question.group_by)
    assert shop.to(*asked, where=always) == shop.to(*asked)


@few
@given(choice=CHOICE, metric=st.sampled_from(ADDITIVE), is_grouped=st.booleans())
def test_filter_complement_and_unknown_add_up(
    shop: Answers, choice: random.Random, metric: str, is_grouped: bool
) -> None:
    shop.database(choice)
    text = shop.condition(choice)
    names = [shop.extra(choice)] if is_grouped else []
    total: dict[tuple[Any, ...], Any] = defaultdict(int)
    for where in (text, f"NOT ({text})", f"({text}) IS NULL"):
        for key, (value,) in shop.to([metric], names, where=where).items():
            total[key] += value or 0
    whole = shop.to([metric], names)
    assert total.keys() == whole.keys()
    for key, (value,) in whole.items():
        assert math.isclose(total[key], value or 0, rel_tol=1e-9, abs_tol=1e-9)


@few
@given(choice=CHOICE)
def test_compiling_twice_gives_the_same_bytes(shop: Answers, choice: random.Random) -> None:
    question = shop.question(choice)
    asked = (question.metrics, question.group_by, question.where)
    try:
        once = shop.project.compile(*asked)
    except QueryError as error:
        assume("not-supported-yet" not in {i.code for i in error.issues})
        raise
    assert shop.project.compile(*asked) == once
    again = Project.load(shop.project.root, connection=shop.connection)
    assert again.compile(*asked) == once


def test_order_and_number_of_files_change_nothing(tmp_path: Path) -> None:
    def parts(text: str) -> Iterator[str]:
        head, *blocks = text.strip("\n").split("\n  - ")
        for block in blocks:
            yield f"{head}\n  - {block}\n"

    def load(name: str, seed: int) -> Project:
        root = tmp_path / name
        (root / "models").mkdir(parents=True)
        (root / "kpilayer.yml").write_text("name: shop\n")
        blocks = [*parts(MODELS), *parts(METRICS)]
        random.Random(seed).shuffle(blocks)
        for index, block in enumerate(blocks):
            (root / "models" / f"{index:03}.yml").write_text(block)
        return Project.load(root, connection=duckdb.connect(":memory:"))

    one, other = load("one", 1), load("other", 2)
    assert [(m.name, m.fingerprint) for m in one.metrics] == [
        (m.name, m.fingerprint) for m in other.metrics
    ]
    for metric in one.metrics:
        assert one.compile(metric.name) == other.compile(metric.name)
    together = (["fee_rate", "orders_per_customer", "gifts"], "metric_time__year")
    assert one.compile(*together) == other.compile(*together)


THREE_FACTS = """
models:
  - name: small
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: small_row}}
      - {name: k, entity: {type: foreign, name: kind}}
  - name: large
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: large_row}}
      - {name: k, entity: {type: foreign, name: kind}}
  - name: exact
    semantic_model: true
    columns:
      - {name: id, entity: {type: primary, name: exact_row}}
      - {name: k, entity: {type: foreign, name: kind}}
metrics:
  - {name: whole, model: small, agg: sum, expr: v}
  - {name: highest, model: small, agg: max, expr: v}
  - {name: wide, model: large, agg: max, expr: v}
  - {name: cents, model: exact, agg: sum, expr: v}
  - {name: cent, model: exact, agg: max, expr: v}
  - {name: first_day, model: exact, agg: min, expr: d}
  - {name: words, model: exact, agg: max, expr: w}
  - {name: any_true, model: small, agg: max, expr: b}
"""


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_types_and_last_digits_survive_combination(
    define: Callable[..., Project], order: tuple[int, ...]
) -> None:
    big, money = 9_007_199_254_740_993, Decimal("123456789012345678.91")
    project = define(
        THREE_FACTS,
        tables={
            "small": f"SELECT 1 AS id, 'a' AS k, {2**31 - 1}::INTEGER AS v, TRUE AS b",
            "large": f"SELECT 1 AS id, 'b' AS k, {big}::BIGINT AS v",
            "exact": f"SELECT 1 AS id, 'c' AS k, '{money}'::DECIMAL(20,2) AS v,"
            " DATE '2024-02-29' AS d, 'é' AS w",
        },
    )
    groups = [["whole", "highest", "any_true"], ["wide"], ["cents", "cent", "first_day", "words"]]
    metrics = [m for i in order for m in groups[i]]
    result = project.query(metrics, "kind")
    found = {r[0]: dict(zip(metrics, r[1:], strict=True)) for r in result.rows()}
    assert found["a"]["whole"] == 2**31 - 1
    assert found["a"]["any_true"] is True
    assert found["b"]["wide"] == big
    assert str(found["c"]["cents"]) == str(money)
    together = result.to_arrow().schema
    for metric in metrics:
        alone = project.query(metric, "kind").to_arrow().schema
        assert together.field(metric).type == alone.field(metric).type, metric
        ungrouped = project.query(metrics).to_arrow().schema
        assert ungrouped.field(metric).type == together.field(metric).type, metric


# ---------------------------------------------------------------------------------- of fingerprints

BASE = {
    "kpilayer.yml": """
        name: shop
        vars: {floor: 5}
    """,
    "macros/money.sql": "{% macro net(c) %}{{ c }} - tax{% endmacro %}",
    "models/orders.yml": """
        models:
          - name: orders
            semantic_model: true
            relation: sales.orders
            agg_time_dimension: ordered_on
            columns:
              - {name: id, entity: {type: primary, name: order}}
              - {name: customer_id, entity: {type: foreign, name: customer}}
              - {name: ordered_on, granularity: day, dimension: time}
              - {name: shipped_on, granularity: day, dimension: time}
              - {name: status, dimension: categorical}
            derived_semantics:
              dimensions:
                - {name: is_big, type: categorical, expr: "amount > {{ var('floor') }}"}
          - name: customers
            semantic_model: true
            columns:
              - {name: id, entity: {type: primary, name: customer}}
              - {name: country, dimension: categorical}
    """,
    "models/customers.sql": "SELECT id, country FROM {{ source('raw', 'customers') }} WHERE id > 0",
    "metrics/orders.yml": """
        metrics:
          - name: base
            model: orders
            agg: sum
            expr: "{{ net('amount') }} + fee"
            filter: "{{ Dimension('order__is_big') }}
              AND {{ Dimension('customer__country') }} = 'DE'"
            unit: EUR
          - name: counted
            model: orders
            agg: count
            filter: "{{ Dimension('order__status') }} > 'a'"
          - {name: other, model: orders, agg: max, expr: fee}
          - name: subject
            type: derived
            expr: base * 2 + counted
            input_metrics:
              - base
              - {name: counted, filter: "{{ Dimension('order__status') }} <> 'x'"}
            unit: EUR
    """,
}


@pytest.fixture
def prints(tmp_path: Path) -> Callable[..., str]:
    """The fingerprint of a metric of the base project with edits: {file: (old, new)}."""
    count = iter(range(100))

    def fingerprint(edits: dict[str, Any] | None = None, metric: str = "subject") -> str:
        root = tmp_path / str(next(count))
        for path, text in BASE.items():
            edit = (edits or {}).get(path, ())
            for old, new in [edit] if edit and isinstance(edit[0], str) else edit:
                assert old in text, f"{old!r} is not in {path}"
                text = text.replace(old, new)
            moved = (edits or {}).get("moved", {}).get(path, path)
            (root / moved).parent.mkdir(parents=True, exist_ok=True)
            (root / moved).write_text(textwrap.dedent(text))
        project = Project.load(root, connection=duckdb.connect(":memory:"))
        return next(m.fingerprint for m in project.metrics if m.name == metric)

    return fingerprint


METRICS_FILE, MODEL_FILE = "metrics/orders.yml", "models/orders.yml"
SAME: dict[str, tuple[dict[str, Any], str]] = {
    "renamed": ({METRICS_FILE: ("name: subject", "name: renamed")}, "renamed"),
    "input renamed": ({METRICS_FILE: ("base", "basis")}, "subject"),
    "file moved": ({"moved": {METRICS_FILE: "metrics/deep/er/new.yml"}}, "subject"),
    "model file moved": ({"moved": {MODEL_FILE: "models/x/new.yml"}}, "subject"),
    "described": (
        {METRICS_FILE: ("- name: subject", "- description: D\n            name: subject")},
        "subject",
    ),
    "labelled": (
        {METRICS_FILE: ("- name: subject", "- label: L\n            name: subject")},
        "subject",
    ),
    "dimension described": (
        {MODEL_FILE: ("{name: status, ", "{name: status, description: D, ")},
        "subject",
    ),
    "formula reformatted": (
        {METRICS_FILE: ("base * 2 + counted", "((BASE*2))  +counted")},
        "subject",
    ),
    "formula commuted": ({METRICS_FILE: ("base * 2 + counted", "counted + 2 * base")}, "subject"),
    "macro's call reformatted": ({METRICS_FILE: ("+ fee", "+ (FEE)")}, "subject"),
    "value commuted": (
        {METRICS_FILE: ("\"{{ net('amount') }} + fee\"", "\"fee + ({{ net('amount') }})\"")},
        "subject",
    ),
    "conjuncts commuted": (
        {
            METRICS_FILE: (
                "{{ Dimension('order__is_big') }}\n"
                "              AND {{ Dimension('customer__country') }} = 'DE'",
                "'DE' = {{ Dimension('customer__country') }} AND {{ Dimension('order__is_big') }}",
            )
        },
        "subject",
    ),
    "comparison mirrored": (
        {
            METRICS_FILE: (
                "{{ Dimension('order__status') }} > 'a'",
                "'a' < {{ Dimension('order__status') }}",
            )
        },
        "subject",
    ),
    "jinja spaced": (
        {METRICS_FILE: ("{{ Dimension('order__is_big') }}", "{{Dimension('ORDER__IS_BIG')}}")},
        "subject",
    ),
    "SQL model reformatted": (
        {"models/customers.sql": ("WHERE id > 0", "\n  where  id > 0 -- all")},
        "subject",
    ),
    "macro renamed": (
        {"macros/money.sql": ("net(", "nett("), METRICS_FILE: ("net(", "nett(")},
        "subject",
    ),
    "dimension renamed": (
        {MODEL_FILE: ("name: is_big", "name: large"), METRICS_FILE: ("is_big", "large")},
        "subject",
    ),
    "unrelated metric": ({METRICS_FILE: ("expr: fee}", "expr: fee * 2}")}, "subject"),
}


@pytest.mark.parametrize("case", SAME)
def test_fingerprint_stays_when_only_writing_changes(prints: Callable[..., str], case: str) -> None:
    edits, metric = SAME[case]
    assert prints(edits, metric) == prints()


CHANGED: dict[str, dict[str, Any]] = {
    "aggregation": {METRICS_FILE: ("agg: sum", "agg: average")},
    "value": {METRICS_FILE: ("+ fee", "- fee")},
    "filter": {METRICS_FILE: ("= 'DE'", "= 'FR'")},
    "case of a text": {METRICS_FILE: ("= 'DE'", "= 'de'")},
    "AND to OR": {METRICS_FILE: ("AND {{", "OR {{")},
    "filter dropped": {METRICS_FILE: ("filter: \"{{ Dimension('order__status') }} > 'a'\"", "")},
    "input's filter": {METRICS_FILE: ("<> 'x'", "= 'x'")},
    "comparison": {METRICS_FILE: ("> 'a'", ">= 'a'")},
    "formula": {METRICS_FILE: ("base * 2 + counted", "base * 2 - counted")},
    "operands of a difference": {METRICS_FILE: ("base * 2 + counted", "counted - base")},
    "unit": {METRICS_FILE: ("unit: EUR", "unit: USD")},
    "time dimension": {
        MODEL_FILE: ("agg_time_dimension: ordered_on", "agg_time_dimension: shipped_on")
    },
    "grain of the time": {
        MODEL_FILE: ("{name: ordered_on, granularity: day", "{name: ordered_on, granularity: month")
    },
    "relation": {MODEL_FILE: ("sales.orders", "archive.orders")},
    "join key": {MODEL_FILE: ("name: customer_id, entity", "name: payer_id, entity")},
    "unique key of the join": {
        MODEL_FILE: (
            "{name: id, entity: {type: primary, name: customer}}",
            "{name: number, entity: {type: primary, name: customer}}",
        )
    },
    "SQL model": {"models/customers.sql": ("id > 0", "id > 1")},
    "source of a SQL model": {"models/customers.sql": ("'raw', ", "'raw2', ")},
    "macro body": {"macros/money.sql": ("- tax", "- 2 * tax")},
    "var": {"kpilayer.yml": ("floor: 5", "floor: 6")},
    "upstream metric": {METRICS_FILE: ("agg: count", "agg: count\n            expr: customer_id")},
    "upstream dimension": {MODEL_FILE: ("amount > ", "amount >= ")},
    "column of a dimension": {
        MODEL_FILE: (
            "{name: country, dimension: categorical}",
            "{name: land, dimension: {type: categorical, name: country}}",
        )
    },
    "input swapped": {METRICS_FILE: [("base * 2", "other * 2"), ("- base", "- other")]},
}


@pytest.mark.parametrize("case", CHANGED)
def test_fingerprint_changes_with_the_meaning(prints: Callable[..., str], case: str) -> None:
    assert prints(CHANGED[case]) != prints()


def test_every_edit_of_meaning_gives_its_own_fingerprint(prints: Callable[..., str]) -> None:
    found = {case: prints(edit) for case, edit in CHANGED.items()}
    assert len(set(found.values())) == len(found)


# Random expressions: where fingerprints are equal, values must be.

SAMPLE = [
    (1, 2, 3, "A", "2024-01-30"),
    (0, -1, 5, "a", "2024-02-29"),
    (7, 0, None, "", "2023-12-31"),
    (-3, 4, 2, None, "2024-01-31"),
    (None, 9, 1, "ab", None),
    (2, 2, -2, "B", "2024-03-01"),
]
LEAVES = ["aa", "bb", "cc", "1", "2", "0", "1.5"]
SPECIAL = [
    "CAST(dd + INTERVAL 1 MONTH + INTERVAL 1 DAY AS DATE) - DATE '2024-01-01'",
    "CAST(dd + (INTERVAL 1 DAY + INTERVAL 1 MONTH) AS DATE) - DATE '2024-01-01'",
    "CASE WHEN ss = $$A$$ THEN 1 END",
    "CASE WHEN ss = E'a' THEN 1 END",
    "CASE WHEN CAST(ss AS ENUM('A', 'a', 'B', '', 'ab')) = 'A' THEN 1 END",
    "CASE WHEN ss LIKE 'a%' OR ss ILIKE 'B' THEN LENGTH(ss) END",
    "EXTRACT(MONTH FROM dd)",
    "EXTRACT(DAY FROM dd)",
]


@st.composite
def numbers(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 10 if depth else 1))
    if kind < 2:
        return draw(st.sampled_from(LEAVES if kind or not depth else SPECIAL))
    one = draw(numbers(depth - 1))
    if kind == 2:
        return f"- ({one})"
    if kind == 3:
        return f"CAST({one} AS {draw(st.sampled_from(['INTEGER', 'DOUBLE']))})"
    if kind == 4:
        return f"ROUND({one}, {draw(st.integers(0, 1))})"
    if kind == 5:
        return f"CASE WHEN ss = '{draw(st.sampled_from('AaBb'))}' THEN {one} END"
    other = draw(numbers(depth - 1))
    if kind == 6:
        return f"CASE WHEN {draw(booleans(depth - 1))} THEN {one} ELSE {other} END"
    if kind == 7:
        return f"{draw(st.sampled_from(['COALESCE', 'NULLIF', 'GREATEST']))}({one}, {other})"
    return f"({one}) {draw(st.sampled_from('+-*/%'))} ({other})"


@st.composite
def booleans(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.integers(0, 8 if depth else 5))
    one, two, three = (draw(st.sampled_from(LEAVES)) for _ in range(3))
    match kind:
        case 0:
            return f"{one} IS NULL"
        case 1:
            return f"{one} IS {draw(st.sampled_from(['NOT ', '']))}DISTINCT FROM {two}"
        case 2:
            return f"{one} BETWEEN {two} AND {three}"
        case 3:
            return f"{one} IN ({two}, {three})"
        case 4:
            return draw(st.sampled_from(["ss = 'A'", "ss = 'a'", "ss LIKE 'a%'", "ss > 'A'"]))
        case 5:
            return f"{one} {draw(st.sampled_from(['=', '<>', '<', '<=', '>', '>=']))} {two}"
        case 6:
            return f"NOT {draw(booleans(depth - 1))}"
    sides = (draw(booleans(depth - 1)), draw(booleans(depth - 1)))
    return f"({sides[0]}) {draw(st.sampled_from(['AND', 'OR']))} ({sides[1]})"


def near(tree: exp.Expr, choice: random.Random) -> exp.Expr:
    """The tree with one small change somewhere, which may or may not change its meaning."""
    tree = exp.Paren(this=tree.copy())
    node = choice.choice(list(tree.this.walk()))
    pair = isinstance(node, exp.Binary)
    left, right = (exp.paren(node.this), exp.paren(node.expression)) if pair else (None, None)
    if (isinstance(node, exp.Literal) and node.is_string) or isinstance(
        node, (exp.RawString, exp.ByteString)
    ):
        node.set("this", str(node.this).swapcase())
    elif isinstance(node, exp.Not):
        node.replace(exp.Paren(this=node.this))
    elif pair and choice.random() < 0.5:
        node.replace(type(node)(**{**node.args, "this": right, "expression": left}))
    elif pair and isinstance(bare := left.unnest(), exp.Binary):  # (a . b) : c  →  a . (b : c)
        inner = type(node)(**{**node.args, "this": exp.paren(bare.expression), "expression": right})
        sides = {"this": exp.paren(bare.this), "expression": exp.paren(inner)}
        node.replace(exp.paren(type(bare)(**{**bare.args, **sides})))
    elif pair and type(node) in MIRRORED:
        node.replace(MIRRORED[type(node)](this=right, expression=left))
    elif isinstance(node, (exp.In, exp.Coalesce, exp.Greatest)):
        node.set("expressions", list(reversed(node.expressions)))
    changed: exp.Expr = tree.this
    return changed


MIRRORED = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}


@pytest.fixture(scope="module")
def sample() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("CREATE TABLE t (aa INT, bb INT, cc INT, ss VARCHAR, dd DATE)")
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", SAMPLE)
    return connection


@given(text=st.one_of(numbers(), booleans()), seed=st.integers(0, 10**6))
def test_equal_canonical_forms_have_equal_values(
    sample: duckdb.DuckDBPyConnection, text: str, seed: int
) -> None:
    snippet = snippets.parse(text, "duckdb")
    assert not [p for p in snippet.problems if p.severity == "error"], snippet.problems
    form, found = canonical(snippet.tree, "duckdb"), values(sample, snippet.tree)
    choice = random.Random(seed)
    for _ in range(8):
        other = near(snippet.tree, choice)
        if canonical(other, "duckdb") == form:
            assert values(sample, other) == found, other.sql("duckdb")


@given(text=st.one_of(numbers(), booleans()), seed=st.integers(0, 10**6))
def test_operands_that_commute_have_one_form(text: str, seed: int) -> None:
    tree = snippets.parse(text, "duckdb").tree
    choice = random.Random(seed)
    turned = tree.copy()
    for node in list(turned.walk()):
        commutes = isinstance(node, (exp.And, exp.Or, exp.EQ, exp.NEQ, exp.Mul))
        if commutes and choice.random() < 0.5:
            left, right = node.this, node.expression
            node.set("this", right)
            node.set("expression", left)
    assert canonical(turned, "duckdb") == canonical(tree, "duckdb")


def values(connection: duckdb.DuckDBPyConnection, tree: exp.Expr) -> str:
    try:
        rows = connection.execute(f"SELECT {tree.sql('duckdb')} FROM t").fetchall()
    except duckdb.Error as error:
        return type(error).__name__
    return repr([_rounded(value) for (value,) in rows])


def _rounded(value: Any) -> Any:
    if not isinstance(value, (float, Decimal, int)) or isinstance(value, bool):
        return value
    return float(f"{float(value):.9g}") + 0.0


@few
@given(choice=CHOICE)
def test_equal_fingerprints_of_filters_count_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, shop: Answers, choice: random.Random
) -> None:
    left, right = shop.condition(choice), shop.condition(choice)
    assume("metric(" not in left + right)  # this project has no other metrics
    assume("none(" not in left + right)  # which stands in no other condition
    texts = [left, right, f"NOT ({left})", f"({left}) AND ({right})", f"({right}) AND ({left})"]
    texts += [f"({left}) OR ({right})", left.replace("a", "A"), left.replace("'done'", "'Done'")]
    root = tmp_path_factory.mktemp("filters")
    lines = [
        f"  - name: m{i:02}\n    model: orders\n    agg: count\n    filter: |-\n      {text}"
        for i, text in enumerate(texts)
    ]
    (root / "models").mkdir()
    (root / "kpilayer.yml").write_text("name: shop\n")
    (root / "models" / "shop.yml").write_text(MODELS + "metrics:\n" + "\n".join(lines) + "\n")
    project = Project.load(root, connection=shop.connection)
    shop.database(choice)
    metrics = project.metrics
    try:
        row = project.query([m.name for m in metrics]).rows()[0]
    except QueryError as error:
        assume("not-supported-yet" not in {i.code for i in error.issues})
        raise
    found: dict[str, Any] = {}
    for metric, value in zip(metrics, row, strict=True):
        assert found.setdefault(metric.fingerprint, value) == value
