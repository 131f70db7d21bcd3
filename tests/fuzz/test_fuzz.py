"""A small, fixed part of what `make nightly` feeds: the same inputs on every commit.

The structured strategies build definitions, questions and SQL from their grammar; the mutations
start from valid inputs. What broke once stands in `test_found.py`.
"""

from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import inputs
from tests.fuzz.run import feed
from tests.fuzz.seeds import HOSTILE, seeds
from tests.fuzz.targets import AUTHORING, TARGETS

COUNTS = dict.fromkeys(TARGETS, 100) | {"project": 40, "cli": 20, "where": 50, "question": 40}
SMALL = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_valid_inputs_end_in_answers_or_issues(name: str) -> None:
    for data in islice(inputs(name, seeds(name)[:20], 2026), COUNTS[name]):
        try:
            feed(TARGETS[name], data)
        except BaseException as error:
            error.add_note(f"{name}: {data!r}")
            raise


hostile = st.sampled_from([word for word in HOSTILE if len(word) < 100]) | st.text(max_size=6)
names = st.sampled_from(
    [
        *("metric_time", "metric_time__month", "order__status", "shop__region", "order__is_large"),
        *("order__ordered_at__day", "order", "nothing", "amount", "revenue"),
    ]
)
literals = (
    hostile.map(lambda text: "'" + text.replace("'", "''") + "'")
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["NULL", "TRUE", "DATE '2026-01-01'", "INTERVAL '1' DAY"])
)


def _wider(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = (
        "=",
        "<>",
        "<",
        "AND",
        "OR",
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "LIKE",
        "IS",
        "::",
        ".",
    )
    functions = ("LOWER", "COALESCE", "SUM", "NULLIF", "EXISTS", "foo", "read_csv", "DATE_TRUNC")
    return (
        st.tuples(inner, st.sampled_from(operators), inner).map(" ".join)
        | inner.map("({})".format)
        | st.tuples(st.sampled_from(("NOT", "-", "DISTINCT", "ARRAY")), inner).map(" ".join)
        | st.tuples(inner, st.lists(inner, max_size=3)).map(
            lambda p: f"{p[0]} IN ({', '.join(p[1])})"
        )
        | st.tuples(inner, inner, inner).map(
            lambda p: f"CASE WHEN {p[0]} THEN {p[1]} ELSE {p[2]} END"
        )
        | st.tuples(inner, inner, inner).map(lambda p: f"{p[0]} BETWEEN {p[1]} AND {p[2]}")
        | st.tuples(st.sampled_from(functions), st.lists(inner, max_size=3)).map(
            lambda p: f"{p[0]}({', '.join(p[1])})"
        )
        | st.tuples(inner, hostile).map(lambda p: f"{p[0]} AS {p[1]}")
        | st.tuples(inner, hostile).map(lambda p: f"CAST({p[0]} AS {p[1]})")
        | inner.map(lambda text: f"(SELECT {text} FROM t JOIN t)")
    )


conditions = st.recursive(names | literals | hostile, _wider, max_leaves=12)


@SMALL
@given(st.integers(0, len(AUTHORING) - 1), conditions)
def test_any_condition_is_answered_or_refused(dialect: int, text: str) -> None:
    data = bytes([dialect]) + text.encode("utf-8", "surrogatepass")
    feed(TARGETS["snippet"], data)
    feed(TARGETS["where"], data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | hostile | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile | names, inner, max_size=3),
    max_leaves=6,
)
kinds = (
    st.sampled_from(["simple", "ratio", "derived", "cumulative", "conversion", "nope"]) | hostile
)
metrics = st.fixed_dictionaries(
    {"name": hostile | st.sampled_from(["total", "revenue"])},
    optional={
        "type": kinds,
        "model": st.just("orders") | hostile,
        "agg": st.sampled_from(["sum", "count", "count_distinct", "percentile"]) | values,
        "expr": conditions | values,
        "filter": conditions | st.lists(conditions, max_size=2) | values,
        "numerator": hostile | values,
        "denominator": hostile | values,
        "input_metric": hostile | values,
        "input_metrics": st.lists(hostile | values, max_size=3) | values,
        "percentile": values,
        "label": values,
        "config": values,
    },
)


@SMALL
@given(st.lists(metrics | values, max_size=3), values)
def test_any_definitions_are_checked(found: object, other: object) -> None:
    """JSON is YAML; one metric beside them stays what it is."""
    text = json.dumps({"metrics": found, "models": other})
    base = seeds("project")[0].decode()
    feed(
        TARGETS["project"],
        f"{base}\n=== models/more.yml\n{text}\n".encode("utf-8", "surrogatepass"),
    )


texts = st.lists(hostile | names | conditions, max_size=4).map(", ".join)


@SMALL
@given(st.tuples(texts, texts, conditions, hostile, hostile, texts, hostile, values))
def test_any_question_is_answered_or_refused(parts: tuple[object, ...]) -> None:
    words = [part if isinstance(part, str) else json.dumps(part) for part in parts]
    feed(TARGETS["question"], "\x1e".join(words).encode("utf-8", "surrogatepass"))


statements = st.sampled_from(
    ["if", "for x in", "set x =", "macro m(a)", "call m()", "filter", "raw", "do"]
)
template_texts = st.lists(
    hostile
    | values.map(lambda value: f"{{{{ {value!r} }}}}")
    | st.tuples(hostile, hostile).map(lambda p: f"{{{{ {p[0]}|{p[1]} }}}}")
    | st.tuples(statements, hostile).map(lambda p: f"{{% {p[0]} {p[1]} %}}")
    | st.sampled_from(["if", "for", "macro", "call", "filter", "raw", "set"]).map(
        "{{% end{} %}}".format
    ),
    max_size=8,
).map(" ".join)


@SMALL
@given(template_texts, template_texts)
def test_any_template_is_rendered_or_refused(text: str, macros: str) -> None:
    feed(TARGETS["template"], f"{text}\x1e{macros}".encode("utf-8", "surrogatepass"))
    profile = json.dumps({"shop": {"outputs": {"default": {"type": "duckdb", "path": text}}}})
    feed(TARGETS["profiles"], profile.encode())
