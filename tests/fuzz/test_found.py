"""What the fuzzers found, each with what is said or done now."""

from __future__ import annotations

import json
import time
from pathlib import Path

import duckdb
import pytest

from kpilayer import Project, expr, snippets, vocabulary
from kpilayer.errors import ConfigError, Issue, Location, did_you_mean
from kpilayer.load import profile_text
from kpilayer.load.reader import read_yaml
from kpilayer.load.template import TargetInfo, Templates
from kpilayer.warehouse.profiles import find_target
from tests.conftest import Define
from tests.fuzz.targets import SHOP, TARGETS

PLACE = Location("profiles.yml", 1)


def seconds(began: float) -> float:
    return time.process_time() - began


# ----------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    "text",
    [
        "x IN (SELECT 1 FROM t" + " JOIN t" * 40 + ")",
        "SELECT * FROM t" + " JOIN t JOIN t ON x" * 20,
        "SELECT * FROM t" + " LEFT JOIN t" * 40,
        "SELECT * FROM t" + " JOIN (SELECT DISTINCT ON (a) 1)" * 30,
        "SELECT * FROM t" + " JOIN t ON (x IN (SELECT 1 FROM t JOIN t JOIN t))" * 20,
    ],
)
def test_joins_without_on_are_not_tried_in_every_way(text: str) -> None:
    """sqlglot tries each in two ways: forty would take longer than anybody has."""
    began = time.process_time()
    assert snippets.parse(text, "duckdb").problems[0].code == "bad-sql"
    assert snippets.parse_query(text, "duckdb")[0] is None
    assert seconds(began) < 1


def test_joins_with_on_are_read_however_many() -> None:
    chain = "SELECT * FROM t" + " JOIN t ON TRUE" * 300
    nested = "SELECT * FROM a JOIN b JOIN c ON b.x = c.x ON a.x = b.x CROSS JOIN d NATURAL JOIN e"
    for text in (chain, nested):
        assert isinstance(snippets.parse_query(text, "duckdb")[0], expr.exp.Select)


@pytest.mark.parametrize(
    "text",
    [
        "a" + "::int" * 3_000,
        "(" * 10_000 + "a" + ")" * 10_000,
        "NOT " * 10_000 + "a",
        "LOWER(" * 1_000 + "a" + ")" * 1_000,
        "CASE WHEN " * 1_000 + "a" + " THEN 1 END" * 1_000,
        "a" + "[1]" * 300,
        "a" + " - a" * 1_000,
        "x" * 300_000,
    ],
)
def test_what_is_nested_too_deeply_is_told(text: str) -> None:
    began = time.process_time()
    parsed = snippets.parse(text, "duckdb")
    assert [p.code for p in parsed.problems] == ["bad-sql"]
    assert seconds(began) < 8


def test_long_chains_are_read_in_time_that_grows_with_them() -> None:
    began = time.process_time()
    arms = " ".join(f"WHEN a = {n} THEN 'x{n}'" for n in range(2_000))
    for text in ("+".join(["a"] * 2_000), " AND ".join(["a = 1"] * 2_000), f"CASE {arms} END"):
        parsed = snippets.parse(text, "duckdb")
        assert parsed.problems == () and not isinstance(parsed.tree, expr.exp.Null)
        assert expr.is_null_of_nulls(parsed.tree) is not text.startswith("CASE")
    assert seconds(began) < 12


def test_every_refused_node_of_a_long_expression_is_found_once() -> None:
    parsed = snippets.parse("+".join(["sum(a)"] * 3_000), "duckdb")
    assert len(parsed.problems) == vocabulary.MAX_PROBLEMS


def test_a_fault_lies_inside_the_text() -> None:
    text = "a AND =N\r order__is_large"
    problem = snippets.parse(text, "duckdb").problems[0]
    assert 0 <= problem.offset < len(text)


def test_an_authoring_dialect_with_two_different_quotes_has_filters(tmp_path: Path) -> None:
    """T-SQL writes `[name]`; the same character on both sides made a text without an end."""
    loaded = shop(tmp_path, {"kpilayer.yml": "name: shop\ndialect: tsql\n"})
    assert not [i for i in loaded.check() if i.severity == "error"]
    sql = loaded.compile("paid_revenue", dialect="duckdb")
    found = duckdb.sql("SELECT 'yes' AS paid, 5 AS amount").query("orders", sql).fetchall()
    assert found == [(5,)]


# ------------------------------------------------------------------------------------ definitions


def shop(root: Path, files: dict[str, str]) -> Project:
    texts = {"kpilayer.yml": "name: shop\n", "models/shop.yml": SHOP, **files}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return Project.load(root, connection=duckdb.connect(":memory:"))


def computed(levels: int, *aliases: str) -> str:
    """Metrics, each computed from the one before, which stands in it under every alias."""
    lines = []
    for level in range(levels):
        below = "revenue" if level == 0 else f"level_{level - 1}"
        used = [{"name": below, "alias": alias} for alias in aliases]
        metric = {"name": f"level_{level}", "type": "derived", "expr": " + ".join(aliases)}
        lines.append(json.dumps({**metric, "input_metrics": used}))
    return "metrics:\n" + "".join(f"  - {line}\n" for line in lines)


@pytest.mark.parametrize(("levels", "aliases"), [(40, ("aa", "bb")), (1_000, ("aa",))])
def test_formulas_that_double_or_go_on_are_told_once(
    tmp_path: Path, levels: int, aliases: tuple[str, ...]
) -> None:
    began = time.process_time()
    loaded = shop(tmp_path, {"models/more.yml": computed(levels, *aliases)})
    found = [i for i in loaded.check() if i.severity == "error"]
    assert [i.code for i in found] == ["too-large"]
    assert "revenue" in loaded.catalog.metrics
    assert seconds(began) < 8


def test_a_formula_of_many_levels_has_a_fingerprint_at_once(tmp_path: Path) -> None:
    """Each level was hashed twice, which doubled the work with every level."""
    loaded = shop(tmp_path, {"models/more.yml": computed(30, "aa")})
    began = time.process_time()
    assert "SUM" in loaded.compile("level_29")
    assert seconds(began) < 4


def test_many_unknown_names_in_a_long_expression_are_all_told(tmp_path: Path) -> None:
    """Each looked for its place from the start of the text."""
    names = " + ".join(f"c{n}" for n in range(1_000))
    metric = (
        f"metrics:\n  - {{name: long, type: derived, expr: {names}, input_metrics: [revenue]}}\n"
    )
    began = time.process_time()
    found = shop(tmp_path, {"models/more.yml": metric}).check()
    columns = {i.location.column for i in found if i.code == "unknown-input" and i.location}
    assert len(columns) == 1_000
    assert seconds(began) < 8


def test_a_path_of_nothing_is_told(define: Define) -> None:
    text = SHOP.replace("relation: orders", 'path: ""')
    assert "bad-value" in {i.code for i in define(text).check()}


@pytest.mark.parametrize("relation", ["a; b", "orders; DROP TABLE orders", ";"])
def test_a_relation_of_several_statements_is_told(define: Define, relation: str) -> None:
    text = SHOP.replace("relation: orders", f"relation: {json.dumps(relation)}")
    for dialect in ("duckdb", "tsql", "oracle", "snowflake"):
        config = {"kpilayer.yml": f"name: shop\ndialect: {dialect}\n"}
        assert "bad-value" in {i.code for i in define(text, files=config).check()}


def test_an_escaped_nul_is_told() -> None:
    _, issues = read_yaml("m.yml", 'a: "b\\0c"')
    assert [(i.code, str(i.location)) for i in issues] == [("yaml-syntax", "m.yml:1:4")]


def test_an_empty_text_has_a_caret(tmp_path: Path) -> None:
    for name in ("group_by", "where", "question"):
        TARGETS[name](b"")


def test_hints_take_no_time_where_nothing_is_near() -> None:
    known = [f"metric_{n}" for n in range(1_000)]
    began = time.process_time()
    assert did_you_mean("x" * 100_000, [*known, "x" * 99_999]) is None
    assert did_you_mean("metric_1x", known) is not None
    assert seconds(began) < 2


def test_issues_of_a_very_long_line_are_short_and_made_at_once() -> None:
    line = "{" + "a: 1, " * 100_000 + "}"
    began = time.process_time()
    for column in range(1, 20_000):
        issue = Issue("duplicate-key", "x", Location("m.yml", 1, column, 1, line))
        assert len(str(issue)) < 500
    assert seconds(began) < 4


# -------------------------------------------------------------------------------------- templates


@pytest.mark.parametrize(
    "text",
    [
        "{{ ['a']|map('selectattr', 'b')|list }}",
        "{{ ['a']|map(attribute='format')|list }}",
        "{{ {'a': range(2)} }}",
    ],
)
def test_only_plain_values_become_text(text: str) -> None:
    """A list was written with whatever was in it: `<generator object .. at 0x..>`."""
    templates = Templates(macros={}, variables={}, target=TargetInfo("", "", ""), environ={})
    _, issues = templates.render(text, lambda line, word: PLACE)
    assert [i.code for i in issues] == ["jinja-error"]


@pytest.mark.parametrize(
    "text",
    [
        "{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}",
        "{{ " + "-" * 3_000 + "1 }}",
        "{{ env_var(name='a', name='b') }}",
        "{{ 1e999 }}",
        "{{ self }}",
        "{{ ''.format }}",
        "{{ env_var }}",
        "x{{ env_var }}",
        "{{ env_var | string }}",
        "{{ env_var | as_text }}",
        "{{ 1 }}" * 10_000,
    ],
)
def test_a_setting_of_a_profile_is_a_plain_value(text: str) -> None:
    value, issues = profile_text.render(text, PLACE, variables={}, environ={"A": "s3cret"})
    assert value is None and {i.code for i in issues} <= {"bad-profile", "missing-env-var"}


def test_no_text_made_of_a_function_holds_the_environment() -> None:
    text = "{{ env_var ~ '' }}"
    value, _ = profile_text.render(text, PLACE, variables={}, environ={"A": "s3cret"})
    assert "s3cret" not in str(value)


@pytest.mark.parametrize("target", ["{password: \"{{ env_var('A') }}\"}", "\"{{ env_var('A') }}\""])
def test_a_target_that_is_none_is_shown_as_written(tmp_path: Path, target: str) -> None:
    (tmp_path / "profiles.yml").write_text(
        f"shop:\n  target: {target}\n  outputs: {{dev: {{type: duckdb}}}}\n"
    )
    with pytest.raises(ConfigError) as raised:
        find_target(
            project_dir=tmp_path,
            project_name="shop",
            profile="shop",
            profiles_dir=tmp_path,
            environ={"A": "s3cret"},
        )
    assert "s3cret" not in str(raised.value)
